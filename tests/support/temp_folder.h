// A folder that is gone at the end of its scope, and whole files as texts.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace dnabird::support {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "dnabird-test-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all, ignored);
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  /// Names in it, sorted, hidden ones too.
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::string path_;
};

inline std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_text(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  ASSERT_TRUE(out.flush()) << path;
}

/// The first line in which two texts differ, of each; empty if they are equal.
inline std::string first_difference(const std::string& a, const std::string& b) {
  if (a == b) return {};
  std::istringstream lines_a(a), lines_b(b);
  for (std::string line_a, line_b;; line_a.clear(), line_b.clear()) {
    const bool more = static_cast<bool>(std::getline(lines_a, line_a));
    if (!std::getline(lines_b, line_b) && !more) return "they differ in their last line end";
    if (line_a != line_b)
      return "'" + line_a.substr(0, 300) + "' and '" + line_b.substr(0, 300) + "'";
  }
}

/// Copies the first `size` bytes of a file.
inline void copy_truncated(const std::string& from, const std::string& to, std::size_t size) {
  const std::string text = read_text(from);
  ASSERT_LT(size, text.size());
  write_text(to, text.substr(0, size));
}

}  // namespace dnabird::support
