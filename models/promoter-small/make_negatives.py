#!/usr/bin/env python3
"""Further negatives for promoter_300bp, as CSV (sequence,label,source) on stdout.

Two kinds, both made from training data only:
  substituted  a training promoter cut into 20 pieces of 15 bases, of which 8 stay (the last one
               always) and 12 become random bases: the protocol of DeePromoter (Oubounyt et al.
               2019), by which most of the task's own negatives were made;
  genome       300 bases drawn from FASTA files, either strand, with at most 10 % N and at least
               1,000 bases from every start site named in a BED file.
Whatever shares a 24-mer with the dev set, on either strand, is left out. Needs Python 3 only.
"""
import argparse
import csv
import gzip
import random
import sys

LENGTH, PIECE, KEPT, SHARED = 300, 15, 8, 24
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def open_text(path):
    return gzip.open(path, "rt") if path.endswith(".gz") else open(path, encoding="ascii")


def read_csv(path):
    with open_text(path) as file:
        return [(row["sequence"].upper(), row["label"]) for row in csv.DictReader(file)]


def read_fasta(path):
    name, parts = None, []
    with open_text(path) as file:
        for line in file:
            if line.startswith(">"):
                if name is not None:
                    yield name, "".join(parts).upper()
                name, parts = line[1:].split()[0], []
            else:
                parts.append(line.strip())
    if name is not None:
        yield name, "".join(parts).upper()


def reverse_complement(sequence):
    return sequence.translate(COMPLEMENT)[::-1]


def shared_kmers(sequences):
    kmers = set()
    for sequence in sequences:
        for strand in (sequence, reverse_complement(sequence)):
            kmers.update(strand[i:i + SHARED] for i in range(len(strand) - SHARED + 1))
    return kmers


def overlaps(sequence, kmers):
    return any(sequence[i:i + SHARED] in kmers for i in range(len(sequence) - SHARED + 1))


def substitute(promoter, rng):
    n_pieces = LENGTH // PIECE
    kept = set(rng.sample(range(n_pieces - 1), KEPT - 1)) | {n_pieces - 1}
    return "".join(
        promoter[i * PIECE:(i + 1) * PIECE] if i in kept
        else "".join(rng.choice("ACGT") for _ in range(PIECE))
        for i in range(n_pieces))


def draw_windows(paths, start_sites, count, kmers, rng):
    """`count` windows, each contig drawn by its length."""
    contigs = [contig for path in paths for contig in read_fasta(path)
               if len(contig[1]) >= LENGTH]
    weights = [len(sequence) for _, sequence in contigs]
    drawn = 0
    while drawn < count:
        name, sequence = rng.choices(contigs, weights)[0]
        begin = rng.randrange(len(sequence) - LENGTH + 1)
        window = sequence[begin:begin + LENGTH]
        near = any(begin - 1000 <= site < begin + LENGTH + 1000
                   for site in start_sites.get(name, ()))
        if near or sum(window.count(base) for base in "ACGT") < 0.9 * LENGTH:
            continue
        if rng.random() < 0.5:
            window = reverse_complement(window)
        if not overlaps(window, kmers):
            drawn += 1
            yield window


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", required=True, help="promoter_300bp train set, CSV")
    parser.add_argument("--dev", required=True, help="promoter_300bp dev set, CSV")
    parser.add_argument("--genome", nargs="+", required=True, help="FASTA files to draw from")
    parser.add_argument("--start-sites", nargs="*", default=[], help="BED files of start sites")
    parser.add_argument("--per-promoter", type=int, default=2, help="substituted per promoter")
    parser.add_argument("--windows", type=int, default=9000, help="windows from the genome")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    rng = random.Random(options.seed)
    kmers = shared_kmers(sequence for sequence, _ in read_csv(options.dev))
    start_sites = {}
    for path in options.start_sites:
        with open_text(path) as file:
            for line in file:
                contig, begin = line.split("\t")[:2]
                start_sites.setdefault(contig, []).append(int(begin))

    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["sequence", "label", "source"])
    left_out = 0
    for promoter, label in read_csv(options.train):
        if label != "1" or len(promoter) != LENGTH:
            continue
        for _ in range(options.per_promoter):
            negative = substitute(promoter, rng)
            if overlaps(negative, kmers):
                left_out += 1
            else:
                out.writerow([negative, 0, "substituted"])
    for window in draw_windows(options.genome, start_sites, options.windows, kmers, rng):
        out.writerow([window, 0, "genome"])
    print(f"make_negatives: {left_out} substituted promoters shared a {SHARED}-mer with the dev "
          "set and were left out", file=sys.stderr)


if __name__ == "__main__":
    main()
