// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Sampling at positions of a matrix as launches, by a `Device` as in separable.h.
#pragma once

#include "affine.cuh"
#include "separable.h"

namespace gx::cuda {

// `from` has strides in the order of affine.axis; the sides of its coefficients are `padded`, with voxel (0, 0, 0) at
// `origin`.
template <typename In>
struct AffineWork {
  Source<In> from;
  int64_t volumes;
  Affine affine;
  bool filtered;
  int64_t padded[3], origin;
  double fill;
  void* out;
  Voxel out_type;
};

template <typename In, typename Device>
void run_affine(const AffineWork<In>& work, Device& device) {
  using T = Arithmetic<In>;
  const Affine& affine = work.affine;
  const Target to = {work.out, work.out_type, {affine.m[0], affine.m[1], affine.m[2]}};
  const int64_t blocks = work.volumes * affine.tile.all();
  if (!work.filtered) {
    device.launch(affine_kernel<false, In, T>, blocks, kAffineThreads,
                  AffinePass<In, T>{work.from, to, affine, static_cast<T>(work.fill)});
    return;
  }
  const int64_t line = work.padded[2], plane = work.padded[1] * line, size = work.padded[0] * plane;
  T* coefficients = static_cast<T*>(device.memory(work.volumes * size * int64_t{sizeof(T)}));
  run_separable(SeparableWork<In>{work.from,
                                  work.volumes,
                                  {coefficient_axis(affine.axis[0]), coefficient_axis(affine.axis[1]),
                                   coefficient_axis(affine.axis[2])},
                                  work.fill,
                                  coefficients,
                                  kArithmetic<T>},
                device);
  const Source<T> from = {coefficients + work.origin, Divisor(1), size, 0, {plane, line, 1}};
  device.launch(affine_kernel<true, T, T>, blocks, kAffineThreads,
                AffinePass<T, T>{from, to, affine, static_cast<T>(work.fill)});
}

template <typename T, typename Device>
void run_scatter(const ScatterPass<T>& pass, int64_t volumes, bool filtered, Device& device) {
  device.launch(filtered ? affine_scatter_kernel<true, T> : affine_scatter_kernel<false, T>,
                volumes * pass.affine.tile.all(), kAffineThreads, pass);
}

}  // namespace gx::cuda
