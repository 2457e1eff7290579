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
  void* const data = std::aligned_alloc(kLargePage, needed);
  if (data != nullptr) advise_huge_pages(data, bytes);  // what is beyond stays untouched, and takes no memory
  return {data, needed};
}

void give_block(Block block) noexcept {
  if (const std::unique_lock lock(kept().mutex, std::try_to_lock); lock.owns_lock() && block.bytes <= kept().most) {
    while (kept().bytes + block.bytes > kept().most) std::free(kept().remove(0).data);
    try {
      kept().blocks.push_back(block);
      kept().bytes += block.bytes;
      return;
    } catch (const std::bad_alloc&) {  // then it is not kept
    }
  }
  std::free(block.data);
}

}  // namespace gx::cpu

void genesis_ext_give_back() {
  using gx::cpu::kept;
  const std::lock_guard lock(kept().mutex);
  while (!kept().blocks.empty()) std::free(kept().remove(0).data);
}
