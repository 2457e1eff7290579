// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Local shuffling of one sample by last writer on a CPU (docs/determinism.md, "What is done with it").
//
// The windows claim their voxels from the last to the first, so a voxel is claimed once, by its owner, and
// what is painted over is claimed by nobody. What was claimed is then moved slab by slab of the patch.
#pragma once

#include <bit>
#include <memory>
#include <vector>

#include "bits.h"
#include "memory.h"
#include "pack.h"

namespace gx::cpu {

// Slabs of a patch, in which voxels are moved, and tiles of a slab, in which they follow each other: windows that share
// cache lines.
constexpr int32_t kSlab = 8;       // planes
constexpr int32_t kTileRows = 16;  // of a plane

GX_HD int32_t tiles_a_slab(Shape shape) { return shape.y / kTileRows + 1; }
GX_HD int32_t slabs_of(Shape shape) { return (shape.x + kSlab - 1) / kSlab; }

// How the voxels that a window claimed are moved: with those of other windows; from a copy of the window in the first
// cache, where they are many; one by one, where the window is too large for both.
enum Move : int32_t { kPacked = 0, kCopied = 1, kSingly = 2, kNumMoves = 3 };

// What the windows claimed.
struct Claims {
  std::vector<Claimed> windows;  // in the order of their claims
  std::vector<uint64_t> bits;    // of every place of the windows
  int64_t num_windows = 0, num_words = 0;
  std::vector<int32_t> order;  // of the windows: by slab, how they are moved, and tile
  std::vector<int32_t> begin;  // in `order`, of each tile, and the end of the last

  struct Part {
    const int32_t* order;
    int32_t count;
  };
  // The windows that start in a slab and are moved in one way.
  Part part(int32_t slab, Move move, Shape shape) const {
    const size_t first = static_cast<size_t>((slab * kNumMoves + move) * tiles_a_slab(shape));
    const int32_t from = begin[first], to = begin[first + static_cast<size_t>(tiles_a_slab(shape))];
    return {order.data() + from, to - from};
  }
};

struct ShuffleScratch {
  Bits claimed;
  Claims claims;
  std::unique_ptr<Pack> pack;        // made when first needed: some 400 KB
  std::unique_ptr<uint64_t[]> rows;  // of shuffled voxels, of any type
  size_t rows_words = 0;
  std::vector<int32_t> sources;
  std::vector<uint32_t> axis[3];
};

// Claims for every window the voxels that it covers and that are not yet in `claimed`. Windows that do not meet
// `bounds` have nothing to claim.
void claim_windows(const Key& key, const ShuffleSpec& spec, Shape shape, const Box& bounds, Bits& claimed,
                   Claims& claims);

// The source offset of every voxel of a window in row-major order, for windows that are not packed.
inline void window_sources(const Key& key, uint32_t index, const Window& window, int32_t permute, const Strides& source,
                           ShuffleScratch& scratch) {
  const int32_t sides[3] = {window.x.size, window.y.size, window.z.size};
  const size_t n = static_cast<size_t>(sides[0]) * static_cast<size_t>(sides[1]) * static_cast<size_t>(sides[2]);
  const int32_t first = window.x.start * source.x + window.y.start * source.y + window.z.start * source.z;
  scratch.sources.resize(n);
  size_t at = 0;
  if (permute == kVoxel) {
    const uint32_t sy = static_cast<uint32_t>(sides[1]), sz = static_cast<uint32_t>(sides[2]);
    for (; at < n; ++at) {
      const uint32_t p = permutation(static_cast<uint32_t>(at), static_cast<uint32_t>(n), window.key);
      const uint32_t row = p / sz, i = row / sy;
      scratch.sources[at] = first + static_cast<int32_t>(i) * source.x + static_cast<int32_t>(row - i * sy) * source.y +
                            static_cast<int32_t>(p - row * sz) * source.z;
    }
    return;
  }
  const Words keys = axis_keys(key, index);
  const uint32_t axis_key[3] = {keys.w0, keys.w1, keys.w2};
  for (size_t axis = 0; axis < 3; ++axis) {
    const uint32_t side = static_cast<uint32_t>(sides[axis]);
    scratch.axis[axis].resize(side);
    for (uint32_t i = 0; i < side; ++i) scratch.axis[axis][i] = permutation(i, side, axis_key[axis]);
  }
  for (const uint32_t i : scratch.axis[0]) {
    for (const uint32_t j : scratch.axis[1]) {
      const int32_t row = first + static_cast<int32_t>(i) * source.x + static_cast<int32_t>(j) * source.y;
      for (const uint32_t k : scratch.axis[2]) scratch.sources[at++] = row + static_cast<int32_t>(k) * source.z;
    }
  }
}

// The voxels before the shuffle.
template <typename T>
struct Unshuffled {
  const T* x;  // voxel (0,0,0) of channel 0: the strides' origin is 0
  int64_t stride_c;
  Strides strides;
  int64_t end;  // elements of a channel from there on
};

// Shuffled voxels until they are finished.
template <typename T>
struct Rows {
  T* data;
  int64_t stride_c;
  RowMap map;
};

// Rows for a slab, what its windows reach beyond it, and 64 voxels of the slab before.
template <typename T>
Rows<T> rows_for(const ShuffleSpec& spec, Shape shape, int64_t channels, ShuffleScratch& scratch) {
  const int64_t all = int64_t{shape.x} * shape.y;
  const int64_t needed = int64_t{kSlab - 1 + spec.max_window.x} * shape.y + 64 / shape.z + 2;
  const int64_t turning = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(max_of(needed, int64_t{64}))));
  const bool turn = turning < all;
  const int64_t stride_c = (turn ? turning : all) * shape.z;
  const size_t words = (static_cast<size_t>(channels * stride_c) * sizeof(T) + 7) / 8;
  if (scratch.rows_words < words) {
    scratch.rows = std::make_unique_for_overwrite<uint64_t[]>(words);
    scratch.rows_words = words;
    advise_huge_pages(scratch.rows.get(), 8 * words);
  }
  return {reinterpret_cast<T*>(scratch.rows.get()),
          stride_c,
          {shape.y, shape.z, turn ? static_cast<uint32_t>(turning - 1) : ~uint32_t{0}}};
}

