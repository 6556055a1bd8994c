// The order in which a training set is gone through: a new seeded shuffle for every epoch, and a
// place in it that a checkpoint can hold.
#pragma once

#include <cstdint>
#include <vector>

namespace dnabird::data {

class EpochOrder {
 public:
  /// Of n > 0 rows; `stream` keeps several orders of one seed apart.
  EpochOrder(std::int64_t n, std::uint64_t seed, std::uint64_t stream = 0);

  /// The next row, 0 to n-1; every epoch names each once.
  std::int64_t next();

  struct Place {
    std::int64_t epoch = 0;
    std::int64_t position = 0;  // rows of the epoch that were named
    bool operator==(const Place&) const = default;
  };
  Place place() const { return place_; }
  /// Goes on behind a place. Throws DataError if it does not exist.
  void seek(Place place);

 private:
  void shuffle();

  std::uint64_t seed_, stream_;
  Place place_;
  std::vector<std::int32_t> rows_;
};

}  // namespace dnabird::data
