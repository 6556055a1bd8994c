#!/usr/bin/env bash
# Packs what gpu_check.sh and gpu_peers.py run, for a machine with a GPU but without our libraries:
#   gpu_bundle.sh BUILD FOLDER    BUILD: built with CUDA; FOLDER: gets bundle.tar.gz
# On that machine: gpu_check.sh OUT FOLDER. glibc, the compiler's libraries and CUDA's are its own.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ $# -ne 2 ]; then
  sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
build=$1 folder=$2
programs=(dnabird dnabird_bench cuda_products_test kernels_tests ops_tests model_tests train_tests)
theirs='/(ld-linux[^/]*|lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s|cuda|cudart|cublas|cublasLt|nccl|nv[^/]*))\.so'

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/lib" "$folder"
for program in "${programs[@]}"; do
  strip -o "$tree/$program" "$build/$program"
  ldd "$build/$program" | awk '$3 ~ "^/" { print $3 }'
done | sort -u | grep -vE "$theirs" | while read -r library; do
  strip --strip-unneeded -o "$tree/lib/${library##*/}" "$library"
done
git -C "$root" describe --always --dirty >"$tree/commit"
tar -C "$tree" -czf "$folder/bundle.tar.gz" .
printf '%s: %s MiB, unpacked %s MiB\n' "$folder/bundle.tar.gz" \
  "$(du -m "$folder/bundle.tar.gz" | cut -f1)" "$(du -sm "$tree" | cut -f1)"
