// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The windows of a sample on a CPU: drawn in blocks, and for one window the offsets of its voxels and of those that come
// to their places. Vector lanes are filled by the windows of a block, and in the permutation of all voxels of a window by
// these voxels.
#pragma once

#include <array>
#include <vector>

#include "pack.h"

namespace gx::cpu {

constexpr int kDrawBlock = 64;  // windows drawn at once

struct WindowBlock {
  std::array<int32_t, kDrawBlock> x, y, z, size_x, size_y, size_z;
  std::array<uint32_t, kDrawBlock> key;

  Window window(int i) const {
    const auto at = static_cast<size_t>(i);
    return {{x[at], size_x[at]}, {y[at], size_y[at]}, {z[at], size_z[at]}, key[at]};
  }
};

// The windows [first, first + kDrawBlock), counted modulo 2^32.
void draw_windows(const Key& key, int32_t first, Shape shape, Shape max_window, WindowBlock& block);

constexpr int kLaneSide = 32;  // longest axis that is permuted for all windows of a block at once

// The 16-bit permutations of the windows of a block, of all voxels or along one axis.
struct BlockRounds {
  alignas(64) std::array<uint16_t, kDrawBlock> n, key_lo;
  alignas(64) std::array<std::array<uint16_t, kDrawBlock>, kPermutationRounds> hash, sum;
};

// Offsets of the permuted places along one axis: [window of the block][place].
using AxisOffsets = std::array<std::array<int32_t, kLaneSide>, kDrawBlock>;

struct WindowScratch {
  std::vector<int32_t> to, from;     // offsets of a window's voxels from its first one, in row-major order
  std::vector<int32_t> rows;         // of its rows
  std::vector<int32_t> axis[3];      // of the places 0, 1, 2, ... along the axes
  std::vector<int32_t> permuted[3];  // of the permuted places along long axes
  std::vector<uint32_t> places;
  std::array<AxisOffsets, 3> permuted_block = {};
  std::array<BlockRounds, 3> rounds;  // along the axes, or first those of all voxels
};

// Room for the windows of a sample, and what they have in common.
void prepare_windows(Shape max_window, const Strides& strides, WindowScratch& scratch);

// What the windows of the block that begins with window `first` have in common.
void prepare_block(const Key& key, int32_t first, const ShuffleSpec& spec, const Strides& strides,
                   const WindowBlock& block, WindowScratch& scratch);

// scratch.to and scratch.from of window `at` of that block.
void window_offsets(const Key& key, int32_t first, int at, const Window& window, const ShuffleSpec& spec,
                    const Strides& strides, WindowScratch& scratch);

}  // namespace gx::cpu
