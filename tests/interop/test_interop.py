"""dnabird and transformers compute the same from the same folder, whoever wrote it."""
import os
import random
import subprocess
import sys
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

# Name of a test to what it compared and the largest difference that it found, for docs/models.md.
largest = {}


def tearDownModule():
    print("\nlargest differences:", file=sys.stderr)
    for test, found in largest.items():
        values = ", ".join(f"{what} {value:.1e}" for what, value in found.items())
        print(f"  {test}: {values}", file=sys.stderr)


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

    def finetune(self, out, task, targets, *words):
        dnabird("finetune", "-m", "base", "--task", task, "--targets", targets, "--train",
                "train.csv", "--dev", "dev.csv", "-o", out, "--steps", 30, "--batch-size", 8,
                "--lr", 0.005, "-q", *words, folder=self.folder)
        return self.path(out)

    def assert_close(self, ours, theirs, what):
        """Of each sequence, by name."""
        # A comparison of values that hardly differ would prove little.
        self.assertGreater(np.std(np.concatenate([np.ravel(x) for x in theirs.values()])), 0.01,
                           what)
        found = largest.setdefault(self.id().split(".", 1)[1], {})
        for name, expected in theirs.items():
            self.assertEqual(ours[name].shape, expected.shape, f"{what} of {name}")
            difference = np.max(np.abs(ours[name] - expected))
            found[what] = max(found.get(what, 0), difference)
            self.assertLess(difference, TOLERANCE, f"{what} of {name}")

    def compare(self, folder, kind, what, lengths=SHORT):
        """`what`: our name of the logits that `kind` computes; None if it has no head."""
        ids = ids_of(lengths, random.Random(7))
        ours = our_outputs(folder, ids, self.folder)
        theirs = their_outputs(kind, folder, ids)
        for here, there in (("hidden", "hidden"), (what, "logits")):
            if here is not None:
                self.assert_close({name: ours[name][here] for name in ids},
                                  {name: theirs[name][there] for name in ids}, here)


class OursInTheirs(Interop):
    def test_pretrained_model_opens_as_masked_lm(self):
        self.compare(self.path("base"), transformers.BigBirdForMaskedLM, "logits")

    def test_their_random_blocks_at_any_length(self):
        config = models.architecture(dnabird={"k": models.K, "pattern_mode": "hf_eval"})
        with open(self.path("sparse.json"), "w") as file:
            file.write(config)
        dnabird("pretrain", "--architecture", "sparse.json", "genome.fa", "-o", "sparse", "--steps",
                10, "--window", 300, "--lr", 0.005, "--batch-size", 4, "-q", folder=self.folder)
        self.compare(self.path("sparse"), transformers.BigBirdForMaskedLM, "logits", LONG)
        folder = self.finetune("sparse_classifier", "classification", "x,y,z",
                               "--random-blocks", "hf_eval")
        self.compare(folder, transformers.BigBirdForSequenceClassification, "output", LONG)

    def test_auto_class_knows_the_folder(self):
        model = transformers.AutoModelForMaskedLM.from_pretrained(self.path("base"))
        self.assertIsInstance(model, transformers.BigBirdForMaskedLM)

    def test_classifier(self):
        folder = self.finetune("three_classes", "classification", "x,y,z")
        self.compare(folder, transformers.BigBirdForSequenceClassification, "output")
        self.compare(folder, transformers.BigBirdForMaskedLM, "logits")
        config = transformers.AutoConfig.from_pretrained(folder)
        self.assertEqual(config.id2label, {0: "x", 1: "y", 2: "z"})
        self.assertEqual(config.problem_type, "single_label_classification")

    def test_multi_label(self):
        folder = self.finetune("multi_label", "multi_label", "a,b")
        self.compare(folder, transformers.BigBirdForSequenceClassification, "output")

    def test_regression_on_one_target(self):
        folder = self.finetune("regression", "regression", "gc")
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
        embed = ("embed", "--precision", "f32", "-m", "base", "train.csv", "-q")
        dnabird(*embed, "--pool", "tokens", "-o", "tokens.safetensors", folder=self.folder)
        for pool in ("mean", "cls"):
            dnabird(*embed, "--pool", pool, "-o", f"{pool}.npy", folder=self.folder)
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
        hidden = {name: theirs[name]["hidden"] for name in some}
        self.assert_close(tokens, hidden, "tokens")
        self.assert_close(dict(zip(some, cls)), {name: x[0] for name, x in hidden.items()}, "cls")
        self.assert_close(dict(zip(some, mean)),
                          {name: x[1:-1].mean(axis=0) for name, x in hidden.items()}, "mean")

    def test_converted_models(self):
        self.finetune("classifier", "classification", "x,y,z")
        for name, words in (("f16", ("--dtype", "f16")), ("bf16", ("--dtype", "bf16")),
                            ("sharded", ("--shard-size", "40kB")),
                            ("both", ("--dtype", "f16", "--shard-size", "20kB"))):
            with self.subTest(name):
                dnabird("convert", "-q", *words, "base", name, folder=self.folder)
                self.compare(self.path(name), transformers.BigBirdForMaskedLM, "logits")
                dnabird("convert", "-q", *words, "classifier", f"classifier_{name}",
                        folder=self.folder)
                self.compare(self.path(f"classifier_{name}"),
                             transformers.BigBirdForSequenceClassification, "output")


