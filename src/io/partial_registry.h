// The names that remove_partial_outputs() deletes. A table of plain memory, because a signal
// handler may read it at any moment.
#pragma once

#include <string>

namespace dnabird::io {

/// Enters a file or an (at that time empty) folder; returns its place in the table, -1 if the
/// table is full or the name too long (then only Ctrl-C misses it).
int register_partial(const std::string& path);
/// Takes it out again; -1 is allowed.
void release_partial(int slot);

}  // namespace dnabird::io
