// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Local shuffling of one sample by last writer on a CPU (docs/determinism.md, "What is done with it").
//
// The windows claim their voxels from the last to the first, so a voxel is claimed once, by its owner, and
// what is painted over is claimed by nobody. Claimed voxels of many windows are packed, so that small windows fill the
// vector lanes of the permutation.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "bits.h"
#include "pack.h"
#include "windows.h"

namespace gx::cpu {

// What the windows claimed, in the order of their claims.
struct Claims {
  struct Record {
    Window window;
    int32_t first, count;  // its places
  };

  std::vector<Record> records;
  std::vector<uint16_t> places;
  std::vector<int32_t> tile_end, order;  // of the records
};

struct ShuffleScratch {
  Bits claimed;
  Claims claims;
  std::unique_ptr<Pack> pack;  // made when first needed: some 350 KB
  WindowBlock block;
  std::vector<int32_t> sources;
  std::vector<uint32_t> axis[3];
};

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

// Claims [begin, begin + count): the bits that were free until now, lowest first. `Word` has at least count + 7 bits,
// and no more than needed: a wider store would be read back in part by the next row, which costs a stall.
template <typename Word>
GX_HD Word claim(uint8_t* bytes, int64_t begin, int32_t count) {
  uint8_t* at = bytes + (begin >> 3);
  const int shift = static_cast<int>(begin & 7);
  Word word;
  memcpy(&word, at, sizeof(word));
  const Word wanted = static_cast<Word>(((uint64_t{1} << count) - 1) << shift);
  const Word now = static_cast<Word>(word | wanted);
  memcpy(at, &now, sizeof(now));
  return static_cast<Word>((wanted & ~word) >> shift);
}

// Appends the place of every free voxel of a window's rows: eight bits a step, no branch on what they are.
template <typename Word>
GX_HD uint16_t* append_places(const Window& window, Shape shape, int64_t corner, Bits& claimed, const Pack& pack,
                              uint16_t* place) {
  constexpr int32_t kMost = 8 * sizeof(Word) - 7;  // voxels of a row that a word surely holds
  uint8_t* bytes = claimed.bytes();
  const int32_t size_y = window.y.size, size_z = window.z.size;
  uint16_t base = 0;
  for (int32_t i = 0; i < window.x.size; ++i) {
    int64_t row = corner + int64_t{i} * shape.y * shape.z;
    for (int32_t j = 0; j < size_y; ++j, row += shape.z) {
      for (int32_t done = 0; done < size_z; done += kMost) {
        const int32_t width = min_of(size_z - done, kMost);
        Word free = claim<Word>(bytes, row + done, width);
        for (int32_t bit = 0; bit < width; bit += 8, free = static_cast<Word>(free >> 8)) {
          const Places places = pack.positions[free & 255] + static_cast<uint16_t>(base + done + bit);
          memcpy(place, &places, sizeof(places));
          place += pack.count_of[free & 255];
        }
      }
      base = static_cast<uint16_t>(base + size_z);
    }
  }
  return place;
}

// Claims a window's free voxels for later.
GX_HD void claim_window(const Window& window, Shape shape, const Pack& pack, Bits& claimed, Claims& claims) {
  const int64_t corner = (int64_t{window.x.start} * shape.y + window.y.start) * shape.z + window.z.start;
  const int32_t first = claims.records.empty() ? 0 : claims.records.back().first + claims.records.back().count;
  uint16_t* place = claims.places.data() + first;
  uint16_t* const end = window.z.size <= 8    ? append_places<uint16_t>(window, shape, corner, claimed, pack, place)
                        : window.z.size <= 25 ? append_places<uint32_t>(window, shape, corner, claimed, pack, place)
                                              : append_places<uint64_t>(window, shape, corner, claimed, pack, place);
  if (end != place) claims.records.push_back({window, first, static_cast<int32_t>(end - place)});
}

// Records by tiles of the patch: windows that share cache lines are moved one after another. Who owns what is settled by then.
inline void order_by_tile(Shape shape, Claims& claims) {
  const auto tile_of = [&](const Claims::Record& record) {
    return static_cast<size_t>((record.window.x.start >> 3) * ((shape.y >> 4) + 1) + (record.window.y.start >> 4));
  };
  claims.tile_end.assign(static_cast<size_t>(((shape.x >> 3) + 1) * ((shape.y >> 4) + 1)), 0);
  for (const Claims::Record& record : claims.records) ++claims.tile_end[tile_of(record)];
  for (size_t tile = 1; tile < claims.tile_end.size(); ++tile) claims.tile_end[tile] += claims.tile_end[tile - 1];
  claims.order.resize(claims.records.size());
  for (size_t r = claims.records.size(); r-- > 0;) {
    claims.order[static_cast<size_t>(--claims.tile_end[tile_of(claims.records[r])])] = static_cast<int32_t>(r);
  }
}

GX_HD void pack_record(const Claims::Record& record, const uint16_t* places, Shape shape, const Strides& source,
                       Pack& pack) {
  const Window& window = record.window;
  const uint16_t n = static_cast<uint16_t>(window.x.size * window.y.size * window.z.size);
  const uint16_t lo = static_cast<uint16_t>(window.key), hi = static_cast<uint16_t>(window.key >> 16);
  for (int32_t begin = 0; begin < record.count; begin += kLanes) {
    const uint16_t* from = places + record.first + begin;
    uint16_t* place = pack.place.data() + pack.count + begin;
    uint16_t* size = pack.size.data() + pack.count + begin;
    uint16_t* key_lo = pack.key_lo.data() + pack.count + begin;
    uint16_t* key_hi = pack.key_hi.data() + pack.count + begin;
    for (int i = 0; i < kLanes; ++i) place[i] = from[i];
    for (int i = 0; i < kLanes; ++i) size[i] = n;
    for (int i = 0; i < kLanes; ++i) key_lo[i] = lo;
    for (int i = 0; i < kLanes; ++i) key_hi[i] = hi;
  }
  const int64_t corner = (int64_t{window.x.start} * shape.y + window.y.start) * shape.z + window.z.start;
  pack.entries[static_cast<size_t>(pack.num_entries++)] = {
      pack.count,
      record.count,
      static_cast<int32_t>(corner),
      window.x.start * source.x + window.y.start * source.y + window.z.start * source.z,
      window.y.size,
      window.z.size};
  pack.count += record.count;
}

// A window too large to pack: claims and moves its free voxels one by one.
template <typename T>
void move_window(const Window& window, Shape shape, const T* x, int64_t stride_c, const Strides& source, T* out,
                 int64_t channels, ShuffleScratch& scratch) {
  const int64_t voxels = voxels_of(shape);
  const Box box = {window.x.start,
                   window.y.start,
                   window.z.start,
                   window.x.start + window.x.size,
                   window.y.start + window.y.size,
                   window.z.start + window.z.size};
  size_t place = 0;
  for_each_row(box, shape, 0, voxels, [&](int64_t begin, int64_t end) {
    for (int64_t v = begin; v < end; ++v, ++place) {
      if (claim<uint16_t>(scratch.claimed.bytes(), v, 1) == 0) continue;
      for (int64_t c = 0; c < channels; ++c) {
        out[c * voxels + v] = x[c * stride_c + source.origin + scratch.sources[place]];
      }
    }
  });
}

// Writes the shuffled value of every voxel that a window covers and that is not yet in `scratch.claimed`, and claims it.
// Windows that do not meet `bounds` have nothing to claim.
template <typename T>
GX_HD void shuffle_last_writer(const Key& key, const ShuffleSpec& spec, Shape shape, const Box& bounds, const T* x,
                               int64_t stride_c, const Strides& source, T* out, int64_t channels,
                               ShuffleScratch& scratch) {
  const Strides result = {0, shape.y * shape.z, shape.z, 1};
  const int64_t voxels = voxels_of(shape);
  if (scratch.pack == nullptr) scratch.pack = std::make_unique<Pack>();
  Pack& pack = *scratch.pack;
  WindowBlock& block = scratch.block;
  Claims& claims = scratch.claims;
  claims.records.clear();
  claims.places.resize(static_cast<size_t>(voxels + 2 * kLanes));  // a voxel is claimed once
  for (int32_t end = spec.num_windows; end > 0; end -= kDrawBlock) {
    const int32_t first = end - kDrawBlock;  // may be negative: those are drawn and not used
    draw_windows(key, first, shape, spec.max_window, block);
    for (int i = kDrawBlock - 1; i >= max_of(0, -first); --i) {
      const Window window = block.window(i);
      if (window.x.start >= bounds.x1 || window.x.start + window.x.size <= bounds.x0 || window.y.start >= bounds.y1 ||
          window.y.start + window.y.size <= bounds.y0 || window.z.start >= bounds.z1 ||
          window.z.start + window.z.size <= bounds.z0) {
        continue;
      }
      if (can_pack(spec, window)) {
        claim_window(window, shape, pack, scratch.claimed, claims);
      } else {
        window_sources(key, static_cast<uint32_t>(first + i), window, spec.permute, source, scratch);
        move_window(window, shape, x, stride_c, source, out, channels, scratch);
      }
    }
  }
  order_by_tile(shape, claims);
  for (const int32_t r : claims.order) {
    pack_record(claims.records[static_cast<size_t>(r)], claims.places.data(), shape, source, pack);
    if (pack.count > kPackCapacity - kPackLimit) {
      move_packed(pack, x, stride_c, source, out, channels, result, voxels);
    }
  }
  move_packed(pack, x, stride_c, source, out, channels, result, voxels);
}

}  // namespace gx::cpu
