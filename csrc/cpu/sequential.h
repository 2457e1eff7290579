// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Sequential shuffling of one sample on a CPU (docs/determinism.md, "What is done with it"): the windows act in order on
// the result; to trace every voxel back would cost 40 times as much.
#pragma once

#include "windows.h"

namespace gx::cpu {

struct SequentialScratch {
  WindowBlock block;
  WindowScratch window;
  std::vector<uint64_t> values;  // of a window, of any type
};

// In place on the contiguous `out`.
template <typename T>
GX_HD void shuffle_sequential(const Key& key, const ShuffleSpec& spec, Shape shape, T* out, int64_t channels,
                              SequentialScratch& scratch) {
  const Strides strides = {0, shape.y * shape.z, shape.z, 1};
  const int64_t voxels = voxels_of(shape);
  static_assert(sizeof(T) <= sizeof(uint64_t));
  prepare_windows(spec.max_window, strides, scratch.window);
  scratch.values.resize(scratch.window.to.size());
  T* const values = reinterpret_cast<T*>(scratch.values.data());
  for (int32_t first = 0; first < spec.num_windows; first += kDrawBlock) {
    draw_windows(key, first, shape, spec.max_window, scratch.block);
    prepare_block(key, first, spec, strides, scratch.block, scratch.window);
    const int count = min_of(kDrawBlock, spec.num_windows - first);
    for (int w = 0; w < count; ++w) {
      const Window window = scratch.block.window(w);
      window_offsets(key, first, w, window, spec, strides, scratch.window);
      const int32_t* const to = scratch.window.to.data();
      const int32_t* const from = scratch.window.from.data();
      const int32_t n = window.x.size * window.y.size * window.z.size;
      T* const corner = out + strides.at(window.x.start, window.y.start, window.z.start);
      for (int64_t c = 0; c < channels; ++c) {
        T* const channel = corner + c * voxels;
        for (int32_t i = 0; i < n; ++i) values[i] = channel[from[i]];
        for (int32_t i = 0; i < n; ++i) channel[to[i]] = values[i];
      }
    }
  }
}

}  // namespace gx::cpu
