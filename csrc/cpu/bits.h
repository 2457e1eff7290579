// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Sets of voxels as one bit a voxel, in row-major order: 64 voxels a step whatever the sides of the patch.
#pragma once

#include <vector>

#include "../math/box.h"

namespace gx::cpu {

class Bits {
 public:
  // Padded: 32 bytes may be read or written from any voxel's word on.
  void reset(int64_t size, bool value) { words_.assign(static_cast<size_t>(size / 64 + 5), value ? ~uint64_t{0} : 0); }

  uint64_t word(int64_t i) const { return words_[static_cast<size_t>(i)]; }
  uint64_t* words() { return words_.data(); }
  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(words_.data()); }
  int64_t num_words() const { return static_cast<int64_t>(words_.size()); }

  void set(int64_t begin, int64_t end) { run(begin, end, true); }
  void clear(int64_t begin, int64_t end) { run(begin, end, false); }

 private:
  void run(int64_t begin, int64_t end, bool value) {
    while (begin < end) {
      const int64_t word = begin >> 6, stop = min_of(end, (word + 1) << 6);
      const uint64_t mask = (~uint64_t{0} >> (64 - (stop - begin))) << (begin & 63);
      if (value) {
        words_[static_cast<size_t>(word)] |= mask;
      } else {
        words_[static_cast<size_t>(word)] &= ~mask;
      }
      begin = stop;
    }
  }

  std::vector<uint64_t> words_;
};

// Calls f(first voxel, end) for every row of the box that meets the voxels [begin, end) of the patch.
template <typename F>
void for_each_row(const Box& box, Shape shape, int64_t begin, int64_t end, const F& f) {
  const int64_t plane = int64_t{shape.y} * shape.z;
  const int32_t first = max_of(box.x0, static_cast<int32_t>(begin / plane));
  const int32_t last = min_of(box.x1, static_cast<int32_t>((end + plane - 1) / plane));
  for (int32_t x = first; x < last; ++x) {
    for (int32_t y = box.y0; y < box.y1; ++y) {
      const int64_t row = x * plane + int64_t{y} * shape.z;
      const int64_t from = max_of(row + box.z0, begin), to = min_of(row + box.z1, end);
      if (from < to) f(from, to);
    }
  }
}

}  // namespace gx::cpu
