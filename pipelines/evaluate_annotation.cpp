// dnabird evaluate --annotation OUT.bed --truth-bed TSS.bed
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/errors.h"
#include "core/text.h"
#include "io/intervals.h"
#include "io/line_reader.h"
#include "pipelines/evaluate.h"
#include "train/promoter_calls.h"

namespace dnabird::pipelines {
namespace {

/// What `annotate` writes: contig, begin, end, name, score, strand, probability, start site.
std::vector<train::PromoterCall> read_calls(const std::string& path) {
  std::vector<train::PromoterCall> calls;
  io::LineReader reader(path);
  for (std::string line; reader.next(line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::vector<std::string> fields = core::split(line, '\t');
    if (fields.size() < 8) {
      throw core::DataError(reader.where() + ": " + std::to_string(fields.size()) +
                            " columns, expected the 8 that dnabird annotate writes");
    }
    const std::optional<double> probability = core::parse_double(fields[6]);
    const std::optional<std::int64_t> start = core::parse_int(fields[7]);
    if (!probability || !start || (fields[5] != "+" && fields[5] != "-")) {
      throw core::DataError(reader.where() +
                            ": expected a strand + or - in column 6, a probability in column 7, "
                            "a position in column 8, as dnabird annotate writes them");
    }
    calls.push_back({{fields[0], *start, fields[5][0]}, *probability});
  }
  return calls;
}

std::vector<train::StrandedBase> read_sites(const std::string& path) {
  std::vector<train::StrandedBase> sites;
  for (const io::Interval& interval : io::read_bed(path)) {
    if (interval.strand != '+' && interval.strand != '-') {
      throw core::DataError("'" + path + "': start site " + interval.contig + ":" +
                            std::to_string(interval.begin + 1) +
                            " has no strand; expected + or - in column 6");
    }
    sites.push_back({interval.contig, interval.begin, interval.strand});
  }
  return sites;
}

train::Metric plain(const std::string& group, const std::string& name, double value,
                    std::int64_t n) {
  train::Metric metric;
  metric.group = group;
  metric.target = "start_site";
  metric.name = name;
  metric.value = value;
  metric.interval.low = metric.interval.high = std::numeric_limits<double>::quiet_NaN();
  metric.n = n;
  return metric;
}

}  // namespace

void evaluate_annotation(const EvaluateOptions& options, EvaluateReport& report) {
  if (options.truth_bed.empty()) {
    throw core::UsageError("--annotation needs --truth-bed, a BED file of start sites");
  }
  const auto calls = read_calls(options.annotation);
  const auto sites = read_sites(options.truth_bed);
  report.provenance.push_back("annotation=" + options.annotation +
                              " calls=" + std::to_string(calls.size()));
  report.provenance.push_back("truth=" + options.truth_bed +
                              " start_sites=" + std::to_string(sites.size()));
  report.provenance.push_back("right=within 500 bases, same strand, each start site once");
  for (const std::string& text : core::split(options.thresholds, ',')) {
    const std::optional<double> threshold = core::parse_double(text);
    if (!threshold || !(*threshold >= 0 && *threshold <= 1)) {
      throw core::UsageError("--thresholds: '" + text + "' is not a probability; expected 0 to 1");
    }
    const train::Confusion table = train::match_calls(calls, sites, {500, *threshold});
    const std::int64_t made = table.true_positive + table.false_positive;
    const std::int64_t known = table.true_positive + table.false_negative;
    const std::string group = "probability>=" + text;
    report.add("annotation", {plain(group, "precision", train::precision(table), made),
                              plain(group, "recall", train::recall(table), known),
                              plain(group, "F1", train::f1(table), made + known)});
  }
}

}  // namespace dnabird::pipelines
