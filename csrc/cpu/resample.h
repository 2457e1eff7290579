// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Separable resampling of one volume (docs/resampling.md): prefilter and taps, axis after axis, on lanes of neighbouring
// lines.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "../math/resample.h"
#include "lanes.h"

namespace gx::cpu {

// The taps of all outputs of an axis.
template <typename T>
struct AxisTable {
  AxisSpec axis;
  int64_t pad = 0;  // voxels beyond both ends that are needed
  int64_t stride = 0;
  std::vector<int32_t> first, count;
  std::vector<T> weights;  // `stride` an output
};

template <typename T>
AxisTable<T> make_table(const AxisSpec& axis);

// A volume to read, of any strides (in voxels), and one to write, whose z runs fastest without gaps.
struct VolumeView {
  const void* data;
  Voxel type;
  int64_t stride_x, stride_y, stride_z;
};
struct VolumeResult {
  void* data;
  Voxel type;
};

// parallel(n, f): calls f(begin, end) on parts of [0, n), on any threads.
using Parallel = std::function<void(int64_t, const std::function<void(int64_t, int64_t)>&)>;

// Needs memory for one more volume of T: outputs along x by inputs along y and z, or (x last) the other way round.
template <typename T>
void resample_volume(const AxisTable<T> (&tables)[3], double fill, const VolumeView& from, const VolumeResult& to,
                     const Parallel& parallel);

extern template AxisTable<float> make_table<float>(const AxisSpec&);
extern template AxisTable<double> make_table<double>(const AxisSpec&);
extern template void resample_volume<float>(const AxisTable<float> (&)[3], double, const VolumeView&,
                                            const VolumeResult&, const Parallel&);
extern template void resample_volume<double>(const AxisTable<double> (&)[3], double, const VolumeView&,
                                             const VolumeResult&, const Parallel&);

}  // namespace gx::cpu
