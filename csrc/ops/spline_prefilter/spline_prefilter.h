// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

//   x         [N, C, X, Y, Z], any strides, one of six dtypes
//   order     3
//   boundary  Boundary (csrc/math/resample.h); constant extensions take scipy's rules for spline_filter
//   out       like x, contiguous; float64 for float64, else float32
#pragma once

#include "../../torch_api/volumes.h"

namespace gx {

inline Separable check_spline_prefilter(const Tensor& x, int64_t order, int64_t boundary) {
  const char* op = "spline_prefilter";
  GX_CHECK(order == 3, op, ": order must be 3 (lower orders need no prefilter), got ", order);
  Separable separable = {check_volumes(op, x), {}, Voxel::kFloat};
  separable.out_type = separable.volumes.in_double() ? Voxel::kDouble : Voxel::kFloat;
  for (int d = 0; d < 3; ++d) {
    AxisSpec& axis = separable.axis[d];
    axis.n = axis.m = separable.volumes.n[d];
    axis.order = kCoefficients;
    axis.boundary = check_boundary(op, boundary);
    if (axis.boundary == kNearest) axis.boundary = kReflect;
    if (axis.boundary == kGridConstant || axis.boundary == kConstant) axis.boundary = kMirror;
    axis.gain = 6.0;
  }
  separable.turn_2d();
  return separable;
}

inline Tensor new_coefficients(const Separable& separable) {
  const Tensor& x = separable.volumes.x;
  return new_result("spline_prefilter", x, {x.size(0), x.size(1), x.size(2), x.size(3), x.size(4)},
                    scalar_type(separable.out_type));
}

}  // namespace gx
