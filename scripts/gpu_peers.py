#!/usr/bin/env python3
"""dnabird beside its peers on one GPU, in one run: FlexAttention with the same lists of blocks,
dense scaled_dot_product_attention, transformers' BigBird. Prints times and ratios.

Shape: 8 sequences of 4,096 tokens, 12 heads of 64, blocks of 64, three random blocks; base: 12
layers, 768 channels, 32,000 words. bf16, on the first card (CUDA_VISIBLE_DEVICES=1 for another).
All are timed by the rule of dnabird_bench. Every peer is a process with a time limit: what fails is
said and costs nothing else. Ends with 1 if a figure of ours or every ratio is missing."""
import argparse
import contextlib
import functools
import inspect
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

BATCH, HEADS, HEAD_SIZE, TOKENS, BLOCK, RANDOM = 8, 12, 64, 4096, 64, 3
NOMINAL = 989e12  # FLOP/s of an H100 or H200 in bf16, as NVIDIA states it


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", help="a build folder, or a folder of gpu_bundle.sh")
    parser.add_argument("--out", help="folder for the log and the table (peers.log, peers.md)")
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--lists", help=argparse.SUPPRESS)
    return parser.parse_args()


# --- the peers: each runs in a process of its own --------------------------------------------------


def report(what, milliseconds, note=""):
    print("RESULT " + json.dumps({"what": what, "ms": milliseconds, "note": note}), flush=True)


def median_ms(call):
    """Of one call, timed as dnabird_bench times (kernels/bench/clock.cpp): calls go off in groups of
    about 5 ms behind which the host waits once, and the median group counts."""
    import torch

    def group(calls):
        begin = time.perf_counter()
        for _ in range(calls):
            call()
        torch.cuda.synchronize()
        return time.perf_counter() - begin

    group(1)  # compiles
    begin = time.perf_counter()
    while time.perf_counter() - begin < 0.03:  # the clocks of an idle card are low
        one = group(1)
    calls = min(max(int(0.005 / one), 1), 1000)
    times = []
    while len(times) < 5 or sum(times) < 0.25:
        times.append(group(calls))
    return 1e3 * statistics.median(times) / calls


def query_key_value():
    import torch

    torch.manual_seed(1)
    return [torch.randn((BATCH, HEADS, TOKENS, HEAD_SIZE), device="cuda", dtype=torch.bfloat16,
                        requires_grad=True) for _ in range(3)]


def time_attention(name, attention, qkv, note="", parts=("forward", "backward")):
    """Forward without gradients; backward alone."""
    import torch

    if "forward" in parts:
        with torch.no_grad():
            report(f"{name}: attention forward", median_ms(lambda: attention(*qkv)), note)
    if "backward" in parts:
        out = attention(*qkv)
        dout = torch.randn_like(out)
        report(f"{name}: attention backward", median_ms(
            lambda: torch.autograd.grad(out, qkv, dout, retain_graph=True)), note)


