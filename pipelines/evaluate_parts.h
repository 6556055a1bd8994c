// What the kinds of sequence data of `dnabird evaluate` share.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "pipelines/evaluate.h"
#include "pipelines/model_files.h"

namespace dnabird::pipelines {

/// Says in the report, and warns, how many of the sequences share a stretch of 24 bases, on either
/// strand, with what a model was trained on (FASTA or CSV; nothing is said without any).
void report_shared(const std::vector<std::string>& train_paths,
                   std::span<const std::string> sequences, EvaluateReport& report);

/// --masked-lm: adds the bits per base of hidden tokens, and those of a Markov model if --train is
/// given.
void evaluate_masked_lm(const EvaluateOptions& options, const LoadedModel& loaded,
                        EvaluateReport& report);

}  // namespace dnabird::pipelines
