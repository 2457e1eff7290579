// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The kernel around csrc/math: flip, shuffle, curve and paint in one pass over the voxels, four of a thread at a time: those
// whose noise is one call of Philox.
#pragma once

#include <type_traits>

#include "prepare.cuh"
#include "shuffle.cuh"

namespace gx::cuda {

// What a launch may have to shuffle; one that cannot shuffle has no slots.
enum class Shuffling { kNone, kLastWriter, kSequential };

template <typename T, typename Source>
struct TransformJob {
  View<T> view;
  Grid grid;
  Source source;
  Curves curves;
  WindowIndex index;
};

struct alignas(16) FourSlots {
  uint32_t at[4];
};

constexpr int kMaskWords = kChunk / kWarpSize;
constexpr int32_t kOfWarp = kChunk / kWarps;  // voxels that a warp finishes alone

// What is the same for all voxels of a channel of the chunk. In shared memory, which spares registers.
template <typename T>
struct ChannelState {
  const T* x;
  T *input, *target;  // of the chunk's first voxel
  int64_t noise;      // the number of its noise
  const Curve* curve;
  const CurveRow* rows;
  CurveLookup lookup;
  Range range;
  T fill;                                               // of all that is painted, if `filled`
  bool curved, decreasing, clamp, filled, whole_calls;  // whole_calls: of noise, for the voxels of each thread
};

constexpr int32_t kBoxTile = 32;  // boxes that are looked at together

// What is the same for all voxels of the chunk. In shared memory, which spares registers.
struct BlockState {
  Sample sample;
  Layout layout;
  Box boxes[kBoxTile];
  alignas(16) uint32_t noise_keys[2 * kPhiloxRounds];
};

// Bits of voxels [from, to) of the chunk.
__device__ __forceinline__ void set_bits(uint32_t* mask, int32_t from, int32_t to) {
  for (int32_t word = from / kWarpSize; word * kWarpSize < to; ++word) {
    GX_PATH("mask word", "line in box");
    const int32_t lo = max_of(from - word * kWarpSize, 0), hi = min_of(to - word * kWarpSize, kWarpSize);
    atomicOr(mask + word, (hi == kWarpSize ? kAllLanes : (1u << hi) - 1) & ~((1u << lo) - 1));
  }
}

// The voxels of a chunk that lie in any box; `mask` is clear. A thread a line along z. All threads come by.
__device__ __forceinline__ void mask_boxes(BlockState& block, const Grid& grid, const Chunk& chunk, uint32_t* mask,
                                           int32_t thread) {
  const Sample& sample = block.sample;
  const int32_t first = static_cast<int32_t>(grid.row(static_cast<uint32_t>(chunk.begin)));
  const int32_t last = static_cast<int32_t>(grid.row(static_cast<uint32_t>(chunk.end - 1)));
  const int32_t size = chunk.end - chunk.begin;
  for (int32_t tile = 0; tile < sample.num_boxes; tile += kBoxTile) {
    GX_PATH("box tile", "kernel");
    const int32_t boxes = min_of(sample.num_boxes - tile, kBoxTile);
    if (tile > 0) __syncthreads();  // those before are done
    if (thread < boxes) {
      GX_PATH("box read", "box tile");
      block.boxes[thread] = sample_box(sample, tile + thread, grid.shape);
    }
    __syncthreads();
    for (int32_t line = first + thread; line <= last; line += kThreads) {
      GX_PATH("line", "box tile");
      const int32_t x = static_cast<int32_t>(grid.plane(static_cast<uint32_t>(line))), y = line - x * grid.shape.y;
      const int32_t at = line * grid.shape.z - chunk.begin;
      for (int32_t b = 0; b < boxes; ++b) {
        GX_PATH("box", "line");
        const Box& box = block.boxes[b];
        if (x < box.x0 || x >= box.x1 || y < box.y0 || y >= box.y1) continue;
        const int32_t from = max_of(at + box.z0, 0), to = min_of(at + box.z1, size);
        if (from < to) {
          GX_PATH("line in box", "box");
          set_bits(mask, from, to);
        }
      }
    }
  }
}

// The last box that holds the voxel, or the first one.
GX_HD int32_t covering_box(const Sample& sample, Shape shape, Position at) {
  for (int32_t b = sample.num_boxes - 1; b > 0; --b) {
    GX_PATH("covering box", "constant");
    if (contains(sample_box(sample, b, shape), at.x, at.y, at.z)) return b;
  }
  return 0;
}

// Two at a time, which take turns in the same registers: four at once do not fit.
template <bool kClamp, typename T>
__device__ __forceinline__ void curve_four(const ChannelState<T>& channel, T (&values)[4]) {
  GX_ROLLED
  for (int pair = 0; pair < 2; ++pair) {
    GX_PATH(kClamp ? "two clamped" : "two values", "curved");
    T two[2] = {values[0], values[1]};
    GX_UNROLL
    for (T& value : two) {
      const float x = widen(value);
      narrow(curve_value<kClamp>(channel.lookup, on_device(channel.rows), channel.decreasing, channel.range, x), value);
    }
    values[0] = values[2];
    values[1] = values[3];
    values[2] = two[0];
    values[3] = two[1];
  }
}

template <typename T>
__device__ __forceinline__ void curve_values(const ChannelState<T>& channel, T (&values)[4]) {
  if constexpr (sizeof(T) == 8) {  // the exact root, as on the CPU
    GX_UNROLL
    for (T& value : values) value = apply_curve_exact(*channel.curve, channel.range, channel.clamp, value);
  } else if (channel.clamp) {
    curve_four<true>(channel, values);
  } else {
    curve_four<false>(channel, values);
  }
}

// Paints those of the voxels v, v + 8, v + 16 and v + 24 of the chunk whose bits 0, 8, 16, 24 are set.
template <typename T>
__device__ __forceinline__ void paint(const ChannelState<T>& channel, const BlockState& block, const Grid& grid,
                                      const Chunk& chunk, int32_t v, uint32_t painted) {
  const Sample& sample = block.sample;
  T* const input = on_device(channel.input) + v;
  if (channel.filled) {
    GX_PATH("filled", "painted");
    const T fill = channel.fill;
    GX_UNROLL
    for (int i = 0; i < 4; ++i) {
      if ((painted >> (8 * i) & 1) != 0) input[8 * i] = fill;
    }
    return;
  }
  const Range range = channel.range;
  const auto write = [&](int i, float fill) {
    T value;
    narrow(painted_value(range, fill), value);
    input[8 * i] = value;
  };
  if (channel.whole_calls) {
    GX_PATH("noise", "painted");
    const uint32_t call = noise_index(channel.noise) + noise_index(v);
    const Words words =
        philox_rounds(philox_counter(sample.key, Purpose::kNoise, call), [&](int i) { return block.noise_keys[i]; });
    const uint32_t of[4] = {words.w0, words.w1, words.w2, words.w3};
    GX_UNROLL
    for (int i = 0; i < 4; ++i) {
      if ((painted >> (8 * i) & 1) != 0) write(i, uniform(of[i]));
    }
    return;
  }
  GX_ROLLED
  for (int i = 0; i < 4; ++i) {  // constants of several boxes, and noise of a channel that begins amid a call
    GX_PATH("one by one", "painted");
    if ((painted >> (8 * i) & 1) == 0) continue;
    if (sample.constant) {
      GX_PATH("constant", "one by one");
      const Position here = grid.at(chunk.begin + v + 8 * i);
      write(i, sample_fill(sample, covering_box(sample, grid.shape, here)));
    } else {
      GX_PATH("noise across", "one by one");
      const int64_t voxel = channel.noise + v + 8 * i;
      const volatile uint32_t* keys = block.noise_keys;  // read each time, or they would take 20 registers
      const Words words = philox_rounds(philox_counter(sample.key, Purpose::kNoise, noise_index(voxel)),
                                        [&](int k) { return keys[k]; });
      write(i, noise_of(words, voxel));
    }
  }
}

template <typename T, typename Source>
__device__ __forceinline__ void begin_channel(const TransformJob<T, Source>& job, const Sample& sample,
                                              const Chunk& chunk, int64_t c, ChannelState<T>& channel) {
  const int64_t out = (chunk.sample * job.view.channels + c) * job.grid.voxels + chunk.begin;
  channel.x = job.view.x + chunk.sample * job.view.stride_n + c * job.view.stride_c;
  channel.input = job.view.input + out;
  channel.target = job.view.target == nullptr ? nullptr : job.view.target + out;
  channel.range = sample_range(sample, c);
  channel.noise = noise_origin(sample, c, job.grid.shape) + chunk.begin;
  channel.clamp = sample.clamp;
  channel.whole_calls = !sample.constant && channel.noise % 32 == 0;
  channel.filled = sample.constant && (sample.paint == kOut || sample.num_boxes < 2);
  narrow(painted_value(channel.range, channel.filled ? sample_fill(sample, 0) : 0.0f), channel.fill);
  channel.curved = sample.nonlinear && !channel.range.empty;
  if (!channel.curved) return;
  const int64_t curve = int64_t{chunk.sample} * job.curves.a_sample + (sample.curves > 1 ? c : 0);
  channel.curve = job.curves.curves + curve;
  channel.rows = job.curves.rows + curve * kCurveMaxRows;
  channel.lookup = channel.curve->lookup;
  channel.decreasing = channel.curve->decreasing;
}

// Blocks of an SM, which bound the registers: 48 warps, and as many as do not spill where the registers do not reach.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000
constexpr int kPlainBlocks = 5, kLastWriterBlocks = 5;
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ == 800
constexpr int kPlainBlocks = 6, kLastWriterBlocks = 5;
#else
constexpr int kPlainBlocks = 6, kLastWriterBlocks = 6;
#endif
constexpr int kSequentialBlocks = 4;
// The single operators need a few registers more than the transform that is drawn from a plan.
template <typename T, typename Source, Shuffling kShuffling>
constexpr int kBlocks = sizeof(T) == 8                         ? 3
                        : kShuffling == Shuffling::kSequential ? kSequentialBlocks
                        : !std::is_same_v<Source, PlanSource>  ? 5
                        : kShuffling == Shuffling::kNone       ? kPlainBlocks
                                                               : kLastWriterBlocks;

template <typename T, typename Source, Shuffling kShuffling>
__global__ void __launch_bounds__(kThreads, blocks_bound(kBlocks<T, Source, kShuffling>, kThreads))
    transform_kernel(const __grid_constant__ TransformJob<T, Source> job) {
  __shared__ Slots<kShuffling != Shuffling::kNone> slots;
  __shared__ BlockState block;
  __shared__ ChannelState<T> channel;
  __shared__ uint32_t mask[kMaskWords];
  GX_PATH("kernel", "");
  const Grid& grid = job.grid;
  const Chunk chunk = chunk_of(grid);
  const int32_t thread = static_cast<int32_t>(threadIdx.x), lane = thread % kWarpSize;
  const int32_t first = thread / kWarpSize * kOfWarp, end = chunk.end - chunk.begin;  // first: of the warp's own voxels
  Sample& sample = block.sample;
  Layout& layout = block.layout;
  if (thread == 0) {
    GX_PATH("sample", "kernel");
    sample = job.source(chunk.sample);
    layout = layout_of(job.view, sample.flips);
    if constexpr (kShuffling != Shuffling::kNone) slots.rest.of = job.index.sample(chunk.sample);
  }
  if (thread < kMaskWords) mask[thread] = 0;
  if constexpr (kShuffling != Shuffling::kNone) fill_inverses(slots.rest, thread);
  __syncthreads();
  if (thread < 2 * kPhiloxRounds) {
    GX_PATH("noise keys", "kernel");
    const uint64_t seed = sample.key.seed;
    block.noise_keys[thread] =
        philox_key(static_cast<uint32_t>(thread % 2 == 0 ? seed : seed >> 32), thread % 2, thread / 2);
  }
  if (sample.paint != kNothing) mask_boxes(block, grid, chunk, mask, thread);
  if constexpr (kShuffling != Shuffling::kNone) {
    for (int32_t v = thread; v < kChunk / 4 && sample.shuffle; v += kThreads) {
      GX_PATH("clear", "kernel");
      reinterpret_cast<FourSlots*>(slots.at)[v] = {};
    }
    if (thread < kAtOnce) slots.at[kChunk + thread] = 0;
  }
  __syncthreads();
  if (thread < kMaskWords) {
    GX_PATH("mask", "kernel");
    const int32_t here = end - thread * kWarpSize;  // what lies beyond the chunk is as if painted
    const uint32_t beyond = here >= kWarpSize ? 0 : here <= 0 ? kAllLanes : ~((1u << here) - 1);
    mask[thread] = (sample.paint == kOut ? ~mask[thread] : mask[thread]) | beyond;
  }
  if constexpr (kShuffling == Shuffling::kLastWriter) {
    if (sample.shuffle) {
      GX_PATH("shuffled sample", "kernel");
      find_owners(job.index, slots.rest, grid, chunk, slots.at, lane, first / kOfWarp);
    }
  }
  __syncthreads();
  if constexpr (kShuffling != Shuffling::kNone) {
    if (sample.shuffle) {
      GX_PATH("shuffled sample", "kernel");
      find_sources<kShuffling == Shuffling::kSequential>(job.index, slots.rest, grid, layout, sample.key, chunk, mask,
                                                         slots.at, first, lane);
    }
  }
  const uint32_t channels = static_cast<uint32_t>(job.view.channels);
  for (uint32_t c = 0; c < channels; ++c) {
    GX_PATH("channel", "kernel");
    __syncthreads();  // the channel before is done
    if (thread == 0) {
      GX_PATH("channel begins", "channel");
      begin_channel(job, sample, chunk, c, channel);
    }
    __syncthreads();
    GX_ROLLED
    for (int32_t group = first; group < first + kOfWarp; group += 4 * kWarpSize) {
      __syncwarp();  // so that what the voxels share is read again and keeps no registers meanwhile
      const int32_t v = group + lane / 8 * kWarpSize + lane % 8;
      if (v >= end) continue;
      GX_PATH("voxel", "channel");
      // Bits 0, 8, 16 and 24 are those of the four voxels.
      uint32_t here = 0x01010101u;
      int32_t from[4] = {layout(grid.at(chunk.begin + v))};
      if (grid.aligned) {
        GX_UNROLL
        for (int i = 1; i < 4; ++i) from[i] = from[0] + 8 * i * layout.z;
      } else {
        GX_PATH("not aligned", "voxel");
        here &= v + 24 < end ? kAllLanes : (1u << (end - v)) - 1;
        GX_UNROLL
        for (int i = 1; i < 4; ++i) from[i] = layout(grid.at(chunk.begin + min_of(v + 8 * i, end - 1)));
      }
      const uint32_t painted = mask[v / kWarpSize] >> (lane % 8) & here, kept = here ^ painted;
      T value[4];
      GX_UNROLL
      for (int i = 0; i < 4; ++i) value[i] = on_device(channel.x)[from[i]];
      if (channel.target != nullptr) {
        T* target = on_device(channel.target) + v;
        GX_UNROLL
        for (int i = 0; i < 4; ++i) {
          if ((here >> (8 * i) & 1) != 0) target[8 * i] = value[i];
        }
      }
      if (kept != 0) {
        GX_PATH("kept", "voxel");
        if constexpr (kShuffling != Shuffling::kNone) {
          if (sample.shuffle) {
            GX_PATH("shuffled", "kept");
            GX_UNROLL
            for (int i = 0; i < 4; ++i) {
              const uint32_t slot = slots.at[v + 8 * i];
              if (slot != 0 && (kept >> (8 * i) & 1) != 0) value[i] = on_device(channel.x)[slot - 1];
            }
          }
        }
        if (channel.curved) {
          GX_PATH("curved", "kept");
          curve_values(channel, value);
        }
        T* input = on_device(channel.input) + v;
        GX_UNROLL
        for (int i = 0; i < 4; ++i) {
          if ((kept >> (8 * i) & 1) != 0) input[8 * i] = value[i];
        }
      }
      if (painted != 0) {
        GX_PATH("painted", "voxel");
        paint(channel, block, grid, chunk, v, painted);
      }
    }
  }
}

}  // namespace gx::cuda
