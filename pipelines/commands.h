// The commands of `dnabird`: one function each, called by main with the arguments behind the
// command's name. Each returns the exit code; errors are thrown, main prints them.
#pragma once

#include <string>
#include <vector>

namespace dnabird::pipelines {

int run_score(const std::vector<std::string>& arguments);
int run_annotate(const std::vector<std::string>& arguments);
int run_embed(const std::vector<std::string>& arguments);
int run_tokenize(const std::vector<std::string>& arguments);
int run_pretrain(const std::vector<std::string>& arguments);
int run_finetune(const std::vector<std::string>& arguments);
int run_evaluate(const std::vector<std::string>& arguments);
int run_convert(const std::vector<std::string>& arguments);
int run_info(const std::vector<std::string>& arguments);

}  // namespace dnabird::pipelines
