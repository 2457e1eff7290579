// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Sampling of one volume at positions that a matrix gives, and the adjoint, which scatters (docs/resampling.md, "Affine").
#pragma once

#include "../math/affine.h"

namespace gx::cpu {

template <typename T>
struct AffineVolume {
  const void* data;  // voxel (0, 0, 0) of any type; for order 3 its coefficient, of type T, z running fastest
  Voxel type;
  int64_t stride[3];  // in voxels
  AffineAxis axis[3];
  bool filtered;  // order 3: data are coefficients, with AffineAxis::pad of them beyond the ends
  AffineMatrix matrix;
  int32_t m[3];  // sides of the result
  T fill;
  void* to;  // contiguous
  Voxel to_type;
};

// The rows (x, y) of the result in [begin, end).
template <typename T>
void affine_rows(const AffineVolume<T>& volume, int64_t begin, int64_t end);

// Adds every value of grad (contiguous, of sides m) times the weights of its taps to `to`, which `data` and `stride`
// describe as for affine_rows.
template <typename T>
void affine_scatter(const AffineVolume<T>& volume, const T* grad, T* to);

extern template void affine_scatter<float>(const AffineVolume<float>&, const float*, float*);
extern template void affine_scatter<double>(const AffineVolume<double>&, const double*, double*);

}  // namespace gx::cpu
