// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Memory of large and intermediate results. Memory that is freed goes back to the system, which clears it before it gives
// it out again: up to half of the time of a call (docs/performance.md). So some of it is kept for the results of later
// calls: what is not in use, up to 256 MiB or what the environment variable GENESIS_KEPT_MIB says, which is read once.
#pragma once

#include <cstddef>

namespace gx::cpu {

constexpr size_t kKeptFrom = size_t{8} << 20;  // bytes; smaller results are what the allocator itself keeps

struct Block {
  void* data;
  size_t bytes;
};

// Room for at least so many bytes, of any contents, in whole large pages; null if there are none.
Block take_block(size_t bytes);
// From any thread.
void give_block(Block block) noexcept;

}  // namespace gx::cpu

// Gives the system back what is kept.
extern "C" __attribute__((visibility("default"))) void genesis_ext_give_back();
