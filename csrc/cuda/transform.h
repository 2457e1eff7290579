// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// What is done with a batch, as launches, by a `Device` as in separable.h: curves and windows once a sample, an index of the
// windows, then the voxels.
#pragma once

#include <algorithm>

#include "parts.h"
#include "slope.cuh"
#include "transform.cuh"

namespace gx::cuda {

// How the windows of a batch are found; the memory is added to `parts`, and `index` stays where it is until then.
inline void plan_index(const ShuffleSpec& spec, Shape shape, int64_t samples, WindowIndex& index, Parts& parts) {
  index = {};
  index.spec = spec;
  index.shape = shape;
  if (spec.num_windows == 0) return;
  const int32_t sides[3] = {shape.x, shape.y, shape.z};
  const int32_t most[3] = {spec.max_window.x, spec.max_window.y, spec.max_window.z};
  int32_t bits[3] = {0, 0, 0}, bins[3] = {1, 1, 1};
  int64_t touched = 1;
  if (index.sequential()) {
    // Small bins, but no more than can be counted, and windows in few of them.
    constexpr int32_t kTouched = 32;
    for (int32_t& bit : bits) bit = 2;
    while (true) {
      touched = 1;
      int64_t all = 1;
      for (int d = 0; d < 3; ++d) {
        bins[d] = ((sides[d] - 1) >> bits[d]) + 1;
        touched *= std::min(bins[d], ((most[d] - 1) >> bits[d]) + 2);
        all *= bins[d];
      }
      if (all <= kMostBins && touched <= kTouched) break;
      ++bits[std::max_element(bins, bins + 3) - bins];
    }
    index.bins = bins[0] * bins[1] * bins[2];
  } else {
    while (((sides[0] - 1) >> bits[0]) >= kMostStarts) ++bits[0];
    index.bins = (((sides[0] - 1) >> bits[0]) + 1) * kAreas;
  }
  index.bits = {bits[0], bits[1], bits[2]};
  index.bins_along = {bins[0], bins[1], bins[2]};
  index.capacity = spec.num_windows * touched;
  parts.add(index.lists, samples * (index.capacity + kTests));
  parts.add(index.begins, samples * (index.bins + 1));
  parts.add(index.windows, samples * spec.num_windows);
  if (spec.permute == kAxes && std::max({most[0], most[1], most[2]}) <= kMostSide) {
    index.axes_pitch = most[0] + most[1] + most[2];
    parts.add(index.axes, samples * spec.num_windows * index.axes_pitch);
  }
  const int32_t tile = index.axes_pitch == 0 ? kWindowTile : kAxesTile;
  index.blocks = (spec.num_windows + tile - 1) / tile;
}

template <typename T, typename Source, typename Device>
void run_transform(const View<T>& view, const Source& source, const ShuffleSpec& spec, Device& device) {
  TransformJob<T, Source> job = {view, Grid(view.shape), source, {}, {}};
  Parts parts;
  job.curves.a_sample = source.curves_at_most();
  parts.add(job.curves.curves, view.samples * job.curves.a_sample);
  parts.add(job.curves.rows, view.samples * job.curves.a_sample * kCurveMaxRows);
  plan_index(spec, view.shape, view.samples, job.index, parts);
  parts.take(device);
  const PrepareJob<Source> prepare = {source, job.curves, job.index};
  if (prepare.blocks_a_sample() > 0) {
    device.launch(prepare_kernel<Source>, view.samples * prepare.blocks_a_sample(), kPrepareThreads, prepare);
  }
  const int64_t blocks = view.samples * job.grid.chunks;
  if constexpr (Source::kShuffles) {
    if (spec.num_windows > 0) {
      device.launch(index_kernel<Source>, view.samples, kIndexThreads, IndexJob<Source>{source, job.index});
      const auto kernel = spec.order == kSequential ? transform_kernel<T, Source, Shuffling::kSequential>
                                                    : transform_kernel<T, Source, Shuffling::kLastWriter>;
      device.launch(kernel, blocks, kThreads, job);
      return;
    }
  }
  device.launch(transform_kernel<T, Source, Shuffling::kNone>, blocks, kThreads, job);
}

template <typename T, typename Device>
void run_slope(const View<T>& view, const CurveSource& source, Device& device) {
  const SlopeJob<T> job = {view, Grid(view.shape), source};
  device.launch(slope_kernel<T>, view.samples * job.grid.chunks, kThreads, job);
}

}  // namespace gx::cuda
