// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Where the voxels of a chunk come from. A slot of shared memory a voxel: by last writer first the number of the window
// that owns it, then, whatever the order, the place of its source within the channel, counted from 1; 0: its own.
#pragma once

#include "windows.cuh"

namespace gx::cuda {

constexpr int32_t kQueue = 2 * kWarpSize;  // voxels of a warp that wait to be traced
constexpr int32_t kInverses = 65;          // window sides below this are divided by with a product

// What a block needs beside its slots: for each warp a queue, of voxels of the chunk or of windows in planes.
struct ShuffleShared {
  uint16_t queue[kWarps][kQueue];
  int32_t windows[kWarps][kQueue];  // by their places in the list
  uint32_t inverse[kInverses];
  SampleWindows of;  // the block's sample
};

// A transform without windows has none of it.
constexpr int32_t kAtOnce = 4;  // slots
template <bool kShuffles>
struct Slots {
  alignas(16) uint32_t at[kChunk + kAtOnce];  // the last ones are no voxel's
  ShuffleShared rest;
};
template <>
struct Slots<false> {};

__device__ __forceinline__ void fill_inverses(ShuffleShared& shared, int32_t thread) {
  if (thread > 1 && thread < kInverses) shared.inverse[thread] = 0xffffffffu / static_cast<uint32_t>(thread) + 1;
}

// n / by for n < 2^20.
__device__ __forceinline__ uint32_t divided(const ShuffleShared& shared, uint32_t n, uint32_t by) {
  if (by >= kInverses) {
    GX_PATH("long side", "owned");
    return n / by;
  }
  return by == 1 ? n : static_cast<uint32_t>((uint64_t{n} * shared.inverse[by]) >> 32);
}

// The voxel from which a window takes the value of one inside it.
__device__ __forceinline__ Position source_in_window(const WindowIndex& index, const ShuffleShared& shared,
                                                     const Key& key, int32_t w, const Window& window, Position at) {
  const int32_t i = at.x - window.x.start, j = at.y - window.y.start, k = at.z - window.z.start;
  if (index.spec.permute == kAxes) {
    if (index.axes == nullptr) {
      GX_PATH("axes drawn", "owned");
      return window_source(key, static_cast<uint32_t>(w), window, kAxes, at);
    }
    GX_PATH("axes", "owned");
    const uint8_t* x = on_device(shared.of.axes) + int64_t{w} * index.axes_pitch;
    const uint8_t *y = x + index.spec.max_window.x, *z = y + index.spec.max_window.y;
    return {window.x.start + x[i], window.y.start + y[j], window.z.start + z[k]};
  }
  GX_PATH("permuted", "owned");
  const uint32_t sy = static_cast<uint32_t>(window.y.size), sz = static_cast<uint32_t>(window.z.size);
  const uint32_t q = (static_cast<uint32_t>(i) * sy + static_cast<uint32_t>(j)) * sz + static_cast<uint32_t>(k);
  const uint32_t from = permutation(q, static_cast<uint32_t>(window.x.size) * sy * sz, window.key);
  const uint32_t rest = divided(shared, from, sz), from_i = divided(shared, rest, sy);
  return {window.x.start + static_cast<int32_t>(from_i), window.y.start + static_cast<int32_t>(rest - from_i * sy),
          window.z.start + static_cast<int32_t>(from - rest * sz)};
}

// The lines of a chunk, of which the first and the last one may be cut, counted through the patch.
struct Lines {
  int32_t first, last;

