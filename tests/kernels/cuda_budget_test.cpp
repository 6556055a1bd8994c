// The shared memory of cuda_budget.txt is what the kernels ask for at launch.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "kernels/cuda/attention/forward_hopper.h"
#include "kernels/cuda/attention/key_gradient_hopper.h"
#include "kernels/cuda/attention/query_gradient_hopper.h"
#include "support/cuda_host_hopper.h"
#include "support/test_data.h"

namespace dnabird::test {
namespace {

using namespace kernels::cuda;

template <int kHead>
int shared_bytes(const std::string& kernel) {
  using Cta = HostCta<4>;
  using Hopper = HostHopperCta;
  if (kernel == "attention_forward_mma") return ForwardUnit<Cta, kHead>::kSharedBytes;
  if (kernel == "attention_query_gradient_mma") return QueryGradientUnit<Cta, kHead>::kSharedBytes;
  if (kernel == "attention_key_gradient_mma") return KeyGradientUnit<Cta, kHead>::kSharedBytes;
  if (kernel == "attention_forward_wgmma") return HopperForward<Hopper, kHead>::kSharedBytes;
  if (kernel == "attention_query_gradient_wgmma") {
    return HopperQueryGradient<Hopper, kHead>::kSharedBytes;
  }
  if (kernel == "attention_key_gradient_wgmma") {
    return HopperKeyGradient<Hopper, kHead>::kSharedBytes;
  }
  return 0;
}

int shared_bytes(const std::string& kernel, const std::string& head) {
  if (head == "32") return shared_bytes<32>(kernel);
  if (head == "64") return shared_bytes<64>(kernel);
  if (head == "128") return shared_bytes<128>(kernel);
  return 0;
}

TEST(CudaBudgetTest, SharedMemoryIsWhatTheKernelsAskFor) {
  std::ifstream budget(support::test_data_folder() + "/../kernels/cuda_budget.txt");
  std::string line;
  int lines = 0;
  while (std::getline(budget, line)) {
    if (line.empty() || line[0] == '#') continue;
    SCOPED_TRACE(line);
    std::istringstream words(line);
    std::string name, arch;
    int threads = 0, shared = -1;
    ASSERT_TRUE(words >> name >> arch >> threads >> shared);
    const std::size_t open = name.find('<');
    ASSERT_NE(open, std::string::npos);
    const std::string head = name.substr(open + 1, name.size() - open - 2);
    EXPECT_EQ(shared, shared_bytes(name.substr(0, open), head));
    ++lines;
  }
  EXPECT_GT(lines, 100);
}

}  // namespace
}  // namespace dnabird::test
