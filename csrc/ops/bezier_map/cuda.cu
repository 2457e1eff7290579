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
  cuda::run_cuda(op, arguments.batch, arguments.source, out);
  return out;
}

Tensor bezier_map_slope_cuda(const Tensor& x, const Tensor& control_points, const Tensor& decreasing,
                             std::optional<Tensor> value_range, double lo, double hi, bool clamp) {
  const char* op = "bezier_map_slope";
  const BezierArguments arguments = check_bezier_map(op, x, control_points, decreasing, value_range, lo, hi, clamp);
  const Batch& batch = arguments.batch;
  const Tensor out = new_output(batch);
  if (x.numel() == 0) return out;
  const torch::stable::accelerator::DeviceGuard guard(x.get_device_index());
  const unsigned blocks = cuda::grid_size(op, batch.samples * cuda::chunks_of(batch.shape));
  dispatch(batch, [&](auto element) {
    cuda::slope_kernel<<<blocks, cuda::kThreads, 0, cuda::current_stream(x)>>>(
        cuda::view_of<decltype(element)>(batch, out, nullptr), arguments.source);
  });
  cuda::check_launch(op);
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CUDA, m) {
  m.impl("bezier_map", TORCH_BOX(&bezier_map_cuda));
  m.impl("bezier_map_slope", TORCH_BOX(&bezier_map_slope_cuda));
}

}  // namespace gx
