// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Separable resampling as launches: tables, then a kernel an axis, or one for all where no axis has more than two taps.
// `Device` allocates and launches: torch's in torch_device.h; that of tests/csrc/device_on_cpu.h is a CPU.
//   void* memory(int64_t bytes)                            32-byte aligned, kept until all launches are through
//   void launch(kernel, int64_t blocks, int threads, arguments...)
#pragma once

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <type_traits>

#include "filter.cuh"
#include "parts.h"
#include "taps.cuh"

namespace gx::cuda {

// Float64 for float64 samples, else float32.
template <typename In>
using Arithmetic = std::conditional_t<std::is_same_v<In, double>, double, float>;

// Volumes and what is done along each of their axes; `out` is contiguous.
template <typename In>
struct SeparableWork {
  Source<In> from;
  int64_t volumes;
  AxisSpec axis[3];
  double fill;
  void* out;
  Voxel out_type;
};

inline bool has_taps_alone(const AxisSpec& axis) { return axis.identity() || (!axis.filtered() && !axis.stretched); }

inline bool may_be_outside(const AxisSpec& axis) {
  return !axis.identity() && (axis.boundary == kConstant || axis.boundary == kCrop);
}

inline uint32_t table_blocks(const AxisSpec (&axes)[3]) {
  const int64_t most = std::max({axes[0].m, axes[1].m, axes[2].m});
  return static_cast<uint32_t>((most + kTableThreads) / kTableThreads);  // for an entry more than there are outputs
}

// Tables of the axes whose outputs are not their samples.
template <typename T, typename Device>
TapJobs<T> make_tap_tables(const AxisSpec (&axes)[3], Device& device) {
  TapJobs<T> jobs = {{axes[0], axes[1], axes[2]}, {}, table_blocks(axes)};
  Parts parts;
  for (int d = 0; d < 3; ++d) {
    const AxisSpec& axis = axes[d];
    if (axis.identity()) continue;
    const int64_t m = axis.m, stride = axis.filtered() ? kFilterTaps : axis.taps();
    TapTable<T>& table = jobs.table[d];
    table.stride = static_cast<int32_t>(stride);
    parts.add(table.taps, m);
    parts.add(table.weights, m * stride);
    parts.add(table.beyond, 2 * Pole<T>::kPad);
    if (axis.filtered()) parts.add(table.begin, tiles_of<T>(axis.n) + 1);
  }
  parts.take(device);
  device.launch(tap_tables_kernel<T>, int64_t{3} * jobs.blocks, kTableThreads, jobs);
  return jobs;
}

// Whether warps had better follow lines than lie across them: neighbours on a line are nearer to each other in memory.
inline bool runs_along(const int64_t (&stride)[3], int32_t axis, int32_t slow, int32_t fast, const int32_t (&n)[3]) {
  constexpr int64_t kAlone = std::numeric_limits<int64_t>::max();
  const int64_t across = n[fast] > 1 ? std::abs(stride[fast]) : n[slow] > 1 ? std::abs(stride[slow]) : kAlone;
  return std::abs(stride[axis]) < across;
}

// Axis d of volumes of sides n.
template <typename In, typename T, typename Device>
void run_axis(const SeparableWork<In>& work, const TapJobs<T>& jobs, int32_t d, const auto& from, const int32_t (&n)[3],
              const Target& to, Device& device) {
  using From = std::remove_const_t<std::remove_pointer_t<decltype(from.data)>>;
  const AxisSpec& axis = work.axis[d];
  const T fill = static_cast<T>(work.fill);
  if (!axis.filtered()) {
    TapPass<From, T> pass = {from, to, from.stride[d], d, axis.n, fill, jobs.table[d]};
    pass.from.stride[d] = 0;
    device.launch(tap_kernel<From, T>, work.volumes * pieces_of(to), kTapThreads, pass);
    return;
  }
  const int32_t slow = d == 0 ? 1 : 0, fast = d == 2 ? 1 : 2;
  const int64_t lines = work.volumes * n[slow] * n[fast], blocks = (lines + kLines - 1) / kLines;
  const int64_t states = (tiles_of<T>(axis.n) - 1) * blocks * kLines;
  const int64_t to_stride[3] = {to.stride(0), to.stride(1), to.stride(2)};
  const FilterPass<From, T> pass = {from,
                                    to,
                                    from.stride[d],
                                    to.stride(d),
                                    axis.n,
                                    slow,
                                    fast,
                                    int64_t{n[slow]} * n[fast],
                                    n[fast],
                                    lines,
                                    blocks * kLines,
                                    fill,
                                    jobs.table[d],
                                    static_cast<T*>(device.memory(states * int64_t{sizeof(T)})),
                                    runs_along(from.stride, d, slow, fast, n),
                                    runs_along(to_stride, d, slow, fast, to.m)};
  device.launch(filter_kernel<From, T>, blocks, kLines, pass);
}

// One axis after another.
template <typename In, typename Device>
void run_axes(const SeparableWork<In>& work, Device& device) {
  using T = Arithmetic<In>;
  const bool x_begins = x_first(work.axis[0]);
  const int32_t order[3] = {x_begins ? 0 : 1, x_begins ? 1 : 2, x_begins ? 2 : 0};
  const TapJobs<T> jobs = make_tap_tables<T>(work.axis, device);
  int32_t last = 0, n[3] = {work.axis[0].n, work.axis[1].n, work.axis[2].n};
  for (const int32_t d : order) last = work.axis[d].identity() ? last : d;
  const T* between = nullptr;  // what the axes so far gave
  for (const int32_t d : order) {
    if (work.axis[d].identity()) continue;
    int32_t m[3] = {n[0], n[1], n[2]};
    m[d] = work.axis[d].m;
    Target to(work.out, work.out_type, m);
    if (d != last) {
      to.data = device.memory(work.volumes * to.voxels() * int64_t{sizeof(T)});
      to.type = kArithmetic<T>;
    }
    if (between == nullptr) {
      run_axis<In, T>(work, jobs, d, work.from, n, to, device);
    } else {
      const int64_t plane = int64_t{n[1]} * n[2];
      run_axis<In, T>(work, jobs, d, Source<T>{between, 1, n[0] * plane, 0, {plane, n[2], 1}}, n, to, device);
    }
    between = static_cast<const T*>(to.data);
    n[d] = to.m[d];
  }
  if (may_be_outside(work.axis[0]) || may_be_outside(work.axis[1]) || may_be_outside(work.axis[2])) {
    FillPass<T> pass = {Target(work.out, work.out_type, n), {}, static_cast<T>(work.fill)};
    for (int d = 0; d < 3; ++d) pass.taps[d] = may_be_outside(work.axis[d]) ? jobs.table[d].taps : nullptr;
    device.launch(fill_outside_kernel<T>, work.volumes * pieces_of(pass.to), kTapThreads, pass);
  }
}

// All axes at once.
template <typename In, typename Device>
void run_pairs(const SeparableWork<In>& work, Device& device) {
  using T = Arithmetic<In>;
  const AxisSpec(&axes)[3] = work.axis;
  PairJobs<T> jobs = {{axes[0], axes[1], axes[2]}, {}, table_blocks(axes)};
  Parts parts;
  for (int d = 0; d < 3; ++d) parts.add(jobs.pairs[d], axes[d].m);
  parts.take(device);
  device.launch(pair_tables_kernel<T>, int64_t{3} * jobs.blocks, kTableThreads, jobs);
  const int32_t m[3] = {axes[0].m, axes[1].m, axes[2].m};
  const PairPass<In, T> pass = {work.from,
                                Target(work.out, work.out_type, m),
                                {jobs.pairs[0], jobs.pairs[1], jobs.pairs[2]},
                                !x_first(axes[0]),
                                static_cast<T>(work.fill)};
  const auto one_tap = [](const AxisSpec& axis) { return axis.identity() || axis.taps() == 1; };
  const bool one = one_tap(axes[0]) && one_tap(axes[1]) && one_tap(axes[2]);
  device.launch(one ? pair_kernel<In, T, 1> : pair_kernel<In, T, 2>, work.volumes * pieces_of(pass.to), kTapThreads,
                pass);
}

template <typename In, typename Device>
void run_separable(const SeparableWork<In>& work, Device& device) {
  const bool pairs = has_taps_alone(work.axis[0]) && has_taps_alone(work.axis[1]) && has_taps_alone(work.axis[2]);
  pairs ? run_pairs(work, device) : run_axes(work, device);
}

}  // namespace gx::cuda
