# Sourced: $python is one that has torch and transformers (requirements.txt). The packages go to
# $DNABIRD_INTEROP_VENV, by default a folder in the user's cache, which is made once (some gigabytes:
# PyPI has torch for Linux on x86-64 with its CUDA libraries only). Nothing is fetched from a hub:
# every model is made here.
requirements=$(dirname "${BASH_SOURCE[0]}")/requirements.txt
venv=${DNABIRD_INTEROP_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/dnabird-interop}
python=$venv/bin/python

if ! cmp -s "$requirements" "$venv/installed.txt"; then
  echo "installing torch and transformers in $venv" >&2
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet -r "$requirements"
  cp "$requirements" "$venv/installed.txt"
fi
export HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1 TRANSFORMERS_VERBOSITY=error
