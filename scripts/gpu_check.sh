#!/usr/bin/env bash
# Checks dnabird on a CUDA device: tests, commands against the CPU, compute-sanitizer, benchmarks.
#   gpu_check.sh OUT          builds for this card first (in build-gpu/); under 9 minutes in all
#   gpu_check.sh OUT BUILD    BUILD: a build folder, or what gpu_bundle.sh made; under 5 minutes
# Goes on after a failure. OUT gets table.md (also printed last) and the logs; exit code 1 if a step
# failed. Takes the first card, and all that are visible together: CUDA_VISIBLE_DEVICES=1 for another.
set -uo pipefail
if [ $# -lt 1 ] || [ $# -gt 2 ] || [ "${1:0:1}" = - ]; then
  sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export root
source "$root/scripts/gpu_environment.sh"
if ! mkdir -p "$1" 2>/dev/null || ! out=$(cd "$1" && pwd) || [ ! -w "$out" ]; then
  echo "gpu_check.sh: $1 cannot be made or written; name a folder for the logs" >&2
  exit 2
fi
scratch=$(mktemp -d) || exit 2
export scratch
deadline=520  # seconds; a step may need 5 more to end
rows=() failed=0 running=
trap 'rm -rf "$scratch"' EXIT
# A step is a process group of its own, which Ctrl-C does not reach; timeout hands TERM on to it.
trap '[ -z "$running" ] || { kill "$running"; wait "$running"; } 2>/dev/null; exit 130' INT TERM

# --- what the steps do: each prints its log, the last line is its result in the table -----------

show_device() {
  nvidia-smi -i "$card"
  "$build/dnabird" info && usable_cards >"$scratch/cards" && head -1 "$scratch/cards"
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
  local program=$1 filter=$2 log=$scratch/tests code
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

# numbers_agree FILE FILE TOLERANCE: word by word, numbers within it; nan equals nan.
numbers_agree() {
  paste -d '\n' <(tr -s '\t ' '\n' <"$1") <(tr -s '\t ' '\n' <"$2") |
    awk -v most="$3" -v number='^[-+]?[0-9]*[.]?[0-9]+(e[-+]?[0-9]+)?$' '
    NR % 2 == 1 { a = $0; next }
    a "" == $0 "" { if (a ~ number) ++equal; next }
    a !~ number || $0 !~ number { ++other; next }
    { d = a - $0; if (d < 0) d = -d; if (d > largest) largest = d; ++near }
    END {
      printf "%d numbers, largest difference %.1e (at most %s), %d words of another kind\n",
        equal + near, largest, most, other
      exit !(equal + near > 0 && other == 0 && largest <= most)
    }'
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

# score DEVICE PRECISION OUTPUT
score() {
  "$build/dnabird" score -q -m "$root/models/promoter-small" -f "$root/tests/data/small.fa" \
    --device "$1" --precision "$2" -o "$3" "$root/tests/data/small.vcf"
}

# score_like_cpu PRECISION TOLERANCE: against the CPU in f32, and a second run, byte by byte.
score_like_cpu() {
  score cuda "$1" "$scratch/a.vcf" && score cuda "$1" "$scratch/b.vcf" &&
    same_scores "$scratch/a.vcf" "$scratch/b.vcf" &&
    numbers_agree <(scores "$scratch/cpu.vcf") <(scores "$scratch/a.vcf") "$2"
}

# same_scores FILE FILE: but for the command lines.
same_scores() {
  if [ ! -s "$1" ] || [ ! -s "$2" ]; then
    echo "nothing to compare: $(basename -a "$1" "$2" | paste -sd ' ') are not both there"
    return 1
  fi
  cmp <(grep -v '^##dnabirdCommand' "$1") <(grep -v '^##dnabirdCommand' "$2") && return
  echo "two runs differ"
  return 1
}

# annotate, embed and evaluate DEVICE OUTPUT: numbers in f32.
annotate() {
  "$build/dnabird" annotate -q -m "$root/models/promoter-small" --threshold 0.5 -r z:1-2500 \
    --device "$1" --precision f32 "$root/tests/data/small.fa" | cut -f 1-4,6-8 | grep -v '^#' >"$2"
}

embed() {
  "$build/dnabird" embed -q -m "$root/models/promoter-small" --device "$1" --precision f32 \
    "$(few_promoters)" | grep -v '^#' >"$2"
}

evaluate() {
  "$build/dnabird" evaluate -q -m "$root/models/promoter-small" --data "$(few_promoters)" \
    --device "$1" --precision f32 --predictions "$2" >"$2.table"
}

# few_promoters: a file of the first of the example's, of either class.
few_promoters() {
  zcat "$root/examples/promoters/dev.csv.gz" | head -41 >"$scratch/few.csv"
  echo "$scratch/few.csv"
}

# like_cpu COMMAND TOLERANCE
like_cpu() {
  "$1" cpu "$scratch/$1_cpu" && "$1" cuda "$scratch/$1_cuda" &&
    numbers_agree "$scratch/$1_cpu" "$scratch/$1_cuda" "$2"
}

# with_graphs COMMAND...: batches and passes as CUDA graphs.
with_graphs() {
  DNABIRD_CUDA_GRAPHS=on "$@"
}

# pretrain and finetune DEVICE PRECISION FOLDER
pretrain() {
  "$build/dnabird" pretrain -q --architecture "$root/models/promoter-small/architecture.json" \
    --window 300 --steps 30 --batch-size 16 --device "$1" --precision "$2" -o "$3" \
    "$root/tests/data/small.fa"
}

finetune() {
  "$build/dnabird" finetune -q -m "$root/models/promoter-small" --task promoter --steps 10 \
    --batch-size 16 --train "$root/examples/promoters/train.csv.gz" --dev "$(few_promoters)" \
    --device "$1" --precision "$2" -o "$3"
}

# last_loss FOLDER: of the last step, or of what came behind it.
last_loss() {
  grep -oE '"loss": *[-0-9.e+]+' "$1/train_log.jsonl" | tail -1 | grep -oE '[-0-9.e+]+$'
}

# train_like COMMAND FOLDER DEVICE PRECISION TOLERANCE: the last loss as in FOLDER, relative; two runs
# give the same weights.
train_like() {
  local name a b
  name=$scratch/$1_${3//:/_}_$4_$DNABIRD_CUDA_GRAPHS
  a=${name}_a b=${name}_b
  "$1" "$3" "$4" "$a" && "$1" "$3" "$4" "$b" || return 1
  if ! cmp "$a/model.safetensors" "$b/model.safetensors"; then
    echo "two runs differ"
    return 1
  fi
  awk -v a="$(last_loss "$scratch/$2")" -v b="$(last_loss "$a")" -v most="$5" 'BEGIN {
    d = a == 0 ? 1 : (a - b) / a; if (d < 0) d = -d
    printf "last loss %s, expected %s (at most %s apart)\n", b, a, most
    exit !(a != "" && b != "" && d <= most)
  }'
}

# score_speed DEVICE OUTPUT: single-base changes along the example's reference; how busy the card is.
score_speed() {
  local records=130000
  zcat "$root/examples/score_vcf/chr20_140kb.fa.gz" | awk -v records="$records" '
    BEGIN { print "##fileformat=VCFv4.2\n##contig=<ID=z>"
      print "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO" }
    !/^>/ {
      for (i = 1; i <= length($0) && made < records; ++i) {
        base = toupper(substr($0, i, 1)); ++position
        if (position <= 2000 || base !~ /[ACGT]/) continue
        printf "z\t%d\t.\t%s\t%s\t.\t.\t.\n", position, base, base == "A" ? "C" : "A"; ++made
      }
    }' >"$scratch/many.vcf"
  nvidia-smi -i "$card" --query-gpu=utilization.gpu --format=csv,noheader,nounits -lms 100 \
    >"$scratch/busy" 2>/dev/null &
  local sampler=$! begin=$EPOCHREALTIME code end
  "$build/dnabird" score -m "$root/models/promoter-small" \
    -f "$root/examples/score_vcf/chr20_140kb.fa.gz" --device "$1" -o "$2" "$scratch/many.vcf"
  code=$? end=$EPOCHREALTIME
  kill "$sampler" 2>/dev/null
  [ "$code" -eq 0 ] || return "$code"
  awk -v records="$records" -v begin="$begin" -v end="$end" '
    { busy[++n] = $1 }
    END {
      first = 1; while (first < n && busy[first] + 0 == 0) ++first
      last = n; while (last > first && busy[last] + 0 == 0) --last
      for (i = first; i <= last; ++i) sum += busy[i]
      printf "%d variants in %.1f s with the start: %.2f million an hour; card busy %.0f %%\n",
        records, end - begin, records / (end - begin) * 0.0036, n ? sum / (last - first + 1) : 0
    }' "$scratch/busy"
}

benchmarks() {
  "$build/dnabird_bench" --device cuda && echo "the log has the table"
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
    timeout -k 5 "$limit" bash -o pipefail -c '"$@"' step "$@" >"$scratch/output" 2>&1 &
    running=$!
    wait "$running"
    code=$? running=
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

# step_of_several LOG SECONDS NAME COMMAND...: where there are two cards or more.
step_of_several() {
  if [ -n "$(sed -n 2p "$scratch/cards" 2>/dev/null)" ]; then
    step "$@"
  else
    rows+=("| $3 | skipped: no second card | 0 |")
    echo "${rows[-1]}"
  fi
}

if [ $# -eq 2 ]; then
  deadline=280
  open_build "$2" || exit 2
else
  build=$root/build-gpu
fi
use_libraries "$build"
export build
export -f show_device build_all device_tests sanitizer_verdict sanitized raced numbers_agree scores \
  score score_like_cpu same_scores annotate embed evaluate few_promoters like_cpu with_graphs pretrain \
  finetune last_loss train_like score_speed benchmarks usable_cards card_architecture cuda_program
export DNABIRD_TEST_DATA=$root/tests/data DNABIRD_CUDA_GRAPHS=off

rm -f "$out"/{build,tests,commands,several,graphs,sanitizer,bench}.log "$out/table.md"
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
step commands 60 'pretrain, CPU' pretrain cpu f32 "$scratch/pretrain_cpu"
step commands 30 'pretrain, f32' train_like pretrain pretrain_cpu cuda f32 1e-3
step commands 30 'pretrain, bf16' train_like pretrain pretrain_cpu cuda bf16 2e-2
step commands 60 'finetune, CPU' finetune cpu f32 "$scratch/finetune_cpu"
step commands 30 'finetune, f32' train_like finetune finetune_cpu cuda f32 1e-3
step commands 30 'annotate, f32' like_cpu annotate 1e-4
step commands 20 'embed, f32' like_cpu embed 1e-4
step commands 20 'evaluate, f32' like_cpu evaluate 2e-4
step bench 100 benchmarks benchmarks
step commands 40 'score, speed' score_speed cuda "$scratch/many_off.vcf"
step_of_several several 40 'score, all cards' score_speed cuda:all "$scratch/many_all.vcf"
step_of_several several 5 'score, all cards, bytes' same_scores "$scratch"/many_{off,all}.vcf
step_of_several several 40 'pretrain, all cards' train_like pretrain pretrain_cuda_f32_off_a \
  cuda:all f32 1e-3
step graphs 30 'pretrain, bf16, graphs' with_graphs train_like pretrain pretrain_cpu cuda bf16 2e-2
step graphs 40 'score, graphs' with_graphs score_speed cuda "$scratch/many_on.vcf"
step graphs 5 'score, graphs, bytes' same_scores "$scratch"/many_{off,on}.vcf
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
