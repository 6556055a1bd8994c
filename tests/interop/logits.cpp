// What a model folder computes, for comparison with another library.
//   interop_logits MODEL IDS.safetensors OUT.safetensors
// IDS: an I32 tensor (T) of token ids under the name of each sequence, each run by itself. OUT: for
// each NAME.hidden (T,C), the last hidden states; NAME.logits (T,V) if the model has a masked-token
// head; NAME.output (K) if it has a head on [CLS].
#include <cstdint>
#include <cstdio>
#include <exception>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "core/device.h"
#include "io/safetensors.h"
#include "model/token_batch.h"
#include "pipelines/model_files.h"

namespace dnabird {
namespace {

io::HostTensor host(const core::Tensor& tensor, std::vector<std::int64_t> shape) {
  return io::HostTensor::from_floats(std::move(shape), tensor.to_floats());
}

void run(const std::string& model_path, const std::string& ids_path, const std::string& out_path) {
  const auto kernels = core::open_device("cpu", "f32", 0);
  const pipelines::LoadedModel loaded = pipelines::load_model(*kernels, model_path);
  const model::Model& model = *loaded.model;
  io::TensorFile out;
  for (const auto& [name, tensor] : io::read_safetensors(ids_path).tensors) {
    const std::vector<std::int32_t> ids = tensor.ints();
    const auto n_tokens = static_cast<std::int64_t>(ids.size());
    const model::TokenBatch batch = model::make_token_batch(
        *kernels, std::span<const std::vector<std::int32_t>>(&ids, 1), model.config().block_size);
    const core::Tensor hidden = model.encode(batch);  // (1,T,C)
    out.tensors[name + ".hidden"] = host(hidden, {n_tokens, model.config().channels});
    if (model.config().masked_lm) {
      std::vector<std::int32_t> rows(ids.size());  // (T)
      std::iota(rows.begin(), rows.end(), 0);
      const core::Tensor logits = model.masked_lm_logits(
          hidden,
          core::Tensor::from_host(*kernels, {n_tokens}, std::span<const std::int32_t>(rows)));
      out.tensors[name + ".logits"] = host(logits, {n_tokens, model.config().vocabulary});
    }
    if (model.config().task != model::HeadTask::none) {
      const auto n_outputs = static_cast<std::int64_t>(model.config().targets.size());
      out.tensors[name + ".output"] = host(model.head_output(hidden), {n_outputs});
    }
  }
  io::write_safetensors(out_path, out);
}

}  // namespace
}  // namespace dnabird

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: interop_logits MODEL IDS.safetensors OUT.safetensors\n", stderr);
    return 2;
  }
  try {
    dnabird::run(argv[1], argv[2], argv[3]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "interop_logits: error: %s\n", error.what());
    return 1;
  }
}
