// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include "pack.h"

#include "isa.h"

namespace gx::cpu {

Pack::Pack() {
  for (auto* words : {&place, &mapped, &size, &key_lo, &key_hi}) words->resize(kPackCapacity + 4 * kLanes);
  for (auto* words : {&to, &from}) words->resize(kPackCapacity + 4 * kLanes);
  window.resize(kPackLimit + kLanes);
  for (size_t byte = 0; byte < 256; ++byte) {
    for (uint16_t bit = 0; bit < 8; ++bit) {
      if ((byte >> bit) & 1) positions[byte][count_of[byte]++] = bit;
    }
  }
}

namespace {

constexpr int kStep = 16;  // addresses worked out at once

GX_HD int32_t voxels_of(const Window& window) { return window.x.size * window.y.size * window.z.size; }

// The places of set bits, lowest first: eight bits a step, no branch on what they are. May write eight too many.
GX_HD void list_places(const Pack& pack, const uint64_t* bits, int32_t n, uint16_t* place) {
  const uint8_t* bytes = reinterpret_cast<const uint8_t*>(bits);
  const Places* positions = pack.positions.data();
  const uint8_t* count_of = pack.count_of.data();
  for (int32_t at = 0; at < n; at += 8) {
    const uint8_t byte = bytes[at >> 3];
    const Places places = positions[byte] + static_cast<uint16_t>(at);
    memcpy(place, &places, sizeof(places));
    place += count_of[byte];
  }
}

// Offsets of the places of a window in rows that take turns, or in a source. Division by a side is a multiplication: exact
// for place * side < 2^16, which can_pack ensures. Unsigned: places behind the window's are anything, and a product may
// pass 32 bits where the offset itself does not.
struct Addresses {
  uint32_t over_y, over_z, size_y, size_z;

  explicit Addresses(int32_t y, int32_t z)
      : over_y((65535u + static_cast<uint32_t>(y)) / static_cast<uint32_t>(y)),
        over_z((65535u + static_cast<uint32_t>(z)) / static_cast<uint32_t>(z)),
        size_y(static_cast<uint32_t>(y)),
        size_z(static_cast<uint32_t>(z)) {}

  GX_HD void rows(const uint16_t* place, int32_t count, const RowMap& map, int32_t first, int32_t z,
                  int32_t* to) const {
    const uint32_t first_row = static_cast<uint32_t>(first), first_z = static_cast<uint32_t>(z);
    const uint32_t shape_z = static_cast<uint32_t>(map.size_z),
                   plane_rows = static_cast<uint32_t>(map.plane_rows) - size_y;
    for (int32_t begin = 0; begin < count; begin += kStep) {
      for (int i = begin; i < begin + kStep; ++i) {
        const uint32_t p = place[i], row = (p * over_z) >> 16, plane = (row * over_y) >> 16;
        to[i] = static_cast<int32_t>(((first_row + row + plane * plane_rows) & map.mask) * shape_z + first_z + p -
                                     row * size_z);
      }
    }
  }

