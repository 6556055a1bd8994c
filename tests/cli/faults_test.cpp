// The same trouble for every command: wrong options, inputs and models. Each is one line that says
// what, where and what to do, the right exit code, and no output.
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>

#include "support/every_command.h"
#include "support/test_data.h"

namespace dnabird {
namespace {

using support::read_text;
using support::write_text;
using Words = std::vector<std::string>;

class Faults : public support::EveryCommand {};

TEST_F(Faults, WithoutTroubleEveryCommandWrites) {
  for (const std::string command : kCommands) {
    const support::ProcessResult result = run(working(command));
    EXPECT_EQ(result.exit_code, 0) << command << ": " << result.err;
    EXPECT_EQ(result.out, "") << command;
    const std::string out = is_training(command) ? "out/config.json" : "out";
    EXPECT_TRUE(std::filesystem::exists(folder_ / out)) << command;
    std::filesystem::remove_all(folder_ / "out");
  }
}

TEST_F(Faults, OptionsThatEveryCommandRefuses) {
  for (const std::string command : kCommands) {
    Words words = working(command);
    words.push_back("--nope");
    expect_refused(words, 2, {"unknown option '--nope'", "dnabird " + command + " --help"});
    words.back() = "-v";
    words.push_back("-q");
    expect_refused(words, 2, {"--verbose and --quiet"});
    words = working(command);
    words.pop_back();
    expect_refused(words, 2, {"option '--output' needs a value"});
    words.push_back("");
    expect_refused(words, 2, {"option '--output' needs a value"});
    words.back() = "--quiet";
    expect_refused(words, 2, {"option '--output' needs a value"});
  }
}

struct BadValue {
  const char* option;
  const char* value;
  const char* part;
};

TEST_F(Faults, DevicesThreadsAndBatches) {
  constexpr BadValue kValues[] = {
      {"--device", "cuda:99", "--device cuda:99"},
      {"--device", "tpu", "expected auto, cpu, cuda or cuda:N"},
      {"--precision", "f16", "expected auto, f32 or bf16"},
      {"--threads", "-1", "--threads: -1, expected 1 to 1024, or 0"},
      {"--threads", "1000000", "--threads: 1000000, expected 1 to 1024, or 0"},
      {"--threads", "two", "'two' is not a whole number"},
      {"--threads", "1.5", "'1.5' is not a whole number"},
      {"--batch-size", "-1", "--batch-size: -1, expected at least 1, or 0"},
      {"--batch-size", "many", "'many' is not a whole number"},
      {"--batch-size", "99999999999999999999", "is not a whole number"},
  };
  for (const std::string command : kCommands) {
    if (!has_device(command)) continue;
    for (const BadValue& bad : kValues) {
      expect_refused(with(working(command), bad.option, bad.value), 2, {bad.part});
    }
  }
}

TEST_F(Faults, ListsOfDevicesWhereOneRuns) {
  for (const std::string command : {"annotate", "embed", "evaluate"}) {
    expect_refused(with(working(command), "--device", "cpu,cpu"), 2,
                   {"--device cpu,cpu: this command runs on one device; name one of them"});
  }
}

TEST_F(Faults, ZeroThreadsAndBatchesAreChosen) {
  for (const std::string command : kCommands) {
    if (!has_device(command)) continue;
    const Words words = with(with(working(command), "--threads", "0"), "--batch-size", "0");
    EXPECT_EQ(run(words).exit_code, 0) << command;
    std::filesystem::remove_all(folder_ / "out");
  }
}

enum class Kind { json, text, variants };

/// A command line that reads one more file, which stands as @.
struct InputPlace {
  Words words;
  Kind kind = Kind::text;
};

std::vector<InputPlace> input_places() {
  return {
      {{"score", "-m", "tiny", "-f", "@", "in.vcf"}},
      {{"score", "-m", "tiny", "-f", "genome.fa", "@"}, Kind::variants},
      {{"score", "-m", "tiny", "-f", "genome.fa", "-T", "@", "in.vcf"}},
      {{"score", "-m", "tiny", "-f", "genome.fa", "-R", "@", "in.vcf"}},
      {{"annotate", "-m", "tiny", "@"}},
      {{"annotate", "-m", "tiny", "-r", "z", "@"}},
      {{"annotate", "-m", "tiny", "-R", "@", "genome.fa"}},
      {{"embed", "-m", "tiny", "@"}},
      {{"embed", "-m", "tiny", "-r", "z:1-200", "@"}},
      {{"embed", "-m", "tiny", "-R", "@", "genome.fa"}},
      {{"embed", "-m", "tiny", "-f", "@", "in.vcf"}},
      {{"embed", "-m", "tiny", "-f", "genome.fa", "@"}, Kind::variants},
      {{"tokenize", "-m", "tiny", "@"}},
      {{"tokenize", "--kmer", "3", "genome.fa", "@"}},
      {{"pretrain", "--architecture", "@", "genome.fa"}, Kind::json},
      {{"pretrain", "--architecture", "toy.json", "genome.fa", "@"}},
      {{"pretrain", "--architecture", "toy.json", "genome.fa", "--dev", "@"}},
      {{"pretrain", "--architecture", "toy.json", "genome.fa", "--exclude", "@"}},
      {{"finetune", "--architecture", "@", "--task", "promoter", "--train", "train.csv", "--dev",
        "dev.csv"},
       Kind::json},
      {{"finetune", "-m", "tiny", "--task", "promoter", "--train", "@", "--dev", "dev.csv"}},
      {{"finetune", "-m", "tiny", "--task", "promoter", "--train", "train.csv", "--dev", "@"}},
      {{"evaluate", "-m", "tiny", "--data", "@"}},
      {{"evaluate", "-m", "tiny", "--masked-lm", "--data", "@"}},
      {{"evaluate", "-m", "tiny", "--data", "dev.csv", "--baselines", "--train", "@"}},
      {{"evaluate", "-m", "tiny", "-f", "genome.fa", "--truth", "INFO/AF", "--variants", "@"},
       Kind::variants},
      {{"evaluate", "--annotation", "@", "--truth-bed", "sites.bed"}},
      {{"evaluate", "--annotation", "calls.bed", "--truth-bed", "@"}},
  };
}

TEST_F(Faults, EveryFileThatIsReadMayBeMissingAFolderOrEmpty) {
  std::filesystem::create_directory(folder_ / "folder");
  write_text(folder_ / "empty", "");
  for (const InputPlace& place : input_places()) {
    Words words = place.words;
    words.insert(words.end(), {"-q", "-o", "out"});
    expect_refused(replaced(words, "@", "none"), 1, {"cannot read 'none': No such file"});
    expect_refused(replaced(words, "@", "folder"), 1, {"cannot read 'folder': Is a directory"});
    expect_refused(replaced(words, "@", "empty"), 1, {"'empty' is empty"});
  }
}

TEST_F(Faults, EveryCompressedFileMayBeTruncated) {
  const std::string data = support::test_data_folder();
  support::copy_truncated(data + "/small.fa.gz", folder_ / "cut.text", 9000);
  support::copy_truncated(data + "/small.vcf.gz", folder_ / "cut.variants", 4000);
  for (const InputPlace& place : input_places()) {
    if (place.kind == Kind::json) continue;
    const std::string name = place.kind == Kind::variants ? "cut.variants" : "cut.text";
    Words words = replaced(place.words, "@", name);
    words.insert(words.end(), {"-q", "-o", "out"});
    expect_refused(words, 1, {"'" + name + "' is truncated"});
  }
}

TEST_F(Faults, FilesOfAnotherKind) {
  const std::string noise("\x01\x02\0\xff\x7f\x1b[31m\n\n\x03", 13);
  write_text(folder_ / "noise", noise + noise + "\n");
  for (const InputPlace& place : input_places()) {
    Words words = replaced(place.words, "@", "noise");
    words.insert(words.end(), {"-q", "-o", "out"});
    expect_refused(words, 1, {"'noise'"});
  }
}

TEST_F(Faults, StandardInputIsNoTrainingSet) {
  expect_refused(replaced(working("pretrain"), "genome.fa", "-"), 2,
                 {"SEQUENCES", "standard input"});
  expect_refused(with(working("finetune"), "--train", "-"), 2, {"--train", "standard input"});
}

TEST_F(Faults, NamesWithControlCharactersKeepTheLineWhole) {
  const std::string odd = "bell\a and\nline\x1b[31m";
  const std::string shown = "bell\\x07 and\\nline\\x1b[31m";
  write_text(folder_ / "odd.csv", "\"" + odd + "\",label\nACGTACGT,1\n");
  for (const InputPlace& place : input_places()) {
    Words words = replaced(place.words, "@", odd);
    words.insert(words.end(), {"-q", "-o", "out"});
    expect_refused(words, 1, {"'" + shown + "'"});
  }
  for (const std::string command : {"embed", "tokenize", "pretrain"}) {
    const std::string input = command == "embed" ? "train.csv" : "genome.fa";
    expect_refused(replaced(working(command), input, "odd.csv"), 1,
                   {"odd.csv' has no column 'sequence'; its columns are " + shown + ", label"});
  }
  expect_refused(with(working("finetune"), "--train", "odd.csv"), 1, {shown});
  expect_refused(with(working("evaluate"), "--data", "odd.csv"), 1, {shown});
  expect_refused(with(working("score"), "-m", odd), 2, {"no model '" + shown + "'"});
}

TEST_F(Faults, WarningsKeepTheirLineWhole) {
  const std::string odd = "two\nlines.fa";
  std::filesystem::copy_file(folder_ / "genome.fa", folder_ / odd);
  const std::string text = read_text(folder_ / "in.vcf");
  write_text(folder_ / "in.vcf", text + "q\t5\t.\tA\tC\t.\t.\t.\n");
  const support::ProcessResult result = run(with(working("score"), "-f", odd));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, testing::HasSubstr("on contigs that 'two\\nlines.fa' does not have"));
}

/// A way to spoil a model folder and what the line then says.
struct BadModel {
  std::string name;
  std::function<void(const std::string& path)> spoil;
  Words parts;
  /// What tokenize needs, the tokenizer's file, is as it should be.
  bool tokenizes = false;
};

std::function<void(const std::string&)> edited(const std::function<void(io::ModelFolder&)>& edit) {
  return [edit](const std::string& path) {
    io::ModelFolder model = io::read_model_folder(path);
    edit(model);
    io::write_model_folder(path, model);
  };
}

std::function<void(const std::string&)> without(const std::string& name) {
  return [name](const std::string& path) { std::filesystem::remove(path + "/" + name); };
}

std::function<void(const std::string&)> cut(const std::string& name, std::uintmax_t bytes) {
  return [=](const std::string& path) { std::filesystem::resize_file(path + "/" + name, bytes); };
}

std::function<void(const std::string&)> rewritten(const std::string& name,
                                                  const std::string& text) {
  return [=](const std::string& path) { write_text(path + "/" + name, text); };
}

constexpr const char* kBias = "cls.predictions.bias";

std::vector<BadModel> bad_models() {
  return {
      {"no_config", without("config.json"), {"lacks config.json"}, true},
      {"no_weights", without("model.safetensors"), {"lacks model.safetensors"}, true},
      {"no_vocabulary", without("vocab.txt"), {"lacks vocab.txt"}},
      {"cut_weights", cut("model.safetensors", 5000), {"model.safetensors'", "truncated"}, true},
      {"cut_header", cut("model.safetensors", 50), {"model.safetensors'", "truncated"}, true},
      {"no_bytes", cut("model.safetensors", 0), {"model.safetensors'", "only 0 bytes"}, true},
      {"half_json", rewritten("config.json", "{\"k\":\n"), {"config.json' line 2, column 1"}},
      {"json_list", rewritten("config.json", "[1]"), {"config.json'", "expected a JSON object"}},
      {"empty_json", rewritten("config.json", ""), {"config.json' is empty"}},
      {"gpt2",
       edited([](io::ModelFolder& m) { m.config["model_type"] = "gpt2"; }),
       {"config.json'", "model_type is \"gpt2\"", "big_bird"}},
      {"word_for_size",
       edited([](io::ModelFolder& m) { m.config["hidden_size"] = "two\nlines"; }),
       {"config.json'", "hidden_size is \"two\\nlines\"", "a whole number"}},
      {"too_many_layers",
       edited([](io::ModelFolder& m) { m.config["num_hidden_layers"] = std::int64_t{1} << 40; }),
       {"config.json'", "num_hidden_layers is 1099511627776", "1 to 1000"}},
      {"other_k",
       edited([](io::ModelFolder& m) {
         m.config["dnabird"]["k"] = 4;
         m.config["vocab_size"] = 261;
       }),
       {"vocab.txt'", "69 tokens", "k 4"}},
      {"short_vocabulary",
       edited([](io::ModelFolder& m) { m.vocabulary.pop_back(); }),
       {"vocab.txt'", "68 tokens"}},
      {"swapped_vocabulary",
       edited([](io::ModelFolder& m) { std::swap(m.vocabulary[6], m.vocabulary[7]); }),
       {"vocab.txt'", "line 7", "expected 'AAT'"}},
      {"wider",
       edited([](io::ModelFolder& m) { m.config["hidden_size"] = 16; }),
       {"model.safetensors'", "has shape (69,8)", "expected (69,16)"},
       true},
      {"deeper",
       edited([](io::ModelFolder& m) { m.config["num_hidden_layers"] = 2; }),
       {"model.safetensors'", "lacks", "bert.encoder.layer.1."},
       true},
      {"lacks_tensor",
       edited([](io::ModelFolder& m) { m.weights.tensors.erase(kBias); }),
       {"model.safetensors'", "lacks", kBias},
       true},
      {"stranger",
       edited([](io::ModelFolder& m) {
         m.weights.tensors["two\nlines"] = m.weights.tensors.at(kBias);
       }),
       {"model.safetensors'", "two\\nlines", "unknown"},
       true},
      {"whole_numbers",
       edited([](io::ModelFolder& m) { m.weights.tensors.at(kBias).dtype = "I32"; }),
       {"model.safetensors'", kBias, "I32", "expected F32"},
       true},
      {"not_finite",
       edited([](io::ModelFolder& m) {
         std::vector<float> values = m.weights.tensors.at(kBias).floats();
         values.back() = std::numeric_limits<float>::quiet_NaN();
         m.weights.tensors.at(kBias) =
             io::HostTensor::from_floats({static_cast<std::int64_t>(values.size())}, values);
       }),
       {"model.safetensors'", kBias, "not finite"},
       true},
  };
}

TEST_F(Faults, ModelsThatAreSpoilt) {
  for (const BadModel& bad : bad_models()) {
    const std::string path = folder_ / bad.name;
    std::filesystem::copy(folder_ / "tiny", path);
    bad.spoil(path);
    Words parts = bad.parts;
    parts.push_back("'" + bad.name);
    for (const std::string command : kCommands) {
      if (command == "pretrain" || (command == "tokenize" && bad.tokenizes)) continue;
      expect_refused(replaced(working(command), "tiny", bad.name), 1, parts);
    }
    std::filesystem::remove_all(path);
  }
}

}  // namespace
}  // namespace dnabird
