// What the heap keeps and gives back, told by the pages that the system has to bring.
#include "core/base/own_heap.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace mixmatch {
namespace {

constexpr size_t kBlock = size_t{24} << 20;

long PageFaults() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt;
}

// Page faults of taking, filling and freeing blocks of several sizes.
long FaultsOfOneRound() {
  const long before = PageFaults();
  std::vector<void*> blocks;
  for (const size_t size : {kBlock, kBlock / 2, kBlock / 7, kBlock / 100}) {
    void* block = std::malloc(size);
    std::memset(block, 1, size);
    blocks.push_back(block);
  }
  for (void* block : blocks) std::free(block);
  return PageFaults() - before;
}

TEST(OwnHeapTest, KeepsWhatIsFreedUntilToldToReleaseIt) {
  const OwnHeap heap;
  if (!heap.works()) GTEST_SKIP() << "not linked with jemalloc";
  const long first = FaultsOfOneRound();
  EXPECT_GT(first, 10);  // even where every page is a huge one
  for (int round = 0; round < 5; ++round) EXPECT_LT(FaultsOfOneRound(), first / 3);
  heap.Release();
  EXPECT_GT(FaultsOfOneRound(), first / 2);
}

TEST(OwnHeapTest, WhatWasAllocatedOutlivesItAndIsFreedAnywhere) {
  char* block = nullptr;
  std::thread([&block] {
    const OwnHeap heap;
    block = static_cast<char*>(std::malloc(kBlock));
    std::memset(block, 7, kBlock);
  }).join();
  std::thread([] {  // takes over the arena of the first
    const OwnHeap heap;
    FaultsOfOneRound();
  })
      .join();
  EXPECT_EQ(block[0], 7);
  EXPECT_EQ(block[kBlock - 1], 7);
  std::free(block);
}

}  // namespace
}  // namespace mixmatch
