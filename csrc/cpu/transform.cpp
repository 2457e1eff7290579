// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include "transform.h"

#include <type_traits>

#include "finish.h"
#include "isa.h"
#include "memory.h"
#include "sequential.h"
#include "shuffle.h"

namespace gx::cpu {

struct Scratch {
  ShuffleScratch shuffle;
  SequentialScratch sequential;
  Bits painted;
  CurveTable table;
};

void ScratchDeleter::operator()(Scratch* scratch) const { delete scratch; }
ScratchPtr make_scratch() { return ScratchPtr(new Scratch); }

namespace {

template <typename T>
using Compute = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <typename T>
Strides source_strides(const Sample& sample, const Patch<T>& patch) {
  Strides strides = {0, static_cast<int32_t>(patch.stride_x), static_cast<int32_t>(patch.stride_y),
                     static_cast<int32_t>(patch.stride_z)};
  if (sample.flips & 1) {
    strides.origin += (patch.shape.x - 1) * patch.stride_x;
    strides.x = -strides.x;
  }
  if (sample.flips & 2) {
    strides.origin += (patch.shape.y - 1) * patch.stride_y;
    strides.y = -strides.y;
  }
  if (sample.flips & 4) {
    strides.origin += (patch.shape.z - 1) * patch.stride_z;
    strides.z = -strides.z;
  }
  return strides;
}

// out[0, end - begin) = the voxels [begin, end) of a channel whose voxel (0,0,0) is x[strides.origin].
template <typename T>
GX_HD void copy_voxels(const T* x, const Strides& strides, Shape shape, int64_t begin, int64_t end, T* out) {
  int64_t k = begin % shape.z, row = begin / shape.z;
  int64_t j = row % shape.y, i = row / shape.y;
  while (begin < end) {
    const int64_t count = min_of(shape.z - k, end - begin);
    const T* from = x + strides.at(i, j, k);
    if (strides.z == 1) {
      memcpy(out, from, static_cast<size_t>(count) * sizeof(T));
    } else {
      for (int64_t v = 0; v < count; ++v) out[v] = from[v * strides.z];
    }
    out += count;
    begin += count;
    k = 0;
    if (++j == shape.y) {
      j = 0;
      ++i;
    }
  }
}

// `count` voxels of a block to where they belong.
template <typename T>
GX_HD void write_block(const Patch<T>& patch, const T* block, int64_t count, T* out) {
  if (patch.stream) {
    stream_copy(out, block, static_cast<size_t>(count) * sizeof(T));
  } else {
    memcpy(out, block, static_cast<size_t>(count) * sizeof(T));
  }
}

// Which voxels of a channel have their shuffled value in `input` already.
enum class Shuffled { kNone, kClaimed, kAll };

// Target, curve and paint of the voxels [begin, end) of a channel. `painted` starts at `begin`, a multiple of 64.
template <typename T>
GX_HD void finish(const Sample& sample, const Patch<T>& patch, int64_t channel, int64_t begin, int64_t end,
                  Shuffled shuffled, Scratch& scratch) {
  using F = Compute<T>;
  const Strides strides = source_strides(sample, patch);
  const int64_t voxels = voxels_of(patch.shape);
  const T* x = patch.x + channel * patch.stride_c;
  T* input = patch.input + channel * voxels;
  T* target = patch.target == nullptr ? nullptr : patch.target + channel * voxels;
  const Range range = sample_range(sample, channel);
  const bool curve = sample.nonlinear && !range.empty;
  const bool boxes_later = sample.paint == kIn && sample.constant;
  const int64_t noise_from = noise_origin(sample, channel, patch.shape);
  alignas(64) T original[kBlock];
  alignas(64) F values[kBlock];
  for (int i = 0; i < kBlock; ++i) values[i] = 0;
  for (int64_t first = begin; first < end; first += kBlock) {
    const int64_t count = min_of(end - first, int64_t{kBlock}), word = (first - begin) >> 6;
    const uint64_t valid = ~uint64_t{0} >> (kBlock - count);
    const uint64_t painted = sample.paint == kNothing ? 0 : scratch.painted.word(word) & valid;
    const uint64_t claimed = shuffled == Shuffled::kNone  ? 0
                             : shuffled == Shuffled::kAll ? valid
                                                          : scratch.shuffle.claimed.word(word) & ~painted & valid;
    if (target != nullptr || (claimed | painted) != valid) {
      copy_voxels(x, strides, patch.shape, first, first + count, original);
      if (target != nullptr) write_block(patch, original, count, target + first);
    }
    if (!curve && painted == 0) {  // values only move: their bits stay, NaN payloads too
      if (claimed == 0) {
        write_block(patch, original, count, input + first);
      } else {
        for (int64_t i = 0; i < count; ++i) input[first + i] = (claimed >> i) & 1 ? input[first + i] : original[i];
      }
      continue;
    }
    if (painted != valid) {
      if (claimed == 0) {
        for (int64_t i = 0; i < count; ++i) values[i] = widen(original[i]);
      } else if (count == kBlock) {
        for (int half = 0; half < 2; ++half) {
          const uint32_t bits = static_cast<uint32_t>(claimed >> (32 * half));
          for (int i = 0; i < 32; ++i) {
            const F moved = widen(input[first + 32 * half + i]), stayed = widen(original[32 * half + i]);
            values[32 * half + i] = (bits >> i) & 1u ? moved : stayed;
          }
        }
      } else {
        for (int64_t i = 0; i < count; ++i) values[i] = widen((claimed >> i) & 1 ? input[first + i] : original[i]);
      }
      if (curve) curve_block(scratch.table, range, sample.clamp, values);
    }
    if (painted != 0 && !boxes_later) paint_block(sample, range, noise_from + first, painted, values);
    for (int i = 0; i < kBlock; ++i) narrow(values[i], original[i]);
    write_block(patch, original, count, input + first);
  }
  if (patch.stream) stream_fence();
  if (boxes_later) fill_boxes(sample, patch.shape, range, begin, end, input);
}

// The channel's curve into the scratch's table; with one curve for all channels only the first time.
GX_HD void prepare_curve(const Sample& sample, int64_t channel, bool first, Scratch& scratch) {
  if (sample.nonlinear && (first || sample.curves > 1)) build_table(control_points(sample, channel), scratch.table);
}

// What is left to shuffle: everything, or for out-painting what the boxes span.
inline Box unpainted_bounds(const Sample& sample, Shape shape) {
  if (sample.paint != kOut) return {0, 0, 0, shape.x, shape.y, shape.z};
  Box bounds = {shape.x, shape.y, shape.z, 0, 0, 0};
  for (int32_t b = 0; b < sample.num_boxes; ++b) {
    const Box box = sample_box(sample, b, shape);
    if (box.x0 >= box.x1 || box.y0 >= box.y1 || box.z0 >= box.z1) continue;
    bounds = {min_of(bounds.x0, box.x0), min_of(bounds.y0, box.y0), min_of(bounds.z0, box.z0),
              max_of(bounds.x1, box.x1), max_of(bounds.y1, box.y1), max_of(bounds.z1, box.z1)};
  }
  return bounds;
}

template <typename T>
GX_HD void sample_body(const Sample& sample, const ShuffleSpec& spec, const Patch<T>& patch, Scratch& scratch) {
  const int64_t voxels = voxels_of(patch.shape);
  if (voxels == 0) return;
  mark_painted(sample, patch.shape, 0, voxels, scratch.painted);
  Shuffled shuffled = Shuffled::kNone;
  if (sample.shuffle && spec.num_windows > 0) {
    const Strides strides = source_strides(sample, patch);
    if (spec.order == kSequential) {
      for (int64_t c = 0; c < patch.channels; ++c) {
        copy_voxels(patch.x + c * patch.stride_c, strides, patch.shape, 0, voxels, patch.input + c * voxels);
      }
      shuffle_sequential(sample.key, spec, patch.shape, patch.input, patch.channels, scratch.sequential);
      shuffled = Shuffled::kAll;
    } else {
      scratch.shuffle.claimed = scratch.painted;
      shuffle_last_writer(sample.key, spec, patch.shape, unpainted_bounds(sample, patch.shape), patch.x, patch.stride_c,
                          strides, patch.input, patch.channels, scratch.shuffle);
      shuffled = Shuffled::kClaimed;
    }
  }
  for (int64_t c = 0; c < patch.channels; ++c) {
    prepare_curve(sample, c, c == 0, scratch);
    finish(sample, patch, c, 0, voxels, shuffled, scratch);
  }
}

template <typename T>
GX_HD void range_body(const Sample& sample, const Patch<T>& patch, int64_t channel, int64_t begin, int64_t end,
                      Scratch& scratch) {
  mark_painted(sample, patch.shape, begin, end, scratch.painted);
  prepare_curve(sample, channel, true, scratch);
  finish(sample, patch, channel, begin, end, Shuffled::kNone, scratch);
}

}  // namespace

#define GX_INSTANTIATE(T)                                                                                            \
  namespace {                                                                                                        \
  GX_HD void sample_##T##_body(const Sample& sample, const ShuffleSpec& shuffle, const Patch<T>& patch,              \
                               Scratch& scratch) {                                                                   \
    sample_body(sample, shuffle, patch, scratch);                                                                    \
  }                                                                                                                  \
  GX_HD void range_##T##_body(const Sample& sample, const Patch<T>& patch, int64_t channel, int64_t begin,           \
                              int64_t end, Scratch& scratch) {                                                       \
    range_body(sample, patch, channel, begin, end, scratch);                                                         \
  }                                                                                                                  \
  GX_DISPATCH_ISA(sample_##T,                                                                                        \
                  (const Sample& sample, const ShuffleSpec& shuffle, const Patch<T>& patch, Scratch& scratch),       \
                  (sample, shuffle, patch, scratch))                                                                 \
  GX_DISPATCH_ISA(range_##T,                                                                                         \
                  (const Sample& sample, const Patch<T>& patch, int64_t channel, int64_t begin, int64_t end,         \
                   Scratch& scratch),                                                                                \
                  (sample, patch, channel, begin, end, scratch))                                                     \
  }                                                                                                                  \
  template <>                                                                                                        \
  void transform_sample(const Sample& sample, const ShuffleSpec& shuffle, const Patch<T>& patch, Scratch& scratch) { \
    sample_##T(sample, shuffle, patch, scratch);                                                                     \
  }                                                                                                                  \
  template <>                                                                                                        \
  void transform_range(const Sample& sample, const Patch<T>& patch, int64_t channel, int64_t begin, int64_t end,     \
                       Scratch& scratch) {                                                                           \
    range_##T(sample, patch, channel, begin, end, scratch);                                                          \
  }

GX_INSTANTIATE(float)
GX_INSTANTIATE(double)
GX_INSTANTIATE(Half)
GX_INSTANTIATE(BFloat16)

}  // namespace gx::cpu
