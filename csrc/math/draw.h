// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// From random words to numbers, windows and noise (docs/determinism.md).
#pragma once

#include "philox.h"

namespace gx {

// [0, 1) in steps of 2^-24: every value is a float, none is rounded.
GX_HD float uniform(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

GX_HD bool event(uint32_t word, double rate) { return static_cast<double>(uniform(word)) < rate; }

// An integer in [0, n).
GX_HD uint32_t below(uint32_t word, uint32_t n) { return static_cast<uint32_t>((uint64_t{word} * n) >> 32); }

struct Span {
  int32_t start, size;
};

// A size in [lo, hi] and a start that keeps `margin` voxels (or as many as there are) from both ends of the axis.
// One word gives both: what the size leaves of it is uniform again, up to a bias below 2^-20 for sides below 4,096.
GX_HD Span size_and_start(uint32_t word, int32_t axis, int32_t lo, int32_t hi, int32_t margin) {
  const uint64_t p = uint64_t{word} * static_cast<uint32_t>(hi - lo + 1);
  const int32_t size = lo + static_cast<int32_t>(p >> 32);
  const int32_t kept = min_of(margin, (axis - size) / 2);
  return {
      kept + static_cast<int32_t>(below(static_cast<uint32_t>(p), static_cast<uint32_t>(axis - size - 2 * kept + 1))),
      size};
}

// Where the noise of a voxel stands: eight neighbouring calls give 32 contiguous voxels without a transpose.
GX_HD uint32_t noise_index(int64_t voxel) { return static_cast<uint32_t>((voxel >> 5) * 8 + (voxel & 7)); }

GX_HD float noise_of(const Words& words, int64_t voxel) {
  const int which = static_cast<int>(voxel >> 3) & 3;
  return uniform(which == 0 ? words.w0 : which == 1 ? words.w1 : which == 2 ? words.w2 : words.w3);
}

GX_HD float noise(const Key& key, int64_t voxel) {
  return noise_of(philox(key, Purpose::kNoise, noise_index(voxel)), voxel);
}

}  // namespace gx
