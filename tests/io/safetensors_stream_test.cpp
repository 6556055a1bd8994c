#include "io/safetensors_stream.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>

#include "io/safetensors.h"
#include "support/errors.h"
#include "support/temp_folder.h"

namespace dnabird::io {
namespace {

using support::read_text;
using support::TempFolder;
using support::throws_data_error;

std::vector<float> counting(std::int64_t n, float first) {
  std::vector<float> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), first);
  return values;
}

TEST(SafetensorsStream, IsReadAsItWasWritten) {
  const TempFolder folder;
  SafetensorsStream stream(folder / "a.safetensors", {{"model", "m"}, {"command", "x \"y\"\n"}});
  stream.add("z", {2, 3}, counting(6, 1));
  stream.add("a \"b\"\n\u00e4", {400000}, counting(400000, 2));  // more than is copied at once
  stream.add("none", {0, 3}, {});
  stream.commit();
  const TensorFile file = read_safetensors(folder / "a.safetensors");
  EXPECT_EQ(file.metadata,
            (std::map<std::string, std::string>{{"model", "m"}, {"command", "x \"y\"\n"}}));
  ASSERT_EQ(file.tensors.size(), 3u);
  EXPECT_EQ(file.tensors.at("z").dtype, "F32");
  EXPECT_EQ(file.tensors.at("z").shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(file.tensors.at("z").floats(), counting(6, 1));
  EXPECT_EQ(file.tensors.at("a \"b\"\n\u00e4").floats(), counting(400000, 2));
  EXPECT_EQ(file.tensors.at("none").shape, (std::vector<std::int64_t>{0, 3}));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a.safetensors"}) << "only the file is left";
}

TEST(SafetensorsStream, BytesAreThoseOfTheOtherWriter) {
  const TempFolder folder;
  TensorFile file;
  SafetensorsStream stream(folder / "a.safetensors", {});
  for (const std::string name : {"a", "b", "c"}) {  // it sorts them
    file.tensors[name] = HostTensor::from_floats({1, 5}, counting(5, name[0]));
    stream.add(name, {1, 5}, counting(5, name[0]));
  }
  stream.commit();
  write_safetensors(folder / "b.safetensors", file);
  EXPECT_EQ(read_text(folder / "a.safetensors"), read_text(folder / "b.safetensors"));
}

TEST(SafetensorsStream, TensorsKeepTheirOrder) {
  const TempFolder folder;
  SafetensorsStream stream(folder / "a.safetensors", {});
  for (const std::string name : {"m", "z", "a"}) stream.add(name, {1}, std::array{1.0f});
  stream.commit();
  const std::string text = read_text(folder / "a.safetensors");
  EXPECT_LT(text.find("\"m\""), text.find("\"z\""));
  EXPECT_LT(text.find("\"z\""), text.find("\"a\""));
}

TEST(SafetensorsStream, WithoutTensors) {
  const TempFolder folder;
  SafetensorsStream stream(folder / "a.safetensors", {});
  stream.commit();
  EXPECT_TRUE(read_safetensors(folder / "a.safetensors").tensors.empty());
}

TEST(SafetensorsStream, WithoutCommitNothingIsLeft) {
  const TempFolder folder;
  {
    SafetensorsStream stream(folder / "a.safetensors", {});
    stream.add("a", {2}, std::array{1.0f, 2.0f});
  }
  EXPECT_TRUE(folder.names().empty());
}

TEST(SafetensorsStream, NamesThatCannotBe) {
  EXPECT_TRUE(is_tensor_name("chr1:5:A:<DEL>"));
  EXPECT_TRUE(is_tensor_name("\u00e4"));
  EXPECT_FALSE(is_tensor_name("__metadata__"));
  EXPECT_FALSE(is_tensor_name("\xff"));
  const TempFolder folder;
  SafetensorsStream stream(folder / "a.safetensors", {{"command", "\xff"}});
  stream.add("a", {1}, std::array{1.0f});
  EXPECT_THROW(stream.add("a", {1}, std::array{1.0f}), std::logic_error);
  EXPECT_THROW(stream.add("b", {2}, std::array{1.0f}), std::logic_error);
  stream.commit();  // metadata of odd bytes are readable text
  EXPECT_EQ(read_safetensors(folder / "a.safetensors").metadata.at("command"), "\xef\xbf\xbd");
}

TEST(SafetensorsStream, PlacesThatCannotBeWritten) {
  const TempFolder folder;
  EXPECT_THAT([&] { SafetensorsStream(folder / "none/a.safetensors", {}); },
              throws_data_error("none/a.safetensors", "no folder"));
}

}  // namespace
}  // namespace dnabird::io
