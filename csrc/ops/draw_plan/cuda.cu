// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include <torch/csrc/stable/library.h>

#include "../../cuda/draw.cuh"
#include "../../cuda/torch_device.h"
#include "draw_plan.h"

namespace gx {
namespace {

Tensor draw_plan_cuda(const Tensor& sample_id, const Tensor& seed, std::vector<int64_t> spatial_shape,
                      std::vector<double> rates, std::vector<int64_t> numbers) {
  const DrawArguments arguments = check_draw_plan(sample_id, seed, spatial_shape, rates, numbers);
  const PlanSpec& spec = arguments.spec;
  const int64_t n = sample_id.size(0);
  const Tensor plan = torch::stable::new_empty(arguments.sample_id, {n, plan_length(spec.numbers)}, ScalarType::Int);
  if (n == 0) return plan;
  const torch::stable::accelerator::DeviceGuard guard(sample_id.get_device_index());
  cuda::TorchDevice device("draw_plan", sample_id);
  cuda::run_draw_plan(spec, arguments.sample_id.const_data_ptr<int64_t>(), arguments.seed.const_data_ptr<int64_t>(), n,
                      plan.mutable_data_ptr<int32_t>(), device);
  return plan;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CUDA, m) { m.impl("draw_plan", TORCH_BOX(&draw_plan_cuda)); }

}  // namespace gx
