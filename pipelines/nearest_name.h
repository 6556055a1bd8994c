// What a user who mistyped a name most likely meant.
#pragma once

#include <string>
#include <vector>

namespace dnabird::pipelines {

/// The known name with the fewest edits from `word` (letters put in, left out, changed, or two
/// neighbours swapped), if these are few for its length; else empty.
std::string nearest_name(const std::string& word, const std::vector<std::string>& known);

/// "; did you mean 'score'?", or nothing.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& known);

}  // namespace dnabird::pipelines
