// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Resampling along one axis: positions, boundaries, taps and the cubic B-spline's prefilter (docs/resampling.md).
#pragma once

#include "hd.h"

namespace gx {

// How a line continues beyond its ends; numbers are those of the schemas.
enum Boundary : int32_t {
  kMirror = 0,        // d c b | a b c d | c b a
  kReflect = 1,       // c b a | a b c d | d c b (grid-mirror)
  kNearest = 2,       // a a a | a b c d | d d d
  kGridWrap = 3,      // b c d | a b c d | a b c
  kGridConstant = 4,  // k k k | a b c d | k k k
  kConstant = 5,      // as kMirror up to the outermost voxels' centres, the fill beyond them
  kCrop = 6,          // as kNearest up to the outermost voxels' edges, the fill beyond them (crop_resize)
};
constexpr int32_t kBoundaries = 6;  // those of resample and affine_sample

// What stands at index i of a line of n >= 1 samples: an index in [0, n), or -1 for the fill. i may be any number.
GX_HD int64_t boundary_index(int32_t boundary, int64_t i, int64_t n) {
  if (i >= 0 && i < n) return i;
  switch (boundary) {
    case kMirror:
    case kConstant: {
      if (n == 1) return 0;
      const int64_t period = 2 * n - 2, r = i % period, at = r < 0 ? r + period : r;
      return at < n ? at : period - at;
    }
    case kReflect: {
      const int64_t period = 2 * n, r = i % period, at = r < 0 ? r + period : r;
      return at < n ? at : period - 1 - at;
    }
    case kGridWrap: {
      const int64_t r = i % n;
      return r < 0 ? r + n : r;
    }
    case kGridConstant: return -1;
    default: return i < 0 ? 0 : n - 1;
  }
}

// The recursion's pole, z = sqrt(3) - 2, and its steady states for a constant line.
template <typename T>
struct Pole {
  static constexpr T kZ = static_cast<T>(-0.26794919243112270647);
  static constexpr T kCausal = static_cast<T>(0.78867513459481288225);      // 1 / (1 - z)
  static constexpr T kAnticausal = static_cast<T>(0.21132486540518711775);  // -z / (1 - z)
  // So many samples beyond both ends are filtered too: what lies further out has an influence below |z|^12 = 1.4e-7
  // (float64: |z|^28 = 1e-16) on the coefficients next to the ends.
  static constexpr int kPad = sizeof(T) == 8 ? 30 : 14;
};

// The two recursions: forward from pole::kCausal * s, backward from pole::kAnticausal * c. Coefficients lack the filter's
// gain of 6, which the weights carry.
template <typename T>
GX_HD T causal_step(T before, T sample) {
  return sample + Pole<T>::kZ * before;
}
template <typename T>
GX_HD T anticausal_step(T after, T causal) {
  return Pole<T>::kZ * (after - causal);
}

GX_HD double floor_of(double x) {
  const double t = static_cast<double>(static_cast<int64_t>(x));
  return t > x ? t - 1.0 : t;
}

// In place of an order: the outputs are the coefficients themselves, times `gain`.
constexpr int32_t kCoefficients = 4;

// Output i of m lies at step * (i + centre) + shift, in voxel indices of a line of n samples.
struct AxisSpec {
  int32_t n = 1, m = 1;
  double step = 1.0, centre = 0.0, shift = 0.0;
  int32_t order = 0;  // 0, 1, 3 or kCoefficients
  int32_t boundary = kMirror;
  bool stretched = false;  // antialias: the kernel is stretched by the step (> 1) and acts on the samples themselves
  double gain = 1.0;

