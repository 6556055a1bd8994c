#!/usr/bin/env bash
# Installs what is missing (Debian 12), builds, runs every test; ctest's summary comes last.
#   bash tests/run.sh              release build in build/
#   bash tests/run.sh --sanitize   address and undefined-behaviour sanitizers in build-sanitize/
#   bash tests/run.sh --tidy       clang-tidy over the sources instead of the tests; with nvcc those of the CUDA runtime too
#   bash tests/run.sh --interop    compares with torch and transformers instead (needs Python and PyPI)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/install_packages.sh"

mode=release
for argument in "$@"; do
  case $argument in
    --sanitize) mode=sanitize ;;
    --tidy) mode=tidy ;;
    --interop) mode=interop ;;
    -h | --help) sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "tests/run.sh: unknown option $argument; expected --sanitize, --tidy or --interop" >&2; exit 2 ;;
  esac
done

install_packages "${dnabird_build_packages[@]}" "${dnabird_test_packages[@]}"

case $mode in
  release)
    build=$root/build
    configure_and_build "$root" "$build" all -DCMAKE_BUILD_TYPE=Release -DDNABIRD_TESTS=ON
    ;;
  sanitize)
    build=$root/build-sanitize
    # GCC's own warnings about uninitialised values misfire on instrumented code.
    configure_and_build "$root" "$build" all -DCMAKE_BUILD_TYPE=RelWithDebInfo \
      -DDNABIRD_TESTS=ON -DDNABIRD_SANITIZE=address,undefined -DDNABIRD_BENCHMARKS=OFF -DDNABIRD_CUDA=OFF \
      -DCMAKE_CXX_FLAGS=-Wno-maybe-uninitialized
    export ASAN_OPTIONS=detect_stack_use_after_return=1
    export UBSAN_OPTIONS=print_stacktrace=1
    export LSAN_OPTIONS=suppressions=$root/tests/lsan.supp:print_suppressions=0
    ;;
  tidy)
    install_packages clang-tidy
    cmake -S "$root" -B "$root/build" -DCMAKE_BUILD_TYPE=Release -DDNABIRD_TESTS=ON
    # clang 14 does not read the headers of CUDA 13 as device code: what .cu files share with the host
    # is seen through the tests that run it there. Warnings are asked for by GCC's names.
    exec run-clang-tidy-14 -quiet -p "$root/build" -j "$(nproc)" -extra-arg=-Wno-unknown-warning-option \
      "^$root/((kernels|src|pipelines)/.*|tests/kernels/cuda_[^/]*)\.cpp\$"
    ;;
  interop)
    install_packages python3-venv
    configure_and_build "$root" "$root/build" dnabird -DCMAKE_BUILD_TYPE=Release -DDNABIRD_TESTS=ON
    cmake --build "$root/build" --target interop_logits
    exec bash "$root/tests/interop/run.sh" "$root/build"
    ;;
esac
exec ctest --test-dir "$build" --output-on-failure --parallel "$(nproc)"
