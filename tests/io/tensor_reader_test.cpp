#include "io/tensor_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "io/json_file.h"
#include "support/errors.h"
#include "support/temp_folder.h"

namespace dnabird::io {
namespace {

using support::TempFolder;
using support::throws_data_error;

TensorFile file_of(const std::map<std::string, std::vector<float>>& tensors) {
  TensorFile file;
  for (const auto& [name, values] : tensors) {
    file.tensors[name] =
        HostTensor::from_floats({static_cast<std::int64_t>(values.size())}, values);
  }
  return file;
}

std::vector<float> floats_of(const TensorReader& reader, const std::string& name) {
  std::vector<float> all;
  reader.read_floats(name, [&](std::int64_t first, std::span<const float> values) {
    EXPECT_EQ(first, static_cast<std::int64_t>(all.size())) << "pieces come in order";
    all.insert(all.end(), values.begin(), values.end());
  });
  return all;
}

TEST(TensorReader, HandsOnATensorPieceByPiece) {
  const TempFolder folder;
  std::vector<float> large(700001);
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<float>(i) / 3;
  TensorFile file = file_of({{"large", large}, {"small", {1, 2}}, {"none", {}}});
  file.metadata["format"] = "pt";
  HostTensor half{"BF16", {2}, std::vector<char>(4)};
  const std::uint16_t bits[2] = {0x3f80, 0xc040};
  std::memcpy(half.bytes.data(), bits, 4);
  file.tensors["half"] = half;
  write_safetensors(folder / "m", file);
  const TensorReader reader = TensorReader::open(folder / "m");
  std::size_t pieces = 0, most = 0;
  reader.read_floats("large", [&](std::int64_t, std::span<const float> values) {
    ++pieces;
    most = std::max(most, values.size());
  });
  EXPECT_EQ(pieces, 3u);
  EXPECT_LE(most, 1u << 18);
  EXPECT_EQ(floats_of(reader, "large"), large);
  EXPECT_EQ(floats_of(reader, "small"), (std::vector<float>{1, 2}));
  EXPECT_EQ(floats_of(reader, "half"), (std::vector<float>{1, -3}));
  EXPECT_EQ(floats_of(reader, "none"), std::vector<float>{});
  EXPECT_EQ(reader.read("half").bytes, half.bytes);
  EXPECT_EQ(reader.tensors().at("large").shape, std::vector<std::int64_t>{700001});
  EXPECT_EQ(reader.metadata().at("format"), "pt");
  EXPECT_EQ(reader.files(), std::vector<std::string>{folder / "m"});
}

TEST(TensorReader, NamesFileAndTensorOfATypeThatHasNoNumbers) {
  const TempFolder folder;
  TensorFile file;
  file.tensors["w"] = {"F8_E5M2", {3}, std::vector<char>(3)};
  write_safetensors(folder / "m", file);
  const TensorReader reader = TensorReader::open(folder / "m");
  EXPECT_THAT([&] { floats_of(reader, "w"); }, throws_data_error("m'", "'w'", "F8_E5M2"));
}

TEST(TensorReader, AFileThatShrinksWhileItIsReadIsAnError) {
  const TempFolder folder;
  write_safetensors(folder / "m", file_of({{"w", std::vector<float>(1000)}}));
  const TensorReader reader = TensorReader::open(folder / "m");
  std::filesystem::resize_file(folder / "m", 500);
  EXPECT_THAT([&] { floats_of(reader, "w"); }, throws_data_error("m'", "shorter"));
  EXPECT_THAT([&] { reader.read("w"); }, throws_data_error("m'", "shorter"));
}

class Shards : public testing::Test {
 protected:
  void SetUp() override {
    write_safetensors(folder_ / "model-00001-of-00002.safetensors",
                      file_of({{"a", {1}}, {"b", {2, 3}}}));
    write_safetensors(folder_ / "model-00002-of-00002.safetensors", file_of({{"c", {4}}}));
  }
  auto opening(const nlohmann::json& weight_map) {
    write_json(index_, {{"metadata", {{"total_size", 16}}}, {"weight_map", weight_map}});
    return [this] { TensorReader::open_shards(index_); };
  }
  TempFolder folder_;
  std::string index_ = folder_ / "model.safetensors.index.json";
  const std::string first_ = "model-00001-of-00002.safetensors";
  const std::string second_ = "model-00002-of-00002.safetensors";
};

TEST_F(Shards, AreReadAsOne) {
  opening({{"a", first_}, {"b", first_}, {"c", second_}})();
  const TensorReader reader = TensorReader::open_shards(index_);
  EXPECT_EQ(reader.tensors().size(), 3u);
  EXPECT_EQ(floats_of(reader, "b"), (std::vector<float>{2, 3}));
  EXPECT_EQ(floats_of(reader, "c"), std::vector<float>{4});
  EXPECT_EQ(reader.file_of("a"), folder_ / first_);
  EXPECT_EQ(reader.file_of("c"), folder_ / second_);
  EXPECT_EQ(reader.files(), (std::vector<std::string>{folder_ / first_, folder_ / second_}));
}

TEST_F(Shards, DisagreementsOfIndexAndFilesNameTheTensor) {
  EXPECT_THAT(opening({{"a", first_}, {"b", second_}, {"c", second_}}),
              throws_data_error("index.json'", "'b'", second_));
  EXPECT_THAT(opening({{"a", first_}, {"c", second_}}),
              throws_data_error("index.json'", "'b'", first_, "not in the weight_map"));
  EXPECT_THAT(opening({{"a", first_}, {"b", first_}, {"c", "model-00003.safetensors"}}),
              throws_data_error("model-00003.safetensors'", "No such file"));
  write_safetensors(folder_ / second_, file_of({{"b", {5}}, {"c", {4}}}));
  EXPECT_THAT(opening({{"a", first_}, {"b", first_}, {"c", second_}}),
              throws_data_error(second_, "'b'", "also in", first_));
}

TEST_F(Shards, AreOfTheSameFolder) {
  for (const char* path : {"../m", "/etc/passwd", "", "..", "a/b"}) {
    EXPECT_THAT(opening({{"a", path}}), throws_data_error("index.json'", "'a'", "same folder"))
        << path;
  }
  EXPECT_THAT(opening({{"a", 3}}), throws_data_error("'a'", "3"));
  EXPECT_THAT(opening(nlohmann::json::object()), throws_data_error("weight_map"));
  EXPECT_THAT(opening("x"), throws_data_error("weight_map"));
}

}  // namespace
}  // namespace dnabird::io
