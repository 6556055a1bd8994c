// The generator of dropout against its published values, and the statistics of the masks.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/philox.h"
#include "support/compare.h"
#include "support/device_test.h"
#include "support/kernel_workspace.h"
#include "support/random_values.h"

namespace dnabird::test {
namespace {

void expect_block(const kernels::PhiloxBlock& block, const std::vector<std::uint32_t>& expected) {
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(block.word[i], expected[i]) << "word " << i;
}

// The three known answers of philox4x32-10 in Random123 (tests/kat_vectors): its counter is
// (index, stream), low word first, its key is the seed.
TEST(Philox, gives_the_known_answers_of_random123) {
  expect_block(kernels::philox(0, 0, 0), {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  expect_block(kernels::philox(~0ull, ~0ull, ~0ull),
               {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  expect_block(kernels::philox(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88),
               {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST(Philox, words_of_a_stream_are_the_words_of_its_blocks_in_order) {
  for (std::uint64_t i = 0; i < 12; ++i) {
    EXPECT_EQ(kernels::philox_word(5, 6, i), kernels::philox(5, 6, i / 4).word[i % 4]);
  }
}

class Dropout : public DeviceTest {
 protected:
  /// x after dropout; the gradient is asked for by `backward`.
  std::vector<double> apply(const kernels::DropoutDraws& draws, const std::vector<double>& x,
                            void (kernels::KernelSet::*op)(const kernels::DropoutArgs&) =
                                &kernels::KernelSet::dropout_forward) {
    Workspace w(*kernels_);
    const std::int64_t n = static_cast<std::int64_t>(x.size());
    (*kernels_.*op)({n, draws, w.in(x), w.out("y", n)});
    return w.results().at("y");
  }
};

constexpr std::size_t kMany = 40000;

TEST_P(Dropout, keeps_the_words_at_or_above_the_threshold_and_scales_them) {
  const std::vector<double> y = apply({0.25, 7, 9}, std::vector<double>(1001, 3.0));
  for (std::size_t i = 0; i < y.size(); ++i) {
    // 0.25 * 2^32
    EXPECT_EQ(y[i], kernels::philox_word(7, 9, i) >= 0x40000000u ? 4.0 : 0.0) << "element " << i;
  }
}

TEST_P(Dropout, keeps_the_word_that_equals_the_threshold) {
  const std::uint32_t word = kernels::philox_word(7, 9, 2);
  const double p = word / 4294967296.0;
  ASSERT_EQ(kernels::dropout_threshold(p), word);
  EXPECT_NE(apply({p, 7, 9}, std::vector<double>(4, 1.0))[2], 0.0);
  ASSERT_EQ(kernels::dropout_threshold((word + 1) / 4294967296.0), word + 1);
  EXPECT_EQ(apply({(word + 1) / 4294967296.0, 7, 9}, std::vector<double>(4, 1.0))[2], 0.0);
}

TEST_P(Dropout, drops_the_asked_share_and_keeps_the_mean) {
  for (const double p : {0.1, 0.5, 0.9}) {
    const std::vector<double> y = apply({p, 42, 1}, std::vector<double>(kMany, 1.0));
    double dropped = 0, mean = 0;
    for (const double v : y) {
      dropped += v == 0.0 ? 1.0 / kMany : 0.0;
      mean += v / kMany;
    }
    const double deviation = std::sqrt(p * (1 - p) / kMany);
    EXPECT_NEAR(dropped, p, 4 * deviation);
    EXPECT_NEAR(mean, 1.0, 4 * deviation / (1 - p));
  }
}

TEST_P(Dropout, masks_of_other_seeds_and_streams_are_independent) {
  const std::vector<double> ones(kMany, 1.0);
  const std::vector<double> first = apply({0.5, 42, 1}, ones);
  for (const kernels::DropoutDraws& other :
       {kernels::DropoutDraws{0.5, 43, 1}, kernels::DropoutDraws{0.5, 42, 2}}) {
    const std::vector<double> second = apply(other, ones);
    double both = 0;
    for (std::size_t i = 0; i < kMany; ++i) both += first[i] > 0 && second[i] > 0 ? 1.0 : 0.0;
    EXPECT_NEAR(both / kMany, 0.25, 4 * std::sqrt(0.25 * 0.75 / kMany));
  }
}

TEST_P(Dropout, backward_has_the_mask_of_forward) {
  const std::vector<double> x = RandomValues(3).normals(kMany);
  EXPECT_TRUE(same_bits(apply({0.3, 8, 2}, x, &kernels::KernelSet::dropout_backward),
                        apply({0.3, 8, 2}, x, &kernels::KernelSet::dropout_forward)));
}

TEST_P(Dropout, without_dropping_changes_nothing) {
  const std::vector<double> x = RandomValues(4).normals(333);
  EXPECT_TRUE(same_bits(apply({0.0, 8, 2}, x), x));
}

TEST_P(Dropout, works_in_place) {
  const std::vector<double> x = RandomValues(5).normals(1001);
  Workspace w(*kernels_);
  void* y = w.inout("y", x);
  kernels_->dropout_forward({1001, {0.3, 8, 2}, y, y});
  EXPECT_TRUE(same_bits(w.results().at("y"), apply({0.3, 8, 2}, x)));
}

TEST_P(Dropout, draws_from_the_stream_of_a_step_in_memory_and_a_use) {
  const std::vector<double> x = RandomValues(6).normals(1001);
  const std::uint64_t steps[] = {0xFEDCBA9876543210u, 3};
  for (const std::uint64_t& step : steps) {
    Workspace w(*kernels_);
    const auto* words = reinterpret_cast<const std::int32_t*>(&step);
    const auto* memory = reinterpret_cast<const std::uint64_t*>(w.ints({words[0], words[1]}));
    const std::vector<double> direct = apply({0.3, 8, kernels::mix(step, 5)}, x);
    for (const auto op :
         {&kernels::KernelSet::dropout_forward, &kernels::KernelSet::dropout_backward}) {
      EXPECT_TRUE(same_bits(apply({0.3, 8, 5, memory}, x, op), direct));
    }
  }
}

/// Layer norm of drop(x) + residual and its backward, "apart" with dropout as ops of its own.
struct DroppedNorm {
  std::int64_t rows, channels;
  std::vector<double> x, residual, gamma, beta, dy;

  DroppedNorm(std::int64_t of_rows, std::int64_t of_channels)
      : rows(of_rows), channels(of_channels) {
    RandomValues random(7);
    for (std::vector<double>* values : {&x, &residual, &dy}) {
      *values = random.normals(rows * channels);
    }
    gamma = random.normals(channels, 0.3, 1.0);
    beta = random.normals(channels);
  }

  Arrays apart(kernels::KernelSet& k, const kernels::DropoutDraws& draws) const {
    Workspace w(k);
    const std::int64_t n = rows * channels;
    void *s = w.inout("sum", x), *dx = w.out("dx", n);
    void *mean = w.out("mean", rows), *rstd = w.out("rstd", rows);
    const void* weight = w.in(gamma);
    k.dropout_forward({n, draws, s, s});
    k.layer_norm_forward({rows, channels, 1e-12, s, weight, w.in(beta), w.out("y", n), mean, rstd,
                          w.in(residual), s});
    k.layer_norm_backward({rows, channels, s, weight, mean, rstd, w.in(dy), dx, nullptr, nullptr});
    k.dropout_backward({n, draws, dx, w.out("ddropped", n)});
    return w.results();
  }
  Arrays together(kernels::KernelSet& k, const kernels::DropoutDraws& draws) const {
    Workspace w(k);
    const std::int64_t n = rows * channels;
    void *s = w.inout("sum", x), *dx = w.out("dx", n);
    void *mean = w.out("mean", rows), *rstd = w.out("rstd", rows);
    const void* weight = w.in(gamma);
    k.layer_norm_forward({rows, channels, 1e-12, s, weight, w.in(beta), w.out("y", n), mean, rstd,
                          w.in(residual), s, draws});
    k.layer_norm_backward({rows, channels, s, weight, mean, rstd, w.in(dy), dx, nullptr, nullptr,
                           w.out("ddropped", n), draws});
    return w.results();
  }
  /// y in the place of x, as inference without a cache has it.
  std::vector<double> in_place(kernels::KernelSet& k, const kernels::DropoutDraws& draws) const {
    Workspace w(k);
    void* y = w.inout("y", x);
    k.layer_norm_forward({rows, channels, 1e-12, y, w.in(gamma), w.in(beta), y, w.out("mean", rows),
                          w.out("rstd", rows), w.in(residual), nullptr, draws});
    return w.results().at("y");
  }
};

TEST_P(Dropout, within_layer_norm_has_the_bytes_of_dropout_on_its_own) {
  const std::uint64_t step = 0x0123456789ABCDEF;
  const auto* halves = reinterpret_cast<const std::int32_t*>(&step);
  Workspace w(*kernels_);
  const auto* memory = reinterpret_cast<const std::uint64_t*>(w.ints({halves[0], halves[1]}));
  const kernels::DropoutDraws draws{0.3, 8, 5, memory};
  for (const DroppedNorm& norm :
       {DroppedNorm(150, 36), DroppedNorm(37, 13), DroppedNorm(5, 768), DroppedNorm(2, 4100)}) {
    const Arrays apart = norm.apart(*kernels_, draws);
    const Arrays together = norm.together(*kernels_, draws);
    for (const auto& [name, values] : apart) {
      EXPECT_TRUE(same_bits(together.at(name), values)) << name << " of " << norm.channels;
    }
    EXPECT_TRUE(same_bits(norm.in_place(*kernels_, draws), apart.at("y"))) << norm.channels;
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Dropout, kDevices,
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace dnabird::test
