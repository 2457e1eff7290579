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

constexpr int kAheadBytes = 4096;

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

template <typename T>
Unshuffled<T> shuffle_source(const Sample& sample, const Patch<T>& patch) {
  Strides strides = source_strides(sample, patch);
  const T* x = patch.x + strides.origin;
  strides.origin = 0;
  const int64_t end = 1 + int64_t{max_of(strides.x, 0)} * (patch.shape.x - 1) +
                      int64_t{max_of(strides.y, 0)} * (patch.shape.y - 1) +
                      int64_t{max_of(strides.z, 0)} * (patch.shape.z - 1);
  return {x, patch.stride_c, strides, end};
}

// A value where it only moves, a number where it is worked on.
template <typename F, typename T>
GX_HD F as(T value) {
  if constexpr (std::is_same_v<F, T>) {
    return value;
  } else {
    return widen(value);
  }
}

// out[0, end - begin) = the voxels [begin, end) of a channel whose voxel (0,0,0) is x[strides.origin].
template <typename T>
GX_HD void copy_voxels(const T* x, const Strides& strides, Shape shape, int64_t begin, int64_t end, T* out) {
  constexpr int kChunk = 16;
  const uint32_t first = static_cast<uint32_t>(begin), size_y = static_cast<uint32_t>(shape.y),
                 size_z = static_cast<uint32_t>(shape.z);
  const uint32_t first_row = first / size_z;
  int64_t i = first_row / size_y, j = first_row % size_y, k = first - first_row * size_z;
  while (begin < end) {
    const int64_t count = min_of(shape.z - k, end - begin);
    const T* from = x + strides.at(i, j, k);
    int64_t done = 0;
    if (strides.z == 1) {
      for (; done + kChunk <= count; done += kChunk) memcpy(out + done, from + done, kChunk * sizeof(T));
    }
    for (; done < count; ++done) out[done] = from[done * strides.z];
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

// out[i] = bit i ? moved[i] : stayed[i], as numbers of the type F.
template <typename T, typename F>
GX_HD void merge_block(uint64_t bits, const T* moved, const T* stayed, int64_t count, F* out) {
  if (count < kBlock) {
    for (int64_t i = 0; i < count; ++i) out[i] = as<F>((bits >> i) & 1 ? moved[i] : stayed[i]);
    return;
  }
  for (int half = 0; half < kBlock; half += 32) {
    const uint32_t word = static_cast<uint32_t>(bits >> half);
    for (int i = 0; i < 32; ++i) {
      const F one = as<F>(moved[half + i]), other = as<F>(stayed[half + i]);
      out[half + i] = (word >> i) & 1u ? one : other;
    }
  }
}

// Voxels [begin, ...) of a channel that are shuffled; `claimed` says which of the channel's voxels these are, null: all.
template <typename T>
struct Shuffled {
  const T* voxels = nullptr;  // null: none is shuffled
  const Bits* claimed = nullptr;
};

// Target, curve and paint of the voxels [begin, end) of a channel. The first of `scratch.painted` is voxel `origin`, like
// `begin` a multiple of 64.
template <typename T>
GX_HD void finish_body(const Sample& sample, const Patch<T>& patch, int64_t channel, int64_t origin, int64_t begin,
                       int64_t end, const Shuffled<T>& shuffled, Scratch& scratch) {
  using F = Compute<T>;
  const Strides strides = source_strides(sample, patch);
  const bool in_order = strides.z == 1 && strides.y == patch.shape.z && strides.x == patch.shape.y * patch.shape.z;
  const int64_t voxels = voxels_of(patch.shape);
  const T* x = patch.x + channel * patch.stride_c;
  T* input = patch.input + channel * voxels;
  T* target = patch.target == nullptr ? nullptr : patch.target + channel * voxels;
  const Range range = sample_range(sample, channel);
  const bool curve = sample.nonlinear && !range.empty;
  const bool boxes_later = sample.paint == kIn && sample.constant;
  const int64_t noise_from = noise_origin(sample, channel, patch.shape);
  alignas(64) T copied[kBlock], result[kBlock];
  alignas(64) F values[kBlock];
  for (int i = 0; i < kBlock; ++i) values[i] = 0;
  for (int64_t first = begin; first < end; first += kBlock) {
    const int64_t count = min_of(end - first, int64_t{kBlock});
    const uint64_t valid = ~uint64_t{0} >> (kBlock - count);
    const uint64_t painted = sample.paint == kNothing ? 0 : scratch.painted.word((first - origin) >> 6) & valid;
    const T* moved = shuffled.voxels == nullptr ? nullptr : shuffled.voxels + (first - begin);
    const uint64_t claimed = moved == nullptr              ? 0
                             : shuffled.claimed == nullptr ? valid
                                                           : shuffled.claimed->word(first >> 6) & ~painted & valid;
    const T* stayed = moved;  // where all have moved
    if (target != nullptr || (claimed | painted) != valid) {
      stayed = in_order ? x + first : copied;
      if (in_order) {  // the processor's own prefetching ends with a page
        for (int i = 0; i < kBlock; i += kLine / static_cast<int>(sizeof(T))) {
          __builtin_prefetch(x + first + kAheadBytes / static_cast<int>(sizeof(T)) + i);
        }
      }
      if (!in_order) copy_voxels(x, strides, patch.shape, first, first + count, copied);
      if (target != nullptr) write_block(patch, stayed, count, target + first);
    }
    if (!curve && painted == 0) {  // values only move: their bits stay, NaN payloads too
      if (claimed != 0 && claimed != valid) merge_block(claimed, moved, stayed, count, result);
      const T* whole = claimed == 0 ? stayed : claimed == valid ? moved : result;
      if (whole != input + first) write_block(patch, whole, count, input + first);
      continue;
    }
    if (painted != valid) {
      if (claimed == 0 && count == kBlock) {
        for (int i = 0; i < kBlock; ++i) values[i] = widen(stayed[i]);
      } else {
        merge_block(claimed, claimed == 0 ? stayed : moved, stayed, count, values);
      }
      if (curve) curve_block(scratch.table, range, sample.clamp, values);
    }
    if (painted != 0 && !boxes_later) paint_block(sample, range, noise_from + first, painted, values);
    for (int i = 0; i < kBlock; ++i) narrow(values[i], result[i]);
    write_block(patch, result, count, input + first);
  }
  if (patch.stream) stream_fence();
  if (boxes_later) fill_boxes(sample, patch.shape, range, begin, end, input);
}

#define GX_FINISH(T)                                                                                            \
  GX_DISPATCH_ISA(finish,                                                                                       \
                  (const Sample& sample, const Patch<T>& patch, int64_t channel, int64_t origin, int64_t begin, \
                   int64_t end, const Shuffled<T>& shuffled, Scratch& scratch),                                 \
                  (sample, patch, channel, origin, begin, end, shuffled, scratch))

GX_FINISH(float)
GX_FINISH(double)
GX_FINISH(Half)
GX_FINISH(BFloat16)

// The channel's curve into the scratch's table; with one curve for all channels only the first time.
inline void prepare_curve(const Sample& sample, int64_t channel, bool first, Scratch& scratch) {
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

// Shuffles by last writer and finishes what can be finished, a slab after the other.
template <typename T>
void last_writer(const Sample& sample, const ShuffleSpec& spec, const Patch<T>& patch, Scratch& scratch) {
  const Shape shape = patch.shape;
  const int64_t voxels = voxels_of(shape), slab_voxels = int64_t{kSlab} * shape.y * shape.z;
  const Rows<T> rows = rows_for<T>(spec, shape, patch.channels, scratch.shuffle);
  const Unshuffled<T> source = shuffle_source(sample, patch);
  scratch.shuffle.claimed = scratch.painted;
  claim_windows(sample.key, spec, shape, unpainted_bounds(sample, shape), scratch.shuffle.claimed,
                scratch.shuffle.claims);
  int64_t begin = 0;
  for (int32_t slab = 0; slab < slabs_of(shape); ++slab) {
    move_slab(slab, sample.key, spec, shape, source, patch.channels, rows, scratch.shuffle);
    const int64_t moved = min_of(voxels, (slab + 1) * slab_voxels);
    const int64_t whole = moved < voxels ? moved & ~int64_t{kBlock - 1} : voxels;
    while (begin < whole) {  // up to where the rows begin anew
      const int64_t at = begin % rows.stride_c, end = min_of(whole, begin + rows.stride_c - at);
      for (int64_t c = 0; c < patch.channels; ++c) {
        prepare_curve(sample, c, c == 0 && begin == 0, scratch);
        finish(sample, patch, c, 0, begin, end,
               Shuffled<T>{rows.data + c * rows.stride_c + at, &scratch.shuffle.claimed}, scratch);
      }
      begin = end;
    }
  }
}

template <typename T>
void sample_body(const Sample& sample, const ShuffleSpec& spec, const Patch<T>& patch, Scratch& scratch) {
  const int64_t voxels = voxels_of(patch.shape);
  if (voxels == 0) return;
  mark_painted(sample, patch.shape, 0, voxels, scratch.painted);
  const bool shuffle = sample.shuffle && spec.num_windows > 0;
  if (shuffle && spec.order == kLastWriter) return last_writer(sample, spec, patch, scratch);
  if (shuffle) {
    for (int64_t c = 0; c < patch.channels; ++c) {
      copy_voxels(patch.x + c * patch.stride_c, source_strides(sample, patch), patch.shape, 0, voxels,
                  patch.input + c * voxels);
    }
    shuffle_sequential(sample.key, spec, patch.shape, patch.input, patch.channels, scratch.sequential);
  }
  for (int64_t c = 0; c < patch.channels; ++c) {
    prepare_curve(sample, c, c == 0, scratch);
    finish(sample, patch, c, 0, 0, voxels, Shuffled<T>{shuffle ? patch.input + c * voxels : nullptr, nullptr}, scratch);
  }
}

template <typename T>
void range_body(const Sample& sample, const Patch<T>& patch, int64_t channel, int64_t begin, int64_t end,
                Scratch& scratch) {
  mark_painted(sample, patch.shape, begin, end, scratch.painted);
  prepare_curve(sample, channel, true, scratch);
  finish(sample, patch, channel, begin, begin, end, Shuffled<T>{}, scratch);
}

}  // namespace

#define GX_INSTANTIATE(T)                                                                                            \
  template <>                                                                                                        \
  void transform_sample(const Sample& sample, const ShuffleSpec& shuffle, const Patch<T>& patch, Scratch& scratch) { \
    sample_body(sample, shuffle, patch, scratch);                                                                    \
  }                                                                                                                  \
  template <>                                                                                                        \
  void transform_range(const Sample& sample, const Patch<T>& patch, int64_t channel, int64_t begin, int64_t end,     \
                       Scratch& scratch) {                                                                           \
    range_body(sample, patch, channel, begin, end, scratch);                                                         \
  }

GX_INSTANTIATE(float)
GX_INSTANTIATE(double)
GX_INSTANTIATE(Half)
GX_INSTANTIATE(BFloat16)

}  // namespace gx::cpu
