// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// What is drawn and ordered once a sample, before its voxels: the windows of the shuffle with an index of them, and the
// tables of curves. Last writer: windows by where they start along x. Sequential: for every bin of voxels the windows that
// touch it, last first.
#pragma once

#include "view.cuh"

namespace gx::cuda {

constexpr int kPrepareThreads = 256, kIndexThreads = 512;
constexpr int32_t kWindowTile = 1024, kAxesTile = 128;  // windows that a block draws, without and with axis tables
constexpr int32_t kMostBins = 4096;                     // so that their counts take 16 KB
constexpr int32_t kMostStarts = 256;                    // of windows along x, by last writer
constexpr int32_t kAreas = 4;            // windows of one start are in order of their cross-section, by so many classes
constexpr int32_t kMostSide = 256;       // of windows whose axis permutations are tabulated, a byte each
constexpr int32_t kLongestSide = 32767;  // of a patch that is shuffled

// start | size << 16.
struct alignas(16) PackedWindow {
  uint32_t x, y, z, key;
};

// A window of a list, in words that test quickly: in the lower half of each the first voxel along an axis, in the upper half
// kFarthest less the last one. `w`: its number.
struct alignas(16) ListedWindow {
  uint32_t x, y, z, w;
};

constexpr uint32_t kFarthest = kLongestSide;
constexpr int32_t kTests = 4;  // entries of a list that are asked for before the first is tested
constexpr uint32_t kApart = 0x80008000u;

GX_HD uint32_t listed(Span span) {
  const uint32_t first = static_cast<uint32_t>(span.start);
  return first | (kFarthest + 1 - first - static_cast<uint32_t>(span.size)) << 16;
}

GX_HD Span span_of_listed(uint32_t word) {
  const uint32_t first = word & 0xffffu;
  return {static_cast<int32_t>(first), static_cast<int32_t>(kFarthest + 1 - (word >> 16) - first)};
}

// Added to the word of a span it sets none of kApart where [from, to] and the span meet: first <= to, and from <= last.
GX_HD uint32_t tested(int32_t from, int32_t to) {
  return kFarthest - static_cast<uint32_t>(to) + (static_cast<uint32_t>(from) << 16);
}

// Those of one sample: (num_windows), (num_windows, axes_pitch), (capacity + kTests) and (bins + 1).
struct SampleWindows {
  PackedWindow* windows;
  uint8_t* axes;
  ListedWindow* lists;
  int32_t* begins;
};

// How windows are found. The launch fills it; the pointers are to the device.
struct WindowIndex {
  ShuffleSpec spec;
  Shape shape;
  PackedWindow* windows;  // (N, num_windows)
  uint8_t* axes;          // (N, num_windows, axes_pitch): permutations along the axes; null: none
  int32_t axes_pitch;
  ListedWindow* lists;  // (N, capacity + kTests): behind the last list entries that meet nothing
  int32_t* begins;      // (N, bins + 1): where the list of a bin begins
  int32_t bins;
  int64_t capacity;
  Shape bits;        // sequential: a bin has 2^bits voxels along each axis; last writer: starts along x
  Shape bins_along;  // sequential
  int32_t blocks;    // that draw, a sample

