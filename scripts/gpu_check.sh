#!/usr/bin/env bash
# Checks dnabird on a CUDA device: tests, commands against the CPU, compute-sanitizer, benchmarks.
#   gpu_check.sh OUT          builds for this card first (in build-gpu/); under 9 minutes in all
#   gpu_check.sh OUT BUILD    BUILD: a build folder, or what gpu_bundle.sh made; under 5 minutes
# Goes on after a failure. OUT gets table.md (also printed last) and the logs; exit code 1 if a step
# failed. Another card than the first: DNABIRD_GPU=cuda:1.
set -uo pipefail
if [ $# -lt 1 ] || [ $# -gt 2 ] || [ "${1:0:1}" = - ]; then
  sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export root
source "$root/scripts/gpu_environment.sh"
mkdir -p "$1"
out=$(cd "$1" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export scratch device=${DNABIRD_GPU:-cuda}
deadline=525
rows=() failed=0

# --- what the steps do: each prints its log, the last line is its result in the table -----------

show_device() {
  nvidia-smi && "$build/dnabird" info >"$scratch/info" && cat "$scratch/info" &&
    grep cuda "$scratch/info" | head -1
}

build_all() {
  source "$root/scripts/install_packages.sh"
  install_packages "${dnabird_build_packages[@]}" libgtest-dev libgmock-dev
  configure_and_build "$root" "$build" dnabird -DCMAKE_BUILD_TYPE=Release -DDNABIRD_CUDA=ON \
    -DDNABIRD_CUDA_ARCHITECTURES="$(card_architecture)" &&
    cmake --build "$build" --parallel "$(nproc)" \
      --target dnabird_bench cuda_products_test kernels_tests ops_tests model_tests train_tests &&
    echo "for $(card_architecture)"
}

# device_tests PROGRAM FILTER [SANITIZER WORD...]: most must run, where a device is.
device_tests() {
  local program=$1 filter=$2 log=$scratch/tests code count
  shift 2
  "$@" "$build/$program" --gtest_filter="$filter" 2>&1 | tee "$log"
  code=${PIPESTATUS[0]}
  count() { grep -oE "^\[ +$1 +\] [0-9]+ test" "$log" | grep -oE '[0-9]+' | tail -1; }
  local passed skipped broken
  passed=$(count PASSED) skipped=$(count SKIPPED) broken=$(count FAILED)
  echo "${passed:-0} passed, ${skipped:-0} skipped, ${broken:-0} failed$(sanitizer_verdict "$log")"
  [ "$code" -eq 0 ] && [ "${passed:-0}" -gt "${skipped:-0}" ]
}

sanitizer_verdict() {
  grep -E '=+ (ERROR|RACECHECK) SUMMARY' "$1" | tail -1 | sed -E 's/^=+ (ERROR|RACECHECK) SUMMARY:/;/'
}

# sanitized TOOL PROGRAM FILTER
sanitized() {
  device_tests "$2" "$3" "$(cuda_program compute-sanitizer)" --tool "$1" --error-exitcode 9 \
    --print-limit 30
}

# raced PROGRAM FILTER: with the attention of sm_80 on, since racecheck does not follow an order that
# goes over mbarriers and TMA copies, as in the kernels for sm_90a.
raced() {
  DNABIRD_CUDA_ATTENTION=mma sanitized racecheck "$1" "$2"
}

# scores FILE: a line for each number of each allele.
scores() {
  awk -F '\t' '!/^#/ {
    fields = split($8, field, ";")
    for (i = 1; i <= fields; ++i) {
      if (field[i] !~ /^DNABIRD_/) continue
      at = index(field[i], "=")
      values = split(substr(field[i], at + 1), value, ",")
      for (v = 1; v <= values; ++v)
        print $1 ":" $2 ":" $4 ":" $5, substr(field[i], 1, at) v, value[v]
    }
  }' "$1"
}

# scores_agree FILE FILE TOLERANCE
scores_agree() {
  paste -d ' ' <(scores "$1") <(scores "$2") | awk -v most="$3" '
    $1 != $4 || $2 != $5 { ++other; next }
    $3 == $6 { ++equal; next }
    $3 !~ /[0-9]/ || $6 !~ /[0-9]/ { ++other; next }
    { d = $3 - $6; if (d < 0) d = -d; if (d > largest) largest = d; ++near }
    END {
      printf "%d values, largest difference %.1e (at most %s), %d of another kind\n",
        equal + near + other, largest, most, other
      exit !(equal + near > 0 && other == 0 && largest <= most)
    }'
}

# score DEVICE PRECISION OUTPUT
score() {
  "$build/dnabird" score -q -m "$root/models/promoter-small" -f "$root/tests/data/small.fa" \
    --device "$1" --precision "$2" -o "$3" "$root/tests/data/small.vcf"
}

# score_like_cpu PRECISION TOLERANCE: against the CPU in f32, and a second run, byte by byte.
score_like_cpu() {
  score "$device" "$1" "$scratch/a.vcf" && score "$device" "$1" "$scratch/b.vcf" || return 1
  if ! same_scores "$scratch/a.vcf" "$scratch/b.vcf"; then
    echo "two runs differ"
    return 1
  fi
  scores_agree "$scratch/cpu.vcf" "$scratch/a.vcf" "$2"
}

# same_scores FILE FILE: but for the command lines.
same_scores() {
  cmp <(grep -v '^##dnabirdCommand' "$1") <(grep -v '^##dnabirdCommand' "$2")
}

# with_graphs COMMAND...: batches and passes as CUDA graphs.
with_graphs() {
  DNABIRD_CUDA_GRAPHS=on "$@"
}

# train DEVICE PRECISION FOLDER
train() {
  "$build/dnabird" pretrain -q --architecture "$root/models/promoter-small/architecture.json" \
    --window 300 --steps 30 --batch-size 16 --device "$1" --precision "$2" -o "$3" \
    "$root/tests/data/small.fa"
}

last_loss() {
  grep -oE '"loss": *[-0-9.e+]+' "$1/train_log.jsonl" | tail -1 | grep -oE '[-0-9.e+]+$'
}

# train_like_cpu PRECISION TOLERANCE: of the last loss, relative; two runs give the same weights.
train_like_cpu() {
  local a=$scratch/a_$1_${DNABIRD_CUDA_GRAPHS-off} b=$scratch/b_$1_${DNABIRD_CUDA_GRAPHS-off}
  train "$device" "$1" "$a" && train "$device" "$1" "$b" || return 1
  if ! cmp "$a/model.safetensors" "$b/model.safetensors"; then
    echo "two runs differ"
    return 1
  fi
  awk -v a="$(last_loss "$scratch/cpu")" -v b="$(last_loss "$a")" -v most="$2" 'BEGIN {
    d = (a - b) / a; if (d < 0) d = -d
    printf "loss after 30 steps %s, of the CPU %s (at most %s apart)\n", b, a, most
    exit !(a != "" && b != "" && d <= most)
  }'
}