// A window's voxels of one channel, one after another.
template <typename T>
void copy_window(const Window& window, const Unshuffled<T>& source, const T* x, T* out) {
  constexpr int32_t kChunk = 16;
  const Strides& strides = source.strides;
  const int32_t size_z = window.z.size;
  const int64_t last =
      int64_t{max_of(strides.x, 0)} * (window.x.size - 1) + int64_t{max_of(strides.y, 0)} * (window.y.size - 1);
  const T* corner = x + strides.at(window.x.start, window.y.start, window.z.start);
  const bool chunks = strides.z == 1 && corner + last + (size_z + kChunk - 1) / kChunk * kChunk <= x + source.end;
  for (int32_t i = 0; i < window.x.size; ++i) {
    const T* from = corner + int64_t{i} * strides.x;
    for (int32_t j = 0; j < window.y.size; ++j, out += size_z, from += strides.y) {
      if (chunks) {  // each over what the one before wrote too much
        for (int32_t k = 0; k < size_z; k += kChunk) memcpy(out + k, from + k, kChunk * sizeof(T));
      } else {
        for (int32_t k = 0; k < size_z; ++k) out[k] = from[int64_t{k} * strides.z];
      }
    }
  }
}

// out[to[i]] = x[from[i]]
template <typename T, typename Index>
void scatter(const T* x, const Index* from, const int32_t* to, int32_t count, T* out) {
  for (int32_t i = 0; i < count; ++i) out[to[i]] = x[from[i]];
}

// A window's voxels one by one.
template <typename T>
void move_singly(const Claimed& voxels, const uint64_t* bits, const Unshuffled<T>& source, int64_t channels,
                 const Rows<T>& rows, const std::vector<int32_t>& sources) {
  const Window& window = voxels.window;
  const uint64_t* claimed = bits + voxels.first;
  int64_t place = 0;
  for (int32_t i = 0; i < window.x.size; ++i) {
    for (int32_t j = 0; j < window.y.size; ++j) {
      const uint32_t row = static_cast<uint32_t>(rows.map.row(window) + i * rows.map.plane_rows + j) & rows.map.mask;
      for (int32_t k = 0; k < window.z.size; ++k, ++place) {
        if (((claimed[place >> 6] >> (place & 63)) & 1) == 0) continue;
        const int64_t to = int64_t{row} * rows.map.size_z + window.z.start + k;
        for (int64_t c = 0; c < channels; ++c) {
          rows.data[c * rows.stride_c + to] = source.x[c * source.stride_c + sources[static_cast<size_t>(place)]];
        }
      }
    }
  }
}

// Moves what the windows that start in a slab claimed into the rows. No later window claims voxels of this slab.
template <typename T>
void move_slab(int32_t slab, const Key& key, const ShuffleSpec& spec, Shape shape, const Unshuffled<T>& source,
               int64_t channels, const Rows<T>& rows, ShuffleScratch& scratch) {
  if (scratch.pack == nullptr) scratch.pack = std::make_unique<Pack>();
  Pack& pack = *scratch.pack;
  const Claimed* windows = scratch.claims.windows.data();
  const uint64_t* bits = scratch.claims.bits.data();
  Claims::Part packed = scratch.claims.part(slab, kPacked, shape);
  while (packed.count > 0) {
    pack_windows(windows, packed.order, packed.count, bits, rows.map, source.strides, pack);
    packed = {packed.order + pack.num_entries, packed.count - pack.num_entries};
    for (int64_t c = 0; c < channels; ++c) {
      scatter(source.x + c * source.stride_c, pack.from.data(), pack.to.data(), pack.count,
              rows.data + c * rows.stride_c);
    }
  }
  const Claims::Part copied = scratch.claims.part(slab, kCopied, shape);
  T* values = reinterpret_cast<T*>(pack.window.data());
  for (int32_t i = 0; i < copied.count; ++i) {
    const Claimed& voxels = windows[copied.order[i]];
    address_window(voxels, bits, rows.map, pack);
    for (int64_t c = 0; c < channels; ++c) {
      copy_window(voxels.window, source, source.x + c * source.stride_c, values);
      scatter(values, pack.mapped.data(), pack.to.data(), voxels.count, rows.data + c * rows.stride_c);
    }
  }
  const Claims::Part singly = scratch.claims.part(slab, kSingly, shape);
  for (int32_t i = 0; i < singly.count; ++i) {
    const Claimed& voxels = windows[singly.order[i]];
    window_sources(key, static_cast<uint32_t>(voxels.index), voxels.window, spec.permute, source.strides, scratch);
    move_singly(voxels, bits, source, channels, rows, scratch.sources);
  }
}

}  // namespace gx::cpu
