#include "io/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "support/errors.h"
#include "support/temp_folder.h"

namespace dnabird::io {
namespace {

using support::TempFolder;
using support::throws_data_error;

/// A file with this header text and data, its length field right.
std::string container(const std::string& header, const std::string& data) {
  const std::uint64_t n = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &n, 8);
  return bytes + header + data;
}

class BadFile : public testing::Test {
 protected:
  auto reading(const std::string& bytes) {
    support::write_text(path_, bytes);
    return [this] { read_safetensors(path_); };
  }
  TempFolder folder_;
  std::string path_ = folder_ / "m.safetensors";
};

TEST(Safetensors, WhatIsWrittenIsReadBack) {
  const TempFolder folder;
  TensorFile file;
  file.metadata = {{"format", "pt"}, {"note", "a \"quote\" and \xC3\xA9"}};
  file.tensors["b"] = HostTensor::from_floats({2, 3}, {1, 2, 3, 4, 5, -0.5f});
  file.tensors["a.weight"] = HostTensor::from_floats({1}, {7});
  file.tensors["scalar"] = HostTensor::from_floats({}, {9});
  file.tensors["none"] = HostTensor::from_floats({0, 4}, {});
  file.tensors["i"] = {"I32", {2}, std::vector<char>(8, 1)};
  write_safetensors(folder / "x.safetensors", file);
  const TensorFile read = read_safetensors(folder / "x.safetensors");
  EXPECT_EQ(read.metadata, file.metadata);
  ASSERT_EQ(read.tensors.size(), 5u);
  for (const auto& [name, tensor] : file.tensors) {
    EXPECT_EQ(read.tensors.at(name).dtype, tensor.dtype) << name;
    EXPECT_EQ(read.tensors.at(name).shape, tensor.shape) << name;
    EXPECT_EQ(read.tensors.at(name).bytes, tensor.bytes) << name;
  }
  EXPECT_EQ(read.tensors.at("b").floats(), (std::vector<float>{1, 2, 3, 4, 5, -0.5f}));
  EXPECT_EQ(read.tensors.at("i").ints(), (std::vector<std::int32_t>{0x01010101, 0x01010101}));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"x.safetensors"});
}

TEST(Safetensors, DataAreAlignedAndInTheOrderOfNames) {
  const TempFolder folder;
  for (int extra = 0; extra < 8; ++extra) {
    TensorFile file;
    file.tensors[std::string(1 + extra, 'z')] = HostTensor::from_floats({1}, {1});
    file.tensors["a"] = HostTensor::from_floats({1}, {2});
    write_safetensors(folder / "x", file);
    const std::string bytes = support::read_text(folder / "x");
    std::uint64_t n_header = 0;
    std::memcpy(&n_header, bytes.data(), 8);
    EXPECT_EQ(n_header % 8, 0u);
    EXPECT_EQ(bytes.size(), 8 + n_header + 8);
    EXPECT_LT(bytes.find("\"a\""), bytes.find("\"z"));
    float first = 0;
    std::memcpy(&first, bytes.data() + 8 + n_header, 4);
    EXPECT_EQ(first, 2);
  }
}

