// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Sampling at positions of a matrix, and its adjoint: a thread an output. Like transform.cuh they name nothing of torch or
// of CUDA's host API.
#pragma once

#include "../math/affine.h"
#include "volumes.cuh"

namespace gx::cuda {

constexpr int kAffineThreads = 256;

// Outputs of a block: 2^bits along each axis. Neighbours along all axes, since a matrix may turn any of them to any.
struct Tile {
  int32_t bits[3];
  int32_t count[3];

  GX_HD int64_t all() const { return int64_t{count[0]} * count[1] * count[2]; }
};

inline Tile make_tile(const int32_t (&m)[3]) {
  Tile tile = {{0, 0, 0}, {0, 0, 0}};
  int32_t left = 8;  // kAffineThreads = 2^8
  const int32_t wanted[3] = {2, 3, 3};
  const auto grow = [&](int a, int32_t most) {
    while (left > 0 && tile.bits[a] < most && (int64_t{1} << tile.bits[a]) < m[a]) {
      ++tile.bits[a];
      --left;
    }
  };
  for (int a = 2; a >= 0; --a) grow(a, wanted[a]);
  for (int a = 2; a >= 0; --a) grow(a, 8);
  tile.bits[2] += left;
  for (int a = 0; a < 3; ++a) {
    tile.count[a] = static_cast<int32_t>(((int64_t{m[a]} - 1) >> tile.bits[a]) + 1);
  }
  return tile;
}

// Matrices of samples, and the axes of their volumes.
struct Affine {
  AffineAxis axis[3];
  const double* matrices;
  int64_t matrix_stride;  // from sample to sample
  int32_t matrix_size;
  bool turned;
  int32_t m[3];
  Tile tile;
  Divisor tiles, channels;
};

// An output and its position.
struct Place {
  int64_t volume, at;  // at: within the result of the volume; -1 beyond its end
  double x[3];
};

__device__ __forceinline__ Place place_of(const Affine& affine) {
  const int64_t volume = affine.tiles.quotient(blockIdx.x);
  const int32_t tile = static_cast<int32_t>(blockIdx.x - volume * affine.tiles.by), row = tile / affine.tile.count[2];
  const int32_t thread = static_cast<int32_t>(threadIdx.x), bits_z = affine.tile.bits[2], bits_y = affine.tile.bits[1];
  const auto in_tile = [&](int32_t number, int32_t digits, int a) {
    return (number << affine.tile.bits[a]) + (digits & ((1 << affine.tile.bits[a]) - 1));
  };
  const int32_t i = in_tile(row / affine.tile.count[1], thread >> (bits_z + bits_y), 0);
  const int32_t j = in_tile(row % affine.tile.count[1], thread >> bits_z, 1);
  const int32_t k = in_tile(tile % affine.tile.count[2], thread, 2);
  if (i >= affine.m[0] || j >= affine.m[1] || k >= affine.m[2]) return {volume, -1, {0.0, 0.0, 0.0}};
  const AffineMatrix matrix = load_affine(affine.matrices + affine.channels.quotient(volume) * affine.matrix_stride,
                                          affine.matrix_size, affine.turned);
  return {volume,
          (int64_t{i} * affine.m[1] + j) * affine.m[2] + k,
          {matrix.position(0, matrix.start(0, i, j), k), matrix.position(1, matrix.start(1, i, j), k),
           matrix.position(2, matrix.start(2, i, j), k)}};
}

// kCubic: `from` are coefficients, z running fastest; data: those of voxel (0, 0, 0).
template <typename In, typename T>
struct AffinePass {
  Source<In> from;
  Target to;
  Affine affine;
  T fill;
};

template <bool kCubic, typename In, typename T>
__global__ void __launch_bounds__(kAffineThreads) affine_kernel(const __grid_constant__ AffinePass<In, T> pass) {
  Place place = place_of(pass.affine);
  if (place.at < 0) return;
  T value = pass.fill;
  if (fold(pass.affine.axis, place.x)) {
    const In* data = pass.from.data + pass.from.volume(place.volume);
    if constexpr (kCubic) {
      value = cubic_value(pass.affine.axis, place.x, data, pass.from.stride[0], pass.from.stride[1]);
    } else {
      value = linear_value<T>(pass.affine.axis, place.x, data, pass.from.stride, pass.fill);
    }
  }
  store(pass.to, place.volume * pass.to.voxels() + place.at, value);
}

// Adds to `to`, zeros before, whose volumes are `size` apart and have the given strides; `to`: voxel (0, 0, 0).
template <typename T>
struct ScatterPass {
  const T* grad;
  T* to;
  int64_t size, stride[3];
  Affine affine;
};

template <bool kCubic, typename T>
__global__ void __launch_bounds__(kAffineThreads) affine_scatter_kernel(const __grid_constant__ ScatterPass<T> pass) {
  Place place = place_of(pass.affine);
  if (place.at < 0 || !fold(pass.affine.axis, place.x)) return;
  const int64_t outputs = int64_t{pass.affine.m[0]} * pass.affine.m[1] * pass.affine.m[2];
  const T grad = pass.grad[place.volume * outputs + place.at];
  T* to = pass.to + place.volume * pass.size;
  scatter<kCubic>(pass.affine.axis, place.x, grad, [&](int64_t i, int64_t j, int64_t k, T value) {
    atomicAdd(to + (i * pass.stride[0] + j * pass.stride[1] + k * pass.stride[2]), value);
  });
}

}  // namespace gx::cuda
