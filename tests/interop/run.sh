#!/usr/bin/env bash
# Compares dnabird with torch and transformers, in both directions. Called by tests/run.sh --interop.
#   run.sh BUILD   a build folder that holds dnabird and interop_logits
# The Python packages go to $DNABIRD_INTEROP_VENV, by default a folder in the user's cache, which is
# made once (some gigabytes: PyPI has torch for Linux on x86-64 with its CUDA libraries only).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "$1" && pwd)
venv=${DNABIRD_INTEROP_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/dnabird-interop}

if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  echo "installing torch and transformers in $venv" >&2
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi

cd "$here"
# Nothing is fetched from a hub: every model is made here.
DNABIRD_BINARY=$build/dnabird DNABIRD_LOGITS=$build/interop_logits HF_HUB_OFFLINE=1 \
  PYTHONDONTWRITEBYTECODE=1 TRANSFORMERS_VERBOSITY=error \
  exec "$venv/bin/python" -m unittest -v test_interop
