// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// d(bezier_map)/dx, solved in float64 voxel by voxel.
#pragma once

#include "view.cuh"

namespace gx::cuda {

template <typename T>
struct SlopeJob {
  View<T> view;
  Grid grid;
  CurveSource source;
};

template <typename T>
__global__ void __launch_bounds__(kThreads, 2) slope_kernel(const __grid_constant__ SlopeJob<T> job) {
  __shared__ Sample sample;
  __shared__ Curve curve;
  const View<T>& view = job.view;
  const Chunk chunk = chunk_of(job.grid);
  const Layout layout = layout_of(view, 0);
  const int32_t thread = static_cast<int32_t>(threadIdx.x);
  for (int64_t c = 0; c < view.channels; ++c) {
    __syncthreads();  // the curve of the channel before is still being read
    if (thread == 0) {
      sample = job.source(chunk.sample);
      curve = make_curve(control_points(sample, c));
    }
    __syncthreads();
    const Range range = sample_range(sample, c);
    const T* x = view.x + chunk.sample * view.stride_n + c * view.stride_c;
    for (int32_t v = chunk.begin + thread; v < chunk.end; v += kThreads) {
      const auto value = widen(x[layout(job.grid.at(v))]);
      T out;
      narrow(static_cast<decltype(value + 0)>(apply_slope(curve, range, sample.clamp, value)), out);
      view.input[(chunk.sample * view.channels + c) * job.grid.voxels + v] = out;
    }
  }
}

}  // namespace gx::cuda
