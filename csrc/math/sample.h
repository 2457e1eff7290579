// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// What is done with one sample, decided and ready: every operator fills one of these, and one loop (csrc/cpu,
// csrc/cuda) does it.
#pragma once

#include "bezier.h"
#include "box.h"
#include "half.h"
#include "range.h"

namespace gx {

GX_HD float painted_value(const Range& range, float fill) {
  return range.empty ? range.lo : range.lo + fill * range.span;
}

enum Paint : int32_t { kNothing = 0, kIn = 1, kOut = 2 };

// Fields of arrays that live elsewhere: where the first is, and how many bytes to the next.
struct Field {
  const void* data;
  int32_t stride;

  template <typename T>
  GX_HD T get(int64_t i) const {
    return load<T>(static_cast<const char*>(data) + i * stride);
  }
};

struct Sample {
  Key key;
  int32_t flips;  // bit 0 x, bit 1 y, bit 2 z
  bool shuffle, nonlinear, clamp;
  int32_t curves;            // one for all channels, or one a channel
  Field points, decreasing;  // float[4] and the first byte of a bool of curve c
  int32_t paint, num_boxes;
  Field boxes;    // int32[6] of box b
  bool constant;  // fills instead of noise
  int32_t fills;  // how many there are: one a box, or one for all
  Field fill;     // float of fill b
  Field range;    // float[2] of channel c; null: `fixed`
  float lo, hi;   // the fixed range
};

GX_HD ControlPoints control_points(const Sample& sample, int64_t channel) {
  const int64_t c = sample.curves > 1 ? channel : 0;
  const char* at = static_cast<const char*>(sample.points.data) + c * sample.points.stride;
  return {load<float>(at), load<float>(at + 4), load<float>(at + 8), load<float>(at + 12),
          sample.decreasing.get<uint8_t>(c) != 0};
}

GX_HD Box sample_box(const Sample& sample, int64_t b, Shape shape) { return clipped(sample.boxes.get<Box>(b), shape); }

// 0 where there are no fills: out-painting without any box.
GX_HD float sample_fill(const Sample& sample, int64_t b) {
  return sample.fills == 0 ? 0.0f : sample.fill.get<float>(min_of(b, static_cast<int64_t>(sample.fills) - 1));
}

struct Limits {
  float lo, hi;
};

GX_HD Range sample_range(const Sample& sample, int64_t channel) {
  if (sample.range.data == nullptr) return make_range(sample.lo, sample.hi);
  const Limits limits = sample.range.get<Limits>(channel);
  return make_range(limits.lo, limits.hi);
}

// In-painting noise is shared by the channels, out-painting noise is drawn per channel, as released.
GX_HD int64_t noise_origin(const Sample& sample, int64_t channel, Shape shape) {
  return sample.paint == kOut ? channel * voxels_of(shape) : 0;
}

// Evaluation in three steps, so that loops over vectors and single voxels share them: to [0,1], through
// the table, and back.
GX_HD float to_unit(const Range& range, bool clamp, float x) {
  const float v = (x - range.lo) * range.inverse;
  const float cut = v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v;
  return clamp ? cut : v;
}

GX_HD bool in_unit(float v) { return v >= 0.0f && v <= 1.0f; }  // not for NaN

// `inside` is the table's value; beyond [0,1] the curve continues with slope one.
GX_HD float from_unit(const Range& range, bool decreasing, float v, float inside) {
  const float outside = decreasing ? 1.0f - v : v;
  return range.lo + (in_unit(v) ? inside : outside) * range.span;
}

// In a range that is not empty. kClamp: with fewer steps, since all but NaN are in [0,1].
template <bool kClamp>
GX_HD float curve_value(const CurveLookup& look, const CurveRow* rows, bool decreasing, const Range& range, float x) {
  const float v = (x - range.lo) * range.inverse, cut = saturated(v);
  const CurvePlace place = curve_place(look, cut);
  const CurveRow row = rows[place.row];
  const float inside = curve_polynomial(row.c0, row.c1, row.c2, row.c3, place.u);
  if constexpr (kClamp) return range.lo + (v == v ? inside : v) * range.span;
  const float outside = decreasing ? 1.0f - v : v;
  return range.lo + (v == cut ? inside : outside) * range.span;
}

GX_HD float apply_curve(const CurveLookup& look, const CurveRow* rows, bool decreasing, const Range& range, bool clamp,
                        float x) {
  if (range.empty) return x;
  return clamp ? curve_value<true>(look, rows, decreasing, range, x)
               : curve_value<false>(look, rows, decreasing, range, x);
}

// The same in float64, with the exact root.
GX_HD double to_unit_exact(const Range& range, double x) {
  return (x - range.lo) / (static_cast<double>(range.hi) - range.lo);
}

GX_HD double apply_curve_exact(const Curve& curve, const Range& range, bool clamp, double x) {
  if (range.empty) return x;
  double v = to_unit_exact(range, x);
  if (clamp) v = v < 0.0 ? 0.0 : v > 1.0 ? 1.0 : v;
  const double y = v >= 0.0 && v <= 1.0 ? curve_exact(curve, v).y : curve.decreasing ? 1.0 - v : v;
  return range.lo + y * (static_cast<double>(range.hi) - range.lo);
}

// d(value) / d(x): the curve's slope, 0 where clamped and for NaN.
GX_HD double apply_slope(const Curve& curve, const Range& range, bool clamp, double x) {
  if (range.empty) return 1.0;
  const double v = to_unit_exact(range, x);
  if (v >= 0.0 && v <= 1.0) return curve_exact(curve, v).slope;
  const double outside = curve.decreasing ? -1.0 : 1.0;
  return clamp || !(v == v) ? 0.0 : outside;
}

}  // namespace gx
