#!/usr/bin/env bash
# dnabird beside transformers' BigBird and a dense BERT, on the same weights, in turns.
#   run.sh BUILD [options of peers.py]   a build folder that holds dnabird_peer
#   run.sh BUILD --help                  the options
# The Python packages are those of $DNABIRD_INTEROP_VENV, by default a folder in the user's cache,
# which is made once (some gigabytes: PyPI has torch for Linux on x86-64 with its CUDA libraries
# only).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "$1" && pwd)
shift
venv=${DNABIRD_INTEROP_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/dnabird-interop}

if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import torch, transformers' 2>/dev/null; then
  echo "installing torch and transformers in $venv" >&2
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet -r "$here/requirements.txt"
fi

# Nothing is fetched from a hub: every model is made here.
HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1 TRANSFORMERS_VERBOSITY=error \
  exec "$venv/bin/python" "$here/peers.py" --peer "$build/dnabird_peer" "$@"
