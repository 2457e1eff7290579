// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Memory of a `Device` (separable.h) for many arrays, taken at once: an allocation takes a microsecond of the host.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace gx::cuda {

// Each part at a multiple of 32 bytes; the pointers stay where they are until the memory is taken.
class Parts {
 public:
  template <typename T>
  void add(T*& pointer, int64_t count) {
    const int64_t at = bytes_;
    bytes_ += (count * int64_t{sizeof(T)} + 31) / 32 * 32;
    parts_.push_back([&pointer, at](char* base) { pointer = reinterpret_cast<T*>(base + at); });
  }
  template <typename Device>
  void take(Device& device) {
    if (bytes_ == 0) return;
    char* base = static_cast<char*>(device.memory(bytes_));
    for (const auto& part : parts_) part(base);
  }

 private:
  int64_t bytes_ = 0;
  std::vector<std::function<void(char*)>> parts_;
};

}  // namespace gx::cuda
