// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Boxes cut out of packed volumes and resized (docs/resampling.md, "Boxes"): axes and taps of a box, and the window.
#pragma once

#include "range.h"
#include "resample.h"

namespace gx {

// Box corners have at most this magnitude, in voxels: positions and reaches then fit 64 bits.
constexpr float kFarthestCorner = 1073741824.0f;

// Order 3: a position's value is made of so many samples, half of them on either side.
constexpr int32_t kCardinalTaps = 24;

// The taps of one output: samples from index `first` on, which may lie beyond the ends of the volume, where its
// outermost voxels continue. count 0: the fill. What the weights are made of depends on the kernel.
struct CropTaps {
  int32_t first, count;
  double a, b, c, d;
};

// Order 3 is the cubic spline through all samples of the line, as weights of the samples themselves: a coefficient is
// the sum of sqrt(3) z^|j| s[k + j], so beyond the two nearest samples weights fall by z each. The magnitudes of those
// left out sum up to less than 2e-7. A position on a sample is that sample.
GX_HD CropTaps cardinal_taps(int32_t at, const double* b) {
  constexpr double kZ = Pole<double>::kZ, kGain = 0.28867513459481288225;  // sqrt(3) / 6
  return {at - kCardinalTaps / 2 + 1,
          kCardinalTaps,
          kGain * (b[0] + kZ * (b[1] + kZ * (b[2] + kZ * b[3]))),
          kGain * (b[1] + kZ * (b[0] + b[2] + kZ * b[3])),
          kGain * (b[2] + kZ * (b[1] + b[3] + kZ * b[0])),
          kGain * (b[3] + kZ * (b[2] + kZ * (b[1] + kZ * b[0])))};
}

GX_HD CropTaps crop_taps(const AxisSpec& axis, int32_t i) {
  const double x = axis.position(i);
  if (!(x >= -0.5 && x <= static_cast<double>(axis.n) - 0.5)) return {0, 0, 0.0, 0.0, 0.0, 0.0};
  if (axis.single()) return {0, 1, 1.0, 0.0, 0.0, 0.0};
  if (axis.stretched) {
    const StretchedTaps taps = stretched_taps(axis, x);
    return {taps.first, taps.end - taps.first, taps.centre, taps.sum, 0.0, 0.0};
  }
  double weights[4] = {};
  const TapRange range = taps_at(x, axis.order, weights);
  if (axis.order < 3) return {range.first, range.count, weights[0], weights[1], 0.0, 0.0};
  if (range.count < 4) return {range.first + 1, 1, 1.0, 0.0, 0.0, 0.0};
  return cardinal_taps(range.first + 1, weights);
}

// Of sample first + j. At both ends of a stretched kernel it may be zero: those samples are not read.
GX_HD float crop_weight(const AxisSpec& axis, const CropTaps& taps, int32_t j) {
  if (axis.stretched && !axis.single()) {
    return static_cast<float>(stretched_kernel(axis, taps.a, taps.first + j) / taps.b);
  }
  if (taps.count < kCardinalTaps) return static_cast<float>(j == 0 ? taps.a : taps.b);
  constexpr int32_t kRight = kCardinalTaps / 2, kLeft = kRight - 1;
  if (j == kLeft || j == kRight) return static_cast<float>(j == kLeft ? taps.b : taps.c);
  double weight = j < kLeft ? taps.a : taps.d;
  for (int32_t k = j < kLeft ? kLeft - 1 - j : j - kRight - 1; k > 0; --k) weight *= Pole<double>::kZ;
  return static_cast<float>(weight);
}

// Taps that an output has at most.
GX_HD int32_t crop_taps_most(const AxisSpec& axis) {
  if (!axis.stretched) return axis.order == 3 ? kCardinalTaps : 2;
  const double n = static_cast<double>(axis.n), span = 2.0 * axis.reach() + 3.0;
  return static_cast<int32_t>(span < n ? span : n) + 1;
}

// One sample: a box of a volume, and what its values become.
struct Crop {
  int64_t offset;    // of the volume in the buffer
  AxisSpec axes[3];  // x, y, z
  Range window;      // empty: values stay as they are stored
  float fill;
  bool usable;  // false: all of it is the fill
};

GX_HD float windowed(const Range& window, float value) {
  if (window.empty) return value;
  const float unit = (value - window.lo) * window.inverse;
  const float least = unit < 0.0f ? 0.0f : unit;  // NaN stays
  return least > 1.0f ? 1.0f : least;
}

// Whether a volume of these sides lies inside a buffer.
GX_HD bool volume_fits(int64_t offset, const int32_t* shape, int64_t voxels) {
  constexpr int32_t kEnd = int32_t{1} << 30;  // indices of taps beyond the ends then fit 32 bits
  for (int a = 0; a < 3; ++a) {
    if (shape[a] < 1 || shape[a] >= kEnd) return false;
  }
  if (offset < 0 || offset > voxels) return false;
  // In float64: no product overflows, and no buffer has 2^53 voxels, up to which it is exact.
  const double volume = static_cast<double>(int64_t{shape[0]} * shape[1]) * static_cast<double>(shape[2]);
  return volume <= static_cast<double>(voxels - offset);
}

GX_HD bool box_usable(const float* box) {
  bool usable = true;
  for (int a = 0; a < 6; ++a) usable = usable && box[a] >= -kFarthestCorner && box[a] <= kFarthestCorner;
  for (int a = 0; a < 3; ++a) usable = usable && box[a] < box[a + 3];
  return usable;
}

// From the arrays of the operator to the crop of index n; bad numbers give a crop that is not usable.
struct CropSource {
  const int64_t* offset;  // (V,)
  const int32_t* shape;   // (V, 3)
  const float* window;    // (V, 2)
  const int64_t* index;   // (N,)
  const float* boxes;     // (N, 6)
  int64_t volumes, voxels;
  int32_t out[3];
  int32_t order;
  bool antialias;
  float fill;

  GX_HD Crop operator()(int64_t n) const {
    Crop crop = {};
    crop.window.empty = true;
    crop.fill = fill;
    const int64_t v = index[n];
    if (v < 0 || v >= volumes) return crop;
    crop.window = make_range(window[2 * v], window[2 * v + 1]);
    const float* box = boxes + 6 * n;
    if (!volume_fits(offset[v], shape + 3 * v, voxels) || !box_usable(box)) return crop;
    crop.usable = true;
    crop.offset = offset[v];
    for (int a = 0; a < 3; ++a) {
      GX_PATH("crop axis", "crop");
      AxisSpec& axis = crop.axes[a];
      const double lo = static_cast<double>(box[a]), hi = static_cast<double>(box[a + 3]);
      axis.n = shape[3 * v + a];
      axis.m = out[a];
      axis.step = (hi - lo) / static_cast<double>(axis.m);
      axis.centre = 0.5;
      axis.shift = lo - 0.5;
      axis.order = order;
      axis.boundary = kCrop;
      axis.stretched = antialias && axis.step > 1.0;
    }
    return crop;
  }
};

}  // namespace gx
