"""Models of both sides, and what each side computes."""
import gzip
import json
import os
import random
import subprocess

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file, save_file

DNABIRD = os.environ["DNABIRD_BINARY"]
LOGITS = os.environ["DNABIRD_LOGITS"]
K = 3
VOCABULARY = 5 + 4**K
BLOCK = 16


def dnabird(*words, folder):
    """Runs the program; its standard output."""
    done = subprocess.run([DNABIRD, *map(str, words)], cwd=folder, text=True, capture_output=True)
    if done.returncode != 0:
        raise AssertionError(f"dnabird {' '.join(map(str, words))}: {done.stderr}")
    return done.stdout


def documented_commands(heading):
    """The first shell block under that heading of docs/models.md."""
    with open(os.path.join(os.path.dirname(__file__), "../../docs/models.md")) as file:
        section = file.read().split(f"\n## {heading}\n")[1]
    return section.split("```sh\n")[1].split("```")[0]


def random_bases(n, rng):
    return "".join(rng.choice("ACGT") for _ in range(n))


def write_inputs(folder):
    """genome.fa to pretrain on, train.csv and dev.csv with labels, two more and a value."""
    rng = random.Random(1)
    with open(os.path.join(folder, "genome.fa"), "w") as file:
        for i in range(20):
            print(f">contig{i}\n{random_bases(400, rng)}", file=file)
    for name, rows in (("train.csv", 40), ("dev.csv", 10)):
        with open(os.path.join(folder, name), "w") as file:
            print("sequence,label,a,b,gc", file=file)
            for i in range(rows):
                gc = rng.random()
                bases = "".join(rng.choice("GC" if rng.random() < gc else "AT") for _ in range(90))
                print(f"{bases},{i % 3},{i % 2},{i // 2 % 2},{100 * gc:.1f}", file=file)


def write_vocabulary(folder):
    """vocab.txt as DNABERT has it: five special tokens, k-mers in the order A T C G."""
    kmers = [""]
    for _ in range(K):
        kmers = [kmer + base for kmer in kmers for base in "ATCG"]
    with open(os.path.join(folder, "vocab.txt"), "w") as file:
        file.write("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *kmers]) + "\n")


def write_tokenizer(folder):
    """tokenizer.json of GENA-LM; their tokenizer of it."""
    packed = os.path.join(os.path.dirname(__file__),
                          "../data/parity/gena_tokenizer/tokenizer.json.gz")
    os.makedirs(folder, exist_ok=True)
    with gzip.open(packed) as file, open(os.path.join(folder, "tokenizer.json"), "wb") as out:
        out.write(file.read())
    return transformers.PreTrainedTokenizerFast(
        tokenizer_file=os.path.join(folder, "tokenizer.json"))


def architecture(**changes):
    """For dnabird pretrain --architecture."""
    config = {"model_type": "big_bird", "hidden_size": 48, "num_hidden_layers": 3,
              "num_attention_heads": 4, "intermediate_size": 96, "max_position_embeddings": 512,
              "block_size": BLOCK, "num_random_blocks": 2, "initializer_range": 0.2,
              "dnabird": {"k": K}}
    config.update(changes)
    return json.dumps(config)


def their_config(kind, **changes):
    """BigBirdConfig or BertConfig of a small model."""
    settings = {"vocab_size": VOCABULARY, "hidden_size": 48, "num_hidden_layers": 3,
                "num_attention_heads": 4, "intermediate_size": 96, "pad_token_id": 0}
    if kind is transformers.BigBirdConfig:
        settings |= {"max_position_embeddings": 512, "block_size": BLOCK, "num_random_blocks": 2,
                     "bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3}
    else:
        settings |= {"max_position_embeddings": 128}
    return kind(**(settings | changes))


def make_theirs(kind, config, folder, **saving):
    """A model of their class with weights so large that its outputs differ clearly, as a folder."""
    torch.manual_seed(3)
    model = kind(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            is_norm = "LayerNorm.weight" in name
            parameter.normal_(1 if is_norm else 0, 0.1 if is_norm else 0.15)
    if "dtype" in saving:
        model = model.to(saving.pop("dtype"))
    model.save_pretrained(folder, **saving)
    write_vocabulary(folder)
    return model


def ids_of(lengths, rng):
    """Sequences of ids: [CLS], k-mers with some [UNK] and [MASK] among them, [SEP]."""
    ids = {}
    for n in lengths:
        tokens = [rng.choice([1, 4]) if rng.random() < 0.1 else rng.randrange(5, VOCABULARY)
                  for _ in range(n - 2)]
        ids[f"n{n}"] = np.array([2, *tokens, 3], dtype=np.int32)
    return ids


def our_outputs(model_folder, ids, folder):
    """Name to {"hidden": (T,C), "logits": (T,V), "output": (K)}, what the model has of them."""
    paths = [os.path.join(folder, name) for name in ("ids.safetensors", "ours.safetensors")]
    save_file(ids, paths[0])
    done = subprocess.run([LOGITS, model_folder, *paths], text=True, capture_output=True)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    outputs = {name: {} for name in ids}
    for key, value in load_file(paths[1]).items():
        name, what = key.rsplit(".", 1)
        outputs[name][what] = value
    return outputs


def load_theirs(kind, folder):
    """The model in evaluation and double precision; no tensor but a pooler may be new to it."""
    model, loading = kind.from_pretrained(folder, output_loading_info=True)
    missing = [name for name in loading["missing_keys"] if ".pooler." not in name]
    if missing or loading["mismatched_keys"]:
        raise AssertionError(f"{folder}: {missing} missing, {loading['mismatched_keys']}")
    return model.eval().double()


def their_outputs(kind, folder, ids):
    """Name to {"hidden": ..., "logits": ...}, logits of whatever head `kind` has."""
    outputs = {}
    for name, tokens in ids.items():
        # A model that has met a short input computes full attention ever after: a new one each.
        model = load_theirs(kind, folder)
        with torch.no_grad():
            result = model(input_ids=torch.tensor(tokens[None].astype(np.int64)),
                           output_hidden_states=True)
        outputs[name] = {"hidden": result.hidden_states[-1][0].numpy()[:len(tokens)]}
        if "logits" in result:
            outputs[name]["logits"] = result.logits[0].numpy()
    return outputs