def read_lists(path):
    """keys[head][row]: the blocks that dnabird_bench times."""
    keys = [[[] for _ in range(TOKENS // BLOCK)] for _ in range(HEADS)]
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            head, row, *blocks = map(int, line.split())
            keys[head][row] = blocks
    return keys


def block_mask(keys):
    import torch
    from torch.nn.attention.flex_attention import BlockMask

    rows = TOKENS // BLOCK
    counts = torch.tensor([[len(row) for row in head] for head in keys], dtype=torch.int32)
    indices = torch.tensor([[row + [0] * (rows - len(row)) for row in head] for head in keys],
                           dtype=torch.int32)
    counts, indices = (x.unsqueeze(0).to("cuda") for x in (counts, indices))
    # All blocks are read whole: none asks a mask function.
    return BlockMask.from_kv_blocks(torch.zeros_like(counts), torch.zeros_like(indices), counts,
                                    indices, BLOCK_SIZE=BLOCK)


def lists_error(out, qkv, keys):
    """Relative error of the first sequence's first head against softmax in f32 over the same lists."""
    import torch

    with torch.no_grad():
        actual = out[0, 0].float()
        q, k, v = (x[0, 0].float() for x in qkv)
        rows = TOKENS // BLOCK
        listed = torch.zeros(rows, rows, dtype=torch.bool, device=q.device)
        for row, blocks in enumerate(keys[0]):
            listed[row, blocks] = True
        mask = listed.repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1)
        scores = (q @ k.T * HEAD_SIZE**-0.5).masked_fill(~mask, float("-inf"))
        expected = scores.softmax(-1) @ v
        return ((actual - expected).norm() / expected.norm()).item()


# What FlexAttention is tried with: blocks of 64 take tiles of at most 64, the largest of which were
# the fastest forward. Backward, the one choice that it would make on Hopper is tiles of 128, so it has
# to search (the options "max_autotune"): what we choose takes the place of all that it would try.
FLEX_FORWARD = [{"fwd_BLOCK_M": 64, "fwd_BLOCK_N": 64, "fwd_num_warps": 4, "fwd_num_stages": n}
                for n in (2, 3)]
FLEX_BACKWARD = [{"bwd_BLOCK_M1": 64, "bwd_BLOCK_N1": 64, "bwd_BLOCK_M2": 64, "bwd_BLOCK_N2": 64,
                  "bwd_num_warps": 4, "bwd_num_stages": 2}]


def flex(part, choices, options, lists):
    import torch
    from torch.nn.attention.flex_attention import flex_attention

    keys = read_lists(lists)
    mask, qkv = block_mask(keys), query_key_value()
    for choice in choices:
        note = " ".join(f"{name}={value}" for name, value in choice.items()) or "by its own search"
        torch._dynamo.reset()
        attention = torch.compile(functools.partial(
            flex_attention, block_mask=mask, kernel_options=choice), fullgraph=True, dynamic=False,
            options=options)
        try:
            with torch.set_grad_enabled(part == "backward"):
                error = lists_error(attention(*qkv), qkv, keys)
            print(f"FlexAttention, {note}: relative error {error:.1e}", flush=True)
            if not error < 1e-2:
                raise RuntimeError(f"relative error {error}")
            time_attention("FlexAttention", attention, qkv, note, (part,))
        except Exception as error:  # pylint: disable=broad-exception-caught
            print(f"FlexAttention, {note}: {str(error)[:900]}", flush=True)


def sdpa(_):
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    qkv = query_key_value()
    for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION):
        try:
            with sdpa_kernel(backend):
                time_attention("SDPA, dense", torch.nn.functional.scaled_dot_product_attention, qkv,
                               backend.name)
        except Exception as error:  # pylint: disable=broad-exception-caught
            print(f"{backend}: {str(error)[-600:]}", flush=True)


def big_bird_config():
    import transformers

    return transformers.BigBirdConfig(
        vocab_size=32000, num_hidden_layers=12, hidden_size=HEADS * HEAD_SIZE,
        num_attention_heads=HEADS, intermediate_size=4 * HEADS * HEAD_SIZE,
        max_position_embeddings=TOKENS, attention_type="block_sparse", block_size=BLOCK,
        num_random_blocks=RANDOM, hidden_act="gelu_new", hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.0)


def big_bird_attention(_):
    import torch
    from transformers.models.big_bird import modeling_big_bird as module

    config = big_bird_config()
    layer = module.BigBirdBlockSparseAttention(config, seed=0).to("cuda", torch.bfloat16)
    ones = torch.ones(BATCH, TOKENS, device="cuda", dtype=torch.bfloat16)
    blocked, band, from_mask, to_mask = module.BigBirdModel.create_masks_for_block_sparse_attn(
        ones, BLOCK)
    known = {
        "band_mask": band, "from_mask": from_mask, "to_mask": to_mask, "from_blocked_mask": blocked,
        "to_blocked_mask": blocked, "n_heads": HEADS, "n_rand_blocks": RANDOM,
        "attention_head_size": HEAD_SIZE, "from_block_size": BLOCK, "to_block_size": BLOCK,
        "batch_size": BATCH, "from_seq_len": TOKENS, "to_seq_len": TOKENS, "seed": 0,
        "plan_from_length": None, "plan_num_rand_blocks": None, "output_attentions": False}
    method = layer.bigbird_block_sparse_attention
    rest = {name: known[name] for name in list(inspect.signature(method).parameters)[3:]}

    def attention(q, k, v):
        return method(q, k, v, **rest)[0]

    layer.eval()
    time_attention("transformers' BigBird", attention, query_key_value())


def big_bird_model(_):
    """Forward and training step, with as many sequences as fit; times are for the full batch."""
    import torch
    import transformers

    torch.manual_seed(1)
    model = transformers.BigBirdModel(big_bird_config(), add_pooling_layer=False).to("cuda")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def forward(ids):
        model.eval()
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
            model(input_ids=ids)

    def step(ids):
        model.train()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16):
            loss = model(input_ids=ids).last_hidden_state.float().square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    for what, call in (("forward", forward), ("training step", step)):
        for batch in (BATCH, BATCH // 2, BATCH // 4, 1):
            ids = torch.randint(5, 32000, (batch, TOKENS), device="cuda")
            try:
                report(f"transformers' BigBird: {what}",
                       median_ms(functools.partial(call, ids)) * BATCH / batch,
                       f"{batch} sequences at once")
                break
            except torch.OutOfMemoryError:
                model.zero_grad(set_to_none=True)
                torch.cuda.empty_cache()
                print(f"{what}: {batch} sequences do not fit", flush=True)


# Seconds that each may take; from "sdpa" on, of those that are left.
LIMIT, LIMIT_OF_OPENING, LIMIT_OF_OURS = 170, 10, 36
PEERS = {
    "flex_forward": (functools.partial(flex, "forward", FLEX_FORWARD, {}), 24),
    "flex_backward": (functools.partial(flex, "backward", FLEX_BACKWARD, {"max_autotune": True}), 38),
    "model": (big_bird_model, 60), "sdpa": (sdpa, 25), "attention": (big_bird_attention, 25),
    "flex_search": (functools.partial(flex, "backward", [{}], {"max_autotune": True}), 75)}

# --- all of them, and ours -------------------------------------------------------------------------

# gpu_environment.sh and a build folder or bundle become a folder of programs and their libraries.
OPEN = """
source "$1" && open_build "$2" && use_libraries "$build" && usable_cards &&
  "$build/dnabird_bench" --lists >"$scratch/lists" &&
  printf '%s\\n' "$build" "$LD_LIBRARY_PATH" >"$scratch/build"
"""


def refuse(why):
    sys.stderr.write(f"gpu_peers.py: {why}\n")
    sys.exit(2)


def last_line(text):
    return text.strip().rsplit("\n", 1)[-1][:300]


def run(command, seconds, log, **environment):
    """What it printed, also if it had to be stopped, and how it went wrong."""
    seconds = max(seconds, 1)
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT,
                                   env=os.environ | environment, start_new_session=True)
        try:
            code = process.wait(seconds)
            end = "" if code == 0 else f"exit code {code}"
        except subprocess.TimeoutExpired:
            end = f"stopped after {seconds:.0f} s"
        finally:  # also at Ctrl-C, which does not reach the process or what it started
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        text = output.read()
    log.write(f"== {' '.join(command[-4:])}\n{text}{end}\n")
    log.flush()
    return text, end