  GX_HD bool sequential() const { return spec.order == kSequential; }
  GX_HD SampleWindows sample(int64_t n) const {
    return {windows + n * spec.num_windows, axes == nullptr ? nullptr : axes + n * spec.num_windows * axes_pitch,
            lists + n * (capacity + kTests), begins + n * (bins + 1)};
  }
};

GX_HD Span span_of(uint32_t packed) {
  return {static_cast<int32_t>(packed & 0xffffu), static_cast<int32_t>(packed >> 16)};
}

GX_HD Window unpacked(const PackedWindow& window) {
  return {span_of(window.x), span_of(window.y), span_of(window.z), window.key};
}

GX_HD PackedWindow packed(const Window& window) {
  const auto pack = [](Span span) {
    return static_cast<uint32_t>(span.start) | static_cast<uint32_t>(span.size) << 16;
  };
  return {pack(window.x), pack(window.y), pack(window.z), window.key};
}

// The window of a list's entry; its key is left out.
GX_HD Window listed_window(const ListedWindow& entry) {
  return {span_of_listed(entry.x), span_of_listed(entry.y), span_of_listed(entry.z), 0};
}

// Windows [begin, end) of a sample.
__device__ __forceinline__ void draw_windows(const WindowIndex& index, const Key& key, int64_t n, int32_t begin,
                                             int32_t end, int32_t thread) {
  PackedWindow* windows = index.sample(n).windows;
  for (int32_t w = begin + thread; w < end; w += kPrepareThreads) {
    GX_PATH("draw", "kernel");
    const Window drawn = draw_window(key, static_cast<uint32_t>(w), index.shape, index.spec.max_window);
    windows[w] = packed(drawn);
  }
}

// Their permutations along the axes, a thread an entry. `keys`: one of the three of each window.
__device__ __forceinline__ void tabulate_axes(const WindowIndex& index, const Key& key, int64_t n, int32_t begin,
                                              int32_t end, uint32_t* keys, int32_t thread) {
  const Shape most = index.spec.max_window;
  const PackedWindow* windows = index.sample(n).windows;
  uint8_t* axes = index.sample(n).axes;
  for (int32_t w = begin + thread; w < end; w += kPrepareThreads) {
    GX_PATH("axis keys", "kernel");
    const Words words = axis_keys(key, static_cast<uint32_t>(w));
    uint32_t* three = keys + 3 * (w - begin);
    three[0] = words.w0;
    three[1] = words.w1;
    three[2] = words.w2;
  }
  __syncthreads();
  for (int32_t i = thread; i < (end - begin) * index.axes_pitch; i += kPrepareThreads) {
    GX_PATH("axis entry", "kernel");
    const int32_t w = begin + i / index.axes_pitch, slot = i % index.axes_pitch;
    const int32_t axis = slot < most.x ? 0 : slot < most.x + most.y ? 1 : 2;
    const int32_t at = slot - (axis == 0 ? 0 : axis == 1 ? most.x : most.x + most.y);
    const PackedWindow window = windows[w];
    const int32_t size = span_of(axis == 0 ? window.x : axis == 1 ? window.y : window.z).size;
    if (at >= size) continue;
    GX_PATH("axis permutation", "axis entry");
    const uint32_t from =
        permutation(static_cast<uint32_t>(at), static_cast<uint32_t>(size), keys[3 * (w - begin) + axis]);
    axes[static_cast<int64_t>(w) * index.axes_pitch + slot] = static_cast<uint8_t>(from);
  }
}

// Calls use(bin) for the bins of a window: of its start, or all that it touches.
template <typename Use>
__device__ __forceinline__ void each_bin(const WindowIndex& index, const Window& window, const Use& use) {
  const Span x = window.x, y = window.y, z = window.z;
  if (!index.sequential()) {
    const int32_t most = index.spec.max_window.y * index.spec.max_window.z;
    const int32_t area = y.size * z.size * kAreas / (most + 1);
    use((x.start >> index.bits.x) * kAreas + area);
    return;
  }
  for (int32_t i = x.start >> index.bits.x; i <= (x.start + x.size - 1) >> index.bits.x; ++i) {
    GX_PATH("bin x", "index");
    for (int32_t j = y.start >> index.bits.y; j <= (y.start + y.size - 1) >> index.bits.y; ++j) {
      GX_PATH("bin y", "bin x");
      for (int32_t k = z.start >> index.bits.z; k <= (z.start + z.size - 1) >> index.bits.z; ++k) {
        GX_PATH("bin", "bin y");
        use((i * index.bins_along.y + j) * index.bins_along.z + k);
      }
    }
  }
}

// The sum of a warp's values up to its lane.
__device__ __forceinline__ int32_t sum_to_lane(int32_t value, int32_t lane) {
  for (int32_t step = 1; step < kWarpSize; step *= 2) {
    GX_PATH("scan step", "scan");
    const int32_t other = __shfl_up_sync(kAllLanes, value, static_cast<uint32_t>(step));
    value += lane >= step ? other : 0;
  }
  return value;
}

// Counts become the places where bins begin, also in `begins`; begins[bins] is their sum. By one warp.
__device__ __forceinline__ void scan(int32_t* counts, int32_t bins, int32_t* begins, int32_t lane) {
  int32_t before = 0;
  for (int32_t first = 0; first <= bins; first += kWarpSize) {
    GX_PATH("scan", "kernel");
    const int32_t bin = first + lane, count = bin < bins ? counts[bin] : 0;
    const int32_t sum = before + sum_to_lane(count, lane);
    if (bin < bins) counts[bin] = sum - count;
    if (bin <= bins) begins[bin] = sum - count;
    before = __shfl_sync(kAllLanes, sum, kWarpSize - 1);
  }
}

// The last windows of a list first, by insertion: lists are short.
__device__ __forceinline__ void sort_descending(ListedWindow* list, int32_t count) {
  for (int32_t i = 1; i < count; ++i) {
    GX_PATH("insert", "sort");
    const ListedWindow one = list[i];
    int32_t j = i;
    for (; j > 0 && list[j - 1].w < one.w; --j) {
      GX_PATH("shift", "insert");
      list[j] = list[j - 1];
    }
    list[j] = one;
  }
}

template <typename Source>
struct IndexJob {
  Source source;
  WindowIndex index;
};

// The index of a sample's windows, by one block a sample.
template <typename Source>
__global__ void __launch_bounds__(kIndexThreads, 2) index_kernel(const __grid_constant__ IndexJob<Source> job) {
  __shared__ int32_t counts[kMostBins];
  __shared__ Sample sample;
  GX_PATH("kernel", "");
  const WindowIndex& index = job.index;
  const int64_t n = blockIdx.x;
  const int32_t thread = static_cast<int32_t>(threadIdx.x), windows = index.spec.num_windows;
  if (thread == 0) {
    GX_PATH("sample", "kernel");
    sample = job.source(n);
  }
  for (int32_t b = thread; b < index.bins; b += kIndexThreads) {
    GX_PATH("clear", "kernel");
    counts[b] = 0;
  }
  __syncthreads();
  if (!sample.shuffle) return;
  const SampleWindows of = index.sample(n);
  for (int32_t w = thread; w < windows; w += kIndexThreads) {
    GX_PATH("index", "kernel");
    each_bin(index, unpacked(of.windows[w]), [&](int32_t bin) { atomicAdd(counts + bin, 1); });
  }
  __syncthreads();
  if (thread < kWarpSize) scan(counts, index.bins, of.begins, thread);
  __syncthreads();
  if (thread < kTests) of.lists[of.begins[index.bins] + thread] = {kFarthest | kFarthest << 16, 0, 0, 0};
  for (int32_t w = thread; w < windows; w += kIndexThreads) {
    GX_PATH("list", "kernel");
    const Window window = unpacked(of.windows[w]);
    const ListedWindow entry = {listed(window.x), listed(window.y), listed(window.z), static_cast<uint32_t>(w)};
    each_bin(index, window, [&](int32_t bin) { of.lists[atomicAdd(counts + bin, 1)] = entry; });
  }
  if (!index.sequential()) return;
  __syncthreads();
  for (int32_t b = thread; b < index.bins; b += kIndexThreads) {
    GX_PATH("sort", "kernel");
    sort_descending(of.lists + of.begins[b], of.begins[b + 1] - of.begins[b]);
  }
}

}  // namespace gx::cuda
