"""The models that both sides open, and transformers' side of what is timed."""
import os
import time

import numpy as np
import torch
import transformers
from safetensors.numpy import save_file

transformers.utils.logging.disable_progress_bar()

K = 6
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SIZES = {
    "base": {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12,
             "intermediate_size": 3072},
    "small": {"num_hidden_layers": 6, "hidden_size": 256, "num_attention_heads": 4,
              "intermediate_size": 1024},
    # For a quick look at whether everything runs.
    "tiny": {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 2,
             "intermediate_size": 128},
}


def write_vocabulary(folder):
    """vocab.txt as DNABERT has it: five special tokens, k-mers in the order A T C G."""
    kmers = [""]
    for _ in range(K):
        kmers = [kmer + base for kmer in kmers for base in "ATCG"]
    with open(os.path.join(folder, "vocab.txt"), "w") as file:
        file.write("\n".join(SPECIAL + kmers) + "\n")


def make_folder(folder, kind, size, tokens):
    """Random weights (seeded) of BigBird ("big_bird", blocks of 64, three random ones) or of a dense
    BERT ("bert")."""
    settings = SIZES[size] | {
        "vocab_size": len(SPECIAL) + 4**K, "max_position_embeddings": tokens, "pad_token_id": 0,
        "hidden_act": "gelu_new", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.0}
    torch.manual_seed(1)
    if kind == "big_bird":
        config = transformers.BigBirdConfig(
            **settings, attention_type="block_sparse", block_size=64, num_random_blocks=3,
            bos_token_id=2, eos_token_id=3, sep_token_id=3)
        model = transformers.BigBirdForMaskedLM(config)
    else:
        model = transformers.BertForMaskedLM(transformers.BertConfig(**settings))
    model.save_pretrained(folder)
    write_vocabulary(folder)


def write_input(path, batch, tokens):
    """Random 6-mers; every seventh token labelled with its own id. Returns ids, rows and labels."""
    rng = np.random.default_rng(2)
    ids = rng.integers(len(SPECIAL), len(SPECIAL) + 4**K, (batch, tokens), dtype=np.int32)
    rows = np.arange(3, batch * tokens, 7, dtype=np.int32)
    labels = ids.reshape(-1)[rows]
    save_file({"ids": ids, "rows": rows, "labels": labels}, path)
    return ids, rows, labels


class Theirs:
    """A folder in transformers, one batch, and what is timed of it."""

    def __init__(self, folder, kind, data, dtype=torch.float32):
        ids, rows, labels = data
        if kind == "big_bird":
            self.model = transformers.BigBirdForMaskedLM.from_pretrained(folder, dtype=dtype)
        else:
            self.model = transformers.BertForMaskedLM.from_pretrained(
                folder, dtype=dtype, attn_implementation="sdpa")
        self.ids = torch.tensor(ids.astype(np.int64))
        self.rows = torch.tensor(rows.astype(np.int64))
        self.labels = torch.full((self.ids.numel(),), -100)
        self.labels[self.rows] = torch.tensor(labels.astype(np.int64))
        self.labels = self.labels.reshape(self.ids.shape)
        self.optimizer = None

    def logits(self):
        """(M,V) of the labelled rows."""
        self.model.eval()
        with torch.inference_mode():
            logits = self.model(input_ids=self.ids).logits
        return logits.reshape(-1, logits.shape[-1])[self.rows].float().numpy()

    def forward(self):
        """Seconds of the encoder's pass."""
        self.model.eval()
        start = time.perf_counter()
        with torch.inference_mode():
            self.model.bert(input_ids=self.ids)
        return time.perf_counter() - start

    def train(self, loss):
        """Seconds of a step: forward, backward, norm clipped, AdamW; as ModelRun::training_step."""
        self.model.train()
        if self.optimizer is None:
            self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, fused=True)
        start = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        if loss == "hidden":
            value = self.model.bert(input_ids=self.ids).last_hidden_state.square().mean()
        else:
            value = self.model(input_ids=self.ids, labels=self.labels).loss
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return time.perf_counter() - start


def product_rate(dtype=torch.float32):
    """FLOP/s of 1,536 x 1,536 x 1,536 in torch: the fastest of ten."""
    n = 1536
    a, b = torch.randn(n, n).to(dtype), torch.randn(n, n).to(dtype)
    torch.mm(a, b)
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        torch.mm(a, b)
        seconds.append(time.perf_counter() - start)
    return 2 * n**3 / min(seconds)