  GX_HD void source(const uint16_t* place, int32_t count, int32_t first, const Strides& strides, int32_t* from) const {
    const uint32_t step_z = static_cast<uint32_t>(strides.z);
    const uint32_t step_row = static_cast<uint32_t>(strides.y) - size_z * step_z;
    const uint32_t step_plane = static_cast<uint32_t>(strides.x) - size_y * static_cast<uint32_t>(strides.y);
    for (int32_t begin = 0; begin < count; begin += kStep) {
      for (int i = begin; i < begin + kStep; ++i) {
        const uint32_t p = place[i], row = (p * over_z) >> 16, plane = (row * over_y) >> 16;
        from[i] = static_cast<int32_t>(static_cast<uint32_t>(first) + p * step_z + row * step_row + plane * step_plane);
      }
    }
  }
};

// mapped = the permuted places of all packed voxels.
GX_HD void permute_packed(Pack& pack) {
  constexpr int kStep = 4 * kLanes;
  for (int32_t begin = 0; begin < pack.count; begin += kStep) {
    const uint16_t* n = pack.size.data() + begin;
    const uint16_t* lo = pack.key_lo.data() + begin;
    const uint16_t* hi = pack.key_hi.data() + begin;
    const uint16_t* place = pack.place.data() + begin;
    alignas(64) uint16_t x[kStep];
    for (int i = 0; i < kStep; ++i) x[i] = place[i];
    for (int round = 0; round < kPermutationRounds; ++round) {
      for (int i = 0; i < kStep; ++i) {
        x[i] = permutation_step16(x[i], n[i], lo[i], permutation_round16(round, n[i], lo[i], hi[i]));
      }
    }
    uint16_t* mapped = pack.mapped.data() + begin;
    for (int i = 0; i < kStep; ++i) mapped[i] = x[i];
  }
}

// The same for one window, whose rounds are worked out once.
GX_HD void permute_window(const Window& window, int32_t n, int32_t count, const uint16_t* place, uint16_t* mapped) {
  const uint16_t size = static_cast<uint16_t>(n), lo = static_cast<uint16_t>(window.key),
                 hi = static_cast<uint16_t>(window.key >> 16);
  uint16_t hash[kPermutationRounds], sum[kPermutationRounds];
  for (int round = 0; round < kPermutationRounds; ++round) {
    const Round16 worked = permutation_round16(round, size, lo, hi);
    hash[round] = worked.hash;
    sum[round] = worked.sum;
  }
  constexpr int kStep = 4 * kLanes;
  for (int32_t begin = 0; begin < count; begin += kStep) {
    alignas(64) uint16_t x[kStep];
    for (int i = 0; i < kStep; ++i) x[i] = place[begin + i];
    for (int round = 0; round < kPermutationRounds; ++round) {
      for (int i = 0; i < kStep; ++i) x[i] = permutation_step16(x[i], size, lo, {hash[round], sum[round]});
    }
    for (int i = 0; i < kStep; ++i) mapped[begin + i] = x[i];
  }
}

GX_HD void address_packed(const RowMap& rows, const Strides& source, Pack& pack) {
  for (int32_t e = 0; e < pack.num_entries; ++e) {
    const Pack::Entry entry = pack.entries[static_cast<size_t>(e)];
    const Addresses addresses(entry.size_y, entry.size_z);
    const int32_t first = entry.first, count = entry.count;
    addresses.source(pack.mapped.data() + first, count, entry.from, source, pack.from.data() + first);
    addresses.rows(pack.place.data() + first, count, rows, entry.row, entry.z, pack.to.data() + first);
  }
}

GX_HD void pack_windows_body(const Claimed* windows, const int32_t* order, int32_t count, const uint64_t* bits,
                             const RowMap& rows, const Strides& source, Pack& pack) {
  int32_t at = 0, num = 0;
  for (; num < count && at <= kPackCapacity - kPackLimit; ++num) {
    const Claimed& voxels = windows[order[num]];
    const Window& window = voxels.window;
    const int32_t n = voxels_of(window);
    list_places(pack, bits + voxels.first, n, pack.place.data() + at);
    const uint16_t size = static_cast<uint16_t>(n), lo = static_cast<uint16_t>(window.key),
                   hi = static_cast<uint16_t>(window.key >> 16);
    uint16_t* sizes = pack.size.data() + at;
    uint16_t* key_lo = pack.key_lo.data() + at;
    uint16_t* key_hi = pack.key_hi.data() + at;
    for (int32_t begin = 0; begin < voxels.count; begin += kLanes) {
      for (int i = begin; i < begin + kLanes; ++i) sizes[i] = size;
      for (int i = begin; i < begin + kLanes; ++i) key_lo[i] = lo;
      for (int i = begin; i < begin + kLanes; ++i) key_hi[i] = hi;
    }
    pack.entries[static_cast<size_t>(num)] = {
        at,
        voxels.count,
        rows.row(window),
        window.z.start,
        window.x.start * source.x + window.y.start * source.y + window.z.start * source.z,
        window.y.size,
        window.z.size};
    at += voxels.count;
  }
  pack.count = at;
  pack.num_entries = num;
  permute_packed(pack);
  address_packed(rows, source, pack);
}

GX_HD void address_window_body(const Claimed& voxels, const uint64_t* bits, const RowMap& rows, Pack& pack) {
  const Window& window = voxels.window;
  list_places(pack, bits + voxels.first, voxels_of(window), pack.place.data());
  permute_window(window, voxels_of(window), voxels.count, pack.place.data(), pack.mapped.data());
  Addresses(window.y.size, window.z.size)
      .rows(pack.place.data(), voxels.count, rows, rows.row(window), window.z.start, pack.to.data());
}

}  // namespace

GX_DISPATCH_ISA(pack_windows,
                (const Claimed* windows, const int32_t* order, int32_t count, const uint64_t* bits, const RowMap& rows,
                 const Strides& source, Pack& pack),
                (windows, order, count, bits, rows, source, pack))
GX_DISPATCH_ISA(address_window, (const Claimed& voxels, const uint64_t* bits, const RowMap& rows, Pack& pack),
                (voxels, bits, rows, pack))

}  // namespace gx::cpu
