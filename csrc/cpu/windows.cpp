// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include "windows.h"

#include "isa.h"
#include "words.h"

namespace gx::cpu {
namespace {

template <typename I>
GX_HD void draw_windows_body(I isa, const Key& key, int32_t first, Shape shape, Shape max_window, WindowBlock& block) {
  constexpr int kCalls = 32;
  for (size_t begin = 0; begin < kDrawBlock; begin += kCalls) {
    WordLanes<kCalls> words;
    philox_lanes(isa, key, Purpose::kWindow, static_cast<uint32_t>(first) + static_cast<uint32_t>(begin), words);
    for (size_t i = 0; i < kCalls; ++i) {
      const Window window = window_of({words.w0[i], words.w1[i], words.w2[i], words.w3[i]}, shape, max_window);
      block.x[begin + i] = window.x.start;
      block.y[begin + i] = window.y.start;
      block.z[begin + i] = window.z.start;
      block.size_x[begin + i] = window.x.size;
      block.size_y[begin + i] = window.y.size;
      block.size_z[begin + i] = window.z.size;
      block.key[begin + i] = window.key;
    }
  }
}

constexpr int kStep = 16;      // offsets written at once
constexpr int kOver = kLanes;  // so many more than asked for may be written

GX_HD void set_rounds(const std::array<int32_t, kDrawBlock>& sizes, const std::array<uint32_t, kDrawBlock>& keys,
                      BlockRounds& rounds) {
  for (size_t w = 0; w < kDrawBlock; ++w) {
    rounds.n[w] = static_cast<uint16_t>(sizes[w]);
    rounds.key_lo[w] = static_cast<uint16_t>(keys[w]);
  }
  for (size_t r = 0; r < kPermutationRounds; ++r) {
    for (size_t w = 0; w < kDrawBlock; ++w) {
      const Round16 round = permutation_round16(static_cast<int>(r), static_cast<uint16_t>(sizes[w]),
                                                static_cast<uint16_t>(keys[w]), static_cast<uint16_t>(keys[w] >> 16));
      rounds.hash[r][w] = round.hash;
      rounds.sum[r][w] = round.sum;
    }
  }
}

// out[i] = permutation(i, n, key) for i in [0, n), with the rounds of window w.
GX_HD void permute_places(const BlockRounds& rounds, size_t w, uint32_t n, uint32_t key, uint32_t* out) {
  if (n > kPermutation16Limit) {
    for (uint32_t begin = 0; begin < n; begin += kLanes) {
      alignas(64) uint32_t x[kLanes];
      for (uint32_t i = 0; i < kLanes; ++i) x[i] = begin + i;
      for (int round = 0; round < kPermutationRounds; ++round) {
        for (int i = 0; i < kLanes; ++i) x[i] = permutation_step32(x[i], n, key, round);
      }
      for (uint32_t i = 0; i < kLanes; ++i) out[begin + i] = x[i];
    }
    return;
  }
  const uint16_t size = static_cast<uint16_t>(n), key_lo = static_cast<uint16_t>(key);
  for (uint32_t begin = 0; begin < n; begin += kLanes) {
    alignas(64) uint16_t x[kLanes];
    for (uint32_t i = 0; i < kLanes; ++i) x[i] = static_cast<uint16_t>(begin + i);
    for (size_t r = 0; r < kPermutationRounds; ++r) {
      const Round16 round = {rounds.hash[r][w], rounds.sum[r][w]};
      for (int i = 0; i < kLanes; ++i) x[i] = permutation_step16(x[i], size, key_lo, round);
    }
    for (uint32_t i = 0; i < kLanes; ++i) out[begin + i] = x[i];
  }
}

// offsets[w][j] = step * permuted place j: along one axis of all windows of a block, none longer than kLaneSide.
GX_HD void permute_axis(const BlockRounds& rounds, int32_t step, AxisOffsets& offsets) {
  uint16_t longest = 0;
  for (const uint16_t side : rounds.n) longest = max_of(longest, side);
  for (size_t j = 0; j < longest; ++j) {
    alignas(64) uint16_t x[kDrawBlock];
    for (size_t w = 0; w < kDrawBlock; ++w) x[w] = static_cast<uint16_t>(j);
    for (size_t r = 0; r < kPermutationRounds; ++r) {
      for (size_t w = 0; w < kDrawBlock; ++w) {
        x[w] = permutation_step16(x[w], rounds.n[w], rounds.key_lo[w], {rounds.hash[r][w], rounds.sum[r][w]});
      }
    }
    for (size_t w = 0; w < kDrawBlock; ++w) {  // unsigned: places behind a window's side are anything
      offsets[w][j] = static_cast<int32_t>(x[w] * static_cast<uint32_t>(step));
    }
  }
}

GX_HD void prepare_block_body(const Key& key, int32_t first, const ShuffleSpec& spec, const Strides& strides,
                              const WindowBlock& block, WindowScratch& scratch) {
  if (spec.permute == kVoxel) {
    std::array<int32_t, kDrawBlock> voxels;
    for (size_t w = 0; w < kDrawBlock; ++w) voxels[w] = block.size_x[w] * block.size_y[w] * block.size_z[w];
    set_rounds(voxels, block.key, scratch.rounds[0]);
    return;
  }
  std::array<uint32_t, kDrawBlock> keys[3];
  for (size_t w = 0; w < kDrawBlock; ++w) {
    const Words words = axis_keys(key, static_cast<uint32_t>(first) + static_cast<uint32_t>(w));
    keys[0][w] = words.w0;
    keys[1][w] = words.w1;
    keys[2][w] = words.w2;
  }
  set_rounds(block.size_x, keys[0], scratch.rounds[0]);
  set_rounds(block.size_y, keys[1], scratch.rounds[1]);
  set_rounds(block.size_z, keys[2], scratch.rounds[2]);
  if (spec.max_window.x <= kLaneSide) permute_axis(scratch.rounds[0], strides.x, scratch.permuted_block[0]);
  if (spec.max_window.y <= kLaneSide) permute_axis(scratch.rounds[1], strides.y, scratch.permuted_block[1]);
  if (spec.max_window.z <= kLaneSide) permute_axis(scratch.rounds[2], strides.z, scratch.permuted_block[2]);
}

// out[i * nb + j] = a[i] + b[j]: whole vectors of b, each over what the one before wrote too much.
GX_HD void add_outer(const int32_t* a, int32_t na, const int32_t* __restrict b, int32_t nb, int32_t* __restrict out) {
  for (int32_t i = 0; i < na; ++i, out += nb) {
    const uint32_t first = static_cast<uint32_t>(a[i]);  // unsigned: what follows the last of b is anything
    for (int32_t begin = 0; begin < nb; begin += kStep) {
      for (int j = begin; j < begin + kStep; ++j) out[j] = static_cast<int32_t>(first + static_cast<uint32_t>(b[j]));
    }
  }
}

GX_HD void window_offsets_body(const Key& key, int32_t first, int at, const Window& window, const ShuffleSpec& spec,
                               const Strides& strides, WindowScratch& scratch) {
  const int32_t sides[3] = {window.x.size, window.y.size, window.z.size};
  const int32_t rows = sides[0] * sides[1];
  int32_t* const to = scratch.to.data();
  int32_t* const from = scratch.from.data();
  uint32_t* const places = scratch.places.data();
  add_outer(scratch.axis[0].data(), sides[0], scratch.axis[1].data(), sides[1], scratch.rows.data());
  add_outer(scratch.rows.data(), rows, scratch.axis[2].data(), sides[2], to);
  if (spec.permute == kVoxel) {
    const uint32_t n = static_cast<uint32_t>(rows * sides[2]);
    permute_places(scratch.rounds[0], static_cast<size_t>(at), n, window.key, places);
    for (uint32_t i = 0; i < n; ++i) from[i] = to[places[i]];
    return;
  }
  const int32_t longest[3] = {spec.max_window.x, spec.max_window.y, spec.max_window.z};
  const int32_t steps[3] = {strides.x, strides.y, strides.z};
  const int32_t* permuted[3];
  for (size_t a = 0; a < 3; ++a) {
    if (longest[a] <= kLaneSide) {
      permuted[a] = scratch.permuted_block[a][static_cast<size_t>(at)].data();
    } else {
      const Words keys = axis_keys(key, static_cast<uint32_t>(first + at));
      permute_places(scratch.rounds[a], static_cast<size_t>(at), static_cast<uint32_t>(sides[a]),
                     a == 0   ? keys.w0
                     : a == 1 ? keys.w1
                              : keys.w2,
                     places);
      int32_t* const offsets = scratch.permuted[a].data();
      for (int32_t i = 0; i < sides[a]; ++i) offsets[i] = static_cast<int32_t>(places[i]) * steps[a];
      permuted[a] = offsets;
    }
  }
  add_outer(permuted[0], sides[0], permuted[1], sides[1], scratch.rows.data());
  add_outer(scratch.rows.data(), rows, permuted[2], sides[2], from);
}

}  // namespace

GX_DISPATCH_TAGGED(draw_windows, (const Key& key, int32_t first, Shape shape, Shape max_window, WindowBlock& block),
                   (key, first, shape, max_window, block))

GX_DISPATCH_ISA(prepare_block,
                (const Key& key, int32_t first, const ShuffleSpec& spec, const Strides& strides,
                 const WindowBlock& block, WindowScratch& scratch),
                (key, first, spec, strides, block, scratch))
GX_DISPATCH_ISA(window_offsets,
                (const Key& key, int32_t first, int at, const Window& window, const ShuffleSpec& spec,
                 const Strides& strides, WindowScratch& scratch),
                (key, first, at, window, spec, strides, scratch))

void prepare_windows(Shape max_window, const Strides& strides, WindowScratch& scratch) {
  const int32_t sides[3] = {max_window.x, max_window.y, max_window.z};
  const int32_t steps[3] = {strides.x, strides.y, strides.z};
  for (size_t a = 0; a < 3; ++a) {
    std::vector<int32_t>& axis = scratch.axis[a];
    axis.resize(static_cast<size_t>(sides[a] + kOver));
    scratch.permuted[a].resize(axis.size());
    for (int32_t i = 0; i < sides[a]; ++i) axis[static_cast<size_t>(i)] = i * steps[a];
  }
  const auto voxels = static_cast<size_t>(voxels_of(max_window) + kOver);
  scratch.to.resize(voxels);
  scratch.from.resize(voxels);
  scratch.rows.resize(static_cast<size_t>(sides[0] * sides[1] + kOver));
  scratch.places.resize(voxels);
}

}  // namespace gx::cpu
