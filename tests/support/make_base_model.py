#!/usr/bin/env python3
"""Writes a model folder of the size of GENA-LM's bigbird-base-t2t with random weights, for measuring.

make_base_model.py OUT [--vocabulary 32000] [--tokenizer tokenizer.json] [--kmer K]
With --kmer the vocabulary is that of DNABERT for K (vocab.txt), with --tokenizer the file is copied.
"""
import argparse
import array
import itertools
import json
import os
import random
import shutil
import struct

CHANNELS, LAYERS, HEADS, FEED_FORWARD, POSITIONS = 768, 12, 12, 3072, 4096


def shapes(vocabulary):
    c, f = CHANNELS, FEED_FORWARD
    norm = {"LayerNorm.weight": [c], "LayerNorm.bias": [c]}
    parts = {"bert.embeddings.": {"word_embeddings.weight": [vocabulary, c],
                                  "position_embeddings.weight": [POSITIONS, c],
                                  "token_type_embeddings.weight": [2, c], **norm}}
    layer = {}
    for name, out, inner in [("attention.self.query", c, c), ("attention.self.key", c, c),
                             ("attention.self.value", c, c), ("attention.output.dense", c, c),
                             ("intermediate.dense", f, c), ("output.dense", c, f)]:
        layer[name + ".weight"], layer[name + ".bias"] = [out, inner], [out]
    for at in ("attention.output.", "output."):
        layer.update({at + key: shape for key, shape in norm.items()})
    for i in range(LAYERS):
        parts["bert.encoder.layer.%d." % i] = layer
    head = {"transform.dense.weight": [c, c], "transform.dense.bias": [c], "bias": [vocabulary]}
    head.update({"transform." + key: shape for key, shape in norm.items()})
    parts["cls.predictions."] = head
    return {at + name: shape for at, part in parts.items() for name, shape in part.items()}


def write_weights(path, tensors):
    header, end = {"__metadata__": {"format": "pt"}}, 0
    sizes = {}
    for name, shape in sorted(tensors.items()):
        count = 1
        for extent in shape:
            count *= extent
        sizes[name] = count
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + 4 * count]}
        end += 4 * count
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    rng = random.Random(1)
    period = 65537  # of the values: a prime, so that no two rows of a matrix are alike
    values = array.array("f", (rng.gauss(0, 0.02) for _ in range(period))).tobytes()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(tensors):
            left = 4 * sizes[name]
            while left > 0:
                file.write(values[:left])
                left -= len(values)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--vocabulary", type=int, default=32000)
    parser.add_argument("--tokenizer")
    parser.add_argument("--kmer", type=int)
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    vocabulary = arguments.vocabulary
    if arguments.kmer:
        words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        words += map("".join, itertools.product("ATCG", repeat=arguments.kmer))
        vocabulary = len(words)
        with open(os.path.join(arguments.out, "vocab.txt"), "w") as file:
            file.write("\n".join(words) + "\n")
    if arguments.tokenizer:
        shutil.copyfile(arguments.tokenizer, os.path.join(arguments.out, "tokenizer.json"))
    config = {"model_type": "big_bird", "architectures": ["BigBirdForMaskedLM"],
              "vocab_size": vocabulary, "hidden_size": CHANNELS, "num_hidden_layers": LAYERS,
              "num_attention_heads": HEADS, "intermediate_size": FEED_FORWARD,
              "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "block_size": 64,
              "num_random_blocks": 3, "attention_type": "block_sparse", "hidden_act": "gelu_new",
              "pad_token_id": 0 if arguments.kmer else 3}
    with open(os.path.join(arguments.out, "config.json"), "w") as file:
        json.dump(config, file, indent=2)
    write_weights(os.path.join(arguments.out, "model.safetensors"), shapes(vocabulary))


if __name__ == "__main__":
    main()
