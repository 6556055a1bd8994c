#!/usr/bin/env python3
"""What the promoter model is fine-tuned on, as CSV (sequence,label,source) on stdout.

All of it comes from training data:
  the rows of labelled sets, each sequence once;
  promoters of further sets, whose own negatives answer another question (label 1 only);
  substituted  a promoter cut into 20 pieces of 15 bases, of which 8 stay (the last one always) and
               12 become random bases: the protocol of DeePromoter (Oubounyt et al. 2019), by which
               most of the dev set's own negatives were made;
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


class TrainingSet:
    """Writes each sequence once, and none that shares a 24-mer with the dev set."""

    def __init__(self, kmers, out):
        self.kmers, self.seen, self.left_out = kmers, set(), 0
        self.out = csv.writer(out, lineterminator="\n")
        self.out.writerow(["sequence", "label", "source"])

    def add(self, sequence, label, source):
        """Whether it was written."""
        if sequence in self.seen:
            return False
        self.seen.add(sequence)
        if overlaps(sequence, self.kmers):
            self.left_out += 1
            return False
        self.out.writerow([sequence, label, source])
        return True


def read_start_sites(paths):
    start_sites = {}
    for path in paths:
        with open_text(path) as file:
            for line in file:
                contig, begin = line.split("\t")[:2]
                start_sites.setdefault(contig, []).append(int(begin))
    return start_sites


def name_of(path):
    return path.split("/")[-2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labelled", required=True, nargs="+", help="train sets, CSV")
    parser.add_argument("--promoters", nargs="*", default=[],
                        help="train sets of which the promoters alone are used, CSV")
    parser.add_argument("--dev", required=True, help="dev set, CSV")
    parser.add_argument("--genome", nargs="+", required=True, help="FASTA files to draw from")
    parser.add_argument("--start-sites", nargs="*", default=[], help="BED files of start sites")
    parser.add_argument("--per-promoter", type=int, default=2, help="substituted per promoter")
    parser.add_argument("--windows", type=int, default=6000, help="windows from the genome")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    rng = random.Random(options.seed)
    kmers = shared_kmers(sequence for sequence, _ in read_csv(options.dev))
    rows = TrainingSet(kmers, sys.stdout)
    promoters = []
    for path in options.labelled + options.promoters:
        for sequence, label in read_csv(path):
            if len(sequence) != LENGTH or (label != "1" and path not in options.labelled):
                continue
            if rows.add(sequence, label, name_of(path)) and label == "1":
                promoters.append(sequence)
    for promoter in promoters:
        for _ in range(options.per_promoter):
            rows.add(substitute(promoter, rng), 0, "substituted")
    start_sites = read_start_sites(options.start_sites)
    for window in draw_windows(options.genome, start_sites, options.windows, kmers, rng):
        rows.add(window, 0, "genome")
    print(f"make_training_set: {rows.left_out} sequences shared a {SHARED}-mer with the dev set "
          "and were left out", file=sys.stderr)


if __name__ == "__main__":
    main()
