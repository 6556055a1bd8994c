// Sums over devices: threads of the CPU here, GPUs where there are two.
#include "kernels/exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/random_values.h"

namespace dnabird::test {
namespace {

using kernels::DType;
using kernels::Exchange;
using kernels::ExchangeAborted;
using kernels::KernelSet;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr std::int64_t kSizes[] = {0, 1, 1000, 1'000'003};

/// Kernel sets with an exchange, and a thread for each.
class Members {
 public:
  explicit Members(const std::vector<std::string>& devices) {
    std::vector<KernelSet*> members;
    for (const std::string& device : devices) {
      kernels_.push_back(kernels::make_kernel_set(device, DType::f32, 1));
      members.push_back(kernels_.back().get());
    }
    exchange_ = kernels::make_exchange(members);
  }

  std::size_t count() const { return kernels_.size(); }
  KernelSet& kernels(std::size_t member) { return *kernels_[member]; }
  Exchange& exchange() { return *exchange_; }

  void each(const std::function<void(std::size_t)>& work) const {
    std::vector<std::thread> threads;
    for (std::size_t m = 0; m < count(); ++m) threads.emplace_back(work, m);
    for (std::thread& thread : threads) thread.join();
  }

  /// Sums of arrays of all sizes, started one after the other; each member's results one behind the
  /// other.
  std::vector<std::vector<float>> sums(const std::vector<std::vector<float>>& values) {
    std::vector<std::vector<float>> results(count());
    each([&](std::size_t m) {
      const std::size_t bytes = values[m].size() * sizeof(float);
      auto* memory = static_cast<float*>(kernels(m).allocate(bytes));
      kernels(m).copy_in(memory, values[m].data(), bytes);
      std::int64_t begin = 0;
      for (const std::int64_t n : kSizes) {
        exchange_->sum(m, n, memory + begin);
        begin += n;
      }
      exchange_->wait(m);
      results[m].resize(values[m].size());
      kernels(m).copy_out(results[m].data(), memory, bytes);
      kernels(m).release(memory, bytes);
    });
    return results;
  }

