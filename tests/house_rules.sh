#!/usr/bin/env bash
# The rules of the house (docs/architecture.md).
#   house_rules.sh ROOT          prints each line that breaks one as FILE:LINE: RULE; exit 1 if any
#   house_rules.sh --self-test   proves on small trees that every rule can fail
set -uo pipefail

# What belongs to the project: files that git tracks or would track; without git, all but builds.
list_files() {
  if git rev-parse --show-toplevel >/dev/null 2>&1 && [ "$(git rev-parse --show-cdup)" = "" ]; then
    git ls-files --cached --others --exclude-standard
  else
    find . -type f -not -path './build*' -not -path './.git/*' -printf '%P\n'
  fi | sort -u | while IFS= read -r file; do [ -f "$file" ] && printf '%s\n' "$file"; done
}

# files REGEX: the listed files whose path matches.
files() { grep -E "$1" <<<"$all_files"; }

broken=0
# report RULE: reads FILE:LINE:TEXT lines that break it.
report() {
  local line
  while IFS= read -r line; do
    printf '%s  [%s]\n' "$line" "$1"
    broken=$((broken + 1))
  done
}

# search PATTERN: FILE:LINE:TEXT of matches in the files named on stdin.
search() { xargs -r -d '\n' grep -HnE -e "$1" -- 2>/dev/null; }

code='\.(cpp|h|cu|cuh)$'

# layer PATH MAY-INCLUDE...: quoted includes of the code that matches PATH start with one of these.
layer() {
  local path=$1 allowed
  shift
  allowed=$(IFS='|' && echo "$*")
  files "^$path" | grep -E "$code" | search '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' |
    grep -vE "include[[:space:]]*\"($allowed)" | report "$path may include only: $*"
}

check_layers() {
  local device='kernels/(reference|cpu|cuda|bench)/'
  layer 'kernels/[^/]*\.(h|cuh)$' 'kernels/[^/]+"'
  layer 'kernels/[^/]*\.cpp$' 'kernels/'
  layer kernels/reference/ 'kernels/[^/]+"' 'kernels/reference/'
  layer kernels/cpu/ 'kernels/[^/]+"' 'kernels/cpu/'
  layer kernels/cuda/ 'kernels/[^/]+"' 'kernels/cuda/'
  layer kernels/bench/ 'kernels/[^/]+"' 'kernels/bench/'
  layer src/core/ 'kernels/[^/]+"' core/
  layer src/io/ 'kernels/[^/]+"' core/ io/
  layer src/seq/ 'kernels/[^/]+"' core/ seq/
  layer src/ops/ 'kernels/[^/]+"' core/ ops/
  layer src/model/ 'kernels/[^/]+"' core/ seq/ ops/ model/
  layer src/data/ 'kernels/[^/]+"' core/ io/ seq/ ops/ model/ data/
  layer src/train/ 'kernels/[^/]+"' core/ io/ seq/ ops/ model/ data/ train/
  layer src/predict/ 'kernels/[^/]+"' core/ seq/ ops/ model/ data/ predict/
  layer pipelines/ 'kernels/[^/]+"' core/ io/ seq/ ops/ model/ data/ train/ predict/ pipelines/
  layer benchmarks/ 'kernels/[^/]+"' 'kernels/bench/' core/ io/ seq/ ops/ model/ data/ train/ \
    predict/ pipelines/ benchmarks/
  files "^(src|pipelines)/.*$code" | search "include[[:space:]]*[\"<]$device" |
    report "a device's kernels are named in kernels/ only"
}

check_libraries() {
  files "$code" | grep -v '^src/io/' | search 'include[[:space:]]*[<"]htslib/' |
    report "htslib is included in src/io only"
  files "$code" | grep -v '^kernels/cuda/' | search 'include[[:space:]]*[<"](cuda|cublas|nccl)' |
    report "CUDA is included in kernels/cuda only"
  files "$code" | grep -v '^kernels/' | search '^[[:space:]]*#[[:space:]]*(if|ifdef|ifndef|elif).*CUDA' |
    report "CUDA is asked for in kernels/ only"
  files '(^|/)CMakeLists\.txt$|\.cmake$' | search 'march=native' |
    report "a release runs on other machines: no -march=native"
}

check_files_in_memory() {
  files "^src/(model|predict|seq|ops)/.*$code" |
    search '<(fstream|filesystem|fcntl\.h)>|(^|[^A-Za-z_.>])(fopen|freopen|open) *\(|include[[:space:]]*"io/' |
    report "seq, ops, model and predict open no file"
}

