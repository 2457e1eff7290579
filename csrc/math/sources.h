// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// From the arrays of an operator to the Sample of index n: the same on the host and in a kernel, passed by value.
#pragma once

#include "plan.h"

namespace gx {

// (N, 1 or C, 2) float32, or null and one range for all.
struct Ranges {
  const float* data;
  int64_t per_sample;  // 1 or C
  float lo, hi;
};

GX_HD void set_range(Sample& sample, const Ranges& ranges, int64_t n) {
  sample.lo = ranges.lo;
  sample.hi = ranges.hi;
  if (ranges.data != nullptr) {
    const bool shared = ranges.per_sample == 1;
    sample.range = {ranges.data + 2 * n * ranges.per_sample, shared ? 0 : static_cast<int32_t>(2 * sizeof(float))};
  }
}

// (N, 2) int64: seed, sample id.
GX_HD Key key_of(const int64_t* keys, int64_t n) {
  return {static_cast<uint64_t>(keys[2 * n]), static_cast<uint64_t>(keys[2 * n + 1])};
}

struct PlanSource {
  static constexpr bool kShuffles = true;
  const int32_t* plan;  // (N, length)
  int64_t length;
  int32_t numbers[kNumNumbers];
  Ranges ranges;
  bool clamp;

  GX_HD int32_t curves_at_most() const { return numbers[kCurves]; }  // of a sample

  GX_HD Sample operator()(int64_t n) const {
    Sample sample = plan_sample(plan + n * length, numbers);
    set_range(sample, ranges, n);
    sample.clamp = clamp;
    return sample;
  }
};

struct CurveSource {
  static constexpr bool kShuffles = false;
  const float* points;     // (N, curves, 4)
  const bool* decreasing;  // (N, curves)
  int32_t curves;
  Ranges ranges;
  bool clamp;

  GX_HD int32_t curves_at_most() const { return curves; }

  GX_HD Sample operator()(int64_t n) const {
    Sample sample = {};
    sample.nonlinear = true;
    sample.clamp = clamp;
    sample.curves = curves;
    sample.points = {points + 4 * n * curves, static_cast<int32_t>(4 * sizeof(float))};
    sample.decreasing = {decreasing + n * curves, static_cast<int32_t>(sizeof(bool))};
    set_range(sample, ranges, n);
    return sample;
  }
};

struct ShuffleSource {
  static constexpr bool kShuffles = true;
  const int64_t* keys;  // (N, 2)

  GX_HD int32_t curves_at_most() const { return 0; }

  GX_HD Sample operator()(int64_t n) const {
    Sample sample = {};
    sample.key = key_of(keys, n);
    sample.shuffle = true;
    return sample;
  }
};

struct PaintSource {
  static constexpr bool kShuffles = false;
  const int32_t* boxes;  // (N, num_boxes, 6)
  int32_t num_boxes;
  const int8_t* kind;   // (N,)
  const int64_t* keys;  // (N, 2), or null and fills
  const float* fill;    // (N, fills)
  int32_t fills;
  Ranges ranges;

  GX_HD int32_t curves_at_most() const { return 0; }

  GX_HD Sample operator()(int64_t n) const {
    Sample sample = {};
    sample.paint = kind[n] == kIn || kind[n] == kOut ? int32_t{kind[n]} : int32_t{kNothing};
    sample.num_boxes = num_boxes;
    sample.boxes = {boxes + 6 * n * num_boxes, static_cast<int32_t>(sizeof(Box))};
    sample.constant = keys == nullptr;
    if (sample.constant) {
      sample.fills = fills;
      sample.fill = {fill + n * fills, static_cast<int32_t>(sizeof(float))};
    } else {
      sample.key = key_of(keys, n);
    }
    set_range(sample, ranges, n);
    return sample;
  }
};

}  // namespace gx