def open_build(build, scratch, log):
    """Command and environment of dnabird_bench; its lists are in scratch/lists."""
    scripts = os.path.dirname(os.path.abspath(__file__))
    text, end = run(["bash", "-c", OPEN, "bash", f"{scripts}/gpu_environment.sh", build],
                    LIMIT_OF_OPENING, log, scratch=scratch)
    if end:
        refuse(last_line(text) or f"{build}: {end}")
    with open(f"{scratch}/build", encoding="utf-8") as file:
        folder, libraries = file.read().split("\n")[:2]
    return f"{folder}/dnabird_bench", {"LD_LIBRARY_PATH": libraries}


def ours(program, environment, log):
    """Milliseconds by "name, shape", and FLOP/s of kernels and models."""
    text, end = run([program, "--device", "cuda", "--filter", "8 x 4096"], LIMIT_OF_OURS, log,
                    **environment)
    if end:
        print(f"dnabird_bench: {end}: {last_line(text)}")
    found = {}
    for line in text.splitlines():
        kernel = re.match(r"(attention \w+) +8 x 4096, 12 x 64, blocks of 64 sparse +([\d.]+) +"
                          r"([\d.]+) ([GT])FLOP/s", line)
        model = re.match(r"(forward|training step) +base 8 x 4096 +bf16 +([\d.]+) +([\d.]+) "
                         r"(G)FLOP/s", line)
        match = kernel or model
        if match:
            rate = float(match[3]) * {"G": 1e9, "T": 1e12}[match[4]]
            found[match[1]] = (float(match[2]) * (1e-3 if kernel else 1), rate)
    return found


