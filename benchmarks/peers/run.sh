#!/usr/bin/env bash
# dnabird beside transformers' BigBird and a dense BERT, on the same weights, in turns.
#   run.sh BUILD [options of peers.py]   a build folder that holds dnabird_peer
#   run.sh BUILD --help                  the options
# The Python packages are those of tests/interop (environment.sh).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "$1" && pwd)
shift
source "$here/../../tests/interop/environment.sh"
exec "$python" "$here/peers.py" --peer "$build/dnabird_peer" "$@"
