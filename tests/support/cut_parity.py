#!/usr/bin/env python3
"""Cuts reference values (README.md of tests/data/parity) to what the tests here read.

cut_parity.py PARITY OUT: PARITY holds bigbird_k3_block16, bigbird_classifier, bigbird_k6_block64.
"""
import json
import os
import shutil
import struct
import sys

# Tensors of each case; hidden states right after the embeddings need no more than two.
KEEP = {
    "bigbird_k3_block16": {
        "short_full": "input_ids attention_mask labels loss hidden_first hidden_last logits",
        "full_at_threshold": "input_ids attention_mask labels loss hidden_last logits",
        "sparse_min": "input_ids attention_mask labels loss hidden_last logits random_blocks",
        "sparse_eval_unaligned":
            "input_ids attention_mask labels loss hidden_first hidden_last logits random_blocks",
        "sparse_train":
            "input_ids attention_mask labels loss hidden_last logits random_blocks grad adamw_losses",
        "sparse_train_padded":
            "input_ids attention_mask labels loss hidden_last logits random_blocks grad",
        "sparse_max": "input_ids attention_mask labels loss hidden_last random_blocks",
    },
    "bigbird_classifier": {"eval": "input_ids attention_mask labels loss logits grad"},
    "bigbird_k6_block64": {"train_1024": "input_ids attention_mask hidden_last random_blocks"},
}
EVERY = 8  # of the hidden rows of bigbird_k6_block64


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


def rows(tensor, chosen):
    """Rows of a tensor whose last axis is its row."""
    dtype, shape, values = tensor
    size = shape[-1] * 4
    return dtype, [len(chosen), shape[-1]], b"".join(values[r * size:(r + 1) * size] for r in chosen)


def cut_vocabulary(config, weights, tensors):
    """Only the words and positions that the one case reads: hidden states do not hang on others."""
    ids = struct.unpack("<1024i", tensors["train_1024.input_ids"][2])
    words = sorted(set(range(5)) | set(ids))
    number = {word: i for i, word in enumerate(words)}
    new_ids = struct.pack("<1024i", *(number[i] for i in ids))
    tensors["train_1024.input_ids"] = ("I32", [1, 1024], new_ids)
    tensors["train_1024.hidden_last"] = rows(tensors["train_1024.hidden_last"],
                                             range(0, 1024, EVERY))
    at = "bert.embeddings.%s_embeddings.weight"
    weights[at % "word"] = rows(weights[at % "word"], words)
    weights[at % "position"] = rows(weights[at % "position"], range(1024))
    config["vocab_size"], config["max_position_embeddings"] = len(words), 1024
    weights["cls.predictions.bias"] = ("F32", [len(words)], bytes(4 * len(words)))


def cut(source, target, name):
    os.makedirs(os.path.join(target, name), exist_ok=True)
    with open(os.path.join(source, name, "config.json")) as file:
        config = json.load(file)
    weights = read(os.path.join(source, name, "model.safetensors"))
    cases = read(os.path.join(source, name, "cases.safetensors"))
    kept = {}
    for key, tensor in cases.items():
        case, what = key.split(".")[:2]
        if what in KEEP[name].get(case, "").split():
            kept[key] = tensor
    if name == "bigbird_k6_block64":
        cut_vocabulary(config, weights, kept)
    weights = {key: value for key, value in weights.items() if not key.startswith("bert.pooler.")}
    kept = {key: value for key, value in kept.items() if ".grad.bert.pooler." not in key}
    write(os.path.join(target, name, "model.safetensors"), weights)
    write(os.path.join(target, name, "cases.safetensors"), kept)
    with open(os.path.join(target, name, "config.json"), "w") as file:
        json.dump(config, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    for folder in KEEP:
        cut(sys.argv[1], sys.argv[2], folder)
    shutil.copyfile(os.path.join(sys.argv[1], "bert_k3", "vocab.txt"),
                    os.path.join(sys.argv[2], "dnabert_k3_vocab.txt"))