TEST(Safetensors, EveryNumberTypeReadsAsFloats) {
  const auto tensor = [](const std::string& dtype, const auto& values) {
    HostTensor t{dtype, {static_cast<std::int64_t>(values.size())}, {}};
    t.bytes.resize(values.size() * sizeof(values[0]));
    std::memcpy(t.bytes.data(), values.data(), t.bytes.size());
    return t;
  };
  using Doubles = std::vector<double>;
  EXPECT_EQ(tensor("F64", Doubles{0.1, -3}).doubles(), (Doubles{0.1, -3}));
  EXPECT_EQ(tensor("F64", Doubles{0.1}).floats(), std::vector<float>{0.1f});
  EXPECT_EQ(tensor("I64", std::vector<std::int64_t>{1LL << 40, -1}).doubles(),
            (Doubles{1099511627776., -1}));
  EXPECT_EQ(tensor("I16", std::vector<std::int16_t>{-7}).doubles(), Doubles{-7});
  EXPECT_EQ(tensor("I8", std::vector<std::int8_t>{-7}).doubles(), Doubles{-7});
  EXPECT_EQ(tensor("U16", std::vector<std::uint16_t>{65535}).doubles(), Doubles{65535});
  EXPECT_EQ(tensor("U32", std::vector<std::uint32_t>{1u << 31}).doubles(), Doubles{2147483648.});
  EXPECT_EQ(tensor("U64", std::vector<std::uint64_t>{1ull << 63}).doubles(),
            Doubles{9223372036854775808.});
  EXPECT_EQ(tensor("U8", std::vector<std::uint8_t>{200}).doubles(), Doubles{200});
  EXPECT_EQ(tensor("BOOL", std::vector<std::uint8_t>{1, 0}).doubles(), (Doubles{1, 0}));
  // 1, -2, largest, smallest normal, smallest subnormal, a third; as numpy gives them.
  EXPECT_EQ(tensor("F16", std::vector<std::uint16_t>{0x3c00, 0xc000, 0x7bff, 0x0400, 1, 0x3555})
                .doubles(),
            (Doubles{1, -2, 65504, std::ldexp(1, -14), std::ldexp(1, -24), 0.333251953125}));
  EXPECT_EQ(tensor("F16", std::vector<std::uint16_t>{0x7c00, 0xfc00}).doubles(),
            (Doubles{INFINITY, -INFINITY}));
  EXPECT_TRUE(std::isnan(tensor("F16", std::vector<std::uint16_t>{0x7e00}).doubles()[0]));
  EXPECT_EQ(tensor("BF16", std::vector<std::uint16_t>{0x3f80, 0xc040, 0x3eab}).doubles(),
            (Doubles{1, -3, 0.333984375}));
  EXPECT_THAT([&] { tensor("F64", Doubles{1}).ints(); }, throws_data_error("F64", "I32"));
  EXPECT_THAT([&] { tensor("F8_E4M3", std::vector<std::uint8_t>{1}).floats(); },
              throws_data_error("F8_E4M3", "numbers"));
}

TEST(Safetensors, EveryHalfIsTheNumberThatItsBitsSay) {
  std::vector<std::uint16_t> all(1 << 16);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  HostTensor t{"F16", {1 << 16}, std::vector<char>(all.size() * 2)};
  std::memcpy(t.bytes.data(), all.data(), t.bytes.size());
  const std::vector<double> values = t.doubles();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const int exponent = static_cast<int>(i >> 10 & 31), mantissa = static_cast<int>(i & 1023);
    if (exponent == 31 && mantissa != 0) {
      ASSERT_TRUE(std::isnan(values[i])) << i;
      continue;
    }
    const double size = exponent == 31  ? INFINITY
                        : exponent == 0 ? std::ldexp(mantissa, -24)
                                        : std::ldexp(mantissa + 1024, exponent - 25);
    ASSERT_EQ(values[i], i >> 15 ? -size : size) << i;
    ASSERT_EQ(std::signbit(values[i]), i >> 15 == 1) << i;
  }
}

TEST_F(BadFile, MissingOrFolder) {
  EXPECT_THAT([&] { read_safetensors(folder_ / "no"); }, throws_data_error("no'", "No such file"));
  EXPECT_THAT([&] { read_safetensors(folder_.path()); }, throws_data_error("directory"));
}

TEST_F(BadFile, EveryTruncationIsSeen) {
  TensorFile file;
  file.tensors["w"] = HostTensor::from_floats({3}, {1, 2, 3});
  write_safetensors(folder_ / "whole", file);
  const std::string whole = support::read_text(folder_ / "whole");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_THAT(reading(whole.substr(0, n)), throws_data_error(path_)) << n;
  }
  EXPECT_NO_THROW(reading(whole)());
}

