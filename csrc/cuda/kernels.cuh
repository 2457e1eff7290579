// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The kernels around csrc/math: flip, shuffle, curve and paint in one pass. Nothing of torch or of CUDA's host API, so
// that tests/csrc/test_kernels.cpp can run them block by block on a CPU.
#pragma once

#include "../math/sources.h"

// Shared memory whose size the launch gives.
#ifndef GX_DYNAMIC_SHARED
#define GX_DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#endif

namespace gx::cuda {

constexpr int kThreads = 256;
constexpr int32_t kChunk = 16384;  // voxels of a block: their owners take 64 KB, so that two blocks fit an SM

// x of any strides; `input` and `target` contiguous, `target` may be null.
template <typename T>
struct View {
  const T* x;
  int64_t stride_n, stride_c, stride_x, stride_y, stride_z;
  T* input;
  T* target;
  int64_t samples, channels;
  Shape shape;
};

GX_HD int32_t chunks_of(Shape shape) { return static_cast<int32_t>((voxels_of(shape) + kChunk - 1) / kChunk); }

GX_HD Voxel voxel_at(int32_t v, Shape shape) {
  const uint32_t row = static_cast<uint32_t>(v) / static_cast<uint32_t>(shape.z);
  const uint32_t x = row / static_cast<uint32_t>(shape.y);
  return {static_cast<int32_t>(x), static_cast<int32_t>(row - x * static_cast<uint32_t>(shape.y)),
          static_cast<int32_t>(static_cast<uint32_t>(v) - row * static_cast<uint32_t>(shape.z))};
}

GX_HD int32_t index_of(Voxel at, Shape shape) { return (at.x * shape.y + at.y) * shape.z + at.z; }

// The value of a voxel of the flipped patch.
template <typename T>
GX_HD T read_flipped(const View<T>& view, const T* channel, int32_t flips, Voxel at) {
  const int64_t x = flips & 1 ? view.shape.x - 1 - at.x : at.x;
  const int64_t y = flips & 2 ? view.shape.y - 1 - at.y : at.y;
  const int64_t z = flips & 4 ? view.shape.z - 1 - at.z : at.z;
  return channel[x * view.stride_x + y * view.stride_y + z * view.stride_z];
}

// The last box that holds the voxel, or -1.
GX_HD int32_t covering_box(const Sample& sample, Shape shape, Voxel at) {
  for (int32_t b = sample.num_boxes - 1; b >= 0; --b) {
    GX_PATH("box", "voxel");
    if (contains(sample_box(sample, b, shape), at.x, at.y, at.z)) return b;
  }
  return -1;
}

// Windows that cover voxels [begin, end) write their number + 1; the largest wins.
__device__ __forceinline__ void find_owners(const Key& key, const ShuffleSpec& spec, Shape shape, int32_t begin,
                                            int32_t end, uint32_t* owner, int32_t thread, int32_t threads) {
  const int32_t plane = shape.y * shape.z;
  for (int32_t w = thread; w < spec.num_windows; w += threads) {
    GX_PATH("window", "kernel");
    const Window window = draw_window(key, static_cast<uint32_t>(w), shape, spec.max_window);
    const int32_t first = max_of(window.x.start, begin / plane);
    const int32_t last = min_of(window.x.start + window.x.size - 1, (end - 1) / plane);
    for (int32_t x = first; x <= last; ++x) {
      GX_PATH("plane", "window");
      for (int32_t y = window.y.start; y < window.y.start + window.y.size; ++y) {
        GX_PATH("line", "plane");
        const int32_t row = (x * shape.y + y) * shape.z + window.z.start;
        const int32_t from = max_of(row, begin), to = min_of(row + window.z.size, end);
        for (int32_t v = from; v < to; ++v) {
          GX_PATH("claim", "line");
          atomicMax(owner + (v - begin), static_cast<uint32_t>(w) + 1);
        }
      }
    }
  }
}

struct BlockState {
  Sample sample;
  Curve curve;
};

template <typename T>
GX_HD T curved(const BlockState& state, const CurveRow* rows, const Range& range, T value) {
  T out;
  narrow(apply_curve(state.curve.lookup, rows, state.curve.decreasing, range, state.sample.clamp, widen(value)), out);
  return out;
}

// float64 takes the exact root, as on the CPU.
GX_HD double curved(const BlockState& state, const CurveRow*, const Range& range, double value) {
  return apply_curve_exact(state.curve, range, state.sample.clamp, value);
}

// What becomes of the voxels of one chunk of one sample. kWindows: last-writer shuffling, by owners in shared memory.
// `shuffled`: the shuffled values already lie in `input` (sequential shuffling).
template <typename T, typename Source, bool kWindows>
__global__ void __launch_bounds__(kThreads, 2)
    transform_kernel(View<T> view, Source source, ShuffleSpec spec, bool shuffled) {
  GX_DYNAMIC_SHARED(shared);
  __shared__ BlockState state;
  CurveRow* rows = reinterpret_cast<CurveRow*>(shared);
  uint32_t* owner = reinterpret_cast<uint32_t*>(shared + sizeof(CurveRow) * kCurveMaxRows);
  const Shape shape = view.shape;
  const int32_t chunks = chunks_of(shape), thread = static_cast<int32_t>(threadIdx.x);
  GX_PATH("kernel", "");
  const int64_t n = blockIdx.x / static_cast<uint32_t>(chunks);
  const int64_t voxels = voxels_of(shape);
  const int64_t first = static_cast<int64_t>(blockIdx.x % static_cast<uint32_t>(chunks)) * kChunk;
  const int32_t begin = static_cast<int32_t>(first), end = static_cast<int32_t>(min_of(voxels, first + kChunk));
  if (thread == 0) state.sample = source(n);
  __syncthreads();
  const Sample& sample = state.sample;
  const bool windows = kWindows && sample.shuffle && spec.num_windows > 0;
  if (windows) {
    GX_PATH("owners", "kernel");
    for (int32_t v = begin + thread; v < end; v += kThreads) {
      GX_PATH("clear", "owners");
      owner[v - begin] = 0;
    }
    __syncthreads();
    find_owners(sample.key, spec, shape, begin, end, owner, thread, kThreads);
    __syncthreads();
  }
  for (int64_t c = 0; c < view.channels; ++c) {
    GX_PATH("channel", "kernel");
    if (sample.nonlinear && (c == 0 || sample.curves > 1)) {
      GX_PATH("table", "channel");
      __syncthreads();  // the rows of the channel before are still being read
      if (thread == 0) {
        GX_PATH("curve", "table");
        state.curve = make_curve(control_points(sample, c));
      }
      __syncthreads();
      for (int32_t row = thread; row < state.curve.rows; row += kThreads) {
        GX_PATH("row", "table");
        rows[row] = curve_row(state.curve, row);
      }
      __syncthreads();
    }
    const Range range = sample_range(sample, c);
    const T* channel = view.x + n * view.stride_n + c * view.stride_c;
    const int64_t out = (n * view.channels + c) * voxels;
    for (int32_t v = begin + thread; v < end; v += kThreads) {
      GX_PATH("voxel", "channel");
      const Voxel at = voxel_at(v, shape);
      if (view.target != nullptr) view.target[out + v] = read_flipped(view, channel, sample.flips, at);
      T value;
      const int32_t box = sample.paint == kNothing ? -1 : covering_box(sample, shape, at);
      if (sample.paint != kNothing && (box >= 0) == (sample.paint == kIn)) {
        GX_PATH("painted", "voxel");
        float fill;
        if (sample.constant) {
          GX_PATH("constant", "painted");
          fill = sample_fill(sample, max_of(box, 0));
        } else {
          GX_PATH("noise", "painted");
          fill = noise(sample.key, noise_origin(sample, c, shape) + v);
        }
        narrow(painted_value(range, fill), value);
      } else {
        GX_PATH("kept", "voxel");
        if (windows && owner[v - begin] != 0) {
          GX_PATH("owned", "kept");
          const uint32_t index = owner[v - begin] - 1;
          const Window window = draw_window(sample.key, index, shape, spec.max_window);
          value = read_flipped(view, channel, sample.flips, window_source(sample.key, index, window, spec.permute, at));
        } else if (shuffled && sample.shuffle) {
          GX_PATH("shuffled", "kept");
          value = view.input[out + v];
        } else {
          GX_PATH("own", "kept");
          value = read_flipped(view, channel, sample.flips, at);
        }
        if (sample.nonlinear && !range.empty) {
          GX_PATH("curved", "kept");
          value = curved(state, rows, range, value);
        }
      }
      view.input[out + v] = value;
    }
  }
}

// Sequential shuffling of a sample by one block: the flipped patch into `input`, then the windows in order, each
// through `scratch` (largest window elements a sample).
template <typename T, typename Source>
__global__ void __launch_bounds__(kThreads, 2)
    sequential_kernel(View<T> view, Source source, ShuffleSpec spec, T* scratch) {
  __shared__ Sample sample;
  const Shape shape = view.shape;
  const int64_t n = blockIdx.x;
  const int32_t thread = static_cast<int32_t>(threadIdx.x), voxels = static_cast<int32_t>(voxels_of(shape));
  if (thread == 0) sample = source(n);
  __syncthreads();
  GX_PATH("kernel", "");
  if (!sample.shuffle) return;
  GX_PATH("sample", "kernel");
  T* window_values = scratch + n * voxels_of(spec.max_window);
  for (int64_t c = 0; c < view.channels; ++c) {
    const T* channel = view.x + n * view.stride_n + c * view.stride_c;
    T* out = view.input + (n * view.channels + c) * voxels;
    GX_PATH("channel", "sample");
    for (int32_t v = thread; v < voxels; v += kThreads) {
      GX_PATH("voxel", "channel");
      out[v] = read_flipped(view, channel, sample.flips, voxel_at(v, shape));
    }
    __syncthreads();
    for (int32_t w = 0; w < spec.num_windows; ++w) {
      GX_PATH("window", "channel");
      const uint32_t index = static_cast<uint32_t>(w);
      const Window window = draw_window(sample.key, index, shape, spec.max_window);
      const Shape sides = {window.x.size, window.y.size, window.z.size};
      const int32_t size = static_cast<int32_t>(voxels_of(sides));
      for (int32_t q = thread; q < size; q += kThreads) {
        GX_PATH("owned", "window");
        Voxel at = voxel_at(q, sides);
        at = {at.x + window.x.start, at.y + window.y.start, at.z + window.z.start};
        window_values[q] = out[index_of(window_source(sample.key, index, window, spec.permute, at), shape)];
      }
      __syncthreads();
      for (int32_t q = thread; q < size; q += kThreads) {
        GX_PATH("put back", "window");
        Voxel at = voxel_at(q, sides);
        at = {at.x + window.x.start, at.y + window.y.start, at.z + window.z.start};
        out[index_of(at, shape)] = window_values[q];
      }
      __syncthreads();
    }
  }
}

// d(bezier_map)/dx, solved in float64 voxel by voxel.
template <typename T>
__global__ void __launch_bounds__(kThreads, 2) slope_kernel(View<T> view, CurveSource source) {
  __shared__ BlockState state;
  const int32_t chunks = chunks_of(view.shape), thread = static_cast<int32_t>(threadIdx.x);
  const int64_t voxels = voxels_of(view.shape), n = blockIdx.x / static_cast<uint32_t>(chunks);
  const int64_t first = static_cast<int64_t>(blockIdx.x % static_cast<uint32_t>(chunks)) * kChunk;
  const int32_t end = static_cast<int32_t>(min_of(voxels, first + kChunk));
  for (int64_t c = 0; c < view.channels; ++c) {
    __syncthreads();  // the curve of the channel before is still being read
    if (thread == 0) {
      state.sample = source(n);
      state.curve = make_curve(control_points(state.sample, c));
    }
    __syncthreads();
    const Range range = sample_range(state.sample, c);
    const T* channel = view.x + n * view.stride_n + c * view.stride_c;
    for (int32_t v = static_cast<int32_t>(first) + thread; v < end; v += kThreads) {
      const auto value = widen(read_flipped(view, channel, 0, voxel_at(v, view.shape)));
      T out;
      narrow(static_cast<decltype(value + 0)>(apply_slope(state.curve, range, state.sample.clamp, value)), out);
      view.input[(n * view.channels + c) * voxels + v] = out;
    }
  }
}

}  // namespace gx::cuda
