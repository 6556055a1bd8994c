#include "io/model_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "io/file_error.h"
#include "io/output_file.h"
#include "io/partial_registry.h"
#include "io/tokenizer_files.h"

namespace dnabird::io {
namespace {

namespace fs = std::filesystem;
using core::DataError;

constexpr const char* kConfig = "config.json";
constexpr const char* kWeights = "model.safetensors";
constexpr const char* kWeightsIndex = "model.safetensors.index.json";
constexpr const char* kVocabulary = kVocabularyFile;
constexpr const char* kTokenizer = kTokenizerFile;
// config.json is the last to come and the first to go: a folder that has it is whole.
constexpr const char* kFilesInOrder[] = {kVocabulary, kTokenizer, kWeights, kConfig};
// Weights as pickles, which are programs.
constexpr const char* kPickles[] = {"pytorch_model.bin", "pytorch_model.bin.index.json"};

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

void sync_folder(const fs::path& folder) {
  const int file = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  fsync(file);  // not every file system can; the order of the renames stands without it
  close(file);
}

void move_file(const fs::path& from, const fs::path& to) {
  if (rename(from.c_str(), to.c_str()) != 0) throw_file_error("write", to.string(), errno);
}

/// Puts the files of a complete partial folder in their place. May be called again after any
/// interruption: what was moved already is no longer in `partial`.
void move_into_place(const fs::path& partial, const fs::path& folder) {
  std::error_code ignored;
  fs::remove(folder / kConfig, ignored);
  sync_folder(folder);
  for (const char* name : kFilesInOrder) {
    if (fs::exists(partial / name)) move_file(partial / name, folder / name);
    sync_folder(folder);
  }
  fs::remove(partial, ignored);
}

/// A run that was killed between the renames left the rest, complete, in the partial folder.
void finish_interrupted_write(const fs::path& folder, const fs::path& partial) {
  if (fs::exists(folder / kConfig) || !fs::exists(partial / kConfig)) return;
  core::log_warning("finishing the interrupted write of model '" + folder.string() + "'");
  std::error_code ignored;
  fs::create_directory(folder, ignored);
  move_into_place(partial, folder);
}

/// The folder that a write fills, gone again (with what is in it) unless kept.
class PartialFolder {
 public:
  explicit PartialFolder(const fs::path& path) : path_(path) {
    // First, so that no signal comes between making the folder and knowing of it.
    for (const char* name : kFilesInOrder) {
      slots_.push_back(register_partial((path / name).string()));
    }
    slots_.push_back(register_partial(path.string()));
    std::error_code error;
    fs::create_directories(path, error);
    if (error) {
      release();
      throw_file_error("write", path.string(), error.value());
    }
    remove_leftovers();
  }
  ~PartialFolder() {
    release();
    if (kept_) return;
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  PartialFolder(const PartialFolder&) = delete;
  PartialFolder& operator=(const PartialFolder&) = delete;

  /// From here on what lies in it is complete and must survive a Ctrl-C.
  void keep() {
    kept_ = true;
    release();
  }

 private:
  /// Of a run that was killed before its files were complete.
  void remove_leftovers() {
    std::error_code ignored;
    for (const char* name : kFilesInOrder) fs::remove(path_ / name, ignored);
    for (const fs::directory_entry& entry : fs::directory_iterator(path_, ignored)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with('.') && name.find(".partial-") != std::string::npos) {
        fs::remove(entry.path(), ignored);
      }
    }
  }

  void release() {
    for (const int slot : slots_) release_partial(slot);
    slots_.clear();
  }