 private:
  std::vector<std::unique_ptr<KernelSet>> kernels_;
  std::unique_ptr<Exchange> exchange_;
};

/// For each member, as many as all sums of kSizes take.
std::vector<std::vector<float>> random_values(std::size_t members) {
  std::int64_t n = 0;
  for (const std::int64_t size : kSizes) n += size;
  std::vector<std::vector<float>> values(members);
  for (std::size_t m = 0; m < members; ++m) {
    RandomValues random(m + 1);
    for (std::int64_t i = 0; i < n; ++i) {
      // Of sizes so different that the order of the additions shows.
      values[m].push_back(static_cast<float>((random.uniform() - 0.5) * (1 << random.below(20))));
    }
  }
  return values;
}

void expect_sums(Members& members) {
  const auto values = random_values(members.count());
  const auto sums = members.sums(values);
  for (std::size_t i = 0; i < values[0].size(); ++i) {
    double expected = 0, size = 0;
    for (const std::vector<float>& of_member : values) {
      expected += of_member[i];
      size += std::abs(of_member[i]);
    }
    ASSERT_NEAR(sums[0][i], expected, 3e-7 * size) << i;
  }
  for (std::size_t m = 1; m < members.count(); ++m) EXPECT_EQ(sums[m], sums[0]) << m;
  EXPECT_EQ(members.sums(values), sums);  // another run
}

TEST(Exchange, all_members_get_the_same_sums_in_every_run) {
  for (const std::size_t n : {1, 2, 3}) {
    Members members(std::vector<std::string>(n, "cpu"));
    EXPECT_EQ(members.exchange().members(), n);
    expect_sums(members);
  }
}

TEST(Exchange, adds_in_the_order_of_the_members) {
  Members members({"cpu", "reference", "cpu"});
  const auto values = random_values(3);
  const auto sums = members.sums(values);
  for (std::size_t i = 0; i < values[0].size(); ++i) {
    ASSERT_EQ(sums[2][i], (values[0][i] + values[1][i]) + values[2][i]) << i;
  }
}

TEST(Exchange, an_abort_ends_the_sums_of_the_others) {
  for (const std::size_t n : {2, 3}) {
    Members members(std::vector<std::string>(n, "cpu"));
    std::atomic<std::size_t> ended{0};
    members.each([&](std::size_t m) {
      float value = 1;
      members.exchange().sum(m, 1, &value);
      if (m + 1 == n) {
        members.exchange().abort();
      } else {
        EXPECT_THROW(members.exchange().sum(m, 1, &value), ExchangeAborted);
      }
      EXPECT_EQ(value, static_cast<float>(n));
      EXPECT_THROW(members.exchange().sum(m, 1, &value), ExchangeAborted);  // for good
      EXPECT_THROW(members.exchange().wait(m), ExchangeAborted);
      ++ended;
    });
    EXPECT_EQ(ended, n);
  }
}

TEST(Exchange, sums_of_different_sizes_are_an_error_in_all_members) {
  Members members({"cpu", "cpu"});
  members.each([&](std::size_t m) {
    float values[2] = {1, 1};
    EXPECT_THROW(members.exchange().sum(m, m == 0 ? 1 : 2, values), std::logic_error);
  });
}

TEST(Exchange, members_have_parameters_in_f32) {
  const auto doubles = kernels::make_kernel_set("reference", DType::f64, 1);
  KernelSet* const members[] = {doubles.get()};
  EXPECT_THAT([&] { kernels::make_exchange(members); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("f32")));
  EXPECT_THROW(kernels::make_exchange({}), std::invalid_argument);
}

/// Null, with the reason, where this machine has not two GPUs that can be summed over.
std::unique_ptr<Members> two_gpus(std::string* why_not) {
  try {
    return std::make_unique<Members>(std::vector<std::string>{"cuda:0", "cuda:1"});
  } catch (const std::invalid_argument& error) {
    *why_not = error.what();
    return nullptr;
  }
}

TEST(ExchangeOnGpus, all_members_get_the_same_sums_in_every_run) {
  std::string why_not;
  const auto members = two_gpus(&why_not);
  if (!members) GTEST_SKIP() << why_not;
  expect_sums(*members);
}

TEST(ExchangeOnGpus, an_abort_ends_the_sums_of_the_other) {
  std::string why_not;
  const auto members = two_gpus(&why_not);
  if (!members) GTEST_SKIP() << why_not;
  members->each([&](std::size_t m) {
    auto* value = static_cast<float*>(members->kernels(m).allocate(sizeof(float)));
    members->kernels(m).zero(value, sizeof(float));
    members->exchange().sum(m, 1, value);
    if (m == 1) {
      members->exchange().abort();
    } else {
      EXPECT_THROW(members->exchange().sum(m, 1, value), ExchangeAborted);
    }
    EXPECT_THROW(members->exchange().wait(m), ExchangeAborted);
    members->kernels(m).synchronize();
    members->kernels(m).release(value, sizeof(float));
  });
}

TEST(ExchangeOnGpus, a_gpu_is_not_summed_with_itself_or_the_cpu) {
  std::unique_ptr<KernelSet> gpu, again;
  try {
    gpu = kernels::make_kernel_set("cuda", DType::f32, 1);
    again = kernels::make_kernel_set("cuda:0", DType::bf16, 1);
  } catch (const std::invalid_argument& error) {
    GTEST_SKIP() << error.what();
  }
  KernelSet* const twice[] = {gpu.get(), again.get()};
  EXPECT_THAT([&] { kernels::make_exchange(twice); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("named twice")));
  const auto cpu = kernels::make_kernel_set("cpu", DType::f32, 1);
  KernelSet* const mixed[] = {gpu.get(), cpu.get()};
  EXPECT_THAT([&] { kernels::make_exchange(mixed); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("cannot train together")));
}

}  // namespace
}  // namespace dnabird::test
