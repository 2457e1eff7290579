// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The CPU loop of separable resampling: volume after volume, each on all threads.
#pragma once

#include "../cpu/resample.h"
#include "volumes.h"

namespace gx {

inline void parallel_parts(int64_t n, const std::function<void(int64_t, int64_t)>& f) {
  torch::stable::parallel_for(0, n, 1, [&](int64_t begin, int64_t end) { f(begin, end); });
}

template <typename T>
void run_separable_typed(const Separable& separable, void* out) {
  const Volumes& volumes = separable.volumes;
  const cpu::AxisTable<T> tables[3] = {cpu::make_table<T>(separable.axis[0]), cpu::make_table<T>(separable.axis[1]),
                                       cpu::make_table<T>(separable.axis[2])};
  int64_t bytes = size_of(separable.out_type);
  for (const AxisSpec& axis : separable.axis) bytes *= axis.m;
  for (int64_t i = 0; i < volumes.count(); ++i) {
    const cpu::VolumeView from = {volumes.volume(i), volumes.type, volumes.stride[0], volumes.stride[1],
                                  volumes.stride[2]};
    cpu::resample_volume<T>(tables, separable.fill, from, {static_cast<char*>(out) + i * bytes, separable.out_type},
                            parallel_parts);
  }
}

// out: contiguous (N, C, m, m, m) of the type asked for.
inline void run_separable(const Separable& separable, const Tensor& out) {
  if (out.numel() == 0) return;
  if (separable.volumes.in_double()) {
    run_separable_typed<double>(separable, out.mutable_data_ptr());
  } else {
    run_separable_typed<float>(separable, out.mutable_data_ptr());
  }
}

}  // namespace gx
