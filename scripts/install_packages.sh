# Sourced by tests/run.sh and the examples: what a fresh Debian 12 machine lacks, and the build.

# The compiler and the libraries that the build needs. oneDNN's CMake package asks for OpenCL.
dnabird_build_packages=(
  g++ cmake ninja-build pkg-config ccache
  libhts-dev libdnnl-dev ocl-icd-opencl-dev libeigen3-dev libboost-program-options-dev
  nlohmann-json3-dev libspdlog-dev zlib1g-dev
)
# What the tests need on top of that.
dnabird_test_packages=(libgtest-dev libgmock-dev clang-format bcftools samtools tabix)

# install_packages NAME...: installs those that are missing, as root or through sudo; without any
# missing one it asks for nothing. Talk goes to stderr.
install_packages() {
  local missing=() name
  if ! command -v dpkg-query >/dev/null; then
    echo "no dpkg here: expecting these to be installed in another way: $*" >&2
    return 0
  fi
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] ||
      missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0

  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "missing packages, and neither root nor sudo; install: ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "installing ${missing[*]}" >&2
  "${as_root[@]}" apt-get -qq update >&2 &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get -qq -y --no-install-recommends install "${missing[@]}" >&2
}

# configure_and_build ROOT FOLDER TARGET [CMAKE ARGUMENT...]: a folder that was configured before
# keeps its generator.
configure_and_build() {
  local root=$1 folder=$2 target=$3 generator=()
  shift 3
  if [ ! -e "$folder/CMakeCache.txt" ] && command -v ninja >/dev/null; then generator=(-G Ninja); fi
  cmake -S "$root" -B "$folder" "${generator[@]}" "$@" &&
    cmake --build "$folder" --parallel "$(nproc)" --target "$target"
}
