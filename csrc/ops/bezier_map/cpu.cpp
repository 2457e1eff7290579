// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include "bezier_map.h"

#include <torch/csrc/stable/library.h>

#include "../../torch_api/cpu_loop.h"

namespace gx {
namespace {

Tensor bezier_map_cpu(const Tensor& x, const Tensor& control_points, const Tensor& decreasing,
                      std::optional<Tensor> value_range, double lo, double hi, bool clamp) {
  const BezierArguments arguments =
      check_bezier_map("bezier_map", x, control_points, decreasing, value_range, lo, hi, clamp);
  const Tensor out = new_output(arguments.batch);
  run_cpu(arguments.batch, nullptr, arguments.source, out, nullptr);
  return out;
}

// Solved in float64 voxel by voxel: gradients are no hot path of self-supervised training.
template <typename T>
void slope_cpu(const Batch& batch, const CurveSource& source, T* out) {
  const int64_t voxels = voxels_of(batch.shape), rows = batch.samples * batch.channels * batch.shape.x;
  const T* x = static_cast<const T*>(batch.x.const_data_ptr());
  torch::stable::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t i = r % batch.shape.x, c = r / batch.shape.x % batch.channels,
                    n = r / batch.shape.x / batch.channels;
      const Sample sample = source(n);
      const Curve curve = make_curve(control_points(sample, c));
      const Range range = sample_range(sample, c);
      T* to = out + (n * batch.channels + c) * voxels + i * batch.shape.y * batch.shape.z;
      const T* plane = x + n * batch.stride_n + c * batch.stride_c + i * batch.stride_x;
      for (int64_t j = 0; j < batch.shape.y; ++j) {
        for (int64_t k = 0; k < batch.shape.z; ++k) {
          const auto value = widen(plane[j * batch.stride_y + k * batch.stride_z]);
          narrow(static_cast<decltype(value + 0)>(apply_slope(curve, range, sample.clamp, value)), *to++);
        }
      }
    }
  });
}

Tensor bezier_map_slope_cpu(const Tensor& x, const Tensor& control_points, const Tensor& decreasing,
                            std::optional<Tensor> value_range, double lo, double hi, bool clamp) {
  const BezierArguments arguments =
      check_bezier_map("bezier_map_slope", x, control_points, decreasing, value_range, lo, hi, clamp);
  const Tensor out = new_output(arguments.batch);
  if (x.numel() == 0) return out;
  void* data = out.mutable_data_ptr();
  dispatch(arguments.batch,
           [&](auto element) { slope_cpu(arguments.batch, arguments.source, static_cast<decltype(element)*>(data)); });
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CPU, m) {
  m.impl("bezier_map", TORCH_BOX(&bezier_map_cpu));
  m.impl("bezier_map_slope", TORCH_BOX(&bezier_map_slope_cpu));
}

}  // namespace gx
