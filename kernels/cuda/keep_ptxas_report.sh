#!/usr/bin/env bash
# keep_ptxas_report.sh COMMAND...: runs a compiler, and keeps what it says (ptxas -v: registers,
# spills, shared memory) beside the object as OBJECT.ptxas for tests/kernels/cuda_budget.sh.
set -uo pipefail
object=
previous=
for argument in "$@"; do
  if [ "$previous" = -o ]; then object=$argument; fi
  previous=$argument
done
if [ -z "$object" ]; then exec "$@"; fi
"$@" 2>"$object.ptxas"
code=$?
# The report itself is of no interest to somebody who builds; everything else is.
grep -vE '^(ptxas info|ptxas \. *:|[[:space:]]+[0-9]+ bytes stack frame|[[:space:]]*$)' "$object.ptxas" >&2
exit "$code"
