#include "data/epoch_order.h"

#include <numeric>
#include <utility>

#include "core/errors.h"
#include "core/rng.h"

namespace dnabird::data {

EpochOrder::EpochOrder(std::int64_t n, std::uint64_t seed, std::uint64_t stream)
    : seed_(seed), stream_(stream), rows_(n) {
  core::require(n > 0 && std::in_range<std::int32_t>(n), "an order of " + std::to_string(n));
  shuffle();
}

void EpochOrder::shuffle() {
  std::iota(rows_.begin(), rows_.end(), 0);
  core::Rng rng(seed_, core::mix(stream_, static_cast<std::uint64_t>(place_.epoch), 0x6f72646572));
  rng.shuffle(rows_);
}

std::int64_t EpochOrder::next() {
  if (place_.position == static_cast<std::int64_t>(rows_.size())) {
    place_ = {place_.epoch + 1, 0};
    shuffle();
  }
  return rows_[place_.position++];
}

void EpochOrder::seek(Place place) {
  if (place.epoch < 0 || place.position < 0 ||
      place.position > static_cast<std::int64_t>(rows_.size())) {
    throw core::DataError("epoch " + std::to_string(place.epoch) + ", position " +
                          std::to_string(place.position) + " does not exist in a set of " +
                          std::to_string(rows_.size()) + " sequences");
  }
  place_ = place;
  shuffle();
}

}  // namespace dnabird::data
