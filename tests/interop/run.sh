#!/usr/bin/env bash
# Compares dnabird with torch and transformers, in both directions. Called by tests/run.sh --interop.
#   run.sh BUILD   a build folder that holds dnabird and interop_logits
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "$1" && pwd)
source "$here/environment.sh"

cd "$here"
DNABIRD_BINARY=$build/dnabird DNABIRD_LOGITS=$build/interop_logits \
  exec "$python" -m unittest -v test_interop
