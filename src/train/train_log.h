// The log of a training run: one JSON object a line, written as the run goes on.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

namespace dnabird::train {

class TrainLog {
 public:
  /// Keeps the first `bytes` of the file, 0 for a new run: what a killed run wrote behind its last
  /// checkpoint is cut off. Throws DataError: cannot be written, shorter than that.
  TrainLog(std::string path, std::int64_t bytes);

  /// Throws DataError if the disk is full.
  void append(const nlohmann::ordered_json& line);
  /// All bytes up to here are on the disk.
  void sync();
  std::int64_t bytes() const { return bytes_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::int64_t bytes_;
};

}  // namespace dnabird::train
