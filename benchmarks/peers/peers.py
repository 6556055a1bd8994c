"""dnabird beside transformers: tokens per second of both on the same weights, taking turns."""
import argparse
import gc
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.numpy import load_file

import models

# Largest difference of logits over their standard deviation; f32 of both sides.
TOLERANCE_F32 = 1e-3
# bf16 here against f32 there.
TOLERANCE_BF16 = 0.1

TASKS = ("forward-f32", "forward-bf16", "train-f32", "train-masked-f32", "train-bf16",
         "train-masked-bf16")


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True, help="the program dnabird_peer")
    parser.add_argument("--sizes", default="base,small", help="of base, small, tiny")
    parser.add_argument("--tokens", default="1024,4096", help="lengths of a sequence")
    parser.add_argument("--tasks", default="forward-f32,forward-bf16,train-f32",
                        help=f"of {', '.join(TASKS)}; we train in f32 whatever theirs is in")
    parser.add_argument("--batch", type=int, default=1, help="sequences of a pass")
    parser.add_argument("--rounds", type=int, default=3,
                        help="turns of each side, behind one that is not counted; the fastest counts")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--random-blocks", default="uniform",
                        help="ours while timed: uniform reads three random blocks in each row, as "
                        "theirs does the work for; hf_eval names block 0 three times, which costs "
                        "us nothing (logits are compared with hf_eval whatever is said here)")
    args = parser.parse_args()
    for name, known in (("tasks", TASKS), ("sizes", models.SIZES)):
        for word in getattr(args, name).split(","):
            if word not in known:
                parser.error(f"--{name} '{word}': expected some of {', '.join(known)}")
    return args


class Ours:
    """A dnabird_peer at work on one folder."""

    def __init__(self, args, folder, input_path, precision, random_blocks):
        words = [args.peer, folder, input_path, "--threads", args.threads, "--precision", precision,
                 "--random-blocks", random_blocks]
        # What waits must not spin while the other side computes.
        environment = os.environ | {"OMP_WAIT_POLICY": "passive"}
        self.process = subprocess.Popen([str(word) for word in words], text=True, env=environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.is_ready = self.process.stdout.readline().strip() == "ready"

    def ask(self, command):
        print(command, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().split()
        if not answer:
            raise RuntimeError(f"dnabird_peer ended at '{command}'")
        return answer[0]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def compare_logits(args, folder, kind, data, input_path, precision):
    """Exits if the two sides disagree; precision is ours, theirs is f32."""
    ours = Ours(args, folder, input_path, precision, "hf_eval")
    if not ours.is_ready:
        ours.close()
        return False
    with tempfile.TemporaryDirectory() as temporary:
        path = os.path.join(temporary, "logits.safetensors")
        ours.ask(f"logits {path}")
        actual = load_file(path)["logits"]
    ours.close()
    expected = models.Theirs(folder, kind, data).logits()
    error = np.max(np.abs(actual - expected)) / np.std(expected)
    tolerance = TOLERANCE_F32 if precision == "f32" else TOLERANCE_BF16
    print(f"  logits of {kind}, ours {precision}, theirs f32: largest difference {error:.1e} of their "
          f"standard deviation", flush=True)
    if not error <= tolerance:
        sys.exit(f"logits of {folder} disagree: {error:.1e}, expected at most {tolerance:.0e}")
    return True


def turns(args, sides):
    """Name of a side to its fastest seconds; sides: name to a function that returns seconds."""
    seconds = {name: [] for name in sides}
    for turn in range(args.rounds + 1):
        for name, side in sides.items():
            value = side()
            if turn > 0:
                seconds[name].append(value)
    return {name: min(values) for name, values in seconds.items()}


def measure(args, folders, data, input_path, task):
    """One line of the table; None where this processor has no such precision."""
    *what, precision = task.split("-")
    ours = Ours(args, folders["big_bird"], input_path,
                precision if what == ["forward"] else "f32", args.random_blocks)
    if not ours.is_ready:
        ours.close()
        return None
    dtype = torch.float32 if precision == "f32" else torch.bfloat16
    theirs = {kind: models.Theirs(folder, kind, data, dtype) for kind, folder in folders.items()}
    if what == ["forward"]:
        sides = {kind: side.forward for kind, side in theirs.items()}
        sides["dnabird"] = lambda: float(ours.ask("forward"))
        flops = float(ours.ask("flops forward"))
    else:
        loss = "masked" if "masked" in what else "hidden"
        sides = {kind: (lambda side=side: side.train(loss)) for kind, side in theirs.items()}
        sides["dnabird"] = lambda: float(ours.ask(f"train {loss}"))
        flops = float(ours.ask(f"flops {loss}"))
    rates = {"theirs": [models.product_rate(dtype)], "ours": [float(ours.ask("product"))]}
    seconds = turns(args, sides)
    rates["theirs"].append(models.product_rate(dtype))
    rates["ours"].append(float(ours.ask("product")))
    ours.close()
    return seconds, {side: max(values) for side, values in rates.items()}, flops


def print_line(size, n_tokens, task, args, result):
    seconds, rates, flops = result
    tokens = args.batch * n_tokens
    mine = seconds["dnabird"]
    print(f"{size:6} {args.batch} x {n_tokens:<6} {task:17}"
          f"{tokens / seconds['big_bird']:9.0f} {tokens / seconds['bert']:9.0f} {tokens / mine:9.0f}"
          f"{seconds['big_bird'] / mine:9.2f} {seconds['bert'] / mine:9.2f}"
          f"{rates['theirs'] * 1e-9:9.0f} {rates['ours'] * 1e-9:9.0f}"
          f"{100 * flops / mine / rates['ours']:8.0f} %", flush=True)


def main():
    args = options()
    torch.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, transformers {models.transformers.__version__}, "
          f"{args.threads} threads, ours with random blocks {args.random_blocks}, batch {args.batch}, "
          f"fastest of {args.rounds}")
    lines = []
    for size in args.sizes.split(","):
        for n_tokens in map(int, args.tokens.split(",")):
            with tempfile.TemporaryDirectory() as temporary:
                folders = {kind: os.path.join(temporary, kind) for kind in ("big_bird", "bert")}
                for kind, folder in folders.items():
                    models.make_folder(folder, kind, size, n_tokens)
                input_path = os.path.join(temporary, "input.safetensors")
                data = models.write_input(input_path, args.batch, n_tokens)
                print(f"{size}, {n_tokens} tokens:", flush=True)
                for kind, folder in folders.items():
                    compare_logits(args, folder, kind, data, input_path, "f32")
                if "forward-bf16" in args.tasks:
                    compare_logits(args, folders["big_bird"], "big_bird", data, input_path, "bf16")
                for task in args.tasks.split(","):
                    result = measure(args, folders, data, input_path, task)
                    gc.collect()
                    if result is None:
                        print(f"  {task}: not on this processor")
                        continue
                    lines.append((size, n_tokens, task, args, result))
                    print_line(*lines[-1])
    print(f"\n{'':34}{'tokens per second':^29}{'dnabird over':^19}{'GFLOP/s of products':>20}")
    print(f"{'':34}{'BigBird':>9} {'BERT':>9} {'dnabird':>9}{'BigBird':>9} {'BERT':>9}"
          f"{'torch':>9} {'ours':>9}{'of ours':>10}")
    for line in lines:
        print_line(*line)


if __name__ == "__main__":
    main()
