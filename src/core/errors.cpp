#include "core/errors.h"

namespace dnabird::core {

void require(bool condition, const std::string& message) {
  if (!condition) throw std::logic_error("bug: " + message);
}

}  // namespace dnabird::core