  GX_HD double position(int32_t i) const {
    const double x = step * (static_cast<double>(i) + centre) + shift;
    const double last = static_cast<double>(n - 1);
    // Corners aligned: the last position is the last voxel, whatever the product rounds to.
    return centre == 0.0 && shift == 0.0 && x > last ? last : x;
  }
  // An axis of one voxel has one value everywhere, unless the fill is blended in.
  GX_HD bool single() const { return n == 1 && boundary != kGridConstant; }
  // Outputs are the samples themselves.
  GX_HD bool identity() const {
    if (order == kCoefficients) return single() && gain == 6.0;
    return n == m && step == 1.0 && centre + shift == 0.0;
  }
  GX_HD bool filtered() const { return order >= 3 && !stretched && !single() && !identity(); }
  // Weights an output has at most.
  GX_HD int32_t taps() const {
    if (stretched) return static_cast<int32_t>(min_of(2.0 * reach() + 3.0, static_cast<double>(n)));
    return order == 3 ? 4 : order == 1 ? 2 : 1;
  }
  GX_HD double reach() const { return (order == 3 ? 2.0 : 1.0) * step; }
};

// The order of axes: x first where it does not grow, else last.
GX_HD bool x_first(const AxisSpec& x) { return x.m <= x.n; }

// B-spline of order 3 times 6, at distance u from its centre.
GX_HD double cubic_bspline6(double u) {
  const double a = u < 0.0 ? -u : u;
  if (a >= 2.0) return 0.0;
  const double b = 2.0 - a;
  return a >= 1.0 ? b * b * b : 4.0 + a * a * (3.0 * a - 6.0);
}

GX_HD double triangle(double u) {
  const double a = u < 0.0 ? -u : u;
  return a >= 1.0 ? 0.0 : 1.0 - a;
}

// The taps of output i: weights[0 .. count) for the samples (or coefficients) from index `first` on, which may lie beyond
// the ends. count 0: the fill. Neither end has a weight of zero, so no sample is read that does not count.
struct TapRange {
  int32_t first, count;
};

// The taps at position x where the kernel is not stretched.
template <typename T>
GX_HD TapRange taps_at(double x, int32_t order, T* weights) {
  if (order == 0) {
    weights[0] = T(1);
    return {static_cast<int32_t>(floor_of(x + 0.5)), 1};
  }
  const double base = floor_of(x), t = x - base;
  const int32_t first = static_cast<int32_t>(base);
  if (order == 1) {
    weights[0] = static_cast<T>(1.0 - t);
    weights[1] = static_cast<T>(t);
    return {first, t == 0.0 ? 1 : 2};
  }
  const double u = 1.0 - t;
  weights[0] = static_cast<T>(u * u * u);
  weights[1] = static_cast<T>(4.0 + t * t * (3.0 * t - 6.0));
  weights[2] = static_cast<T>(4.0 + u * u * (3.0 * u - 6.0));
  weights[3] = static_cast<T>(t * t * t);
  return {first - 1, t == 0.0 ? 3 : 4};
}

// As F.interpolate(antialias=True): taps [first, end) inside the line whose centres lie within the stretched kernel, and
// what its values there sum up to.
struct StretchedTaps {
  int32_t first, end;
  double centre, sum;
};

GX_HD double stretched_kernel(const AxisSpec& axis, double centre, int32_t j) {
  const double u = (static_cast<double>(j) + 0.5 - centre) / axis.step;
  return axis.order == 3 ? cubic_bspline6(u) : triangle(u);
}

GX_HD StretchedTaps stretched_taps(const AxisSpec& axis, double x) {
  const double centre = x + 0.5, reach = axis.reach(), last = static_cast<double>(axis.n - 1);
  const double lo = floor_of(centre - reach + 0.5), hi = floor_of(centre + reach + 0.5);
  const int32_t first = lo < 0.0 ? 0 : static_cast<int32_t>(min_of(lo, last));
  const int32_t end = hi > last + 1.0 ? axis.n : max_of(static_cast<int32_t>(hi), first + 1);
  double sum = 0.0;
  for (int32_t j = first; j < end; ++j) {
    GX_PATH("stretched", "taps");
    sum += stretched_kernel(axis, centre, j);
  }
  return {first, end, centre, sum};
}

template <typename T>
GX_HD TapRange axis_taps(const AxisSpec& axis, int32_t i, T* weights) {
  const double x = axis.position(i), last = static_cast<double>(axis.n - 1);
  if (axis.boundary == kConstant && !(x >= 0.0 && x <= last)) return {0, 0};
  if (axis.boundary == kCrop && !(x >= -0.5 && x <= last + 0.5)) return {0, 0};
  if (axis.order == kCoefficients) {
    weights[0] = static_cast<T>(axis.single() ? axis.gain / 6.0 : axis.gain);
    return {axis.single() ? 0 : static_cast<int32_t>(floor_of(x + 0.5)), 1};
  }
  if (axis.single()) {
    weights[0] = T(1);
    return {0, 1};
  }
  if (!axis.stretched) return taps_at(x, axis.order, weights);
  const StretchedTaps stretched = stretched_taps(axis, x);
  int32_t from = stretched.end, to = stretched.first;
  for (int32_t j = stretched.first; j < stretched.end; ++j) {
    GX_PATH("stretched weight", "taps");
    const T weight = static_cast<T>(stretched_kernel(axis, stretched.centre, j) / stretched.sum);
    if (weight == T(0)) continue;
    from = min_of(from, j);
    to = j + 1;
    weights[j - from] = weight;
  }
  return {from, to - from};
}

}  // namespace gx
