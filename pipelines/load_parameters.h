// From the tensors of a folder, ours or another program's, to the parameters of a model.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>

#include "io/tensor_reader.h"
#include "model/model.h"
#include "model/model_config.h"

namespace dnabird::pipelines {

/// Whether a model uses its word embeddings as they are or times sqrt(hidden_size).
enum class WordRows { as_stored, rescaled };

class ParameterSource {
 public:
  /// The reader must outlive it. Throws DataError naming the folder if two tensors are the same
  /// parameter.
  ParameterSource(const io::TensorReader& reader, const std::string& folder);

  /// Names here (model/tensor_names.h) and shapes.
  model::TensorShapes shapes() const;

  /// Reads every parameter of the model, piece by piece and straight into its place. Throws
  /// DataError naming file and tensor: missing, unknown, of another shape or not of floats, values
  /// that are not finite, a second copy of a parameter that differs from it. Word embeddings that
  /// are to be rescaled are stored as the products; the masked-token head, if it is tied to them,
  /// then hands them vectors that are as much smaller, which is the same function.
  void load(model::Model& model, WordRows word_rows) const;

 private:
  using Factors = std::map<std::string, float>;  // of parameters, 1 if not there
  using Take = std::function<void(std::int64_t, std::span<const float>)>;

  std::string where(const std::string& name) const;
  const core::Shape& shape(const std::string& name) const;
  void check_type(const std::string& name) const;
  void read(const std::string& name, float factor, const Take& take) const;
  void set_parameter(const std::string& name, const std::string& source, float factor,
                     model::Model& model) const;
  void check_copy(const std::string& name, const std::string& original, float factor,
                  const model::Model& model) const;

  const io::TensorReader& reader_;
  std::map<std::string, std::string> names_;  // here to stored
};

}  // namespace dnabird::pipelines
