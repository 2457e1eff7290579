// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include <torch/csrc/stable/library.h>

#include "../../cuda/loop.cuh"
#include "bezier_map.h"

namespace gx {
namespace {

Tensor bezier_map_cuda(const Tensor& x, const Tensor& control_points, const Tensor& decreasing,
                       std::optional<Tensor> value_range, double lo, double hi, bool clamp) {
  const char* op = "bezier_map";
  const BezierArguments arguments = check_bezier_map(op, x, control_points, decreasing, value_range, lo, hi, clamp);
  const Tensor out = new_output(arguments.batch);
  cuda::run_cuda<true>(op, arguments.batch, {}, arguments.source, out, nullptr);
  return out;
}

Tensor bezier_map_slope_cuda(const Tensor& x, const Tensor& control_points, const Tensor& decreasing,
                             std::optional<Tensor> value_range, double lo, double hi, bool clamp) {
  const char* op = "bezier_map_slope";
  const BezierArguments arguments = check_bezier_map(op, x, control_points, decreasing, value_range, lo, hi, clamp);
  const Tensor out = new_output(arguments.batch);
  cuda::on_device<true>(op, arguments.batch, out, nullptr, [&](const auto& view, cuda::TorchDevice& device) {
    cuda::run_slope(view, arguments.source, device);
  });
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CUDA, m) {
  m.impl("bezier_map", TORCH_BOX(&bezier_map_cuda));
  m.impl("bezier_map_slope", TORCH_BOX(&bezier_map_slope_cuda));
}

}  // namespace gx
