#!/usr/bin/env python3
"""Speed of dnabird's commands: score, annotate, and VCF through without a model.

Sides that are compared take turns; the fastest run of each counts. Needs bcftools for `through`."""
import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="+", choices=["score", "annotate", "through", "threads"],
                        help="threads: score and annotate with all of --threads against one")
    parser.add_argument("--dnabird", required=True, help="the program, e.g. build/dnabird")
    parser.add_argument("--reference", help="FASTA of the variants")
    parser.add_argument("--variants", help="VCF, bgzip; for -r with its index")
    parser.add_argument("--region", help="-r of score: a part of the variants")
    parser.add_argument("--genome", help="FASTA to annotate")
    parser.add_argument("--genome-region", help="-r of annotate: a part of it")
    parser.add_argument("--model", help="-m; the shipped model if left out")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side")
    parser.add_argument("--records", type=int, default=500_000,
                        help="of the file of symbolic records")
    args = parser.parse_args()
    for task, needed in {"score": ("reference", "variants"), "through": ("reference", "variants"),
                         "annotate": ("genome",),
                         "threads": ("reference", "variants", "genome")}.items():
        missing = [name for name in needed if task in args.what and getattr(args, name) is None]
        if missing:
            parser.error(f"{task} needs --{missing[0]}")
    if "through" in args.what and shutil.which("bcftools") is None:
        parser.error("through needs bcftools")
    return args


def run(words):
    """Seconds, processor seconds, and what was said on standard error."""
    before = os.times()
    start = time.perf_counter()
    done = subprocess.run([str(word) for word in words], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - start
    after = os.times()
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}:\n{done.stderr}")
    processor = (after.children_user - before.children_user +
                 after.children_system - before.children_system)
    return seconds, processor, done.stderr


def turns(sides, rounds):
    """Name of each side to the fastest of its runs."""
    results = {name: [] for name in sides}
    for _ in range(rounds):
        for name, words in sides.items():
            results[name].append(run(words))
    return {name: min(runs) for name, runs in results.items()}


def optional(name, value):
    return [] if value is None else [name, value]


def score_words(args, threads, output):
    return [args.dnabird, "score", "-v", "--threads", threads, "-f", args.reference,
            *optional("-m", args.model), *optional("-r", args.region), args.variants, "-o", output]


def annotate_words(args, threads, output):
    return [args.dnabird, "annotate", "--threads", threads, *optional("-m", args.model),
            *optional("-r", args.genome_region), args.genome, "-o", output]


def count_records(path):
    with gzip.open(path, "rt") as file:
        return sum(not line.startswith("#") for line in file)


def score(args, folder):
    output = os.path.join(folder, "scored.vcf.gz")
    seconds, processor, said = min(run(score_words(args, args.threads, output))
                                   for _ in range(args.rounds))
    records = count_records(output)
    print(f"score, {records} records, {args.threads} threads: {seconds:.2f} s, "
          f"{records / seconds * 3600:,.0f} records an hour, "
          f"{processor / seconds:.2f} processors busy")
    for line in said.splitlines():
        if "encoder" in line:
            print(f"  {line}")


def annotate(args, folder):
    output = os.path.join(folder, "annotated.bed")
    seconds, processor, _ = min(run(annotate_words(args, args.threads, output))
                                for _ in range(args.rounds))
    bases = count_bases(args)
    print(f"annotate, {bases} bases, {args.threads} threads: {seconds:.2f} s, "
          f"{bases / seconds:,.0f} bases a second, {processor / seconds:.2f} processors busy")


def count_bases(args):
    """Of the region, or of the whole FASTA by its index."""
    if args.genome_region is not None:
        begin, end = re.fullmatch(r".*:([\d,]+)-([\d,]+)", args.genome_region).groups()
        return int(end.replace(",", "")) - int(begin.replace(",", "")) + 1
    with open(args.genome + ".fai") as file:
        return sum(int(line.split("\t")[1]) for line in file)


def write_symbolic(variants, path, records):
    """The records of a VCF over and over, each with the ALT <DEL>."""
    with gzip.open(variants, "rt") as file:
        lines = file.read().splitlines()
    header = [line for line in lines if line.startswith("#")]
    alts = '##ALT=<ID=DEL,Description="Deletion">'
    body = []
    for line in lines[len(header):]:
        fields = line.split("\t")
        fields[4] = "<DEL>"
        body.append("\t".join(fields))
    plain = path.removesuffix(".gz")
    with open(plain, "w") as file:
        file.write("\n".join([*header[:-1], alts, header[-1]]) + "\n")
        for i in range(records):
            file.write(body[i % len(body)] + "\n")
    with open(path, "wb") as file:
        subprocess.run(["bgzip", "-c", plain], check=True, stdout=file)
    os.remove(plain)


def through(args, folder):
    """Records that need no model: what reading and writing cost, against bcftools view."""
    symbolic = os.path.join(folder, "symbolic.vcf.gz")
    write_symbolic(args.variants, symbolic, args.records)
    empty = os.path.join(folder, "none.vcf.gz")
    write_symbolic(args.variants, empty, 0)
    for form, suffix in (("v", "vcf"), ("z", "vcf.gz"), ("b", "bcf")):
        output = os.path.join(folder, f"out.{suffix}")
        for threads in sorted({1, args.threads}):
            common = [args.dnabird, "score", "--threads", threads, "-f", args.reference,
                      *optional("-m", args.model), "-o", output]
            results = turns({
                "bcftools": ["bcftools", "view", "--threads", threads - 1, "-O", form,
                             "-o", output, symbolic],
                "dnabird": [*common, symbolic],
                "start": [*common, empty]}, args.rounds)
            bcftools, dnabird, start = (results[name][0] for name in
                                        ("bcftools", "dnabird", "start"))
            print(f"through -O {form}, {args.records} symbolic records, {threads} threads: "
                  f"bcftools view {bcftools:.2f} s, score {dnabird:.2f} s (of it {start:.2f} s "
                  f"without any record), {dnabird / bcftools:.2f} times as long; processor time "
                  f"{results['dnabird'][1] / results['bcftools'][1]:.2f} times", flush=True)


def threads(args, folder):
    for name, words in (("score", score_words), ("annotate", annotate_words)):
        output = os.path.join(folder, "out.vcf.gz" if name == "score" else "out.bed")
        results = turns({n: words(args, n, output) for n in (1, args.threads)}, args.rounds)
        one, all_of_them = results[1][0], results[args.threads][0]
        print(f"{name}: 1 thread {one:.2f} s, {args.threads} threads {all_of_them:.2f} s, "
              f"{one / all_of_them:.2f} times as fast", flush=True)


def main():
    args = options()
    with tempfile.TemporaryDirectory() as folder:
        for what in args.what:
            {"score": score, "annotate": annotate, "through": through,
             "threads": threads}[what](args, folder)


if __name__ == "__main__":
    main()