# score_speed RECORDS: single-base changes along the example's reference; how busy the card is.
score_speed() {
  zcat "$root/examples/score_vcf/chr20_140kb.fa.gz" | awk -v records="$1" '
    BEGIN { print "##fileformat=VCFv4.2\n##contig=<ID=z>"
      print "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO" }
    !/^>/ {
      for (i = 1; i <= length($0) && made < records; ++i) {
        base = toupper(substr($0, i, 1)); ++position
        if (position <= 2000 || base !~ /[ACGT]/) continue
        printf "z\t%d\t.\t%s\t%s\t.\t.\t.\n", position, base, base == "A" ? "C" : "A"; ++made
      }
    }' >"$scratch/many.vcf"
  nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits -lms 100 \
    >"$scratch/busy" 2>/dev/null &
  local sampler=$! begin=$EPOCHREALTIME code end scored=$scratch/many_scored_${DNABIRD_CUDA_GRAPHS-off}.vcf
  "$build/dnabird" score -m "$root/models/promoter-small" \
    -f "$root/examples/score_vcf/chr20_140kb.fa.gz" --device "$device" -o "$scored" "$scratch/many.vcf"
  code=$? end=$EPOCHREALTIME
  kill "$sampler" 2>/dev/null
  awk -v records="$1" -v begin="$begin" -v end="$end" '
    { busy[++n] = $1 }
    END {
      first = 1; while (first < n && busy[first] + 0 == 0) ++first
      last = n; while (last > first && busy[last] + 0 == 0) --last
      for (i = first; i <= last; ++i) sum += busy[i]
      printf "%d variants in %.1f s with the start: %.2f million an hour; card busy %.0f %%\n",
        records, end - begin, records / (end - begin) * 0.0036, n ? sum / (last - first + 1) : 0
    }' "$scratch/busy"
  return "$code"
}

