// A score and a status for every alternate of a file, as a command would enter them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/vcf.h"

namespace dnabird::support {

inline io::VariantWriterOptions options_for(const std::string& path) {
  io::VariantWriterOptions options;
  options.path = path;
  options.info = {{"SCORE", "A", "Float", "A \"score\""}, {"STATUS", "A", "String", "status"}};
  options.lines = {"##dnabirdVersion=0.1.0", "##dnabirdCommand=score a\tb\nc"};
  return options;
}

/// Copies `from` with a score and a status for every alternate.
inline void annotate(const std::string& from, const io::VariantWriterOptions& options,
                     int ahead = 1) {
  io::VariantReader reader(from, {}, options.threads);
  io::VariantWriter writer(reader, options);
  std::vector<io::VariantRecord> queue;
  int n = 0;
  const auto flush = [&] {
    for (io::VariantRecord& record : queue) writer.write(record);
    queue.clear();
  };
  for (io::VariantRecord record; reader.next(record);) {
    std::vector<std::optional<float>> scores;
    std::vector<std::string> status;
    for (const std::string& alt : record.alts()) {
      const bool symbolic = alt[0] == '<' || alt == ".";
      scores.push_back(symbolic ? std::nullopt : std::optional<float>(0.5f * ++n));
      status.push_back(symbolic ? "SYMBOLIC" : "OK");
    }
    record.set_info_floats("SCORE", scores);
    record.set_info_strings("STATUS", status);
    queue.push_back(std::move(record));
    if (static_cast<int>(queue.size()) >= ahead) flush();
  }
  flush();
  writer.commit();
}

}  // namespace dnabird::support