  fs::path path_;
  std::vector<int> slots_;
  bool kept_ = false;
};

void write_text(const fs::path& path, const std::string& text) {
  TextOutput out(path.string());
  out.write(text);
  out.commit();
}

/// Where the running program lies; empty if the system does not say.
fs::path binary_folder() {
  std::error_code error;
  const fs::path binary = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path() : binary.parent_path();
}

/// A model that lies in the folder but as a pickle: how to get at its tensors.
void refuse_pickle(const fs::path& folder) {
  std::error_code error;
  for (const char* name : kPickles) {
    if (!fs::exists(folder / name, error)) continue;
    throw DataError(
        "model folder '" + folder.string() + "' holds its weights as " + name +
        ", a pickle, which can hold any program and is never opened here; turn it into "
        "safetensors where torch is installed: cd '" +
        folder.string() +
        "' && python3 -c \"import glob, torch, safetensors.torch as s; w = {k: v.clone() for f in "
        "glob.glob('pytorch_model*.bin') for k, v in torch.load(f, 'cpu', "
        "weights_only=True).items()}; s.save_file(w, 'model.safetensors', {'format': 'pt'})\"");
  }
}

TensorReader open_weights(const fs::path& folder) {
  const fs::path index = folder / kWeightsIndex;
  std::error_code error;
  // As in the field, one file goes before shards.
  if (fs::exists(folder / kWeights, error)) {
    return TensorReader::open((folder / kWeights).string());
  }
  return TensorReader::open_shards(index.string());
}

void require_files(const fs::path& folder) {
  std::error_code error;
  const auto has = [&](const char* name) { return fs::exists(folder / name, error); };
  std::vector<std::string> missing;
  if (!has(kConfig)) missing.emplace_back(kConfig);
  if (!has(kWeights) && !has(kWeightsIndex)) {
    refuse_pickle(folder);
    missing.emplace_back(kWeights);
  }
  if (!has(kVocabulary) && !has(kTokenizer)) {
    missing.push_back(std::string(kVocabulary) + " or " + kTokenizer);
  }
  if (!missing.empty()) {
    throw DataError("model folder '" + folder.string() + "' lacks " + core::join(missing, ", "));
  }
}

}  // namespace

OpenModelFolder open_model_folder(const std::string& path) {
  const fs::path folder = without_slash(path);
  finish_interrupted_write(folder, folder.string() + ".partial");
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    throw DataError("there is no model folder '" + path + "'");
  }
  require_files(folder);
  TokenizerFiles tokens = read_tokenizer_files(folder.string());
  return {read_json((folder / kConfig).string()), open_weights(folder),
          std::move(tokens.vocabulary), std::move(tokens.tokenizer)};
}

ModelFolder read_model_folder(const std::string& path) {
  OpenModelFolder open = open_model_folder(path);
  ModelFolder model{
      std::move(open.config), {}, std::move(open.vocabulary), std::move(open.tokenizer)};
  model.weights.metadata = open.weights.metadata();
  for (const auto& [name, entry] : open.weights.tensors()) {
    model.weights.tensors[name] = open.weights.read(name);
  }
  return model;
}

void write_model_folder(const std::string& path, const ModelFolder& model) {
  const fs::path folder = without_slash(path);
  const fs::path partial_path = folder.string() + ".partial";
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_directory(folder, error)) {
    throw_file_error("write model folder", path, ENOTDIR);
  }
  finish_interrupted_write(folder, partial_path);
  PartialFolder partial(partial_path);
  if (!model.vocabulary.empty()) {
    write_text(partial_path / kVocabulary, core::join(model.vocabulary, "\n") + "\n");
  }
  if (!model.tokenizer.empty()) write_text(partial_path / kTokenizer, model.tokenizer);
  write_safetensors((partial_path / kWeights).string(), model.weights);
  write_json((partial_path / kConfig).string(), model.config);
  partial.keep();
  if (!fs::exists(folder, error)) {
    move_file(partial_path, folder);
    sync_folder(fs::absolute(folder).parent_path());
  } else {
    // Of a model with another tokenizer nothing may be left to be taken for this one's.
    fs::remove(folder / kConfig, error);
    if (model.vocabulary.empty()) fs::remove(folder / kVocabulary, error);
    if (model.tokenizer.empty()) fs::remove(folder / kTokenizer, error);
    move_into_place(partial_path, folder);
  }
}

std::string find_model(const std::string& name_or_path) {
  std::error_code error;
  if (fs::is_directory(name_or_path, error)) return name_or_path;
  std::vector<std::string> tried = {name_or_path};
  std::vector<fs::path> folders;
  if (const char* set = std::getenv("DNABIRD_MODELS"); set && *set) folders.emplace_back(set);
  if (const fs::path beside = binary_folder(); !beside.empty()) {
    folders.push_back((beside / "../share/dnabird/models").lexically_normal());
  }
  folders.emplace_back(DNABIRD_SOURCE_MODELS);
  // A path with folders in it was meant as it stands.
  if (!name_or_path.empty() && name_or_path.find('/') == std::string::npos) {
    for (const fs::path& folder : folders) {
      tried.push_back((folder / name_or_path).string());
      if (fs::is_directory(tried.back(), error)) return tried.back();
    }
  }
  throw core::UsageError("there is no model '" + name_or_path + "'; looked for the folder " +
                         core::join(tried, ", ") +
                         "; give the path of a model folder or set DNABIRD_MODELS");
}

}  // namespace dnabird::io
