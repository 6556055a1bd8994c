// Tests of `dnabird score` as a user runs it: a tiny model, VCF texts in and out.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "support/process.h"
#include "support/temp_folder.h"
#include "support/test_data.h"
#include "support/tiny_model.h"

namespace dnabird::support {

inline std::vector<std::string> split_text(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

/// A VCF as text, taken apart.
struct VcfText {
  std::vector<std::string> header;                // with the line of column names
  std::vector<std::vector<std::string>> records;  // columns

  explicit VcfText(const std::string& text) {
    for (const std::string& line : split_text(text, '\n')) {
      if (line[0] == '#') {
        header.push_back(line);
      } else {
        records.push_back(split_text(line, '\t'));
      }
    }
  }

  /// Values of an INFO tag of a record, one per allele; empty if it is not there.
  std::vector<std::string> info(std::size_t record, const std::string& tag) const {
    for (const std::string& entry : split_text(records.at(record).at(7), ';')) {
      if (entry.rfind(tag + "=", 0) == 0) return split_text(entry.substr(tag.size() + 1), ',');
    }
    return {};
  }

  std::string text() const {
    std::string text;
    for (const std::string& line : header) text += line + "\n";
    for (const auto& columns : records) {
      for (std::size_t i = 0; i < columns.size(); ++i) text += (i ? "\t" : "") + columns[i];
      text += "\n";
    }
    return text;
  }

  /// Without what score adds.
  VcfText without_ours() const {
    VcfText result = *this;
    std::erase_if(result.header, [](const std::string& line) {
      return line.rfind("##dnabird", 0) == 0 || line.rfind("##INFO=<ID=DNABIRD_", 0) == 0;
    });
    for (auto& columns : result.records) {
      std::string kept;
      for (const std::string& entry : split_text(columns[7], ';')) {
        if (entry.rfind("DNABIRD_", 0) != 0) kept += (kept.empty() ? "" : ";") + entry;
      }
      columns[7] = kept.empty() ? "." : kept;
    }
    return result;
  }

  /// Without the line that says how the program was called.
  VcfText without_command() const {
    VcfText result = *this;
    std::erase_if(result.header,
                  [](const std::string& line) { return line.rfind("##dnabirdCommand=", 0) == 0; });
    return result;
  }
};

class ScoreCli : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    models_ = std::make_unique<TempFolder>();
    write_tiny_model(*models_ / "tiny");
    TinyModel headless;
    headless.promoter_head = false;
    write_tiny_model(*models_ / "headless", headless);
    TinyModel quick{.channels = 8,
                    .feed_forward = 8,
                    .layers = 1,
                    .heads = 1,
                    .positions = 64,
                    .window_bases = 40};
    write_tiny_model(*models_ / "quick", quick);
  }
  static void TearDownTestSuite() { models_.reset(); }

  static std::string model(const std::string& name) { return *models_ / name; }

  /// dnabird score on one thread with the tiny model and small.fa, where the words name no others.
  static ProcessResult score(const std::vector<std::string>& words,
                             const ProcessOptions& options = {}) {
    std::vector<std::string> all = {"score"};
    const auto unless_given = [&](const std::string& option, const std::string& value) {
      if (std::find(words.begin(), words.end(), option) == words.end()) {
        all.insert(all.end(), {option, value});
      }
    };
    unless_given("-m", model("tiny"));
    unless_given("-f", test_data("small.fa"));
    unless_given("--threads", "1");
    all.insert(all.end(), words.begin(), words.end());
    return run_dnabird(all, options);
  }

  /// What it wrote to standard output.
  static VcfText scored(const std::vector<std::string>& words, const ProcessOptions& options = {}) {
    const ProcessResult result = score(words, options);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return VcfText(result.out);
  }

  /// A VCF on contig z with these records ("POS REF ALT").
  std::string write_vcf(const std::vector<std::string>& records,
                        const std::string& contig_lines = "##contig=<ID=z,length=50000>\n") const {
    std::string text =
        "##fileformat=VCFv4.2\n" + contig_lines + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";
    for (const std::string& record : records) {
      const std::vector<std::string> words = split_text(record, ' ');
      const bool has_contig = words.size() == 4;
      text += (has_contig ? words[0] : "z") + "\t" + words[has_contig] + "\t.\t" +
              words[has_contig + 1] + "\t" + words[has_contig + 2] + "\t.\t.\t.\n";
    }
    write_text(folder_ / "in.vcf", text);
    return folder_ / "in.vcf";
  }

  TempFolder folder_;

 private:
  static inline std::unique_ptr<TempFolder> models_;
};

}  // namespace dnabird::support
