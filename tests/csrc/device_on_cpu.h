// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The `Device` of csrc/cuda/*.h that is a CPU. Include it after cuda_on_cpu.h.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "cuda_on_cpu.h"

namespace cuda_on_cpu {

// Memory starts as garbage, as on a GPU.
class Device {
 public:
  void* memory(int64_t bytes) {
    memory_.emplace_back(::operator new(static_cast<size_t>(bytes), kAlignment));
    memset(memory_.back().get(), 0xCD, static_cast<size_t>(bytes));
    return memory_.back().get();
  }
  template <typename... Arguments>
  void launch(void (*kernel)(Arguments...), int64_t blocks, int threads,
              const std::type_identity_t<Arguments>&... arguments) {
    ++launches;
    cuda_on_cpu::launch(static_cast<uint32_t>(blocks), static_cast<uint32_t>(threads), [&] { kernel(arguments...); });
  }
  int launches = 0;
  size_t allocations() const { return memory_.size(); }

 private:
  static constexpr std::align_val_t kAlignment{32};
  struct Free {
    void operator()(void* at) const { ::operator delete(at, kAlignment); }
  };
  std::vector<std::unique_ptr<void, Free>> memory_;
};

}  // namespace cuda_on_cpu
