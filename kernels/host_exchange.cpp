#include "kernels/host_exchange.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/meeting.h"

namespace dnabird::kernels {

namespace {

constexpr std::int64_t kPiece = 4096;  // elements: what is added up is still near when it is copied

class HostExchange final : public Exchange {
 public:
  explicit HostExchange(std::size_t members) : meeting_(members), given_(members) {}

  std::size_t members() const override { return given_.size(); }

  void sum(std::size_t member, std::int64_t n, float* values) override {
    given_.at(member) = {n, values};
    meeting_.meet([this] { check_sizes(); });
    const std::int64_t pieces = (n + kPiece - 1) / kPiece;
    for (auto piece = static_cast<std::int64_t>(member); piece < pieces;
         piece += static_cast<std::int64_t>(members())) {
      add_piece(piece * kPiece, std::min(n, (piece + 1) * kPiece));
    }
    meeting_.meet();
  }

  void wait(std::size_t) override { meeting_.check(); }
  void abort() noexcept override { meeting_.break_off(); }

 private:
  struct Given {
    std::int64_t n = 0;
    float* values = nullptr;
  };

  void check_sizes() const {
    for (const Given& given : given_) {
      if (given.n != given_[0].n) throw std::logic_error("bug: a sum of arrays of other sizes");
    }
  }

  void add_piece(std::int64_t begin, std::int64_t end) const {
    float* const total = given_[0].values;
    for (std::size_t m = 1; m < given_.size(); ++m) {
      const float* const values = given_[m].values;
      for (std::int64_t i = begin; i < end; ++i) total[i] += values[i];
    }
    for (std::size_t m = 1; m < given_.size(); ++m) {
      std::memcpy(given_[m].values + begin, total + begin,
                  static_cast<std::size_t>(end - begin) * sizeof(float));
    }
  }

  Meeting meeting_;
  std::vector<Given> given_;  // by each member, to the sum under way
};

}  // namespace

std::unique_ptr<Exchange> make_host_exchange(std::size_t members) {
  return std::make_unique<HostExchange>(members);
}

}  // namespace dnabird::kernels
