// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Tables of taps in device memory, an entry an output of an axis, and the kernels that make them. Like transform.cuh the files
// of resampling name nothing of torch or of CUDA's host API.
#pragma once

#include "../math/convert.h"
#include "../math/resample.h"

namespace gx::cuda {

constexpr int kTableThreads = 128;

// A filtered line is worked on in tiles of this many samples; a row of shared memory holds one and the three coefficients
// above it. Its odd length keeps 32 threads that walk down their rows in 32 banks.
constexpr int kTile = 32;
constexpr int kRow = kTile + 3;
constexpr int kFilterTaps = 4;

// Tile q of a line starts at index 1 - kPad + q * kTile; together they reach to n - 1 + kPad.
template <typename T>
GX_HD int32_t tile_start(int32_t q) {
  return 1 - Pole<T>::kPad + q * kTile;
}
template <typename T>
GX_HD int32_t tile_of(int32_t k) {
  return (k - tile_start<T>(0)) / kTile;
}
template <typename T>
GX_HD int32_t tiles_of(int32_t n) {
  return tile_of<T>(n - 1 + Pole<T>::kPad) + 1;
}

struct alignas(8) Taps {
  int32_t first, count;  // count 0: the fill
};

template <typename T>
struct TapTable {
  Taps* taps;
  T* weights;       // `stride` an output
  int32_t stride;   // kFilterTaps on a filtered axis
  int32_t* begin;   // of a filtered axis: the first output whose taps start in tile q, and m at the end; else null
  int32_t* beyond;  // what stands at the kPad indices before the line and after it: the index of a sample, or kFill

  // Where sample k of a line of n is to be found.
  GX_HD int32_t index(int32_t k, int32_t n) const {
    constexpr int32_t kPad = Pole<T>::kPad;
    return k < 0 ? beyond[max_of(k + kPad, 0)] : k >= n ? beyond[min_of(k - n, kPad - 1) + kPad] : k;
  }
};

// Up to two taps of an output, as indices of samples: kNone where there is no second one, kFill for the fill beyond the
// ends, kOutside where the output itself is the fill.
constexpr int32_t kFill = -1, kNone = -2, kOutside = -3;
template <typename T>
struct alignas(8) Pair {
  int32_t at[2];
  T weight[2];
};

// Where the taps of an output of a filtered axis start: in one of its tiles, even if it lies outside the volume.
template <typename T>
GX_HD int32_t first_tap(const AxisSpec& axis, int32_t i) {
  const int32_t before = axis.order == kCoefficients ? 0 : 1;  // taps before the voxel that the position lies in
  const double x = axis.position(i) + (before == 0 ? 0.5 : 0.0);
  const double lo = tile_start<T>(0) + before, hi = static_cast<double>(axis.n - 1) + Pole<T>::kPad;
  return static_cast<int32_t>(floor_of(x > hi ? hi : x < lo ? lo : x)) - before;
}

template <typename T>
GX_HD Taps write_taps(const AxisSpec& axis, int32_t i, T* weights) {
  if (axis.identity()) {
    weights[0] = T(1);
    return {i, 1};
  }
  const TapRange range = axis_taps(axis, i, weights);
  return {range.first, range.count};
}

template <typename T>
struct TapJobs {
  AxisSpec axis[3];
  TapTable<T> table[3];  // `taps` null: none is wanted
  uint32_t blocks;       // an axis
};

template <typename T>
__global__ void __launch_bounds__(kTableThreads) tap_tables_kernel(const __grid_constant__ TapJobs<T> jobs) {
  GX_PATH("kernel", "");
  const uint32_t d = blockIdx.x / jobs.blocks;
  const int32_t i = static_cast<int32_t>(blockIdx.x % jobs.blocks * kTableThreads + threadIdx.x);
  const AxisSpec& axis = jobs.axis[d];
  const TapTable<T>& table = jobs.table[d];
  constexpr int32_t kPad = Pole<T>::kPad;
  if (table.taps == nullptr) return;
  if (i < 2 * kPad) {
    const int64_t at = boundary_index(axis.boundary, i < kPad ? i - kPad : axis.n + i - kPad, axis.n);
    table.beyond[i] = static_cast<int32_t>(at);
  }
  if (i > axis.m) return;
  if (i < axis.m) {
    T* weights = table.weights + int64_t{i} * table.stride;
    for (int32_t j = 0; j < table.stride; ++j) {
      GX_PATH("weight", "kernel");
      weights[j] = T(0);
    }
    table.taps[i] = write_taps(axis, i, weights);
    if (axis.filtered()) table.taps[i].first = first_tap<T>(axis, i);  // within the line's tiles if it is outside, too
  }
  if (table.begin == nullptr) return;
  const int32_t from = i == 0 ? 0 : tile_of<T>(first_tap<T>(axis, i - 1)) + 1;
  const int32_t to = i == axis.m ? tiles_of<T>(axis.n) : tile_of<T>(first_tap<T>(axis, i));
  for (int32_t q = from; q <= to; ++q) {
    GX_PATH("tile begins", "kernel");
    table.begin[q] = i;
  }
}

template <typename T>
struct PairJobs {
  AxisSpec axis[3];
  Pair<T>* pairs[3];
  uint32_t blocks;  // an axis
};

template <typename T>
__global__ void __launch_bounds__(kTableThreads) pair_tables_kernel(const __grid_constant__ PairJobs<T> jobs) {
  const uint32_t d = blockIdx.x / jobs.blocks;
  const int32_t i = static_cast<int32_t>(blockIdx.x % jobs.blocks * kTableThreads + threadIdx.x);
  const AxisSpec& axis = jobs.axis[d];
  if (i >= axis.m) return;
  Pair<T>& pair = jobs.pairs[d][i];
  const Taps taps = write_taps(axis, i, pair.weight);
  const auto resolved = [&](int32_t k) { return static_cast<int32_t>(boundary_index(axis.boundary, k, axis.n)); };
  pair.at[0] = taps.count == 0 ? kOutside : resolved(taps.first);
  pair.at[1] = taps.count < 2 ? kNone : resolved(taps.first + 1);
}

}  // namespace gx::cuda
