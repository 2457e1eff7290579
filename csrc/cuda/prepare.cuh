// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// What is made once a sample, before its voxels: the tables of its curves, and its windows.
#pragma once

#include "windows.cuh"

namespace gx::cuda {

// Curves of the samples and their tables, (N, curves).
struct Curves {
  Curve* curves;
  CurveRow* rows;  // kCurveMaxRows a curve
  int32_t a_sample;
};

template <typename Source>
struct PrepareJob {
  Source source;
  Curves curves;
  WindowIndex index;

  GX_HD int32_t blocks_a_sample() const { return curves.a_sample + index.blocks; }
};

// The rows of a table, a thread a node.
__device__ __forceinline__ void make_rows(const Curve& curve, CurveRow* rows, double* nodes, int32_t thread) {
  constexpr int32_t kRows = kPrepareThreads / kCurveNodes;
  for (int32_t first = 0; first < curve.rows; first += kRows) {
    GX_PATH("rows of curve", "curve");
    const int32_t mine = first + thread / kCurveNodes;
    if (mine < curve.rows) {
      GX_PATH("node", "rows of curve");
      nodes[thread] = curve_y_of_node(curve, mine, thread % kCurveNodes);
    }
    __syncthreads();
    if (thread < kRows && first + thread < curve.rows) {
      GX_PATH("fit", "rows of curve");
      const double* f = nodes + kCurveNodes * thread;
      rows[first + thread] = curve_fit(f[0], f[1], f[2], f[3]);
    }
    __syncthreads();
  }
}

// A block a curve, or a tile of windows.
template <typename Source>
__global__ void __launch_bounds__(kPrepareThreads) prepare_kernel(const __grid_constant__ PrepareJob<Source> job) {
  __shared__ Sample sample;
  __shared__ Curve curve;
  __shared__ double nodes[kPrepareThreads];
  __shared__ uint32_t keys[3 * kAxesTile];
  GX_PATH("kernel", "");
  const uint32_t blocks = static_cast<uint32_t>(job.blocks_a_sample());
  const int64_t n = blockIdx.x / blocks;
  const int32_t part = static_cast<int32_t>(blockIdx.x % blocks), thread = static_cast<int32_t>(threadIdx.x);
  if (thread == 0) {
    GX_PATH("sample", "kernel");
    sample = job.source(n);
  }
  __syncthreads();
  if (part < job.curves.a_sample) {
    if (!sample.nonlinear) return;
    const int64_t at = n * job.curves.a_sample + part;
    if (thread == 0) {
      GX_PATH("curve", "kernel");
      curve = make_curve(control_points(sample, part));
      job.curves.curves[at] = curve;
    }
    __syncthreads();
    make_rows(curve, job.curves.rows + at * kCurveMaxRows, nodes, thread);
  } else if (sample.shuffle) {
    const int32_t tile = job.index.axes == nullptr ? kWindowTile : kAxesTile;
    const int32_t begin = (part - job.curves.a_sample) * tile;
    const int32_t end = min_of(begin + tile, job.index.spec.num_windows);
    draw_windows(job.index, sample.key, n, begin, end, thread);
    if (job.index.axes == nullptr) return;
    __syncthreads();
    tabulate_axes(job.index, sample.key, n, begin, end, keys, thread);
  }
}

}  // namespace gx::cuda
