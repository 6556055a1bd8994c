"""dnabird and transformers compute the same from the same folder, whoever wrote it."""
import json
import os
import random
import tempfile
import unittest

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file

import models
from models import dnabird, ids_of, make_theirs, our_outputs, their_config, their_outputs

# Absolute, f32 here against double there.
TOLERANCE = 2e-4
# Tokens. Up to 7 blocks of 16 both sides attend to everything: 3 + 2 + num_random_blocks are all of
# them here, and theirs computes full attention up to 5 + 2 * num_random_blocks.
SHORT = (3, 15, 16, 17, 50, 96)
# Around the 9 blocks up to which theirs computes full attention, and as many as there are positions.
LONG = (128, 143, 144, 145, 177, 300, 511, 512)


class Interop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        models.write_inputs(cls.folder)
        with open(cls.path("architecture.json"), "w") as file:
            file.write(models.architecture())
        dnabird("pretrain", "--architecture", "architecture.json", "genome.fa", "-o", "base",
                "--steps", 30, "--window", 96, "--lr", 0.005, "--batch-size", 4, "-q",
                folder=cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    def finetune(self, task, *words):
        dnabird("finetune", "-m", "base", "--task", task, "--train", "train.csv", "--dev", "dev.csv",
                "-o", task, "--steps", 10, "--batch-size", 8, "--lr", 0.002, "-q", *words,
                folder=self.folder)
        return self.path(task)

    def assert_close(self, ours, theirs, what):
        self.assertEqual(ours.shape, theirs.shape, what)
        # A comparison of values that hardly differ would prove little.
        self.assertGreater(np.std(theirs), 0.01, what)
        self.assertLess(np.max(np.abs(ours - theirs)), TOLERANCE, what)

    def compare(self, folder, kind, what, lengths=SHORT):
        """`what`: our name of the logits that `kind` computes; None if it has no head."""
        ids = ids_of(lengths, random.Random(7))
        ours = our_outputs(folder, ids, self.folder)
        theirs = their_outputs(kind, folder, ids)
        for name in ids:
            self.assert_close(ours[name]["hidden"], theirs[name]["hidden"], f"hidden of {name}")
            if what is not None:
                self.assert_close(ours[name][what], theirs[name]["logits"], f"{what} of {name}")


class OursInTheirs(Interop):
    def test_pretrained_model_opens_as_masked_lm(self):
        self.compare(self.path("base"), transformers.BigBirdForMaskedLM, "logits")

    def test_auto_class_knows_the_folder(self):
        model = transformers.AutoModelForMaskedLM.from_pretrained(self.path("base"))
        self.assertIsInstance(model, transformers.BigBirdForMaskedLM)

    def test_classifier(self):
        folder = self.finetune("classification", "--targets", "x,y,z")
        self.compare(folder, transformers.BigBirdForSequenceClassification, "output")
        self.compare(folder, transformers.BigBirdForMaskedLM, "logits")
        config = transformers.AutoConfig.from_pretrained(folder)
        self.assertEqual(config.id2label, {0: "x", 1: "y", 2: "z"})
        self.assertEqual(config.problem_type, "single_label_classification")

    def test_multi_label(self):
        folder = self.finetune("multi_label", "--targets", "a,b")
        self.compare(folder, transformers.BigBirdForSequenceClassification, "output")

    def test_regression_on_one_target(self):
        folder = self.finetune("regression", "--targets", "a")
        self.compare(folder, transformers.BigBirdForSequenceClassification, "output")

    def test_tokens_are_those_of_their_tokenizer(self):
        bases = models.random_bases(200, random.Random(9)) + "NACGT"
        with open(self.path("one.fa"), "w") as file:
            file.write(f">one\n{bases}\n")
        ours = dnabird("tokenize", "-m", "base", "one.fa", "-q", folder=self.folder).split()[2:]
        words = [bases[i:i + models.K] for i in range(len(bases) - models.K + 1)]
        tokenizer = transformers.BertTokenizer.from_pretrained(self.path("base"),
                                                               do_lower_case=False)
        self.assertEqual([int(token) for token in ours], tokenizer(" ".join(words))["input_ids"])

    def test_embeddings(self):
        dnabird("embed", "-m", "base", "train.csv", "-q", "--pool", "tokens", "-o",
                "tokens.safetensors", folder=self.folder)
        for pool in ("mean", "cls"):
            dnabird("embed", "-m", "base", "train.csv", "-q", "--pool", pool, "-o", f"{pool}.npy",
                    folder=self.folder)
        lines = dnabird("tokenize", "-m", "base", "train.csv", "-q", folder=self.folder)
        ids = {}
        for line in lines.splitlines():
            name, _, *tokens = line.split()
            ids[name] = np.array([int(token) for token in tokens], dtype=np.int32)
        some = {name: ids[name] for name in list(ids)[:5]}
        theirs = their_outputs(transformers.BigBirdForMaskedLM, self.path("base"), some)
        tokens = load_file(self.path("tokens.safetensors"))
        self.assertEqual(len(tokens), len(ids))
        mean, cls = np.load(self.path("mean.npy")), np.load(self.path("cls.npy"))
        self.assertEqual(mean.shape, (len(ids), 48))
        self.assertEqual(mean.dtype, np.float32)
        for i, name in enumerate(some):
            hidden = theirs[name]["hidden"]
            self.assert_close(tokens[name], hidden, name)
            self.assert_close(cls[i], hidden[0], name)
            self.assert_close(mean[i], hidden[1:-1].mean(axis=0), name)

    def test_converted_models(self):
        self.finetune("promoter")
        for name, words in (("f16", ("--dtype", "f16")), ("bf16", ("--dtype", "bf16")),
                            ("sharded", ("--shard-size", "40kB")),
                            ("both", ("--dtype", "f16", "--shard-size", "20kB"))):
            with self.subTest(name):
                dnabird("convert", "-q", *words, "base", name, folder=self.folder)
                self.compare(self.path(name), transformers.BigBirdForMaskedLM, "logits")
                dnabird("convert", "-q", *words, "promoter", f"promoter_{name}",
                        folder=self.folder)
                self.compare(self.path(f"promoter_{name}"),
                             transformers.BigBirdForSequenceClassification, "output")


class TheirsInOurs(Interop):
    def check(self, kind, what, folder, config, lengths=SHORT, **saving):
        make_theirs(kind, config, self.path(folder), **saving)
        self.compare(self.path(folder), kind, what, lengths)

    def test_big_bird_masked_lm(self):
        for activation in ("gelu_new", "gelu"):
            with self.subTest(activation):
                config = their_config(transformers.BigBirdConfig, hidden_act=activation)
                self.check(transformers.BigBirdForMaskedLM, "logits", f"mlm_{activation}", config)

    def test_big_bird_classifier(self):
        config = their_config(transformers.BigBirdConfig, num_labels=3)
        self.check(transformers.BigBirdForSequenceClassification, "output", "classifier", config)

    def test_big_bird_with_sparse_attention(self):
        for blocks in (1, 2, 3):
            with self.subTest(blocks):
                config = their_config(transformers.BigBirdConfig, num_random_blocks=blocks)
                self.check(transformers.BigBirdForMaskedLM, "logits", f"sparse{blocks}", config, LONG)

    def test_big_bird_with_full_attention(self):
        config = their_config(transformers.BigBirdConfig, attention_type="original_full")
        self.check(transformers.BigBirdForMaskedLM, "logits", "full", config, LONG)

    def test_big_bird_without_head(self):
        config = their_config(transformers.BigBirdConfig)
        self.check(transformers.BigBirdModel, None, "headless", config)

    def test_bert(self):
        config = their_config(transformers.BertConfig)
        self.check(transformers.BertForMaskedLM, "logits", "bert", config, SHORT + (127, 128))

    def test_bert_classifier(self):
        config = their_config(transformers.BertConfig, num_labels=3)
        self.check(transformers.BertForSequenceClassification, "output", "bert_classifier", config)

    def test_shorter_types(self):
        for dtype in (torch.float16, torch.bfloat16):
            with self.subTest(dtype):
                config = their_config(transformers.BigBirdConfig)
                self.check(transformers.BigBirdForMaskedLM, "logits", f"short_{dtype}", config,
                           dtype=dtype)

    def test_shards(self):
        config = their_config(transformers.BigBirdConfig)
        self.check(transformers.BigBirdForMaskedLM, "logits", "shards", config,
                   max_shard_size="50KB")
        self.assertFalse(os.path.exists(self.path("shards/model.safetensors")))


if __name__ == "__main__":
    unittest.main()
