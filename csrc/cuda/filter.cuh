// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Prefilter and interpolation along one axis: a thread a line. Only every kTile-th state of the causal recursion is kept;
// the way back takes the samples of a tile again, from the state before it, which gives the same bits and moves a fraction
// of the bytes that a stored line would take.
#pragma once

#include "tap_tables.cuh"
#include "volumes.cuh"

namespace gx::cuda {

constexpr int kLines = 128;  // threads of a block
constexpr int kWarp = 32;
constexpr int kInFlight = 16, kFewer = 8;  // loads of a thread, and where their addresses take registers
template <typename T>
constexpr int kFilterBlocks = sizeof(T) == 8 ? 5 : 10;  // that shared memory leaves room for on an SM of sm_90

template <typename In, typename T>
struct FilterPass {
  Source<In> from;
  Target to;
  int64_t from_step, to_step;  // along the line
  int32_t n;
  int32_t slow, fast;  // the other axes; lines are neighbours along `fast`
  Divisor lines_of_volume, lines_of_slow;
  int64_t lines, threads;
  T fill;
  TapTable<T> table;
  T* states;  // of every tile but the last one, a thread
  // Whether neighbours in memory are neighbours on the line: then warps read (write) along it, through shared memory.
  bool along_from, along_to;
};

// The samples of one thread's line and of its continuation.
template <typename In, typename T>
struct LineReader {
  const FilterPass<In, T>& pass;
  const int64_t* starts;  // of the warp's lines
  int32_t lane;
  T *rows, *row;  // of the warp, of this thread

  __device__ __forceinline__ const In* line() const { return pass.from.data + starts[lane]; }
  __device__ __forceinline__ T value(int32_t at, In loaded) const {
    return at < 0 ? pass.fill : static_cast<T>(widen(loaded));
  }
  __device__ __forceinline__ T sample(int32_t k) const {
    const int32_t at = pass.table.index(k, pass.n);
    return value(at, line()[max_of(at, 0) * pass.from_step]);
  }

  // Calls use(j, sample k0 + j) for j in [0, steps), in order; `steps` is kTile but in the last tile.
  template <typename Use>
  __device__ __forceinline__ void each(int32_t k0, int32_t steps, const Use& use) const {
    if (pass.along_from) {
      load_rows(k0, steps);
      for (int32_t j = 0; j < steps; ++j) {
        GX_PATH("sample", "tile");
        use(j, row[j]);
      }
    } else if (k0 >= 0 && k0 + kTile <= pass.n) {
      const In* at = line() + k0 * pass.from_step;
      GX_ROLLED
      for (int32_t first = 0; first < kTile; first += kInFlight) {
        GX_PATH("samples inside", "tile");
        In loaded[kInFlight];
        for (int j = 0; j < kInFlight; ++j) loaded[j] = at[(first + j) * pass.from_step];
        for (int j = 0; j < kInFlight; ++j) use(first + j, static_cast<T>(widen(loaded[j])));
      }
    } else {
      const In* data = line();
      GX_ROLLED
      for (int32_t first = 0; first < steps; first += kFewer) {
        GX_PATH("samples at ends", "tile");
        int32_t at[kFewer];
        In loaded[kFewer];
        for (int j = 0; j < kFewer; ++j) at[j] = pass.table.index(k0 + first + j, pass.n);
        for (int j = 0; j < kFewer; ++j) loaded[j] = data[max_of(at[j], 0) * pass.from_step];
        for (int j = 0; j < kFewer; ++j) {
          if (first + j < steps) use(first + j, value(at[j], loaded[j]));
        }
      }
    }
  }

