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

// curve_row of math/bezier.h for all rows: the same steps, each over all nodes of a piece.
GX_HD void build_table(const ControlPoints& points, CurveTable& table) {
  table.curve = make_curve(points);
  const Curve curve = table.curve;  // a copy: nothing that is stored to can change it
  table.rows.resize(static_cast<size_t>(curve.rows));
  table.distance.resize(static_cast<size_t>(kCurveNodes * curve.rows));
  table.root.resize(table.distance.size());
  double* d = table.distance.data();
  double* s = table.root.data();
  for (int row = 0; row < curve.rows; ++row) {
    for (int node = 0; node < kCurveNodes; ++node) d[kCurveNodes * row + node] = curve_node(curve, row, node);
  }
  for (int p = 0; p < 2; ++p) {
    const CurvePiece piece = curve.piece[p];
    const int begin = p == 0 ? 0 : kCurveNodes * curve.second, end = kCurveNodes * (p == 0 ? curve.second : curve.rows);
    for (int i = begin; i < end; ++i) s[i] = curve_solve_start(piece, d[i]);
    for (int step = 0; step < kNewtonSteps; ++step) {
      for (int i = begin; i < end; ++i) s[i] = curve_solve_step(piece, d[i], s[i]);
    }
    for (int i = begin; i < end; ++i) s[i] = curve_y(curve, piece, d[i] > 0.0 ? s[i] : 0.0);
  }
  for (int row = 0; row < curve.rows; ++row) {
    const double* f = s + kCurveNodes * row;
    table.rows[static_cast<size_t>(row)] = curve_fit(f[0], f[1], f[2], f[3]);
  }
}

using Float4 = float __attribute__((vector_size(16)));

// Four of the eight elements of a and b.
template <int k0, int k1, int k2, int k3>
GX_HD Float4 choose(Float4 a, Float4 b) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, k0, k1, k2, k3);
#else
  using Int4 = int32_t __attribute__((vector_size(16)));
  return __builtin_shuffle(a, b, Int4{k0, k1, k2, k3});
#endif
}

// Rows of the table as four arrays of coefficients: 16-byte loads and 4x4 transposes, twice as
// fast as hardware gathers.
GX_HD void gather_rows(const CurveRow* rows, const int32_t* row, float* c0, float* c1, float* c2, float* c3) {
  for (int i = 0; i < kBlock; i += 4) {
    const Float4 a = load<Float4>(rows + row[i]), b = load<Float4>(rows + row[i + 1]);
    const Float4 c = load<Float4>(rows + row[i + 2]), d = load<Float4>(rows + row[i + 3]);
    const Float4 ab_lo = choose<0, 4, 1, 5>(a, b), ab_hi = choose<2, 6, 3, 7>(a, b);
    const Float4 cd_lo = choose<0, 4, 1, 5>(c, d), cd_hi = choose<2, 6, 3, 7>(c, d);
    const Float4 t0 = choose<0, 1, 4, 5>(ab_lo, cd_lo);
    const Float4 t1 = choose<2, 3, 6, 7>(ab_lo, cd_lo);
    const Float4 t2 = choose<0, 1, 4, 5>(ab_hi, cd_hi);
    const Float4 t3 = choose<2, 3, 6, 7>(ab_hi, cd_hi);
    memcpy(c0 + i, &t0, sizeof(t0));
    memcpy(c1 + i, &t1, sizeof(t1));
    memcpy(c2 + i, &t2, sizeof(t2));
    memcpy(c3 + i, &t3, sizeof(t3));
  }
}

// apply_curve of math/sample.h on a block: the same steps, each over all voxels.
GX_HD void curve_block(const CurveTable& table, const Range& range, bool clamp, float* values) {
  const CurveLookup look = table.curve.lookup;  // a copy: nothing that is stored to can change it
  const bool decreasing = table.curve.decreasing;
  alignas(64) float v[kBlock], u[kBlock], c0[kBlock], c1[kBlock], c2[kBlock], c3[kBlock];
  alignas(64) int32_t row[kBlock];
  for (int i = 0; i < kBlock; ++i) v[i] = to_unit(range, clamp, values[i]);
  for (int i = 0; i < kBlock; ++i) {
    const CurvePlace place = curve_place(look, in_unit(v[i]) ? v[i] : 0.0f);
    row[i] = place.row;
    u[i] = place.u;
  }
  gather_rows(table.rows.data(), row, c0, c1, c2, c3);
  for (int i = 0; i < kBlock; ++i) {
    values[i] = from_unit(range, decreasing, v[i], curve_polynomial(c0[i], c1[i], c2[i], c3[i], u[i]));
  }
}

GX_HD void curve_block(const CurveTable& table, const Range& range, bool clamp, double* values) {
  for (int i = 0; i < kBlock; ++i) values[i] = apply_curve_exact(table.curve, range, clamp, values[i]);
}

// Noise of whole groups of 32 voxels, in [0,1): eight calls a group (docs/determinism.md).
template <int kGroups>
GX_HD void noise_groups(const Key& key, int64_t group, float* out) {
  constexpr int kCalls = 8 * kGroups;
  alignas(64) uint32_t w0[kCalls], w1[kCalls], w2[kCalls], w3[kCalls];
  const uint32_t index = static_cast<uint32_t>(group * 8);
  for (int i = 0; i < kCalls; ++i) {
    const Words words = philox(key, Purpose::kNoise, index + static_cast<uint32_t>(i));
    w0[i] = words.w0;
    w1[i] = words.w1;
    w2[i] = words.w2;
    w3[i] = words.w3;
  }
  for (int g = 0; g < kGroups; ++g) {
    for (int i = 0; i < 8; ++i) {
      out[32 * g + i] = uniform(w0[8 * g + i]);
      out[32 * g + 8 + i] = uniform(w1[8 * g + i]);
      out[32 * g + 16 + i] = uniform(w2[8 * g + i]);
      out[32 * g + 24 + i] = uniform(w3[8 * g + i]);
    }
  }
}

constexpr int kNoiseBlock = kBlock + 32;

// Noise of the voxels [first, first + 64), from element first & 31 of `out` on.
GX_HD void noise_block(const Key& key, int64_t first, float* out) {
  if ((first & 31) == 0) {
    noise_groups<kBlock / 32>(key, first >> 5, out);
  } else {
    noise_groups<kNoiseBlock / 32>(key, first >> 5, out);
  }
}

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
