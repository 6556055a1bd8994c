#!/usr/bin/env python3
"""dnabird beside its peers on one GPU, in one run: FlexAttention with the same lists of blocks,
dense scaled_dot_product_attention, transformers' BigBird. Prints times and ratios.

Shape: 8 sequences of 4,096 tokens, 12 heads of 64, blocks of 64, three random blocks; base: 12
layers, 768 channels, 32,000 words. bf16. Medians of CUDA events behind a warm-up. Every peer is a
process with a time limit: what fails is said and costs nothing else."""
import argparse
import functools
import inspect
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

HEADS, HEAD_SIZE, TOKENS, BLOCK, RANDOM = 12, 64, 4096, 64, 3
NOMINAL = 989e12  # FLOP/s of an H100 or H200 in bf16, as NVIDIA states it


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", help="a build folder, or a folder of gpu_bundle.sh")
    parser.add_argument("--device", default="cuda", help="cpu: to see whether everything runs")
    parser.add_argument("--batch", type=int, default=8, help="theirs; ours is always 8")
    parser.add_argument("--out", help="folder for the log and the table (peers.log, peers.md)")
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    return parser.parse_args()


# --- the peers: each runs in a process of its own --------------------------------------------------


def report(what, milliseconds, note=""):
    print("RESULT " + json.dumps({"what": what, "ms": milliseconds, "note": note}), flush=True)


def median_ms(call, device, seconds=0.5):
    """Median of at least five calls, behind three that are not counted."""
    import torch

    for _ in range(3):
        call()
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 5 or (time.perf_counter() < end and len(times) < 200):
        if device == "cpu":
            begin = time.perf_counter()
            call()
            times.append(1e3 * (time.perf_counter() - begin))
            continue
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        stop.record()
        stop.synchronize()
        times.append(start.elapsed_time(stop))
    return statistics.median(times)


def query_key_value(args):
    import torch

    torch.manual_seed(1)
    shape = (args.batch, HEADS, TOKENS, HEAD_SIZE)
    return [torch.randn(shape, device=args.device, dtype=torch.bfloat16, requires_grad=True)
            for _ in range(3)]


def time_attention(args, name, attention, qkv, note="", backward=True):
    """Forward without gradients, then backward alone."""
    import torch

    with torch.no_grad():
        report(f"{name}: attention forward", median_ms(lambda: attention(*qkv), args.device), note)
    if not backward:
        return
    out = attention(*qkv)
    dout = torch.randn_like(out)
    report(f"{name}: attention backward", median_ms(
        lambda: torch.autograd.grad(out, qkv, dout, retain_graph=True), args.device), note)


