// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Voxels of windows on their way: where each comes from and where it goes. Those of small windows are packed side by side, so
// that their permutations fill the vector lanes although a window has few voxels.
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

// Rows along z of a patch: all, or as many of the newest as a power of two, which take turns.
struct RowMap {
  int32_t plane_rows, size_z;
  uint32_t mask;  // row i stands at i & mask

  GX_HD int32_t row(const Window& window) const { return window.x.start * plane_rows + window.y.start; }
};

constexpr int kLanes = 32;           // packed writes may run over by this many
constexpr int kPackLimit = 4096;     // voxels of a window that may be packed: 16^3
constexpr int kPackCapacity = 8192;  // voxels packed before they are moved

// Places are 16-bit numbers, and divided by a side through a multiplication: exact for place * side < 2^16.
GX_HD bool can_pack(const ShuffleSpec& spec, const Window& window) {
  const int32_t n = window.x.size * window.y.size * window.z.size;
  return spec.permute == kVoxel && n <= kPackLimit && n * max_of(window.y.size, window.z.size) <= 65536;
}

// Eight places of voxels.
using Places = uint16_t __attribute__((vector_size(16)));

// The voxels that a window claimed.
struct Claimed {
  Window window;
  int32_t index;  // of the window
  int32_t count;
  int64_t first;  // word where its bits begin, one a place
};

// Windows' voxels that wait for their permutation.
struct Pack {
  struct Entry {
    int32_t first, count;
    int32_t row, z, from;  // of the window's first voxel: its row in the patch, its z, its offset in the source
    int32_t size_y, size_z;
  };

  std::vector<Entry> entries = std::vector<Entry>(kPackCapacity);  // every window packed has a voxel at least
  int32_t num_entries = 0, count = 0;
  std::vector<uint16_t> place, mapped, size, key_lo, key_hi;
  std::vector<int32_t> to, from;
  std::vector<uint64_t> window;            // voxels of one that is not packed
  std::array<Places, 256> positions = {};  // of the set bits of a byte
  std::array<uint8_t, 256> count_of = {};  // and how many they are

  Pack();
};

// Packs windows, as many of `count` as surely fit: pack.to and pack.from of their voxels, in the rows and in the source.
// `order` numbers them among all `windows`.
void pack_windows(const Claimed* windows, const int32_t* order, int32_t count, const uint64_t* bits, const RowMap& rows,
                  const Strides& source, Pack& pack);

// pack.to, in the rows, and pack.mapped, among the window's places, of one window that could be packed.
void address_window(const Claimed& voxels, const uint64_t* bits, const RowMap& rows, Pack& pack);

}  // namespace gx::cpu
