// dnabird convert: a model's weights in another element type, in one file or in shards.
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/device.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "io/model_convert.h"
#include "pipelines/cli.h"
#include "pipelines/commands.h"
#include "pipelines/model_files.h"
#include "pipelines/nearest_name.h"

namespace dnabird::pipelines {
namespace {

using core::UsageError;

constexpr const char* kDescription =
    "Writes a model once more, to the new folder OUT: the same tensors under the same names, as\n"
    "f32, f16 or bf16 (rounded to the nearest), in one file or in shards, with the files of its\n"
    "tokenizer. Every tensor of IN is checked first, as by info.";

constexpr const char* kExamples =
    "  dnabird convert --dtype bf16 my_model my_model_bf16\n"
    "  dnabird convert --dtype f16 --shard-size 200MB gena gena_f16\n"
    "  dnabird convert sharded whole";

std::string parse_dtype(const std::string& text) {
  if (text == "f32") return "F32";
  if (text == "f16") return "F16";
  if (text == "bf16") return "BF16";
  throw UsageError("--dtype '" + text + "': expected f32, f16 or bf16" +
                   did_you_mean(text, {"f32", "f16", "bf16"}));
}

/// "200MB" -> 200,000,000.
std::uint64_t parse_size(const std::string& text) {
  constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {
      {"GB", 1'000'000'000}, {"MB", 1'000'000}, {"kB", 1'000}, {"KB", 1'000}, {"", 1}};
  for (const auto& [unit, bytes] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const std::optional<std::int64_t> number =
        core::parse_int(std::string_view(text).substr(0, text.size() - unit.size()));
    if (number && *number >= 0 && *number <= INT64_MAX / bytes) {
      return static_cast<std::uint64_t>(*number * bytes);
    }
    break;
  }
  throw UsageError("--shard-size '" + text +
                   "': expected bytes, or a whole number with kB, MB or GB; 0 = one file");
}

std::string megabytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

}  // namespace

int run_convert(const std::vector<std::string>& arguments) {
  std::string dtype = "f32", shard_size = "0";
  std::vector<std::string> folders;
  OptionParser parser("dnabird convert [options] IN OUT", kDescription, kExamples);
  parser.add("dtype", &dtype, "element type of the weights: f32, f16 or bf16");
  parser.add("shard-size", &shard_size,
             "most data of one file (a larger tensor has one of its own): 500kB, 200MB, 5GB; 0 = "
             "one file");
  parser.add_positional("IN OUT", &folders, 2, 2);
  if (!parser.parse(arguments)) return 0;
  const io::ConvertOptions options{parse_dtype(dtype), parse_size(shard_size)};
  std::string from;
  {
    const auto kernels = core::open_device("cpu", "f32", 1);
    from = load_model(*kernels, folders[0]).path;
  }
  const io::ConvertSummary summary = io::convert_model_folder(from, folders[1], options);
  std::string changed = "no value changed";
  if (!summary.most_changed.empty()) {
    char size[32];
    std::snprintf(size, sizeof size, "%.3g", summary.largest_change);
    changed = std::string("largest change of a value ") + size + ", in " + summary.most_changed;
  }
  core::log_info(
      core::with_commas(summary.tensors) + " tensors, " + core::with_commas(summary.elements) +
      " elements: " + megabytes(summary.bytes_before) + " to " + megabytes(summary.bytes_after) +
      " of " + dtype + " in " + core::with_commas(summary.files) +
      (summary.files == 1 ? " file; " : " files; ") + changed);
  return 0;
}

}  // namespace dnabird::pipelines
