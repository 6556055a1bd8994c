#include "io/contig_names.h"

#include <algorithm>

namespace dnabird::io {

std::vector<std::string> contig_aliases(const std::string& name) {
  const std::vector<std::string> mitochondrial = {"chrM", "MT", "M", "chrMT"};
  std::vector<std::string> aliases;
  if (std::find(mitochondrial.begin(), mitochondrial.end(), name) != mitochondrial.end()) {
    for (const std::string& other : mitochondrial) {
      if (other != name) aliases.push_back(other);
    }
  } else if (name.starts_with("chr") && name.size() > 3) {
    aliases.push_back(name.substr(3));
  } else {
    aliases.push_back("chr" + name);
  }
  return aliases;
}

}  // namespace dnabird::io
