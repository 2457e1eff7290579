// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

//   x               float [N, C, X, Y, Z], any strides; float64 too
//   control_points  float32 or float64 [N, 1 or C, 4]: x1, y1, x2, y2 in [0, 1]
//   decreasing      bool [N, 1 or C]
//   value_range     float32 [N, 1 or C, 2], or none and (lo, hi)
//   out             contiguous, like x
#pragma once

#include "../../torch_api/batch.h"

namespace gx {

struct BezierArguments {
  Batch batch;
  CurveSource source;
  Tensor points, decreasing, range;  // keep alive what `source` points to
};

inline BezierArguments check_bezier_map(const char* op, const Tensor& x, const Tensor& control_points,
                                        const Tensor& decreasing, const std::optional<Tensor>& value_range, double lo,
                                        double hi, bool clamp) {
  BezierArguments arguments = {check_batch(op, x, true), {}, control_points, decreasing, x};
  const Batch& batch = arguments.batch;
  GX_CHECK(control_points.scalar_type() == ScalarType::Float || control_points.scalar_type() == ScalarType::Double, op,
           ": control_points must be float32 or float64, got ", dtype_text(control_points.scalar_type()));
  check_same_device(op, "control_points", control_points, x);
  check_sizes(op, "control_points", "(N, 1 or C, 4)", control_points, {batch.samples, -1, 4});
  const int64_t curves = control_points.size(1);
  GX_CHECK(curves == 1 || curves == batch.channels, op, ": control_points must have shape (N, 1 or C, 4) for x of ",
           sizes_text(x), ", got ", sizes_text(control_points));
  check_dtype(op, "decreasing", decreasing, ScalarType::Bool);
  check_same_device(op, "decreasing", decreasing, x);
  check_sizes(op, "decreasing", "(N, 1 or C) like control_points", decreasing, {batch.samples, curves});
  CurveSource& source = arguments.source;
  source.points = contiguous_data<float>(torch::stable::to(control_points, ScalarType::Float), arguments.points);
  source.decreasing = contiguous_data<bool>(decreasing, arguments.decreasing);
  source.curves = static_cast<int32_t>(curves);
  source.clamp = clamp;
  source.ranges = check_ranges(op, batch, value_range, lo, hi, arguments.range);
  if (x.is_cpu()) {
    for (int64_t i = 0; i < batch.samples * curves; ++i) check_control_points(op, source.points + 4 * i, i);
  }
  return arguments;
}

}  // namespace gx
