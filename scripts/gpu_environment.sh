# Sourced by gpu_check.sh: the card, CUDA's programs and libraries, a build that came from elsewhere.

# Tests that compute on a device; the suites whose names begin with Cuda emulate it on the host.
device_filter='*cuda*'
# Under compute-sanitizer, which is tens of times slower: small cases of every kernel in bf16, and of
# those that share memory.
memcheck_filter='*matches_reference/cuda_bf16*:*matches_reference/cuda_block_attention'
racecheck_filter=
for family in block_attention layer_norm embedding linear gather_and_scatter; do
  racecheck_filter+=*matches_reference/cuda_bf16_$family:
done

card_name() {
  nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -1 ||
    echo 'no card'
}

# "90a-real", as CMake names the architecture of the first card.
card_architecture() {
  local capability
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d .)
  if [ "$capability" = 90 ]; then capability=90a; fi
  echo "$capability-real"
}

# cuda_program NAME: its path; CUDA's folder is often not in PATH.
cuda_program() {
  command -v "$1" || ls "/usr/local/cuda/bin/$1"
}

# Folders of the libraries that dnabird opens when it runs: CUDA's own, or those of Python's packages.
cuda_library_folders() {
  local library
  for library in libcublasLt libnccl; do
    {
      ls /usr/local/cuda/lib64/$library.so* /usr/local/cuda/targets/*/lib/$library.so*
      python3 -c '
import glob, sys
for folder in sys.path:
    for path in sorted(glob.glob(f"{folder}/nvidia/*/lib/{sys.argv[1]}.so*")):
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
  build=$(cd "$1" && pwd) || return 1
  if [ -e "$build/bundle.tar.gz" ]; then
    mkdir "$scratch/bundle"
    tar -C "$scratch/bundle" -xzf "$build/bundle.tar.gz" || return 1
    build=$scratch/bundle
  fi
  if [ ! -x "$build/dnabird" ]; then
    echo "$1 holds no program dnabird: a build folder, or one of gpu_bundle.sh, is needed" >&2
    return 1
  fi
}

# use_libraries BUILD: programs find a bundle's libraries and CUDA's.
use_libraries() {
  local folders=$1/lib cuda
  cuda=$(cuda_library_folders)
  export PATH=$PATH:/usr/local/cuda/bin
  export LD_LIBRARY_PATH=$folders${cuda:+:$cuda}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
}
