// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The kernel that draws plans, a thread a sample, and its launch by a `Device` as in separable.h.
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

template <typename Device>
void run_draw_plan(const PlanSpec& spec, const int64_t* sample_id, const int64_t* seed, int64_t samples, int32_t* rows,
                   Device& device) {
  device.launch(draw_plan_kernel, (samples + kDrawThreads - 1) / kDrawThreads, kDrawThreads, spec, sample_id, seed,
                samples, rows);
}

}  // namespace gx::cuda