check_output() {
  files "^src/.*$code" | grep -vE '^src/core/log\.cpp$' |
    search 'std::(cout|cerr|clog)|(^|[^a-z_n])f?printf *\(|(^|[^A-Za-z_])exit *\(' |
    report "src/ throws and logs; only main prints and exits"
}

check_text() {
  local marks='TO''DO|FIX''ME|X''XX[^X]' file
  files '\.(cpp|h|cu|cuh|sh|py|md|txt|json|cmake)$|^\.ci/' | search "(^|[^A-Za-z])($marks)" |
    report "no unfinished work"
  # Tests make their folders with mkdtemp, whose pattern has to name one.
  files '\.(cpp|h|cu|cuh|sh|py|md|txt|json|cmake|supp)$|^\.ci/|^\.clang|^\.gitignore$' |
    grep -v '^tests/house_rules\.sh$' | search '(^|[^A-Za-z0-9_.~}-])/(work|tmp|root|home)(/|[^A-Za-z0-9_]|$)' |
    grep -vE '^tests/[^:]*:[0-9]+:.*XXXXXX' | report "no path of a machine"
  while IFS= read -r file; do
    awk -v file="$file" -v most=400 'END { if (NR > most) printf "%s:%d:%d lines\n", file, most + 1, NR }' "$file"
  done < <(files '\.(cpp|h|cu|cuh|sh|py)$') | report "a file has at most 400 lines"
}

# at_most FOLDER BYTES: the size of the listed files under it.
at_most() {
  local bytes
  bytes=$(files "^$1/" | xargs -r -d '\n' stat -c %s -- | awk '{ n += $1 } END { print n + 0 }')
  if [ "$bytes" -gt "$2" ]; then echo "$1:1:$bytes bytes"; fi | report "$1 holds at most $2 bytes"
}

check_sizes() {
  local model
  at_most tests/data 15000000
  at_most examples/score_vcf 500000
  for model in $(files '^models/[^/]+/' | cut -d/ -f1-2 | sort -u); do at_most "$model" 20000000; done
}

check_all() {
  cd "$1" || exit 2
  all_files=$(list_files)
  # report ends each pipeline and counts: it must run in this shell.
  shopt -s lastpipe
  check_layers
  check_libraries
  check_files_in_memory
  check_output
  check_text
  check_sizes
  if [ "$broken" -gt 0 ]; then
    echo "$broken lines break the rules of the house" >&2
    return 1
  fi
  echo "$(wc -l <<<"$all_files") files keep the rules of the house"
}

# --- the rules can fail -----------------------------------------------------------------------

# expect FILE:LINE RULE CONTENT: a tree with this one file breaks the rule there and nowhere else.
expect() {
  local where=$1 rule=$2 content=$3 file=${1%:*} tree output
  tree=$(mktemp -d)
  mkdir -p "$tree/$(dirname "$file")"
  printf '%b' "$content" >"$tree/$file"
  if output=$(bash "$script" "$tree" 2>/dev/null); then
    echo "not noticed: $where ($rule)"
    failures=$((failures + 1))
  elif ! grep -qF "$where:" <<<"$output" || ! grep -qF "$rule" <<<"$output" ||
    [ "$(wc -l <<<"$output")" -ne 1 ]; then
    echo "expected one line with $where and '$rule', got: $output"
    failures=$((failures + 1))
  fi
  tried=$((tried + 1))
  rm -rf "$tree"
}

