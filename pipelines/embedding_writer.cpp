#include "pipelines/embedding_writer.h"

#include <charconv>
#include <limits>
#include <map>
#include <set>

#include "core/errors.h"
#include "core/text.h"
#include "io/npy.h"
#include "io/output_file.h"
#include "io/safetensors_stream.h"
#include "pipelines/sequence_input.h"

namespace dnabird::pipelines {
namespace {

constexpr const char* kNpy = ".npy";
constexpr const char* kSafetensors = ".safetensors";

/// The shortest text that is read as the same float.
void append_number(float value, std::string& text) {
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  text.append(digits, end);
}

class TsvWriter : public EmbeddingWriter {
 public:
  explicit TsvWriter(const EmbeddingOutput& output)
      : output_(output.path), channels_(static_cast<std::size_t>(output.channels)) {
    for (const auto& [key, value] : output.provenance) text_ += "#" + key + "=" + value + "\n";
  }

  void write(const std::string& name, const std::vector<float>& values) override {
    text_ += field_of_name(name);
    for (std::size_t c = 0; c < channels_; ++c) {
      text_ += '\t';
      if (values.empty()) {
        text_ += "nan";
      } else {
        append_number(values[c], text_);
      }
    }
    text_ += '\n';
    output_.write(text_);
    text_.clear();
  }
  void commit() override {
    output_.write(text_);
    output_.commit();
  }

 private:
  io::TextOutput output_;
  std::size_t channels_;
  std::string text_;  // the header comes with the first line
};

class ArrayWriter : public EmbeddingWriter {
 public:
  explicit ArrayWriter(const EmbeddingOutput& output)
      : output_(output.path, output.channels),
        missing_(static_cast<std::size_t>(output.channels),
                 std::numeric_limits<float>::quiet_NaN()) {}

  void write(const std::string&, const std::vector<float>& values) override {
    output_.write(values.empty() ? missing_ : values);
  }
  void commit() override { output_.commit(); }

 private:
  io::NpyWriter output_;
  std::vector<float> missing_;  // (C)
};

class TensorWriter : public EmbeddingWriter {
 public:
  explicit TensorWriter(const EmbeddingOutput& output)
      : output_(output.path, std::map<std::string, std::string>(output.provenance.begin(),
                                                                output.provenance.end())),
        channels_(output.channels) {}

  void expect(const std::string& name, const std::string& where) override {
    if (!io::is_tensor_name(name)) {
      throw core::DataError(where + ": a tensor cannot have this name; rename it");
    }
    if (!names_.insert(name).second) {
      throw core::DataError(where +
                            ": there is another of this name, but the tensors are told apart by "
                            "their names; rename one");
    }
  }
  void write(const std::string& name, const std::vector<float>& values) override {
    const auto n = static_cast<std::int64_t>(values.size());
    output_.add(name, {n / channels_, channels_}, values);
  }
  void commit() override { output_.commit(); }

 private:
  io::SafetensorsStream output_;
  std::int64_t channels_;
  std::set<std::string> names_;
};

}  // namespace

void check_embedding_path(const std::string& path, predict::Pool pool) {
  const bool is_tensors = path.ends_with(kSafetensors);
  if (pool == predict::Pool::tokens && !is_tensors) {
    throw core::UsageError("--pool tokens writes .safetensors; -o '" + path + "' is not named so");
  }
  if (pool != predict::Pool::tokens && is_tensors) {
    throw core::UsageError("-o '" + path +
                           "': only --pool tokens writes .safetensors; name it .npy or .tsv");
  }
}

std::unique_ptr<EmbeddingWriter> open_embedding_writer(const EmbeddingOutput& output) {
  if (output.pool == predict::Pool::tokens) return std::make_unique<TensorWriter>(output);
  if (output.path.ends_with(kNpy)) return std::make_unique<ArrayWriter>(output);
  return std::make_unique<TsvWriter>(output);
}

}  // namespace dnabird::pipelines
