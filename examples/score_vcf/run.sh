#!/usr/bin/env bash
# Installs what is missing (Debian 12), builds dnabird, and scores real variants of 1000 Genomes with
# the model that ships.
#   bash examples/score_vcf/run.sh [OUTPUT.vcf.gz]     default: scored.vcf.gz in build/
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
source "$root/scripts/install_packages.sh"

install_packages "${dnabird_build_packages[@]}"
# The tests need more packages than this: a new build folder goes without them.
tests=()
if [ ! -e "$root/build/CMakeCache.txt" ]; then tests=(-DDNABIRD_TESTS=OFF); fi
configure_and_build "$root" "$root/build" dnabird -DCMAKE_BUILD_TYPE=Release "${tests[@]}" >&2

output=${1:-$root/build/scored.vcf.gz}
"$root/build/dnabird" score -m promoter-small -f "$here/chr20_140kb.fa.gz" \
  "$here/chr20_140kb.1000g.vcf.gz" -o "$output"

echo
echo "$output, the first records (of INFO the DNABIRD_ tags only):"
zcat "$output" | awk -F '\t' '
  /^##/ || shown == 12 { next }
  {
    info = /^#/ ? "INFO" : ""
    n = split($8, tag, ";")
    for (i = 1; i <= n; ++i)
      if (tag[i] ~ /^DNABIRD_/) info = info (info == "" ? "" : ";") tag[i]
    printf "%-6s %-7s %-11.11s %-8.8s %-8.8s %s\n", $1, $2, $3, $4, $5, info
    ++shown
  }'
echo
echo "Alleles by status:"
zcat "$output" | awk '
  !/^#/ && match($0, /DNABIRD_STATUS=[A-Z_,]+/) {
    n = split(substr($0, RSTART + 15, RLENGTH - 15), status, ",")
    for (i = 1; i <= n; ++i) { ++count[status[i]]; ++all }
  }
  END { for (s in count) print count[s], s; print all + 0, "in all" }' | sort -rn