TEST_F(BadFile, HeaderThatLies) {
  std::string huge = container("{}", "");
  huge[6] = 1;  // 2^48 bytes
  EXPECT_THAT(reading(huge), throws_data_error(path_, "header claims"));
  EXPECT_THAT(reading(container("[]", "")), throws_data_error("not JSON"));
  EXPECT_THAT(reading(container("", "")), throws_data_error("not JSON"));
  EXPECT_THAT(reading(container("{\"a\":", "")), throws_data_error("not JSON"));
  EXPECT_THAT(reading(container("{\"a\":" + std::string(1000000, '['), "")),
              throws_data_error("not JSON"));
  const std::string deep = "{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}";
  EXPECT_THAT(reading(container(deep, "")), throws_data_error("'a'", "lacks"));
  EXPECT_THAT(reading(container(R"({"__metadata__":{"a":1}})", "")),
              throws_data_error("__metadata__"));
}

TEST_F(BadFile, EntriesThatLie) {
  const auto entry = [](const std::string& dtype, const std::string& shape,
                        const std::string& offsets) {
    return "{\"w\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
           ",\"data_offsets\":" + offsets + "}}";
  };
  const std::string data(8, 'x');
  EXPECT_NO_THROW(reading(container(entry("F32", "[2]", "[0,8]"), data))());
  const auto bad = [&](const std::string& text) { return reading(container(text, data)); };
  EXPECT_THAT(bad(entry("F31", "[2]", "[0,8]")), throws_data_error(path_, "'w'", "F31"));
  EXPECT_THAT(bad(entry("F32", "[3]", "[0,8]")), throws_data_error("'w'", "[3]", "[0,8]"));
  EXPECT_THAT(bad(entry("F32", "[-2]", "[0,8]")), throws_data_error("'w'", "shape"));
  EXPECT_THAT(bad(entry("F32", "[2.0]", "[0,8]")), throws_data_error("'w'", "shape"));
  EXPECT_THAT(bad(entry("F32", "[4611686018427387904,4,2]", "[0,0]")),
              throws_data_error("'w'", "too large"));
  EXPECT_THAT(bad(entry("F32", "[2]", "[8,0]")), throws_data_error("'w'"));
  EXPECT_THAT(bad(entry("F32", "[2]", "[8,16]")), throws_data_error("'w'", "16"));
  EXPECT_THAT(bad(entry("F32", "[1]", "[4,8]")), throws_data_error("'w'", "hole"));
  EXPECT_THAT(bad(entry("F32", "[1]", "[0,4]")), throws_data_error("4 bytes at its end"));
  EXPECT_THAT(bad(entry("F32", "[1]", "[0]")), throws_data_error("'w'", "lacks"));
  EXPECT_THAT(bad(R"({"w":3})"), throws_data_error("'w'", "lacks"));
  EXPECT_THAT(bad(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                  R"("w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"),
              throws_data_error("'w'", "listed twice"));
  EXPECT_THAT(bad(R"({"two\nlines":3})"), throws_data_error("'two\\nlines'"));
  EXPECT_THAT(bad(R"({"w":{"dtype":"F\n","shape":[2],"data_offsets":[0,8]}})"),
              throws_data_error("'w'", "unknown dtype"));
  EXPECT_THAT(bad(R"({"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                  R"("w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"),
              throws_data_error("'w'", "overlaps"));
}

TEST_F(BadFile, AFullDiskIsAnError) {
  TensorFile file;
  file.tensors["w"] = HostTensor::from_floats({100000}, std::vector<float>(100000));
  EXPECT_THAT([&] { write_safetensors("/dev/full", file); },
              throws_data_error("/dev/full", "No space left"));
}

}  // namespace
}  // namespace dnabird::io
