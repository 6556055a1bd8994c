#!/usr/bin/env bash
# house_format.sh ROOT CLANG_FORMAT: names each line that clang-format would write differently.
# Exit 77 (skipped) unless it is version 14, Debian 12's: other versions format differently.
set -euo pipefail
root=$1 clang_format=$2
if ! "$clang_format" --version | grep -q 'version 14\.'; then
  echo "skipped: $("$clang_format" --version), expected version 14"
  exit 77
fi
cd "$root"
find kernels src pipelines tests -type f \( -name '*.cpp' -o -name '*.h' -o -name '*.cu' -o \
  -name '*.cuh' \) -print0 | sort -z | xargs -0 "$clang_format" --dry-run -Werror
