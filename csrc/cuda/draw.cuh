// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The kernel that draws plans: a thread a sample. Like transform.cuh it names nothing of torch or of CUDA's host API.
#pragma once

#include "../math/plan.h"

namespace gx::cuda {

constexpr int kDrawThreads = 64;

static __global__ void __launch_bounds__(kDrawThreads)
    draw_plan_kernel(PlanSpec spec, const int64_t* sample_id, const int64_t* seed, int64_t samples, int32_t* rows) {
  const int64_t n = static_cast<int64_t>(blockIdx.x) * kDrawThreads + threadIdx.x;
  if (n >= samples) return;
  const Key key = {static_cast<uint64_t>(*seed), static_cast<uint64_t>(sample_id[n])};
  draw_plan_row(spec, key, rows + n * plan_length(spec.numbers));
}

}  // namespace gx::cuda