benchmarks() {
  "$build/dnabird_bench" --device "$device" 2>&1
  local code=$?
  [ "$code" -eq 0 ] && echo "the log has the table"
  return "$code"
}

# --- running them ------------------------------------------------------------------------------

# step LOG SECONDS NAME COMMAND...
step() {
  local log=$out/$1.log limit=$2 name=$3 left=$((deadline - SECONDS)) begin=$SECONDS code result
  shift 3
  if [ "$left" -lt "$limit" ]; then limit=$left; fi
  printf '\n== %s\n' "$name" >>"$log"
  if [ "$limit" -lt 3 ]; then
    code=124 limit=0
  else
    timeout -k 5 "$limit" bash -c '"$@"' step "$@" >"$scratch/output" 2>&1
    code=$?
    # A run that says too much keeps its beginning and its end.
    if [ "$(stat -c %s "$scratch/output")" -gt 2000000 ]; then
      { head -c 1000000 "$scratch/output"; printf '\n[...]\n'; tail -c 1000000 "$scratch/output"; } >>"$log"
    else
      cat "$scratch/output" >>"$log"
    fi
  fi
  result=$(grep -v '^ *$' "$scratch/output" 2>/dev/null | tail -n 1 | tr -d '|\r' | cut -c -200)
  case $code in
    0) result="passed${result:+: $result}" ;;
    124 | 137) result="FAILED: stopped after $limit s" ;;
    *) result="FAILED ($code): $result" ;;
  esac
  [ "$code" -eq 0 ] || failed=1
  rows+=("| $name | $result | $((SECONDS - begin)) |")
  echo "${rows[-1]}"
  rm -f "$scratch/output"
}

if [ $# -eq 2 ]; then
  deadline=285
  open_build "$2" || exit 2
else
  build=$root/build-gpu
fi
use_libraries "$build"
export build
export -f show_device build_all device_tests sanitizer_verdict sanitized raced scores scores_agree score \
  score_like_cpu same_scores with_graphs train last_loss train_like_cpu score_speed benchmarks \
  card_architecture cuda_program
export DNABIRD_TEST_DATA=$root/tests/data

rm -f "$out"/{build,tests,commands,graphs,sanitizer,bench}.log "$out/table.md"
[ $# -eq 2 ] || step build 270 build build_all
step tests 20 device show_device
step tests 20 'products of cuBLASLt' "$build/cuda_products_test"
step tests 60 kernels_tests device_tests kernels_tests "$device_filter"
step tests 30 ops_tests device_tests ops_tests "$device_filter"
step tests 45 model_tests device_tests model_tests "$device_filter"
step tests 45 train_tests device_tests train_tests "$device_filter"
step commands 60 'score, CPU' score cpu f32 "$scratch/cpu.vcf"
step commands 30 'score, f32' score_like_cpu f32 1e-4
step commands 30 'score, bf16' score_like_cpu bf16 2e-2
step commands 60 'pretrain, CPU' train cpu f32 "$scratch/cpu"
step commands 30 'pretrain, f32' train_like_cpu f32 1e-3
step commands 30 'pretrain, bf16' train_like_cpu bf16 2e-2
step bench 100 benchmarks benchmarks
step commands 40 'score, speed' score_speed 130000
step graphs 30 'pretrain, bf16, graphs' with_graphs train_like_cpu bf16 2e-2
step graphs 40 'score, graphs' with_graphs score_speed 130000
step graphs 5 'score, graphs, bytes' same_scores "$scratch/many_scored_off.vcf" \
  "$scratch/many_scored_on.vcf"
step graphs 100 'benchmarks, graphs' with_graphs benchmarks
step sanitizer 60 memcheck sanitized memcheck kernels_tests "$memcheck_filter"
step sanitizer 60 racecheck raced kernels_tests "$racecheck_filter"

{
  echo "gpu_check.sh, $(date -u +%Y-%m-%d), commit $(commit_of "$build"), $(card_name)"
  echo
  echo '| step | result | seconds |'
  echo '|---|---|---|'
  printf '%s\n' "${rows[@]}"
} >"$out/table.md"
cat "$out/table.md"
exit "$failed"
