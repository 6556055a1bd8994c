#!/usr/bin/env bash
# Makes the model that ships: gathers a training set, pretrains, fine-tunes.
#   bash models/promoter-small/train.sh DATA WORK
# DATA holds the training data (folders promoter_300bp, genome, promoter_annotation, ...); WORK gets what
# is made, the model in WORK/promoter-small. A run that was interrupted goes on where it was. What shares a
# 24-mer with the dev set, on either strand, is left out of all training. Needs a built dnabird (or
# DNABIRD=binary) and Python 3; evaluate.sh measures the result.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dnabird=${DNABIRD:-$here/../../build/dnabird}
if [ $# -ne 2 ]; then
  sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
mkdir -p "$2"
# Paths below are relative, so that the model's provenance names no machine.
dnabird=$(realpath "$dnabird")
ln -sfn "$(realpath "$1")" "$2/data"
cp "$here/architecture.json" "$2"
cd "$2"

# whole FILE: standard input becomes FILE when all of it has come.
whole() { gzip -n >"$1.part" && mv "$1.part" "$1"; }
# resume FOLDER: --resume if a run has left a checkpoint there.
resume() { if [ -e "$1/checkpoint.safetensors" ]; then echo --resume; fi; }

genome=data/genome
dev=data/promoter_300bp/dev.csv.gz
train=data/promoter_300bp/train.csv.gz

# Promoters of every task's train set, once each, without labels.
{
  echo sequence
  for task in promoter_300bp promoter_substituted_300bp promoter_random_substituted_300bp \
    promoter_tata_300bp; do
    zcat "data/$task/train.csv.gz" | awk -F, 'NR > 1 && $2 == 1 { print $1 }'
  done | LC_ALL=C sort -u
} | whole promoters.csv.gz

python3 "$here/make_training_set.py" --dev $dev \
  --labelled $train data/promoter_tata_300bp/train.csv.gz \
  --promoters data/promoter_substituted_300bp/train.csv.gz \
  --genome $genome/hg38_chr1_6mb.fa.gz $genome/hg38_chr2_2mb.fa.gz \
  $genome/hg19_chr22_blocks.fa.gz \
  --start-sites data/promoter_annotation/hg38_chr1_6mb.tss.bed \
  data/promoter_annotation/hg19_chr22_blocks.tss.bed \
  --per-promoter 2 --windows 6000 --seed 1 | whole labelled.csv.gz

sequences="promoters.csv.gz $genome/human_contigs.fa.gz $genome/hg38_chr1_6mb.fa.gz
  $genome/hg38_chr2_2mb.fa.gz $genome/hg19_chr22_blocks.fa.gz $genome/human_clones.fa.gz
  $genome/vertebrates_ENm001_ENm002.fa.gz"
masks="--mask-least 4 --mask-most 9 --mask-fraction 0.2"

# Overlapping k-mers are learnt in short windows first, of which a step holds many more.
if [ ! -e short/config.json ]; then
  "$dnabird" pretrain --architecture architecture.json -o short --window 40 --exclude $dev \
    --steps 2000 --eval-every 500 --batch-size 64 --lr 1e-3 $masks --weights 4,1,1,1,1,1,1 \
    --seed 1 $(resume short) $sequences
fi

if [ ! -e pretrained/config.json ]; then
  "$dnabird" pretrain -m short -o pretrained --window 300 --dev $dev --steps 3000 \
    --eval-every 1000 --batch-size 32 --lr 1e-3 --schedule cosine $masks \
    --weights 4,1,1,1,1,1,1 --seed 1 $(resume pretrained) $sequences
fi

if [ ! -e tuned/config.json ]; then
  "$dnabird" finetune -m pretrained --task promoter --train labelled.csv.gz --dev $dev \
    --class-weights balanced --window 300 --tss-offset 249 --steps 6000 --batch-size 32 \
    --lr 7e-4 --schedule cosine --average 0.999 --masked-lm-weight 0.2 $masks \
    --calibrate --eval-every 1000 --seed 1 -o tuned $(resume tuned)
fi

# Scoring hides a base or a few: both heads go on with such spans.
if [ ! -e promoter-small/config.json ]; then
  "$dnabird" finetune -m tuned --task promoter --train labelled.csv.gz --dev $dev \
    --class-weights balanced --window 300 --tss-offset 249 --steps 1000 --batch-size 32 \
    --lr 3e-4 --schedule cosine --average 0.99 --masked-lm-weight 1 --masked-rows 0.7 \
    --mask-least 1 --mask-most 6 --mask-fraction 0.2 --calibrate --eval-every 1000 --seed 2 \
    -o promoter-small $(resume promoter-small)
fi
