// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include "kept.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "memory.h"

namespace gx::cpu {
namespace {

size_t most_bytes() {
  constexpr size_t kMost = 256, kLargest = size_t{1} << 30;  // MiB
  const char* const wanted = std::getenv("GENESIS_KEPT_MIB");
  char* end = nullptr;
  const unsigned long long given = wanted == nullptr ? kMost : std::strtoull(wanted, &end, 10);
  const bool number = wanted != nullptr && end != wanted && *end == '\0' && *wanted != '-';
  return std::min(number ? static_cast<size_t>(given) : kMost, kLargest) << 20;
}

struct Kept {
  const size_t most = most_bytes();
  std::mutex mutex;
  std::vector<Block> blocks;  // the one that was given last is the last one
  size_t bytes = 0;

  Block remove(size_t index) {
    const Block block = blocks[index];
    blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(index));
    bytes -= block.bytes;
    return block;
  }
};

// Never destroyed: results may outlive whatever is destroyed when the process ends.
Kept& kept() {
  static Kept* const instance = new Kept;
  return *instance;
}

// From the system itself: large pages that were asked for within the C library's memory would stay there for what it
// gives out later, and a small piece would take a whole one.
void* fresh(size_t bytes) {
#if defined(__linux__)
  void* const mapped = mmap(nullptr, bytes + kLargePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  char* const begin = static_cast<char*>(mapped);
  const size_t before = (kLargePage - reinterpret_cast<uintptr_t>(mapped) % kLargePage) % kLargePage;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + bytes, kLargePage - before);
  return begin + before;
#else
  return std::aligned_alloc(kLargePage, bytes);
#endif
}

void release(Block block) {
#if defined(__linux__)
  munmap(block.data, block.bytes);
#else
  std::free(block.data);
#endif
}

}  // namespace

// Locks are only tried: one that another thread held during a fork stays locked in the child, which then keeps nothing.
Block take_block(size_t bytes) {
  const size_t needed = (bytes + kLargePage - 1) / kLargePage * kLargePage;
  if (const std::unique_lock lock(kept().mutex, std::try_to_lock); lock.owns_lock()) {
    for (size_t i = kept().blocks.size(); i-- > 0;) {
      const size_t size = kept().blocks[i].bytes;
      if (size >= needed && size - needed <= needed / 4) return kept().remove(i);
    }
  }
  void* const data = fresh(needed);
  if (data != nullptr) advise_huge_pages(data, bytes);  // what is beyond stays untouched, and takes no memory
  return {data, needed};
}

void give_block(Block block) noexcept {
  if (const std::unique_lock lock(kept().mutex, std::try_to_lock); lock.owns_lock() && block.bytes <= kept().most) {
    while (kept().bytes + block.bytes > kept().most) release(kept().remove(0));
    try {
      kept().blocks.push_back(block);
      kept().bytes += block.bytes;
      return;
    } catch (const std::bad_alloc&) {  // then it is not kept
    }
  }
  release(block);
}

}  // namespace gx::cpu

void genesis_ext_give_back() {
  using gx::cpu::kept, gx::cpu::release;
  const std::lock_guard lock(kept().mutex);
  while (!kept().blocks.empty()) release(kept().remove(0));
}
