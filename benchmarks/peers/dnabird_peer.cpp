// dnabird's side of peers.py: opens a model folder once, then does what each line of its standard
// input says, so that it and the other side can take turns.
//   dnabird_peer MODEL INPUT.safetensors --threads N --precision P --random-blocks MODE
// INPUT: ids (B,T); rows (M) of the hidden states seen as (B*T,C); labels (M) of these rows.
//   forward          answers seconds
//   train hidden     a training step on the mean square of the hidden states: seconds and loss
//   train masked     on the cross-entropy of the labels
//   logits FILE      writes logits (M,V) of the rows
//   product          FLOP/s of a large matrix product
//   flops WHAT       of forward, hidden or masked
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "benchmarks/model_run.h"
#include "core/device.h"
#include "core/errors.h"
#include "core/text.h"
#include "io/safetensors.h"
#include "kernels/bench/limits.h"
#include "pipelines/model_files.h"

namespace dnabird::benchmarks {

namespace {

namespace bench = kernels::bench;

struct Arguments {
  std::string model, input, precision, random_blocks;
  int threads = 0;
};

Arguments parse(const std::vector<std::string>& words) {
  if (words.size() != 8 || words[2] != "--threads" || words[4] != "--precision" ||
      words[6] != "--random-blocks") {
    throw core::UsageError(
        "expected MODEL INPUT.safetensors --threads N --precision P --random-blocks MODE");
  }
  const auto threads = core::parse_int(words[3]);
  if (!threads || *threads < 0) throw core::UsageError("--threads '" + words[3] + "': no number");
  return {words[0], words[1], words[5], words[7], static_cast<int>(*threads)};
}

std::vector<std::int32_t> ints_of(const io::TensorFile& file, const std::string& name) {
  const auto found = file.tensors.find(name);
  if (found == file.tensors.end()) throw core::DataError("the input has no tensor " + name);
  return found->second.ints();
}

Sequences sequences_of(const io::TensorFile& file) {
  const std::vector<std::int32_t> ids = ints_of(file, "ids");
  const std::vector<std::int64_t>& shape = file.tensors.at("ids").shape;
  if (shape.size() != 2) throw core::DataError("ids of the input: expected (sequences, tokens)");
  Sequences sequences;
  for (std::int64_t b = 0; b < shape[0]; ++b) {
    sequences.emplace_back(ids.begin() + b * shape[1], ids.begin() + (b + 1) * shape[1]);
  }
  return sequences;
}

Loss loss_of(const std::string& word) {
  if (word == "hidden") return Loss::hidden;
  if (word == "masked") return Loss::masked_tokens;
  throw core::UsageError("'" + word + "': expected hidden or masked");
}

class Peer {
 public:
  explicit Peer(const Arguments& arguments)
      : kernels_(core::open_device("cpu", arguments.precision, arguments.threads)),
        loaded_(pipelines::load_model(*kernels_, arguments.model, arguments.random_blocks)),
        input_(io::read_safetensors(arguments.input)),
        run_(*loaded_.model, sequences_of(input_)) {
    run_.set_labels(ints_of(input_, "rows"), ints_of(input_, "labels"));
  }

  /// The answer to one line.
  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string command, word;
    words >> command >> word;
    std::ostringstream out;
    const double start = bench::now(bench::Clock::wall);
    if (command == "forward") {
      run_.forward();
      out << bench::now(bench::Clock::wall) - start;
    } else if (command == "train") {
      const double loss = run_.training_step(loss_of(word));
      out << bench::now(bench::Clock::wall) - start << ' ' << loss;
    } else if (command == "logits") {
      write_logits(word);
      out << "written";
    } else if (command == "product") {
      out << bench::matrix_product_rate(*kernels_, bench::Clock::wall);
    } else if (command == "flops") {
      out << (word == "forward" ? run_.forward_flops() : run_.training_step_flops(loss_of(word)));
    } else {
      throw core::UsageError("'" + command + "' is none of the commands");
    }
    return out.str();
  }

 private:
  void write_logits(const std::string& path) {
    const std::vector<std::int32_t> rows = ints_of(input_, "rows");
    const core::Tensor logits = run_.logits(rows);
    io::TensorFile file;
    file.tensors["logits"] = io::HostTensor::from_floats(logits.shape(), logits.to_floats());
    io::write_safetensors(path, file);
  }

  std::unique_ptr<core::KernelSet> kernels_;
  pipelines::LoadedModel loaded_;
  io::TensorFile input_;
  ModelRun run_;
};

}  // namespace

}  // namespace dnabird::benchmarks

int main(int argc, char** argv) {
  using namespace dnabird;
  try {
    benchmarks::Peer peer(benchmarks::parse({argv + 1, argv + argc}));
    std::cout << "ready" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
      std::cout << peer.answer(line) << std::endl;
    }
    return 0;
  } catch (const core::UsageError& error) {
    std::fprintf(stderr, "dnabird_peer: error: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dnabird_peer: error: %s\n", error.what());
    return 1;
  }
}
