// Messages for users: the right kind, one line, and what it must name.
#pragma once

#include <gmock/gmock.h>

#include "core/errors.h"

namespace dnabird::support {

/// Throws `Error` with one line that holds all of the parts.
template <class Error, class... Parts>
auto throws_line(Parts... parts) {
  using testing::AllOf;
  using testing::HasSubstr;
  using testing::Not;
  return testing::ThrowsMessage<Error>(AllOf(HasSubstr(parts)..., Not(HasSubstr("\n"))));
}

template <class... Parts>
auto throws_data_error(Parts... parts) {
  return throws_line<core::DataError>(parts...);
}

template <class... Parts>
auto throws_usage_error(Parts... parts) {
  return throws_line<core::UsageError>(parts...);
}

}  // namespace dnabird::support
