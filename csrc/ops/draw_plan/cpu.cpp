// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include "draw_plan.h"

#include <torch/csrc/stable/library.h>

namespace gx {
namespace {

Tensor draw_plan_cpu(const Tensor& sample_id, const Tensor& seed, std::vector<int64_t> spatial_shape,
                     std::vector<double> rates, std::vector<int64_t> numbers) {
  const DrawArguments arguments = check_draw_plan(sample_id, seed, spatial_shape, rates, numbers);
  const PlanSpec& spec = arguments.spec;
  const int64_t n = sample_id.size(0), length = plan_length(spec.numbers);
  const Tensor plan = torch::stable::new_empty(arguments.sample_id, {n, length}, ScalarType::Int);
  if (n == 0) return plan;
  const int64_t* ids = arguments.sample_id.const_data_ptr<int64_t>();
  const uint64_t key = static_cast<uint64_t>(*arguments.seed.const_data_ptr<int64_t>());
  int32_t* rows = plan.mutable_data_ptr<int32_t>();
  torch::stable::parallel_for(0, n, 256, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) draw_plan_row(spec, {key, static_cast<uint64_t>(ids[i])}, rows + i * length);
  });
  return plan;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CPU, m) { m.impl("draw_plan", TORCH_BOX(&draw_plan_cpu)); }

}  // namespace gx
