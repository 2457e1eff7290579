// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

//   x          [N, C, X, Y, Z], any strides, one of six dtypes
//   out_shape  three sides of at least 1
//   order      0, 1 or 3
//   boundary   Boundary (csrc/math/resample.h)
//   fill       value beyond the ends, for kGridConstant and kConstant
//   grid_mode  edges of the outermost voxels stay in place, else their centres
//   antialias  stretch the kernel where an axis shrinks; order 1 or 3
//   dtype      Voxel (csrc/math/convert.h)
//   out        [N, C, out_shape] of dtype, contiguous
#pragma once

#include "../../torch_api/volumes.h"

namespace gx {

inline Separable check_resample(const Tensor& x, const std::vector<int64_t>& out_shape, int64_t order, int64_t boundary,
                                double fill, bool grid_mode, bool antialias, int64_t dtype) {
  const char* op = "resample";
  Separable separable = {check_volumes(op, x), {}, check_code(op, dtype), fill};
  check_out_shape(op, out_shape);
  GX_CHECK(!antialias || order != 0, op, ": antialias must go with order 1 or 3, got order 0");
  for (int d = 0; d < 3; ++d) {
    AxisSpec& axis = separable.axis[d];
    axis.n = separable.volumes.n[d];
    axis.m = static_cast<int32_t>(out_shape[static_cast<size_t>(d)]);
    axis.order = check_order(op, order);
    axis.boundary = check_boundary(op, boundary);
    if (grid_mode) {
      axis.step = static_cast<double>(axis.n) / static_cast<double>(axis.m);
      axis.centre = 0.5;
      axis.shift = -0.5;
    } else if (axis.m > 1) {
      axis.step = static_cast<double>(axis.n - 1) / static_cast<double>(axis.m - 1);
    }
    axis.stretched = antialias && axis.step > 1.0;
  }
  separable.turn_2d();
  return separable;
}

inline Tensor new_resampled(const Separable& separable, const std::vector<int64_t>& out_shape) {
  const Volumes& volumes = separable.volumes;
  return new_result("resample", volumes.x,
                    {volumes.samples, volumes.channels, out_shape[0], out_shape[1], out_shape[2]},
                    scalar_type(separable.out_type));
}

}  // namespace gx
