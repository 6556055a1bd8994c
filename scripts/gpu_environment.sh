# Sourced by gpu_check.sh and gpu_peers.py: the card, CUDA's programs and libraries, a build that came
# from elsewhere.

# The card is CUDA's first. nvidia-smi does not look at CUDA_VISIBLE_DEVICES and counts along the bus.
export CUDA_DEVICE_ORDER=PCI_BUS_ID
card=${CUDA_VISIBLE_DEVICES:-0}
export card=${card%%,*}

# Tests that compute on a device, or on two; the suites whose names begin with Cuda emulate it on the
# host.
device_filter='*cuda*:*Gpus*'
# Under compute-sanitizer, which is tens of times slower: small cases of every kernel in bf16, and of
# those that share memory.
memcheck_filter='*matches_reference/cuda_bf16*:*matches_reference/cuda_block_attention'
racecheck_filter=
for family in block_attention layer_norm embedding linear gather_and_scatter; do
  racecheck_filter+=*matches_reference/cuda_bf16_$family:
done

card_name() {
  nvidia-smi -i "$card" --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null ||
    echo 'no card'
}

# A line for each card that dnabird can use, as "cuda:0: usable, NVIDIA H200"; fails if there is none.
usable_cards() {
  local said
  said=$("$build/dnabird" info) || return 1
  said=$(sed -n 's/^ *cuda/cuda/p' <<<"$said")
  grep '^cuda:[0-9]*: usable' <<<"$said" && return
  echo "no usable GPU; dnabird info says: ${said:-nothing of CUDA, without which it was built}" >&2
  return 1
}

# "90a-real", as CMake names the card's architecture.
card_architecture() {
  local capability
  capability=$(nvidia-smi -i "$card" --query-gpu=compute_cap --format=csv,noheader | tr -d .)
  if [ "$capability" = 90 ]; then capability=90a; fi
  echo "$capability-real"
}

# cuda_program NAME: its path; CUDA's folder is often not in PATH.
cuda_program() {
  command -v "$1" || ls "/usr/local/cuda/bin/$1"
}

# Folders of the libraries that dnabird opens when it runs, by the names that it opens: CUDA's own, of
# whichever version has them, or those of Python's packages.
cuda_library_folders() {
  local library
  for library in libcublasLt.so.13 libnccl.so.2; do
    {
      ls -U /usr/local/cuda{,-*}/{lib64,targets/*/lib}/"$library"*
      python3 -c '
import glob, sys
for folder in sys.path:
    for path in sorted(glob.glob(f"{folder}/nvidia/*/lib/{sys.argv[1]}*")):
        print(path)
' "$library"
    } 2>/dev/null | head -1 | xargs -r dirname
  done | sort -u | paste -sd :
}

# commit_of BUILD: what a bundle was built from, or where this repository stands.
commit_of() {
  cat "$1/commit" 2>/dev/null || git -C "$root" describe --always --dirty 2>/dev/null || echo unknown
}

# open_build FOLDER: sets build, unpacking what gpu_bundle.sh made into $scratch.
open_build() {
  local program
  if ! build=$(cd "$1" 2>/dev/null && pwd); then
    echo "$1: no such folder; a build folder, or one of gpu_bundle.sh, is needed" >&2
    return 1
  fi
  if [ -e "$build/bundle.tar.gz" ]; then
    mkdir "$scratch/bundle"
    tar -C "$scratch/bundle" -xzf "$build/bundle.tar.gz" || return 1
    build=$scratch/bundle
  fi
  for program in dnabird dnabird_bench; do
    [ -x "$build/$program" ] && continue
    echo "$1 holds no program $program; a build folder, or one of gpu_bundle.sh, is needed" >&2
    return 1
  done
}

# use_libraries BUILD: programs find a bundle's libraries and CUDA's.
use_libraries() {
  local folders=$1/lib cuda
  cuda=$(cuda_library_folders)
  export PATH=$PATH:/usr/local/cuda/bin
  export LD_LIBRARY_PATH=$folders${cuda:+:$cuda}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
}