def read_lists(args):
    """keys[head][row]: the blocks that dnabird_bench times."""
    lines = subprocess.run(ours_command(args, "--lists"), check=True, capture_output=True, text=True)
    keys = [[[] for _ in range(TOKENS // BLOCK)] for _ in range(HEADS)]
    for line in lines.stdout.splitlines():
        head, row, *blocks = map(int, line.split())
        keys[head][row] = blocks
    return keys


def block_mask(keys, device):
    import torch
    from torch.nn.attention.flex_attention import BlockMask

    rows = TOKENS // BLOCK
    counts = torch.tensor([[len(row) for row in head] for head in keys], dtype=torch.int32)
    indices = torch.tensor([[row + [0] * (rows - len(row)) for row in head] for head in keys],
                           dtype=torch.int32)
    counts, indices = (x.unsqueeze(0).to(device) for x in (counts, indices))
    # All blocks are read whole: none asks a mask function.
    return BlockMask.from_kv_blocks(torch.zeros_like(counts), torch.zeros_like(indices), counts,
                                    indices, BLOCK_SIZE=BLOCK)


def lists_error(attention, qkv, keys):
    """Relative error of the first sequence's first head against softmax in f32 over the same lists."""
    import torch

    with torch.no_grad():
        actual = attention(*qkv)[0, 0].float()
        q, k, v = (x[0, 0].float() for x in qkv)
        rows = TOKENS // BLOCK
        listed = torch.zeros(rows, rows, dtype=torch.bool, device=q.device)
        for row, blocks in enumerate(keys[0]):
            listed[row, blocks] = True
        mask = listed.repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1)
        scores = (q @ k.T * HEAD_SIZE**-0.5).masked_fill(~mask, float("-inf"))
        expected = scores.softmax(-1) @ v
        return ((actual - expected).norm() / expected.norm()).item()


# What FlexAttention is tried with: the best counts. Blocks of 64 take tiles of at most 64.
FLEX_FORWARD = [{"fwd_BLOCK_M": 64, "fwd_BLOCK_N": columns, "fwd_num_warps": 4, "fwd_num_stages": n}
                for columns, n in ((64, 2), (64, 3), (64, 4), (32, 3))]


def flex(args):
    import torch
    from torch.nn.attention.flex_attention import flex_attention

    keys = read_lists(args)
    mask, qkv = block_mask(keys, args.device), query_key_value(args)

    def measure(note, kernel_options, options, backward):
        torch._dynamo.reset()
        attention = torch.compile(functools.partial(
            flex_attention, block_mask=mask, kernel_options=kernel_options), fullgraph=True,
            dynamic=False, options=options)
        try:
            error = lists_error(attention, qkv, keys)
            print(f"FlexAttention, {note}: relative error {error:.1e}", flush=True)
            if not error < 1e-2:
                raise RuntimeError(f"relative error {error}")
            time_attention(args, "FlexAttention", attention, qkv, note, backward)
        except Exception as error:  # pylint: disable=broad-exception-caught
            print(f"FlexAttention, {note}: {str(error)[:900]}", flush=True)

    for kernel_options in FLEX_FORWARD:
        note = " ".join(f"{name}={value}" for name, value in kernel_options.items())
        measure(note, kernel_options, {}, False)
    # The one choice that it would make on Hopper is tiles of 128, so it searches.
    measure("by its own search", {}, {"max_autotune": True}, True)


def sdpa(args):
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    qkv = query_key_value(args)
    for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION):
        try:
            with sdpa_kernel(backend):
                time_attention(args, "SDPA, dense",
                               torch.nn.functional.scaled_dot_product_attention, qkv, backend.name)
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


def big_bird_attention(args):
    import torch
    from transformers.models.big_bird import modeling_big_bird as module

    config = big_bird_config()
    layer = module.BigBirdBlockSparseAttention(config, seed=0).to(args.device, torch.bfloat16)
    ones = torch.ones(args.batch, TOKENS, device=args.device, dtype=torch.bfloat16)
    blocked, band, from_mask, to_mask = module.BigBirdModel.create_masks_for_block_sparse_attn(
        ones, BLOCK)
    known = {
        "band_mask": band, "from_mask": from_mask, "to_mask": to_mask, "from_blocked_mask": blocked,
        "to_blocked_mask": blocked, "n_heads": HEADS, "n_rand_blocks": RANDOM,
        "attention_head_size": HEAD_SIZE, "from_block_size": BLOCK, "to_block_size": BLOCK,
        "batch_size": args.batch, "from_seq_len": TOKENS, "to_seq_len": TOKENS, "seed": 0,
        "plan_from_length": None, "plan_num_rand_blocks": None, "output_attentions": False}
    method = layer.bigbird_block_sparse_attention
    rest = {name: known[name] for name in list(inspect.signature(method).parameters)[3:]}

    def attention(q, k, v):
        return method(q, k, v, **rest)[0]

    layer.eval()
    time_attention(args, "transformers' BigBird", attention, query_key_value(args))


def big_bird_model(args):
    """Forward and training step, with as many sequences as fit; times are for the full batch."""
    import torch
    import transformers

    torch.manual_seed(1)
    model = transformers.BigBirdModel(big_bird_config(), add_pooling_layer=False).to(args.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=args.device != "cpu")

    def forward(ids):
        model.eval()
        with torch.inference_mode(), torch.autocast(args.device, torch.bfloat16):
            model(input_ids=ids)

    def step(ids):
        model.train()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(args.device, torch.bfloat16):
            loss = model(input_ids=ids).last_hidden_state.float().square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    for what, call in (("forward", forward), ("training step", step)):
        for batch in (args.batch, args.batch // 2, args.batch // 4, 1):
            ids = torch.randint(5, 32000, (max(batch, 1), TOKENS), device=args.device)
            try:
                time_of_batch = median_ms(lambda: call(ids), args.device)
                report(f"transformers' BigBird: {what}", time_of_batch * args.batch / len(ids),
                       f"{len(ids)} sequences at once")
                break
            except torch.OutOfMemoryError:
                model.zero_grad(set_to_none=True)
                torch.cuda.empty_cache()
                print(f"{what}: {batch} sequences do not fit", flush=True)


# Seconds that each may take.
PEERS = {"flex": (flex, 75), "sdpa": (sdpa, 25), "attention": (big_bird_attention, 25),
         "model": (big_bird_model, 45)}
LIMIT_OF_OURS, LIMIT = 45, 175

# --- all of them, and ours -------------------------------------------------------------------------


def ours_command(args, *words):
    """dnabird_bench from a build folder or from a bundle, with the libraries that it needs."""
    scripts = os.path.dirname(os.path.abspath(__file__))
    script = (f'source "{scripts}/gpu_environment.sh"; scratch=$(mktemp -d); '
              'trap \'rm -rf "$scratch"\' EXIT; open_build "$1" && use_libraries "$build" && shift '
              '&& "$build/dnabird_bench" "$@"')
    return ["bash", "-c", script, "bash", args.build, *words]


def run(command, seconds, log):
    """What it printed, also if it had to be stopped."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT,
                                   start_new_session=True)
        try:
            code = process.wait(max(seconds, 1))
            end = "" if code == 0 else f"exit code {code}"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            end = f"stopped after {seconds:.0f} s"
        output.seek(0)
        text = output.read()
    log.write(f"== {' '.join(command[-4:])}\n{text}{end}\n")
    log.flush()
    return text, end


def ours(args, log):
    """Milliseconds by "name, shape", and FLOP/s of kernels and models."""
    where = ["--device", args.device]
    text, end = run(ours_command(args, *where, "--filter", "8 x 4096"), LIMIT_OF_OURS, log)
    if end:
        print(f"dnabird_bench: {end}")
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


def main():
    args = options()
    if args.peer:
        PEERS[args.peer][0](args)
        return 0
    begin = time.perf_counter()
    if args.out:
        os.makedirs(args.out, exist_ok=True)
    log_path = os.path.join(args.out, "peers.log") if args.out else os.devnull
    with open(log_path, "w", encoding="utf-8") as log:
        mine = ours(args, log)
        theirs = {}
        for name, (_, seconds) in PEERS.items():
            left = LIMIT - (time.perf_counter() - begin)
            text, end = run([sys.executable, os.path.abspath(__file__), args.build, "--device",
                             args.device, "--batch", str(args.batch), "--peer", name],
                            min(seconds, left), log)
            if end:
                print(f"{name}: {end}")
            for line in text.splitlines():
                if line.startswith("RESULT "):
                    result = json.loads(line[7:])
                    known = theirs.get(result["what"])
                    if known is None or result["ms"] < known["ms"]:
                        theirs[result["what"]] = result
    rows = []
    attention = ("FlexAttention", "SDPA, dense", "transformers' BigBird")
    for what, peers in (("attention forward", attention), ("attention backward", attention),
                        ("forward", attention[2:]), ("training step", attention[2:])):
        for peer in peers:
            result = theirs.get(f"{peer}: {what}", {"ms": None, "note": "no result"})
            rows.append((what, mine.get(what), peer, result["ms"], result["note"]))
    print_table(rows, args.out)
    print(f"{time.perf_counter() - begin:.0f} s")
    return 0 if len(mine) == 4 else 1


if __name__ == "__main__":
    sys.exit(main())
