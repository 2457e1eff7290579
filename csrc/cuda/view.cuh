// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// A batch on the device, its chunks, and where its voxels lie. Nothing of torch or of CUDA's host API, so that
// tests/csrc/test_kernels.cpp can run the kernels block by block on a CPU.
#pragma once

#include "../math/sources.h"
#include "bounds.h"

namespace gx::cuda {

constexpr int kThreads = 256;
constexpr int kWarpSize = 32;
constexpr int kWarps = kThreads / kWarpSize;
constexpr int32_t kChunk =
    4096;  // voxels of a block: their owners take 16 KB, so that registers bound the warps of an SM
constexpr uint32_t kAllLanes = 0xffffffffu;

// A pointer to device memory that was kept in shared memory: the compiler no longer knows what it points to, and would take
// slower instructions.
template <typename T>
__device__ __forceinline__ T* on_device(T* pointer) {
#if defined(__CUDA_ARCH__)
  __builtin_assume(__isGlobal(pointer));
#endif
  return pointer;
}

// Division of numbers below 2^31 by one that the launch knows: a product and a shift.
struct Quotient {
  uint32_t by, multiplier, shift;

  explicit Quotient(int64_t number) : by(static_cast<uint32_t>(number)), multiplier(0), shift(0) {
    while ((int64_t{1} << shift) < number) ++shift;
    multiplier = static_cast<uint32_t>(((uint64_t{1} << (31 + shift)) + by - 1) / by);
  }
  GX_HD uint32_t operator()(uint32_t n) const {
    return static_cast<uint32_t>((uint64_t{n << 1} * multiplier) >> 32) >> shift;
  }
};

// x of any strides; `input` and `target` contiguous, `target` may be null.
template <typename T>
struct View {
  const T* x;
  int64_t stride_n, stride_c, stride_x, stride_y, stride_z;
  T* input;
  T* target;
  int64_t samples, channels;
  Shape shape;
};

GX_HD int32_t chunks_of(Shape shape) { return static_cast<int32_t>((voxels_of(shape) + kChunk - 1) / kChunk); }

// How the voxels of a batch's patches are numbered and found.
struct Grid {
  Shape shape;
  int32_t voxels, chunks;
  Quotient row, plane, chunk;  // divide by z, y and chunks
  bool aligned;                // lines are whole groups of 32 voxels

  explicit Grid(Shape patch)
      : shape(patch),
        voxels(static_cast<int32_t>(voxels_of(patch))),
        chunks(chunks_of(patch)),
        row(patch.z),
        plane(patch.y),
        chunk(chunks),
        aligned(patch.z % 32 == 0) {}

  GX_HD Position at(int32_t v) const {
    const uint32_t line = row(static_cast<uint32_t>(v)), x = plane(line);
    return {static_cast<int32_t>(x), static_cast<int32_t>(line - x * plane.by),
            static_cast<int32_t>(static_cast<uint32_t>(v) - line * row.by)};
  }
};

// Where the voxels of a flipped channel lie, from its first element on; distances inside a channel fit 32 bits.
struct Layout {
  int32_t origin, x, y, z;

  GX_HD int32_t operator()(Position at) const { return origin + at.x * x + at.y * y + at.z * z; }
};

template <typename T>
GX_HD Layout layout_of(const View<T>& view, int32_t flips) {
  const int32_t x = static_cast<int32_t>(view.stride_x), y = static_cast<int32_t>(view.stride_y),
                z = static_cast<int32_t>(view.stride_z);
  const bool fx = (flips & 1) != 0, fy = (flips & 2) != 0, fz = (flips & 4) != 0;
  return {(fx ? (view.shape.x - 1) * x : 0) + (fy ? (view.shape.y - 1) * y : 0) + (fz ? (view.shape.z - 1) * z : 0),
          fx ? -x : x, fy ? -y : y, fz ? -z : z};
}

// The voxels [begin, end) of a sample that a block works on.
struct Chunk {
  int32_t sample, begin, end;
};

__device__ __forceinline__ Chunk chunk_of(const Grid& grid) {
  const uint32_t n = grid.chunk(blockIdx.x);
  const int32_t begin = static_cast<int32_t>(blockIdx.x - n * grid.chunk.by) * kChunk;
  return {static_cast<int32_t>(n), begin, begin + min_of(grid.voxels - begin, kChunk)};
}

}  // namespace gx::cuda
