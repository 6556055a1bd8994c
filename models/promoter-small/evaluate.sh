#!/usr/bin/env bash
# Measures a model as its card reports it; tables go into WORK.
#   bash models/promoter-small/evaluate.sh DATA WORK [MODEL]     MODEL: default WORK/promoter-small
# DATA and WORK as for train.sh, which must have run (its training sets feed the baselines).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dnabird=$(realpath "${DNABIRD:-$here/../../build/dnabird}")
if [ $# -lt 2 ] || [ $# -gt 3 ]; then
  sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
model=$(realpath "${3:-$2/promoter-small}")
ln -sfn "$(realpath "$1")" "$2/data"
cd "$2"

dev=data/promoter_300bp/dev.csv.gz
"$dnabird" evaluate -m "$model" --data $dev -o promoter_300bp.tsv --baselines \
  --train data/promoter_300bp/train.csv.gz
"$dnabird" evaluate -m "$model" --data $dev --masked-lm -o masked_lm.tsv --train promoters.csv.gz
"$dnabird" evaluate -m "$model" -f data/mpra_saturation/elements.fa \
  --variants data/mpra_saturation/dev.vcf.gz --truth INFO/EFFECT --min INFO/BARCODES:10 \
  -o mpra_saturation.tsv
annotation=data/promoter_annotation
"$dnabird" annotate -m "$model" $annotation/dev_chr1_6mb_8mb.fa.gz --threshold 0.5 -o annotation.bed
"$dnabird" evaluate --annotation annotation.bed --thresholds 0.9,0.99,0.996 \
  --truth-bed $annotation/dev_chr1_6mb_8mb.tss.bed -o annotation.tsv
