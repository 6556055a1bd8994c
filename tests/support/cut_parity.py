#!/usr/bin/env python3
"""Cuts reference values (README.md of tests/data/parity) to what the tests here read.

cut_parity.py PARITY OUT: PARITY holds the folders of KEEP.
"""
import json
import os
import shutil
import struct
import sys

# Tensors of each case; hidden states right after the embeddings need no more than two of k3.
EVAL = "input_ids attention_mask labels loss hidden_first hidden_last logits random_blocks"
KEEP = {
    "bigbird_k3_block16": {
        "short_full": EVAL,
        "full_at_threshold": "input_ids attention_mask labels loss hidden_last logits",
        "sparse_min": "input_ids attention_mask labels loss hidden_last logits random_blocks",
        "sparse_eval": EVAL,
        "sparse_eval_padded": EVAL,
        "sparse_eval_unaligned": EVAL,
        "sparse_train":
            "input_ids attention_mask labels loss hidden_last logits random_blocks grad adamw_losses",
        "sparse_train_padded":
            "input_ids attention_mask labels loss hidden_last logits random_blocks grad",
        "sparse_max": "input_ids attention_mask labels loss hidden_last random_blocks grad",
    },
    "bigbird_classifier": {"eval": "input_ids attention_mask labels loss logits grad"},
    "bigbird_k6_block64": {"eval_1024": EVAL, "train_1024": EVAL, "train_1984": EVAL},
    "bigbird_bpe_ids_block64": {"eval_768_padded": EVAL, "full_500": EVAL},
    "bert_k3": {"eval": EVAL},
    "bert_k3_classifier": {"eval": EVAL},
}
EVERY = 8  # of the rows (b,t) of these:
CUT = {
    "bigbird_k3_block16": ["sparse_eval", "sparse_eval_padded"],
    "bigbird_k6_block64": ["eval_1024", "train_1024", "train_1984"],
    "bigbird_bpe_ids_block64": ["eval_768_padded", "full_500"],
}


def read(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    return {name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])])
            for name, entry in header.items() if name != "__metadata__"}


def write(path, tensors):
    header, data = {}, b""
    order = sorted(tensors, key=lambda name: (tensors[name][0] != "F64", name))
    for name in order:
        dtype, shape, values = tensors[name]
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def every_row(tensor):
    """Each EVERY-th row of a tensor whose last axis is its row, the first one included."""
    dtype, shape, values = tensor
    size = shape[-1] * 4
    chosen = range(0, len(values) // size, EVERY)
    return dtype, [len(chosen), shape[-1]], b"".join(values[r * size:(r + 1) * size] for r in chosen)


def cut(source, target, name):
    os.makedirs(os.path.join(target, name), exist_ok=True)
    shutil.copyfile(os.path.join(source, name, "config.json"),
                    os.path.join(target, name, "config.json"))
    weights = read(os.path.join(source, name, "model.safetensors"))
    cases = read(os.path.join(source, name, "cases.safetensors"))
    kept = {}
    for key, tensor in cases.items():
        case, what = key.split(".")[:2]
        if what in KEEP[name].get(case, "").split():
            is_cut = case in CUT.get(name, []) and what in ("hidden_first", "hidden_last", "logits")
            kept[key] = every_row(tensor) if is_cut else tensor
    if name.startswith("bigbird"):  # whose heads have no use for it
        weights = {key: value for key, value in weights.items() if ".pooler." not in key}
        kept = {key: value for key, value in kept.items() if ".pooler." not in key}
    write(os.path.join(target, name, "model.safetensors"), weights)
    write(os.path.join(target, name, "cases.safetensors"), kept)


if __name__ == "__main__":
    for folder in KEEP:
        cut(sys.argv[1], sys.argv[2], folder)
    shutil.copyfile(os.path.join(sys.argv[1], "bert_k3", "vocab.txt"),
                    os.path.join(sys.argv[2], "dnabert_k3_vocab.txt"))
