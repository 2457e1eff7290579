// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Boxes and shuffling windows of a patch.
#pragma once

#include "draw.h"
#include "permutation.h"

namespace gx {

// The voxels of one channel of one sample, row-major (x, y, z); 2D is z = 1.
struct Shape {
  int32_t x, y, z;
};

GX_HD int64_t voxels_of(Shape shape) { return int64_t{shape.x} * shape.y * shape.z; }

// Half-open, in voxels.
struct Box {
  int32_t x0, y0, z0, x1, y1, z1;
};

GX_HD bool contains(const Box& box, int32_t x, int32_t y, int32_t z) {
  return x >= box.x0 && x < box.x1 && y >= box.y0 && y < box.y1 && z >= box.z0 && z < box.z1;
}

// Whatever numbers came in: a box inside the patch (an empty one if nothing of it is).
GX_HD Box clipped(Box box, Shape shape) {
  return {max_of(box.x0, 0),       max_of(box.y0, 0),       max_of(box.z0, 0),
          min_of(box.x1, shape.x), min_of(box.y1, shape.y), min_of(box.z1, shape.z)};
}

enum ShuffleOrder : int32_t { kLastWriter = 0, kSequential = 1 };
enum ShufflePermute : int32_t { kVoxel = 0, kAxes = 1 };

struct ShuffleSpec {
  int32_t num_windows;
  Shape max_window;
  int32_t order, permute;
};

struct Window {
  Span x, y, z;
  uint32_t key;
};

GX_HD Window window_of(const Words& words, Shape shape, Shape max_window) {
  return {size_and_start(words.w0, shape.x, 1, max_window.x, 0), size_and_start(words.w1, shape.y, 1, max_window.y, 0),
          size_and_start(words.w2, shape.z, 1, max_window.z, 0), words.w3};
}

GX_HD Window draw_window(const Key& key, uint32_t index, Shape shape, Shape max_window) {
  return window_of(philox(key, Purpose::kWindow, index), shape, max_window);
}

// Keys of the permutations along the three axes, for P W P' shuffling.
GX_HD Words axis_keys(const Key& key, uint32_t window) { return philox(key, Purpose::kAxisPermutation, window); }

struct Position {
  int32_t x, y, z;
};

// Where the value of a voxel inside a window comes from.
GX_HD Position window_source(const Key& key, uint32_t index, const Window& window, int32_t permute, Position at) {
  const uint32_t i = static_cast<uint32_t>(at.x - window.x.start), j = static_cast<uint32_t>(at.y - window.y.start),
                 k = static_cast<uint32_t>(at.z - window.z.start);
  const uint32_t sx = static_cast<uint32_t>(window.x.size), sy = static_cast<uint32_t>(window.y.size),
                 sz = static_cast<uint32_t>(window.z.size);
  uint32_t from_i = 0, from_j = 0, from_k = 0;
  if (permute == kAxes) {
    const Words keys = axis_keys(key, index);
#if defined(__CUDA_ARCH__)
#pragma unroll 1  // the rounds of three permutations at once do not fit the registers
#endif
    for (int axis = 0; axis < 3; ++axis) {
      GX_PATH("axis", "owned");
      const uint32_t from = permutation(axis == 0   ? i
                                        : axis == 1 ? j
                                                    : k,
                                        axis == 0   ? sx
                                        : axis == 1 ? sy
                                                    : sz,
                                        axis == 0   ? keys.w0
                                        : axis == 1 ? keys.w1
                                                    : keys.w2);
      from_i = axis == 0 ? from : from_i;
      from_j = axis == 1 ? from : from_j;
      from_k = axis == 2 ? from : from_k;
    }
  } else {
    const uint32_t from = permutation((i * sy + j) * sz + k, sx * sy * sz, window.key);
    const uint32_t rest = from / sz;
    from_k = from - rest * sz;
    from_i = rest / sy;
    from_j = rest - from_i * sy;
  }
  return {window.x.start + static_cast<int32_t>(from_i), window.y.start + static_cast<int32_t>(from_j),
          window.z.start + static_cast<int32_t>(from_k)};
}

}  // namespace gx