  __device__ __forceinline__ Lines(const Grid& grid, const Chunk& chunk)
      : first(static_cast<int32_t>(grid.row(static_cast<uint32_t>(chunk.begin)))),
        last(static_cast<int32_t>(grid.row(static_cast<uint32_t>(chunk.end - 1)))) {}
};

// Takes the first `count` places off a queue, which holds `waiting`.
template <typename T>
__device__ __forceinline__ void advance(T* queue, int32_t waiting, int32_t lane) {
  if (lane < waiting - kWarpSize) queue[lane] = queue[kWarpSize + lane];
}

// A window's number + 1 in the slots of its voxels in a plane of the chunk; the largest wins. Four slots at a time, those
// that are none of the window's with 0, which never wins: a choice is cheaper than a branch.
__device__ __forceinline__ void claim_slots(const Grid& grid, const Chunk& chunk, const Lines& lines, int32_t plane,
                                            const ListedWindow& entry, uint32_t* slots) {
  const Span y = span_of_listed(entry.y), z = span_of_listed(entry.z);
  const int32_t first = max_of(plane * grid.shape.y + y.start, lines.first);
  const int32_t last = min_of(plane * grid.shape.y + y.start + y.size - 1, lines.last);
  const int32_t size = chunk.end - chunk.begin;
  const uint32_t number = entry.w + 1;
  int32_t at = first * grid.shape.z + z.start - chunk.begin;
  GX_ROLLED
  for (int32_t left = z.size; left > 0; left -= kAtOnce) {
    GX_PATH("claims along z", "window in plane");
    int32_t begin = at;
    GX_ROLLED
    for (int32_t line = first; line <= last; ++line) {
      GX_PATH("claim", "claims along z");
      const int32_t from = min_of(max_of(begin, 0), size), count = min_of(begin + left, size) - from;
      GX_UNROLL
      for (int32_t j = 0; j < kAtOnce; ++j) atomicMax(slots + from + j, j < count ? number : 0);
      begin += grid.shape.z;
    }
    at += kAtOnce;
  }
}

// Lanes look for windows that reach into the chunk, and then claim the voxels of one in a plane each.
__device__ __forceinline__ void find_owners(const WindowIndex& index, ShuffleShared& shared, const Grid& grid,
                                            const Chunk& chunk, uint32_t* slots, int32_t lane, int32_t warp) {
  int32_t* places = shared.windows[warp];
  uint16_t* planes = shared.queue[warp];
  const Lines lines(grid, chunk);
  const int32_t first = static_cast<int32_t>(grid.plane(static_cast<uint32_t>(lines.first)));
  const int32_t last = static_cast<int32_t>(grid.plane(static_cast<uint32_t>(lines.last)));
  const ListedWindow* list = on_device(shared.of.lists);
  const int32_t* begins = on_device(shared.of.begins);
  const int32_t from = begins[(max_of(first - index.spec.max_window.x + 1, 0) >> index.bits.x) * kAreas];
  const int32_t to = begins[((last >> index.bits.x) + 1) * kAreas];
  int32_t waiting = 0;
  const auto claim = [&] {
    GX_PATH("claims", "candidate in plane");
    if (lane < waiting) {
      GX_PATH("window in plane", "claims");
      claim_slots(grid, chunk, lines, first + planes[lane], list[places[lane]], slots);
    }
    __syncwarp();
    advance(places, waiting, lane);
    advance(planes, waiting, lane);
    waiting = max_of(waiting - kWarpSize, 0);
    __syncwarp();
  };
  for (int32_t p = from + warp * kWarpSize; p < to; p += kThreads) {
    GX_PATH("candidates", "shuffled sample");
    const ListedWindow entry = list[min_of(p + lane, to - 1)];
    for (int32_t plane = first; plane <= last; ++plane) {
      GX_PATH("candidate in plane", "candidates");
      const int32_t line = plane * grid.shape.y;
      const uint32_t x = entry.x + tested(plane, plane);
      const uint32_t y = entry.y + tested(max_of(lines.first - line, 0), min_of(lines.last - line, grid.shape.y - 1));
      const bool hit = ((x | y) & kApart) == 0 && p + lane < to;
      const uint32_t ballot = __ballot_sync(kAllLanes, hit);
      if (hit) {
        const int32_t place = waiting + __popc(ballot & ((1u << lane) - 1));
        places[place] = p + lane;
        planes[place] = static_cast<uint16_t>(plane - first);
      }
      waiting += __popc(ballot);
      __syncwarp();
      if (waiting >= kWarpSize) claim();
    }
  }
  if (waiting > 0) claim();
}

// Back through the windows in sequence, from the last one on: by the lists of the bins that a voxel comes to.
__device__ __forceinline__ Position traced(const WindowIndex& index, const ShuffleShared& shared, const Key& key,
                                           Position at) {
  uint32_t before = static_cast<uint32_t>(index.spec.num_windows);
  while (true) {
    GX_PATH("hop", "owned");
    const int32_t bin = ((at.x >> index.bits.x) * index.bins_along.y + (at.y >> index.bits.y)) * index.bins_along.z +
                        (at.z >> index.bits.z);
    const int32_t* begins = on_device(shared.of.begins) + bin;
    const int32_t begin = begins[0];
    int32_t left = begins[1] - begin;
    const ListedWindow* list = on_device(shared.of.lists) + begin;
    const uint32_t x = tested(at.x, at.x), y = tested(at.y, at.y), z = tested(at.z, at.z);
    const auto holds = [&](const ListedWindow& entry) {
      return (((x + entry.x) | (y + entry.y) | (z + entry.z)) & kApart) == 0 && entry.w < before;
    };
    // Several at a time. Behind the list there is another bin's, or entries that meet nothing: all windows that hold the
    // voxel are in its own bin's, so none is found there.
    int32_t found = kTests;
    GX_ROLLED
    for (; left > 0; left -= kTests) {
      GX_PATH("test", "hop");
      ListedWindow entries[kTests];
      GX_UNROLL
      for (int32_t i = 0; i < kTests; ++i) entries[i] = list[i];
      GX_UNROLL
      for (int32_t i = kTests - 1; i >= 0; --i) found = holds(entries[i]) ? i : found;
      if (found < kTests) break;
      list += kTests;
    }
    if (found == kTests) return at;
    GX_PATH("moved", "hop");
    const ListedWindow entry = list[found];
    before = entry.w;
    Window window = listed_window(entry);
    if (index.spec.permute == kVoxel) {
      GX_PATH("moved by key", "moved");
      window.key = on_device(shared.of.windows)[before].key;
    }
    at = source_in_window(index, shared, key, static_cast<int32_t>(before), window, at);
  }
}

// The slots of a warp's voxels, from `first` of the chunk on, become places of sources. Those that need it (kept, and owned
// by a window or to be traced) wait in a queue, so that all lanes work. `painted`: also what lies beyond the chunk.
template <bool kSequentially>
__device__ __forceinline__ void find_sources(const WindowIndex& index, ShuffleShared& shared, const Grid& grid,
                                             const Layout& layout, const Key& key, const Chunk& chunk,
                                             const uint32_t* painted, uint32_t* slots, int32_t first, int32_t lane) {
  uint16_t* queue = shared.queue[first / (kChunk / kWarps)];
  int32_t waiting = 0;
  const auto work = [&] {
    GX_PATH("sources", "step");
    if (lane < waiting) {
      GX_PATH("owned", "sources");
      const int32_t v = queue[lane];
      const Position at = grid.at(chunk.begin + v);
      Position from;
      if constexpr (kSequentially) {
        from = traced(index, shared, key, at);
      } else {
        const int32_t w = static_cast<int32_t>(slots[v]) - 1;
        from = source_in_window(index, shared, key, w, unpacked(on_device(shared.of.windows)[w]), at);
      }
      slots[v] = static_cast<uint32_t>(layout(from)) + 1;
    }
    __syncwarp();
    advance(queue, waiting, lane);
    waiting = max_of(waiting - kWarpSize, 0);
    __syncwarp();
  };
  constexpr int32_t kWords = kChunk / kWarps / kWarpSize;
  GX_ROLLED
  for (int32_t word = first / kWarpSize; word < first / kWarpSize + kWords; ++word) {
    GX_PATH("step", "shuffled sample");
    const int32_t v = word * kWarpSize + lane;
    const bool kept = (painted[word] >> lane & 1u) == 0;
    const bool wants = kept && (kSequentially || slots[v] != 0);
    const uint32_t ballot = __ballot_sync(kAllLanes, wants);
    if (ballot == 0) continue;
    GX_PATH("waits", "step");
    if (wants) queue[waiting + __popc(ballot & ((1u << lane) - 1))] = static_cast<uint16_t>(v);
    waiting += __popc(ballot);
    __syncwarp();
    if (waiting >= kWarpSize) work();
  }
  if (waiting > 0) work();
}

}  // namespace gx::cuda