self_test() {
  local tree many
  failures=0 tried=0
  expect kernels/select.cpp:2 'may include only' '\n#include "core/tensor.h"\n'
  expect kernels/kernel_set.h:1 'may include only' '#include "kernels/cpu/cpu_kernel_set.h"\n'
  expect kernels/cpu/a.cpp:1 'may include only' '#include "kernels/reference/b.h"\n'
  expect kernels/reference/a.cpp:1 'may include only' '#include "core/errors.h"\n'
  expect kernels/cuda/a.cu:1 'may include only' '#include "kernels/cpu/b.h"\n'
  expect kernels/bench/a.cpp:1 'may include only' '#include "core/rng.h"\n'
  expect kernels/bench/b.cpp:1 'may include only' '#include "kernels/cpu/b.h"\n'
  expect benchmarks/a.cpp:1 'may include only' '#include "kernels/cpu/b.h"\n'
  expect src/core/a.h:3 'may include only' '#pragma once\n\n#include "io/csv.h"\n'
  expect src/core/b.cpp:1 'may include only' '#include "tensor.h"\n'
  expect src/io/a.cpp:1 'may include only' '#include "seq/alphabet.h"\n'
  expect src/seq/a.cpp:1 'may include only' '# include "model/model.h"\n'
  expect src/ops/a.cpp:1 'may include only' '#include "seq/alphabet.h"\n'
  expect src/model/a.cpp:1 'may include only' '#include "data/dataset.h"\n'
  expect src/data/a.cpp:1 'may include only' '#include "train/metrics.h"\n'
  expect src/train/a.cpp:1 'may include only' '#include "predict/variant_effect.h"\n'
  expect src/predict/a.cpp:1 'may include only' '#include "train/metrics.h"\n'
  expect pipelines/a.cpp:1 'may include only' '#include "tests/support/a.h"\n'
  expect src/train/b.cpp:1 "a device's kernels" '#include <kernels/cpu/b.h>\n'
  expect pipelines/b.cpp:2 'htslib' '\n#include <htslib/vcf.h>\n'
  expect tests/io/b_test.cpp:1 'htslib' '#include <htslib/vcf.h>\n'
  expect src/core/c.cpp:1 'CUDA is included' '#include <cuda_runtime.h>\n'
  expect src/core/d.cpp:1 'CUDA is asked for' '#if defined(DNABIRD_CUDA)\n#endif\n'
  expect CMakeLists.txt:1 'march=native' 'add_compile_options(-march=native)\n'
  expect src/model/b.cpp:1 'open no file' '#include <fstream>\n'
  expect src/model/c.cpp:2 'open no file' '\nauto f = std::fopen("a", "r");\n'
  expect src/predict/c.cpp:1 'open no file' '#include <filesystem>\n'
  expect src/data/c.cpp:1 'only main prints' 'void f() { std::cerr << 1; }\n'
  expect src/io/c.cpp:1 'only main prints' 'void f() { printf("a"); }\n'
  expect src/io/d.cpp:1 'only main prints' 'void f() { std::exit(1); }\n'
  expect docs/a.md:2 'unfinished' '\nTO''DO: more\n'
  expect src/io/e.cpp:1 'unfinished' '// FIX''ME\n'
  expect docs/b.md:1 'path of a machine' 'see /work/shared\n'
  expect src/io/f.cpp:1 'path of a machine' 'const char* p = "/tmp/a";\n'
  expect tests/io/c_test.cpp:1 'path of a machine' 'const char* p = "/tmp/a";\n'
  expect scripts/a.sh:1 'path of a machine' 'cd /root\n'
  many=$(printf '\\n%.0s' $(seq 401))
  expect src/io/g.cpp:401 '400 lines' "$many"
  expect_large tests/data 15000001
  expect_large models/small 20000001
  expect_large examples/score_vcf 500001

  # What is allowed stays silent.
  tree=$(mktemp -d)
  mkdir -p "$tree/tests/io" "$tree/src/io" "$tree/kernels/cuda" "$tree/models/small"
  echo 'char folder[] = "/tmp/dnabird_XXXXXX";' >"$tree/tests/io/a_test.cpp"
  printf '#include <htslib/vcf.h>\n#include "core/text.h"\n#include <fstream>\n' >"$tree/src/io/a.cpp"
  printf '#include <cuda_runtime.h>\n#include "kernels/kernel_set.h"\n' >"$tree/kernels/cuda/a.cu"
  printf '%b' "$(printf '\\n%.0s' $(seq 400))" >"$tree/src/io/b.cpp"
  truncate -s 20000000 "$tree/models/small/model.safetensors"
  if ! bash "$script" "$tree"; then failures=$((failures + 1)); fi
  rm -rf "$tree"

  echo "$tried violations tried, $failures wrong"
  [ "$failures" -eq 0 ]
}

# expect_large FOLDER BYTES: a folder of that size is too large.
expect_large() {
  local tree output
  tree=$(mktemp -d)
  mkdir -p "$tree/$1"
  truncate -s "$2" "$tree/$1/a.bin"
  output=$(bash "$script" "$tree" 2>/dev/null)
  if ! grep -qF "$1:1:$2 bytes" <<<"$output"; then
    echo "not noticed: $1 of $2 bytes: $output"
    failures=$((failures + 1))
  fi
  tried=$((tried + 1))
  rm -rf "$tree"
}

script=$(realpath "${BASH_SOURCE[0]}")
case ${1:-} in
  --self-test) self_test ;;
  '' | -*) echo "usage: house_rules.sh ROOT | --self-test" >&2; exit 2 ;;
  *) check_all "$1" ;;
esac
