#!/usr/bin/env bash
# cuda_budget.sh ARCHITECTURES BUDGET REPORT...: holds what `ptxas -v` said of each attention kernel against the
# budget: no stack, no spills, registers and static shared memory within it, and the planned thread
# blocks fit a multiprocessor. Every kernel must have a line in the budget, every line of the
# ARCHITECTURES ("sm_80 sm_90a") that were built a kernel.
# cuda_budget.sh --self-test: proves that each of these can fail.
set -uo pipefail

# A multiprocessor: shared memory, threads, thread blocks (CUDA C++ Programming Guide, "Technical
# Specifications per Compute Capability"); 65,536 registers in four parts, of which warps take 256 at a time; each
# thread block takes 1,024 bytes of shared memory for the system.
check() {
  local built=$1
  shift
  awk -v built=" $built " '
    function fail(text) { print text; failures++ }
    function blocks_that_fit(arch, threads, shared, registers,   warps, by_registers, n) {
      warps = int((threads + 31) / 32)
      by_registers = int(int(65536 / (int((registers * 32 + 255) / 256) * 256) / 4) * 4 / warps)
      n = by_registers
      if (int(most_shared[arch] / (shared + 1024)) < n) n = int(most_shared[arch] / (shared + 1024))
      if (int(most_threads[arch] / (warps * 32)) < n) n = int(most_threads[arch] / (warps * 32))
      if (most_blocks[arch] < n) n = most_blocks[arch]
      return n
    }
    function limits(arch, shared, threads, blocks) {
      most_shared[arch] = shared * 1024; most_threads[arch] = threads; most_blocks[arch] = blocks
    }
    BEGIN {
      limits("sm_80", 164, 2048, 32); limits("sm_86", 100, 1536, 16); limits("sm_89", 100, 1536, 24)
      limits("sm_90a", 228, 2048, 32); limits("sm_100", 228, 2048, 32)
    }
    FNR == 1 { file++ }
    file == 1 && /^#/ { next }
    file == 1 && NF == 6 {
      line = $1 " " $2
      built_for[line] = $2; threads[line] = $3; shared[line] = $4; registers[line] = $5; blocks[line] = $6
      if (!($2 in most_shared)) fail($2 ": no such architecture in cuda_budget.sh")
      else if (blocks_that_fit($2, $3, $4, $5) < $6)
        fail(line ": " blocks_that_fit($2, $3, $4, $5) " thread blocks fit, planned are " $6)
      next
    }
    /Potential Performance Loss|serialized/ { fail(FILENAME ": " $0) }
    /Compiling entry function/ {
      kernel = ""
      if (match($0, /attention_[a-z_]+/)) {
        kernel = substr($0, RSTART, RLENGTH)
        rest = substr($0, RSTART + RLENGTH)
        if (match(rest, /^ILi[0-9]+E/)) kernel = kernel "<" substr(rest, 4, RLENGTH - 4) ">"
        else if (rest ~ /Bf16Element/) kernel = kernel "<bf16>"
        else if (rest ~ /F32Element/) kernel = kernel "<f32>"
        match($0, /sm_[0-9]+a?/)
        kernel = kernel " " substr($0, RSTART, RLENGTH)
        if (!(kernel in registers)) { fail(kernel ": not in the budget"); kernel = "" }
        else seen[kernel] = 1
      }
    }
    kernel != "" && /bytes stack frame/ {
      if ($0 !~ /0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads/ || $0 ~ /[1-9]0 bytes/)
        fail(kernel ": " $0)
    }
    kernel != "" && /Used [0-9]+ registers/ {
      match($0, /Used [0-9]+/); used = substr($0, RSTART + 5, RLENGTH - 5) + 0
      if (used > registers[kernel]) fail(kernel ": " used " registers, allowed are " registers[kernel])
      static = 0
      if (match($0, /[0-9]+ bytes smem/)) static = substr($0, RSTART, RLENGTH) + 0
      if (static > shared[kernel]) fail(kernel ": " static " bytes of shared memory, allowed are " shared[kernel])
    }
    END {
      for (line in registers)
        if (!(line in seen) && index(built, " " built_for[line] " ")) fail(line ": in the budget, but not in the reports")
      n = 0; for (line in seen) n++
      if (n == 0) fail("no attention kernel in the reports")
      if (!failures) print n " kernels within their budget"
      exit failures > 0
    }' "$@"
}

# expect TEXT BUDGET-LINE REPORT-LINES...: the check fails and says TEXT; with TEXT empty it passes.
expect() {
  local text=$1 output code=0
  printf '%s\n' "$2" >"$folder/budget"
  shift 2
  printf '%s\n' "$@" >"$folder/report"
  output=$(check 'sm_80 sm_86' "$folder/budget" "$folder/report") || code=1
  if [ -z "$text" ] && [ "$code" -ne 0 ] || { [ -n "$text" ] && { [ "$code" -eq 0 ] || ! grep -qF "$text" <<<"$output"; }; }; then
    echo "expected '$text', got: $output"
    failures=$((failures + 1))
  fi
}

self_test() {
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  failures=0
  local entry="ptxas info : Compiling entry function '_ZN1a21attention_forward_mmaILi64EEEvNS1_13AttentionViewE' for 'sm_80'"
  local clean='    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads'
  local used='ptxas info : Used 142 registers, used 1 barriers, 480 bytes cmem[0]'
  local budget='attention_forward_mma<64> sm_80 128 32768 168 3'
  expect '' "$budget" "$entry" "$clean" "$used"
  expect '8 bytes stack' "$budget" "$entry" '    8 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads' "$used"
  expect '10 bytes spill' "$budget" "$entry" '    0 bytes stack frame, 10 bytes spill stores, 0 bytes spill loads' "$used"
  expect '20 bytes spill' "$budget" "$entry" '    0 bytes stack frame, 0 bytes spill stores, 20 bytes spill loads' "$used"
  expect '169 registers' "$budget" "$entry" "$clean" 'ptxas info : Used 169 registers'
  expect '40000 bytes of shared' "$budget" "$entry" "$clean" 'ptxas info : Used 9 registers, 40000 bytes smem'
  expect 'not in the budget' '# none' "$entry" "$clean" "$used"
  expect 'not in the reports' 'attention_forward_mma<32> sm_80 128 32768 128 3' "$entry" "$clean" "$used"
  expect '' "$budget"$'\nattention_forward_mma<64> sm_89 128 32768 168 3' "$entry" "$clean" "$used"
  expect '3 thread blocks fit, planned are 4' 'attention_forward_mma<64> sm_80 128 32768 168 4' "$entry" "$clean" "$used"
  expect '2 thread blocks fit, planned are 3' 'attention_forward_mma<64> sm_86 128 35000 128 3' "$entry" "$clean" "$used"
  expect 'serialized' "$budget" "$entry" "$clean" "$used" 'wgmma.mma_async instructions are serialized'
  expect 'no attention kernel' '# none' 'nothing'
  echo "$failures of the self-test wrong"
  [ "$failures" -eq 0 ]
}

case ${1:-} in
  --self-test) self_test ;;
  '' | -*) echo "usage: cuda_budget.sh ARCHITECTURES BUDGET REPORT... | --self-test" >&2; exit 2 ;;
  *) check "$@" ;;
esac