def peers(build, lists, begin, log):
    """The best result of each by what it is of."""
    theirs = {}
    for name, (_, seconds) in PEERS.items():
        seconds = min(seconds, LIMIT - (time.perf_counter() - begin))
        text, end = run([sys.executable, os.path.abspath(__file__), build, "--lists", lists,
                         "--peer", name], seconds, log)
        results = [json.loads(line[7:]) for line in text.splitlines() if line.startswith("RESULT ")]
        if end or not results:
            print(f"{name}: {end or 'no result'}: {last_line(text)}")
        for result in results:
            known = theirs.get(result["what"])
            if known is None or result["ms"] < known["ms"]:
                theirs[result["what"]] = result
    return theirs


def print_table(table, out):
    lines = ["| what | dnabird, ms | TFLOP/s, active blocks | of 989 | peer | its ms | ratio |",
             "|---|---|---|---|---|---|---|"]
    for what, mine, peer, theirs, note in table:
        own = f"{mine[0]:.3f} | {mine[1] * 1e-12:.0f} | {100 * mine[1] / NOMINAL:.0f} %" if mine \
            else "- | - | -"
        ratio = f"{theirs / mine[0]:.2f}" if mine and theirs else "-"
        its = f"{theirs:.3f}" if theirs else "-"
        lines.append(f"| {what} | {own} | {peer}{', ' + note if note else ''} | {its} | {ratio} |")
    print("\n".join(lines))
    if out:
        with open(os.path.join(out, "peers.md"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


def compare(args, scratch, log):
    begin = time.perf_counter()
    program, environment = open_build(args.build, scratch, log)
    mine = ours(program, environment, log)
    theirs = peers(args.build, f"{scratch}/lists", begin, log)
    rows = []
    attention = ("FlexAttention", "SDPA, dense", "transformers' BigBird")
    for what, names in (("attention forward", attention), ("attention backward", attention),
                        ("forward", attention[2:]), ("training step", attention[2:])):
        for peer in names:
            result = theirs.get(f"{peer}: {what}", {"ms": None, "note": "no result"})
            rows.append((what, mine.get(what), peer, result["ms"], result["note"]))
    print_table(rows, args.out)
    print(f"{time.perf_counter() - begin:.0f} s")
    return 0 if len(mine) == 4 and theirs else 1


def main():
    args = options()
    if args.peer:
        PEERS[args.peer][0](args.lists)
        return 0
    # As gpu_environment.sh has it, so that theirs run on the same card.
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if args.out:
            os.makedirs(args.out, exist_ok=True)
        log = open(os.path.join(args.out, "peers.log") if args.out else os.devnull, "w",
                   encoding="utf-8")
    except OSError as error:
        refuse(f"--out {args.out}: {error.strerror}; name a folder that can be written")
    with log, tempfile.TemporaryDirectory() as scratch:
        try:
            return compare(args, scratch, log)
        except KeyboardInterrupt:
            return 130


if __name__ == "__main__":
    sys.exit(main())
