// Vectors of FIPS 180-4 (NIST, "SHA-256 example values" and the million a's).
#include "io/sha256.h"

#include <gtest/gtest.h>

#include "io/sha256_blocks.h"
#include "support/errors.h"
#include "support/temp_folder.h"

namespace dnabird::io {
namespace {

using support::TempFolder;

std::string digest(const std::string& text) {
  Sha256 hash;
  hash.update(text.data(), text.size());
  return hash.hex_digest();
}

TEST(Sha256, GivesTheValuesOfNist) {
  EXPECT_EQ(digest(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnThePieces) {
  const std::string text(1000, 'q');
  for (std::size_t piece : {1, 63, 64, 65, 999}) {
    Sha256 hash;
    for (std::size_t i = 0; i < text.size(); i += piece) {
      hash.update(text.data() + i, std::min(piece, text.size() - i));
    }
    EXPECT_EQ(hash.hex_digest(), digest(text)) << piece;
  }
}

TEST(Sha256, OfAFile) {
  const TempFolder folder;
  const std::string text(200001, 'x');
  support::write_text(folder / "a", text);
  EXPECT_EQ(sha256_of_file(folder / "a"), digest(text));
  EXPECT_THAT([&] { sha256_of_file(folder / "b"); },
              support::throws_data_error("b'", "No such file"));
}

TEST(Sha256, WithAndWithoutInstructionsTheSameState) {
  std::vector<unsigned char> bytes(64 * 37);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<unsigned char>(i * 31 + i / 100);
  }
  for (const std::size_t blocks : {0, 1, 2, 37}) {
    Sha256State a{1, 2, 3, 4, 5, 6, 7, 0xffffffff}, b = a;
    sha256_blocks(bytes.data(), blocks, a);
    sha256_blocks_portable(bytes.data(), blocks, b);
    EXPECT_EQ(a, b) << blocks;
  }
}

TEST(Sha256, OfSeveralFilesIsThatOfTheirBytesOneBehindTheOther) {
  const TempFolder folder;
  support::write_text(folder / "a", std::string(100000, 'x'));
  support::write_text(folder / "b", "tail");
  support::write_text(folder / "both", std::string(100000, 'x') + "tail");
  EXPECT_EQ(sha256_of_files({folder / "a", folder / "b"}), sha256_of_file(folder / "both"));
}

}  // namespace
}  // namespace dnabird::io
