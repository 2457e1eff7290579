// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Taps without a prefilter, along one axis or along all at once: a thread every kTapThreads-th voxel of a piece of a result.
#pragma once

#include "tap_tables.cuh"
#include "volumes.cuh"

namespace gx::cuda {

constexpr int kTapThreads = 256;
constexpr int kPiece = 8 * kTapThreads;

GX_HD int64_t pieces_of(const Target& to) { return (to.voxels() + kPiece - 1) / kPiece; }

// Calls use(v, x, y, z) for the voxels of a thread in its block's piece of a volume.
template <typename Use>
__device__ __forceinline__ void each_voxel(const Target& to, int64_t piece, const Use& use) {
  // kTapThreads in digits of the shape: numbers are added digit by digit, without divisions.
  const int32_t my = to.m[1], mz = to.m[2];
  const int32_t step_z = kTapThreads % mz, step_y = kTapThreads / mz % my, step_x = kTapThreads / mz / my;
  const int64_t end = min_of(to.voxels(), (piece + 1) * kPiece);
  int64_t v = piece * kPiece + threadIdx.x;
  int32_t x = static_cast<int32_t>(to.plane.quotient(v));
  int32_t y = static_cast<int32_t>(to.row.quotient(v - x * to.plane.by));
  int32_t z = static_cast<int32_t>(v - x * to.plane.by - y * to.row.by);
  for (; v < end; v += kTapThreads) {
    use(v, x, y, z);
    z += step_z;
    y += step_y + (z >= mz);
    z -= z >= mz ? mz : 0;
    x += step_x + (y >= my);
    y -= y >= my ? my : 0;
  }
}

// Along one axis.
template <typename In, typename T>
struct TapPass {
  Source<In> from;  // its stride along `axis` in `stride`, 0 in its place
  Target to;
  int64_t stride;
  int32_t axis, n;
  T fill;
  TapTable<T> table;
};

template <typename In, typename T>
__global__ void __launch_bounds__(kTapThreads) tap_kernel(const __grid_constant__ TapPass<In, T> pass) {
  const uint32_t pieces = static_cast<uint32_t>(pieces_of(pass.to));
  const int64_t volume = blockIdx.x / pieces, first = volume * pass.to.voxels();
  const In* data = pass.from.data + pass.from.volume(volume);
  each_voxel(pass.to, blockIdx.x % pieces, [&](int64_t v, int32_t x, int32_t y, int32_t z) {
    const int32_t i = pass.axis == 0 ? x : pass.axis == 1 ? y : z;
    const In* line = data + x * pass.from.stride[0] + y * pass.from.stride[1] + z * pass.from.stride[2];
    const auto sample = [&](int32_t k) {
      const int32_t at = pass.table.index(k, pass.n);
      return at < 0 ? pass.fill : static_cast<T>(widen(line[at * pass.stride]));
    };
    const Taps taps = pass.table.taps[i];
    T sum = pass.fill;
    if (taps.count > 0) {
      const T* weights = pass.table.weights + int64_t{i} * pass.table.stride;
      sum = weights[0] * sample(taps.first);
      for (int32_t j = 1; j < taps.count; ++j) sum = sum + weights[j] * sample(taps.first + j);
    }
    store(pass.to, first + v, sum);
  });
}

// Voxels outside the volume, which later axes have blurred, become the fill itself.
template <typename T>
struct FillPass {
  Target to;
  const Taps* taps[3];  // null: never outside
  T fill;
};

template <typename T>
__global__ void __launch_bounds__(kTapThreads, blocks_bound(6, kTapThreads))
    fill_outside_kernel(const __grid_constant__ FillPass<T> pass) {
  const uint32_t pieces = static_cast<uint32_t>(pieces_of(pass.to));
  const int64_t first = static_cast<int64_t>(blockIdx.x / pieces) * pass.to.voxels();
  const auto outside = [](const Taps* taps, int32_t i) { return taps != nullptr && taps[i].count == 0; };
  each_voxel(pass.to, blockIdx.x % pieces, [&](int64_t v, int32_t x, int32_t y, int32_t z) {
    if (outside(pass.taps[0], x) || outside(pass.taps[1], y) || outside(pass.taps[2], z)) {
      store(pass.to, first + v, pass.fill);
    }
  });
}

// All axes at once, each of up to kTaps taps: sums of sums, in the order of the axes, give the bits of three passes.
template <typename In, typename T>
struct PairPass {
  Source<In> from;
  Target to;
  const Pair<T>* pairs[3];
  bool x_last;
  T fill;
};

// The sum of an axis, of samples that were read where there is one.
template <typename T>
GX_HD T combine(const Pair<T>& pair, T fill, T first, T second) {
  const T sum = pair.weight[0] * (pair.at[0] < 0 ? fill : first);
  return pair.at[1] == kNone ? sum : sum + pair.weight[1] * (pair.at[1] < 0 ? fill : second);
}

template <typename In, typename T, int kTaps>
__global__ void __launch_bounds__(kTapThreads) pair_kernel(const __grid_constant__ PairPass<In, T> pass) {
  const uint32_t pieces = static_cast<uint32_t>(pieces_of(pass.to));
  const int64_t volume = blockIdx.x / pieces, first = volume * pass.to.voxels();
  const In* data = pass.from.data + pass.from.volume(volume);
  const int32_t d0 = pass.x_last ? 1 : 0, d1 = pass.x_last ? 2 : 1, d2 = pass.x_last ? 0 : 2;  // the order of the axes
  const int64_t stride0 = pass.from.stride[d0], stride1 = pass.from.stride[d1], stride2 = pass.from.stride[d2];
  const Pair<T>*pairs0 = pass.pairs[d0], *pairs1 = pass.pairs[d1], *pairs2 = pass.pairs[d2];
  each_voxel(pass.to, blockIdx.x % pieces, [&](int64_t v, int32_t x, int32_t y, int32_t z) {
    const Pair<T> p = pairs0[pass.x_last ? y : x], q = pairs1[pass.x_last ? z : y], r = pairs2[pass.x_last ? x : z];
    T sum = pass.fill;
    if (p.at[0] != kOutside && q.at[0] != kOutside && r.at[0] != kOutside) {
      // All that there is to read, before the first use.
      In read[kTaps][kTaps][kTaps];
      for (int i = 0; i < kTaps; ++i) {
        for (int j = 0; j < kTaps; ++j) {
          const In* line = data + max_of(r.at[i], 0) * stride2 + max_of(q.at[j], 0) * stride1;
          for (int k = 0; k < kTaps; ++k) read[i][j][k] = line[max_of(p.at[k], 0) * stride0];
        }
      }
      T lines[kTaps], planes[kTaps];
      for (int i = 0; i < kTaps; ++i) {
        for (int j = 0; j < kTaps; ++j) {
          const T one = static_cast<T>(widen(read[i][j][0])), other = static_cast<T>(widen(read[i][j][kTaps - 1]));
          lines[j] = combine(p, pass.fill, one, other);
        }
        planes[i] = combine(q, pass.fill, lines[0], lines[kTaps - 1]);
      }
      sum = combine(r, pass.fill, planes[0], planes[kTaps - 1]);
    }
    store(pass.to, first + v, sum);
  });
}

}  // namespace gx::cuda
