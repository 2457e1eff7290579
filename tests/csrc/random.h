// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Random inputs of the native tests: the same on every machine, and nothing of what is tested.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>

namespace check {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint32_t word() { return static_cast<uint32_t>(engine_() >> 32); }
  uint64_t words() { return engine_(); }
  double unit() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }       // [0, 1)
  float unit_float() { return static_cast<float>(engine_() >> 40) * 0x1p-24f; }  // [0, 1)
  bool chance(double rate) { return unit() < rate; }
  int32_t between(int32_t lo, int32_t hi) {  // both included
    const uint64_t range = static_cast<uint64_t>(int64_t{hi} - lo + 1);
    return static_cast<int32_t>(lo + static_cast<int64_t>((uint64_t{word()} * range) >> 32));
  }
  template <typename T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[between(0, static_cast<int32_t>(values.size()) - 1)];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace check