class TheirsInOurs(Interop):
    def check(self, kind, what, folder, config, lengths=SHORT, **saving):
        make_theirs(kind, config, self.path(folder), **saving)
        self.compare(self.path(folder), kind, what, lengths)

    def run_shell(self, lines):
        programs = [os.path.dirname(path) for path in (sys.executable, models.DNABIRD)]
        path = ":".join([*programs, os.environ["PATH"]])
        subprocess.run(["bash", "-euc", lines], cwd=self.folder, check=True,
                       stdout=subprocess.DEVNULL, env=os.environ | {"PATH": path})

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

    def test_pickle_by_the_line_that_the_refusal_gives(self):
        config = their_config(transformers.BertConfig)
        model = make_theirs(transformers.BertForMaskedLM, config, self.path("pickle"))
        os.remove(self.path("pickle/model.safetensors"))
        torch.save(model.state_dict(), self.path("pickle/pytorch_model.bin"))
        refused = subprocess.run([models.DNABIRD, "info", "pickle"], cwd=self.folder, text=True,
                                 capture_output=True)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        line = refused.stderr.strip().split("torch is installed: ")[1]
        self.run_shell(line)
        self.compare(self.path("pickle"), transformers.BertForMaskedLM, "logits")

    def test_byte_pairs_by_the_commands_of_the_documentation(self):
        tokenizer = models.write_tokenizer(self.path("downloaded"))
        config = their_config(transformers.BigBirdConfig, vocab_size=32000, pad_token_id=3)
        model = make_theirs(transformers.BigBirdForPreTraining, config, self.path("downloaded"))
        os.remove(self.path("downloaded/model.safetensors"))
        os.remove(self.path("downloaded/vocab.txt"))
        torch.save(model.state_dict(), self.path("downloaded/pytorch_model.bin"))
        self.run_shell(models.documented_commands("GENA-LM"))

        rng = random.Random(5)
        bases = {f"s{n}": models.random_bases(n, rng) for n in (1, 60, 500, 1500, 2000)}
        bases["gaps"] = f"{bases['s60']}{'N' * 12}{bases['s500']}NNN{bases['s1500']}"
        with open(self.path("bases.fa"), "w") as file:
            file.writelines(f">{name}\n{text}\n" for name, text in bases.items())
        ids = {name: np.array(tokenizer(text)["input_ids"], dtype=np.int32)
               for name, text in bases.items()}
        for line in dnabird("tokenize", "-m", "gena", "bases.fa", "-q",
                            folder=self.folder).splitlines():
            name, _, *tokens = line.split()
            self.assertEqual([int(token) for token in tokens], list(ids[name]), name)
        dnabird("embed", "--precision", "f32", "-m", "gena", "bases.fa", "-q", "--pool", "tokens",
                "-o", "bases.safetensors", folder=self.folder)
        ours = our_outputs(self.path("gena"), ids, self.folder)
        theirs = their_outputs(transformers.BigBirdForMaskedLM, self.path("gena"), ids)
        hidden = {name: theirs[name]["hidden"] for name in ids}
        self.assert_close(load_file(self.path("bases.safetensors")), hidden, "tokens")
        self.assert_close({name: ours[name]["logits"] for name in ids},
                          {name: theirs[name]["logits"] for name in ids}, "logits")

    def test_pickle_by_the_commands_of_the_documentation(self):
        config = their_config(transformers.BertConfig)
        model = make_theirs(transformers.BertForMaskedLM, config, self.path("downloaded"))
        os.remove(self.path("downloaded/model.safetensors"))
        torch.save(model.state_dict(), self.path("downloaded/pytorch_model.bin"))
        self.run_shell(models.documented_commands("DNABERT"))
        self.compare(self.path("dnabert"), transformers.BertForMaskedLM, "logits")

    def test_memory_of_a_model_of_the_size_that_people_use(self):
        models.write_tokenizer(self.path("full_size"))
        config = transformers.BigBirdConfig(vocab_size=32000, pad_token_id=3)
        transformers.BigBirdForMaskedLM(config).save_pretrained(self.path("full_size"))
        n_bytes = os.path.getsize(self.path("full_size/model.safetensors"))
        # A process starts with the peak of the one that starts it: a small one between.
        measure = ("import resource, subprocess, sys, time\n"
                   "start = time.perf_counter()\n"
                   "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
                   "print(time.perf_counter() - start,\n"
                   "      resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
        done = subprocess.run([sys.executable, "-c", measure, models.DNABIRD, "info", "full_size"],
                              cwd=self.folder, check=True, text=True, capture_output=True)
        seconds, kilobytes = map(float, done.stdout.split())
        peak = kilobytes * 1024
        print(f"{n_bytes / 1e6:.0f} MB read and their sha256 taken in {seconds:.2f} s, "
              f"peak memory {peak / n_bytes:.3f} of the file", file=sys.stderr)
        self.assertLess(peak, 1.1 * n_bytes)


if __name__ == "__main__":
    unittest.main()
