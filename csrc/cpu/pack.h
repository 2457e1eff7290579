// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Voxels of many windows side by side: their permutations fill the vector lanes although a window has few voxels.
#pragma once

#include <array>
#include <vector>

#include "../math/box.h"

namespace gx::cpu {

// Elements of a patch: the signed distances to the neighbours, and where voxel (0,0,0) stands. Flips turn the signs.
struct Strides {
  int64_t origin;
  int32_t x, y, z;

  GX_HD int64_t at(int64_t i, int64_t j, int64_t k) const { return origin + i * x + j * y + k * z; }
};

constexpr int kLanes = 32;           // packed writes may run over by this many
constexpr int kPackLimit = 4096;     // voxels of a window that may be packed: 16^3
constexpr int kPackCapacity = 8192;  // voxels packed before they are moved

// Eight places of voxels.
using Places = uint16_t __attribute__((vector_size(16)));

// The windows' voxels that wait for their permutation.
struct Pack {
  struct Entry {
    int32_t first, count;
    int32_t to, from;  // the window's first voxel in the result and in the source
    int32_t size_y, size_z;
  };

  std::vector<Entry> entries = std::vector<Entry>(kPackCapacity);  // every window packed has a voxel at least
  int32_t num_entries = 0, count = 0;
  std::vector<uint16_t> place, mapped, size, key_lo, key_hi;
  std::vector<int32_t> to, from;
  std::array<Places, 256> positions = {};  // of the set bits of a byte
  std::array<int32_t, 256> count_of = {};  // and how many they are

  Pack() {
    for (auto* words : {&place, &mapped, &size, &key_lo, &key_hi}) words->resize(kPackCapacity + 4 * kLanes);
    for (auto* words : {&to, &from}) words->resize(kPackCapacity + 4 * kLanes);
    for (size_t byte = 0; byte < 256; ++byte) {
      for (uint16_t bit = 0; bit < 8; ++bit) {
        if ((byte >> bit) & 1) positions[byte][count_of[byte]++] = bit;
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

// Row-major places of every packed voxel to element offsets in the source and in the result. Division by a side is a
// multiplication: exact for place * side < 2^16, which can_pack ensures.
GX_HD void address_packed(Pack& pack, const Strides& source, const Strides& result) {
  constexpr int kStep = 16;
  for (int32_t e = 0; e < pack.num_entries; ++e) {
    const Pack::Entry entry = pack.entries[static_cast<size_t>(e)];
    const uint32_t over_z = (65536u + static_cast<uint32_t>(entry.size_z) - 1) / static_cast<uint32_t>(entry.size_z);
    const uint32_t over_y = (65536u + static_cast<uint32_t>(entry.size_y) - 1) / static_cast<uint32_t>(entry.size_y);
    // Unsigned: a product may pass 32 bits where the offset itself does not, and places behind the entry's
    // are anything.
    const uint32_t from_z = static_cast<uint32_t>(source.z), to_z = static_cast<uint32_t>(result.z);
    const uint32_t from_row = static_cast<uint32_t>(source.y) - static_cast<uint32_t>(entry.size_z) * from_z;
    const uint32_t to_row = static_cast<uint32_t>(result.y) - static_cast<uint32_t>(entry.size_z) * to_z;
    const uint32_t from_plane =
        static_cast<uint32_t>(source.x) - static_cast<uint32_t>(entry.size_y) * static_cast<uint32_t>(source.y);
    const uint32_t to_plane =
        static_cast<uint32_t>(result.x) - static_cast<uint32_t>(entry.size_y) * static_cast<uint32_t>(result.y);
    for (int32_t begin = 0; begin < entry.count; begin += kStep) {
      const uint16_t* place = pack.place.data() + entry.first + begin;
      const uint16_t* mapped = pack.mapped.data() + entry.first + begin;
      int32_t* to = pack.to.data() + entry.first + begin;
      int32_t* from = pack.from.data() + entry.first + begin;
      for (int i = 0; i < kStep; ++i) {
        const uint32_t p = mapped[i], row = (p * over_z) >> 16, plane = (row * over_y) >> 16;
        from[i] =
            static_cast<int32_t>(static_cast<uint32_t>(entry.from) + p * from_z + row * from_row + plane * from_plane);
      }
      for (int i = 0; i < kStep; ++i) {
        const uint32_t p = place[i], row = (p * over_z) >> 16, plane = (row * over_y) >> 16;
        to[i] = static_cast<int32_t>(static_cast<uint32_t>(entry.to) + p * to_z + row * to_row + plane * to_plane);
      }
    }
  }
}

template <typename T>
GX_HD void move_packed(Pack& pack, const T* x, int64_t stride_c, const Strides& source, T* out, int64_t channels,
                       const Strides& result, int64_t voxels) {
  if (pack.count == 0) return;
  permute_packed(pack);
  address_packed(pack, source, result);
  const int32_t* to = pack.to.data();
  const int32_t* from = pack.from.data();
  const int32_t count = pack.count;
  for (int64_t c = 0; c < channels; ++c) {
    const T* src = x + c * stride_c + source.origin;
    T* dst = out + c * voxels;
    for (int32_t i = 0; i < count; ++i) dst[to[i]] = src[from[i]];
  }
  pack.num_entries = 0;
  pack.count = 0;
}

GX_HD bool can_pack(const ShuffleSpec& spec, const Window& window) {
  const int32_t n = window.x.size * window.y.size * window.z.size;
  return spec.permute == kVoxel && n <= kPackLimit && n * max_of(window.y.size, window.z.size) <= 65536;
}

}  // namespace gx::cpu
