// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Curve and paint of contiguous voxels on a CPU, 64 at a time.
#pragma once

#include <algorithm>
#include <vector>

#include "../math/sample.h"
#include "bits.h"

namespace gx::cpu {

constexpr int kBlock = 64;  // voxels a step: one word of bits

// A curve and its table.
struct CurveTable {
  Curve curve;
  std::vector<CurveRow> rows;
  std::vector<double> distance, root;  // of all nodes
};

// curve_row of math/bezier.h for all rows.
void build_table(const ControlPoints& points, CurveTable& table);

// apply_curve of math/sample.h on a block.
void curve_block(const CurveTable& table, const Range& range, bool clamp, float* values);
void curve_block(const CurveTable& table, const Range& range, bool clamp, double* values);

// Noise of the voxels [first, first + 64), in [0,1), from element first & 31 of `out` on.
constexpr int kNoiseBlock = kBlock + 32;
void noise_block(const Key& key, int64_t first, float* out);

// Marks the painted voxels of [begin, end); bit 0 is voxel `begin`.
inline void mark_painted(const Sample& sample, Shape shape, int64_t begin, int64_t end, Bits& painted) {
  const bool out = sample.paint == kOut;
  painted.reset(end - begin, out);
  if (sample.paint == kNothing) return;
  for (int32_t b = 0; b < sample.num_boxes; ++b) {
    for_each_row(sample_box(sample, b, shape), shape, begin, end, [&](int64_t from, int64_t to) {
      if (out) {
        painted.clear(from - begin, to - begin);
      } else {
        painted.set(from - begin, to - begin);
      }
    });
  }
}

// In-painting with constants: the last box wins, so the boxes are filled in order.
template <typename T>
void fill_boxes(const Sample& sample, Shape shape, const Range& range, int64_t begin, int64_t end, T* channel) {
  for (int32_t b = 0; b < sample.num_boxes; ++b) {
    T value;
    narrow(painted_value(range, sample_fill(sample, b)), value);
    for_each_row(sample_box(sample, b, shape), shape, begin, end,
                 [&](int64_t from, int64_t to) { std::fill(channel + from, channel + to, value); });
  }
}

// What is painted outside of boxes: noise, or the constant of out-painting.
template <typename F>
GX_HD void paint_block(const Sample& sample, const Range& range, int64_t first, uint64_t painted, F* values) {
  alignas(64) float fill[kNoiseBlock];
  const float* at = fill;
  if (sample.constant) {
    const float value = sample_fill(sample, 0);
    for (int i = 0; i < kBlock; ++i) fill[i] = value;
  } else {
    noise_block(sample.key, first, fill);
    at = fill + (first & 31);
  }
  for (int half = 0; half < 2; ++half) {
    const uint32_t bits = static_cast<uint32_t>(painted >> (32 * half));
    for (int i = 0; i < 32; ++i) {
      const float value = painted_value(range, at[32 * half + i]);
      const bool on = ((bits >> i) & 1u) != 0;
      values[32 * half + i] = on ? static_cast<F>(value) : values[32 * half + i];
    }
  }
}

}  // namespace gx::cpu