  // A warp's tile: lanes are samples.
  __device__ __forceinline__ void load_rows(int32_t k0, int32_t steps) const {
    const int32_t at = lane < steps ? pass.table.index(k0 + lane, pass.n) : kFill;
    const In* from = pass.from.data + max_of(at, 0) * pass.from_step;
    __syncwarp();  // the tile before has been read
    GX_ROLLED
    for (int32_t first = 0; first < kWarp; first += kFewer) {
      GX_PATH("rows", "tile");
      In loaded[kFewer];
      for (int j = 0; j < kFewer; ++j) loaded[j] = from[starts[first + j]];
      for (int j = 0; j < kFewer; ++j) rows[(first + j) * kRow + lane] = value(at, loaded[j]);
    }
    __syncwarp();
  }
};

template <typename T>
struct alignas(4 * sizeof(T)) FilterWeights {
  T w[kFilterTaps];
};

template <typename T>
GX_HD T combine(const T* c, const FilterWeights<T>& weights, int32_t count) {
  const T* w = weights.w;
  if (count == kFilterTaps) {
    GX_PATH("four taps", "output across");
    return w[0] * c[0] + w[1] * c[1] + w[2] * c[2] + w[3] * c[3];
  }
  GX_PATH("fewer taps", "output across");
  const T one = w[0] * c[0];
  return count < 3 ? one : one + w[1] * c[1] + w[2] * c[2];
}

template <typename In, typename T>
__global__ void __launch_bounds__(kLines, blocks_bound(kFilterBlocks<T>, kLines))
    filter_kernel(const __grid_constant__ FilterPass<In, T> pass) {
  GX_PATH("kernel", "");
  __shared__ T tiles[kLines * kRow];
  __shared__ int64_t from_starts[kLines], to_starts[kLines];
  const int32_t thread = static_cast<int32_t>(threadIdx.x), lane = thread % kWarp, first = thread - lane;
  const int64_t slot = static_cast<int64_t>(blockIdx.x) * kLines + thread;
  const int64_t line = min_of(slot, pass.lines - 1);  // threads past the end follow the last line, and write nothing
  const int64_t volume = pass.lines_of_volume.quotient(line), rest = line - volume * pass.lines_of_volume.by;
  const int64_t slow = pass.lines_of_slow.quotient(rest), fast = rest - slow * pass.lines_of_slow.by;
  from_starts[thread] =
      pass.from.volume(volume) + slow * pass.from.stride[pass.slow] + fast * pass.from.stride[pass.fast];
  to_starts[thread] = volume * pass.to.voxels() + slow * pass.to.stride(pass.slow) + fast * pass.to.stride(pass.fast);
  __syncwarp();

  T *rows = tiles + first * kRow, *row = tiles + thread * kRow;
  const LineReader<In, T> reader = {pass, from_starts + first, lane, rows, row};
  const int32_t last = tiles_of<T>(pass.n) - 1;
  const int32_t here = static_cast<int32_t>(min_of(int64_t{kWarp}, pass.lines - (slot - lane)));  // lines of the warp

  const T start = Pole<T>::kCausal * reader.sample(-Pole<T>::kPad);
  T before = start, after = T(0);
  for (int32_t q = 0; q < last; ++q) {
    GX_PATH("tile", "kernel");
    reader.each(tile_start<T>(q), kTile, [&](int32_t, T sample) { before = causal_step(before, sample); });
    pass.states[q * pass.threads + slot] = before;
  }
  for (int32_t q = last; q >= 0; --q) {
    GX_PATH("tile back", "kernel");
    const int32_t k0 = tile_start<T>(q), steps = q == last ? pass.n + Pole<T>::kPad - k0 : kTile;
    if (q < last) {
      for (int j = 0; j < 3; ++j) row[kTile + j] = row[j];
      before = q == 0 ? start : pass.states[(q - 1) * pass.threads + slot];
    }
    reader.each(k0, steps, [&](int32_t j, T sample) { row[j] = before = causal_step(before, sample); });
    for (int32_t above = steps; above < 3; ++above) {
      GX_PATH("above the last", "tile back");
      row[above] = T(0);  // taken up into the next tile, and by no output
    }
    int32_t j = steps - 1;
    after = q == last ? row[j] * Pole<T>::kAnticausal : anticausal_step(after, row[j]);
    row[j] = after;
    for (--j; j >= 0; --j) {
      GX_PATH("step back", "tile back");
      row[j] = after = anticausal_step(after, row[j]);
    }

    const int32_t begin = pass.table.begin[q], end = pass.table.begin[q + 1];
    const auto weights = reinterpret_cast<const FilterWeights<T>*>(pass.table.weights);
    if (pass.along_to) {
      __syncwarp();
      for (int32_t i = begin + lane; i < end; i += kWarp) {
        GX_PATH("outputs", "tile back");
        const Taps taps = pass.table.taps[i];
        const FilterWeights<T> w = weights[i];
        const T* c = rows + (taps.first - k0);
        for (int32_t r = 0; r < here; ++r) {
          GX_PATH("output along", "outputs");
          const T sum = combine(c + r * kRow, w, taps.count);
          store(pass.to, to_starts[first + r] + i * pass.to_step, taps.count == 0 ? pass.fill : sum);
        }
      }
      __syncwarp();
    } else if (lane < here) {
      int64_t to = to_starts[thread] + begin * pass.to_step;
      for (int32_t i = begin; i < end; ++i, to += pass.to_step) {
        GX_PATH("output across", "tile back");
        const Taps taps = pass.table.taps[i];
        const T sum = combine(row + (taps.first - k0), weights[i], taps.count);
        store(pass.to, to, taps.count == 0 ? pass.fill : sum);
      }
    }
  }
}

}  // namespace gx::cuda
