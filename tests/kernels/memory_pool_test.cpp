#include "kernels/memory_pool.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <set>
#include <vector>

namespace dnabird::kernels {
namespace {

/// A system with little memory that knows what is out.
struct System {
  static inline std::set<void*> blocks;
  static inline std::size_t most_blocks;

  static void* allocate(std::size_t bytes) {
    if (blocks.size() >= most_blocks) throw std::bad_alloc();
    void* memory = std::malloc(bytes);
    blocks.insert(memory);
    return memory;
  }
  static void release(void* memory) {
    EXPECT_EQ(blocks.erase(memory), 1u);
    std::free(memory);
  }
};

class MemoryPoolTest : public testing::Test {
 protected:
  MemoryPoolTest() { System::most_blocks = 1000; }
  ~MemoryPoolTest() override { EXPECT_EQ(System::blocks.size(), 0u); }
};

constexpr SystemMemory kSystem{System::allocate, System::release, 256};

TEST_F(MemoryPoolTest, GivesAReleasedBlockAgain) {
  MemoryPool pool(kSystem);
  void* first = pool.allocate(1000);
  pool.release(first);
  EXPECT_EQ(pool.allocate(900), first);
  EXPECT_NE(pool.allocate(900), first);
  EXPECT_EQ(pool.system_allocations(), 2);
  for (void* memory : std::set<void*>(System::blocks)) pool.release(memory);
}

TEST_F(MemoryPoolTest, CapturedWorkHasBlocksOfItsOwn) {
  MemoryPool pool(kSystem);
  void* free = pool.allocate(5000);
  pool.release(free);
  pool.set_capturing(true);
  void* captured = pool.allocate(5000);
  EXPECT_NE(captured, free);
  pool.release(captured);
  EXPECT_EQ(pool.allocate(5000), captured) << "within what is captured memory is used again";
  pool.release(captured);
  pool.set_capturing(false);
  void* other = pool.allocate(5000);
  EXPECT_EQ(other, free);
  void* third = pool.allocate(5000);
  EXPECT_NE(third, captured) << "nothing else may hold what captured work writes to";
  pool.release(other);
  pool.release(third);
  pool.drop_captured();
  EXPECT_FALSE(System::blocks.contains(captured));
  EXPECT_TRUE(System::blocks.contains(free));
}

TEST_F(MemoryPoolTest, ABlockGoesBackToItsPartWheneverItIsReleased) {
  MemoryPool pool(kSystem);
  void* ordinary = pool.allocate(3000);
  pool.set_capturing(true);
  void* captured = pool.allocate(3000);
  pool.release(ordinary);
  pool.set_capturing(false);
  pool.release(captured);
  EXPECT_EQ(pool.used_bytes(), 0u);
  EXPECT_EQ(pool.allocate(3000), ordinary);
  pool.release(ordinary);
  pool.set_capturing(true);
  EXPECT_EQ(pool.allocate(3000), captured);
  pool.release(captured);
}

TEST_F(MemoryPoolTest, GivesBackFreeBlocksWhereTheSystemHasNoMoreButNotWhileItCaptures) {
  System::most_blocks = 2;
  MemoryPool pool(kSystem);
  void* small = pool.allocate(1000);
  void* held = pool.allocate(1000);
  pool.release(small);
  pool.set_capturing(true);
  EXPECT_THROW(pool.allocate(100000), std::bad_alloc);
  EXPECT_TRUE(System::blocks.contains(small));
  pool.set_capturing(false);
  void* large = pool.allocate(100000);
  EXPECT_FALSE(System::blocks.contains(small));
  EXPECT_THROW(pool.allocate(1000), std::bad_alloc) << "all that is left is in use";
  pool.release(large);
  pool.release(held);
}

TEST_F(MemoryPoolTest, CapturedBlocksStayWhateverIsDroppedBesides) {
  MemoryPool pool(kSystem);
  pool.set_capturing(true);
  void* captured = pool.allocate(std::size_t{1} << 20);
  pool.release(captured);
  pool.set_capturing(false);
  // Far beyond the bound of what is kept free.
  for (std::size_t i = 1; i <= 20; ++i) pool.release(pool.allocate(i << 22));
  pool.drop_free();
  EXPECT_EQ(System::blocks, std::set<void*>{captured});
}

}  // namespace
}  // namespace dnabird::kernels
