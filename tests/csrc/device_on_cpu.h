// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The `Device` of csrc/cuda/*.h that is a CPU. Include it after cuda_on_cpu.h.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "cuda_on_cpu.h"

namespace cuda_on_cpu {

// Memory starts as garbage, as on a GPU.
class Device {
 public:
  void* memory(int64_t bytes) {
    const size_t size = static_cast<size_t>(bytes / 32 + 1) * 32;
    memory_.emplace_back(std::aligned_alloc(32, size), &std::free);
    memset(memory_.back().get(), 0xCD, size);
    return memory_.back().get();
  }
  template <typename Job>
  void launch(void (*kernel)(Job), int64_t blocks, int threads, const Job& job) {
    ++launches;
    cuda_on_cpu::launch(static_cast<uint32_t>(blocks), static_cast<uint32_t>(threads), 0, [&] { kernel(job); });
  }
  int launches = 0;

 private:
  std::vector<std::unique_ptr<void, decltype(&std::free)>> memory_;
};

}  // namespace cuda_on_cpu
