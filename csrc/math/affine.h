// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Sampling at positions that a matrix gives (docs/resampling.md, "Affine"): positions, how they are folded back onto the
// line, and the sum over the taps.
#pragma once

#include "convert.h"
#include "resample.h"

namespace gx {

// From output index to input position, in the order of the axes of a volume; the last column is the translation.
struct AffineMatrix {
  double m[3][4];

  // Sums begin with the translation, as scipy's. Along one axis they are monotone in its index.
  GX_HD double start(int axis, int64_t i, int64_t j) const {
    return (m[axis][3] + m[axis][0] * static_cast<double>(i)) + m[axis][1] * static_cast<double>(j);
  }
  GX_HD double position(int axis, double start, int64_t k) const { return start + m[axis][2] * static_cast<double>(k); }
};

// A homogeneous matrix of size 4, or of size 3 for volumes of one slice, which lie at z = 0. `turned`: the axes of the
// volume are taken as z, x, y.
GX_HD AffineMatrix load_affine(const double* from, int32_t size, bool turned) {
  AffineMatrix matrix;
  for (int a = 0; a < 3; ++a) {
    for (int b = 0; b < 4; ++b) {
      const int row = turned ? (a + 2) % 3 : a;
      const int column = b == 3 ? 3 : turned ? (b + 2) % 3 : b;
      const bool flat = size == 3;
      const bool zero = flat && (row == 2 || column == 2);
      matrix.m[a][b] = zero ? 0.0 : from[row * size + (column == 3 ? size - 1 : column)];
    }
  }
  return matrix;
}

// An axis of the volume that is sampled.
struct AffineAxis {
  int32_t n;
  int32_t order;  // 0, 1 or 3; 0 along an axis that has one value everywhere
  int32_t boundary;

  // How far beyond an end values still vary; farther out they are constant.
  GX_HD double margin() const { return order == 3 ? 12.0 : 1.0; }
  // Coefficients that are needed beyond both ends.
  GX_HD int32_t pad() const { return order != 3 ? 0 : boundary == kNearest || boundary == kGridConstant ? 14 : 2; }
};

// The coefficients of an axis with those beyond its ends, as resampling makes them; samples of an axis of order 0.
GX_HD AxisSpec coefficient_axis(const AffineAxis& axis) {
  AxisSpec spec = {};
  spec.n = axis.n;
  spec.m = axis.n + 2 * axis.pad();
  if (axis.order != 3) return spec;
  spec.order = kCoefficients;
  spec.gain = 6.0;  // the fill beyond an axis is that of samples, also where the axes before are filtered
  spec.boundary = axis.boundary == kConstant ? static_cast<int32_t>(kMirror) : axis.boundary;
  spec.shift = -static_cast<double>(axis.pad());
  return spec;
}

// A position further away than this has no fraction left: it takes the fill, as NaN does.
constexpr double kFarthest = 0x1p50;

// Folds a position outside the volume back onto the line by the boundary; false: the fill. Afterwards all taps
// lie within AffineAxis::pad, or one voxel outside for orders 0 and 1.
GX_HD bool fold(const AffineAxis& axis, double& x) {
  const double n = static_cast<double>(axis.n), last = n - 1.0;
  if (x >= 0.0 && x <= last) return true;
  if (!(x > -kFarthest && x < kFarthest) || axis.boundary == kConstant) return false;
  if (axis.boundary == kGridConstant) {
    return x > -axis.margin() && x < last + axis.margin();
  }
  if (axis.n == 1) {
    x = 0.0;
  } else if (axis.boundary == kNearest) {
    const double least = axis.order == 3 ? -axis.margin() : 0.0, most = last - least;
    x = x < least ? least : x > most ? most : x;
  } else if (axis.boundary == kGridWrap) {
    x -= n * floor_of(x / n);
    if (!(x >= 0.0 && x < n)) x = 0.0;
  } else {
    // About the centre of the first voxel (mirror) or its edge (reflect). Behind a mirror at the far end, positions up to
    // n stay: where order 0 rounds up, it does so there, as in scipy.
    const bool mirror = axis.boundary == kMirror;
    const double edge = mirror ? 0.0 : 0.5, period = 2.0 * (last + 2.0 * edge),
                 turn = mirror && x > 0.0 ? n : 0.5 * period;
    const double away = x + edge < 0.0 ? -(x + edge) : x + edge;
    const double rest = away - period * floor_of(away / period);
    const double inside = rest >= turn ? period - rest : rest;
    x = (inside < 0.0 ? 0.0 : inside) - edge;
  }
  return true;
}

GX_HD bool fold(const AffineAxis (&axis)[3], double (&x)[3]) {
  const bool x_in = fold(axis[0], x[0]), y_in = fold(axis[1], x[1]), z_in = fold(axis[2], x[2]);
  return x_in && y_in && z_in;
}

// Orders 0 and 1: two indices of voxels (-1: the fill) and their weights. The second one is not read if it weighs nothing.
template <typename T>
struct LinearTaps {
  int32_t at[2];
  T weight[2];
};

template <typename T>
GX_HD LinearTaps<T> linear_taps(const AffineAxis& axis, double x) {
  const double base = floor_of(axis.order == 0 ? x + 0.5 : x), t = axis.order == 0 ? 0.0 : x - base;
  const int32_t first = static_cast<int32_t>(base);
  const int64_t near = boundary_index(axis.boundary, first, axis.n);
  const int64_t next = boundary_index(axis.boundary, int64_t{first} + 1, axis.n);
  return {{static_cast<int32_t>(near), static_cast<int32_t>(next)}, {static_cast<T>(1.0 - t), static_cast<T>(t)}};
}

// Sums run over y first, then x, then z, from low to high, each begun with its first product.
template <typename T, typename Load>
GX_HD T linear_sum(const LinearTaps<T> (&taps)[3], const Load& load) {
  T value = T(0);
  GX_UNROLL
  for (int k = 0; k < 2; ++k) {
    if (k > 0 && taps[2].weight[1] == T(0)) break;
    T plane = T(0);
    GX_UNROLL
    for (int i = 0; i < 2; ++i) {
      if (i > 0 && taps[0].weight[1] == T(0)) break;
      T row = taps[1].weight[0] * load(taps[0].at[i], taps[1].at[0], taps[2].at[k]);
      if (taps[1].weight[1] != T(0)) row += taps[1].weight[1] * load(taps[0].at[i], taps[1].at[1], taps[2].at[k]);
      plane = i > 0 ? plane + taps[0].weight[i] * row : taps[0].weight[i] * row;
    }
    value = k > 0 ? value + taps[2].weight[k] * plane : taps[2].weight[k] * plane;
  }
  return value;
}

// The value at a folded position; data: voxel (0, 0, 0).
template <typename T, typename In>
GX_HD T linear_value(const AffineAxis (&axis)[3], const double (&x)[3], const In* data, const int64_t (&stride)[3],
                     T fill) {
  const LinearTaps<T> taps[3] = {linear_taps<T>(axis[0], x[0]), linear_taps<T>(axis[1], x[1]),
                                 linear_taps<T>(axis[2], x[2])};
  return linear_sum(taps, [&](int32_t i, int32_t j, int32_t k) {
    if (i < 0 || j < 0 || k < 0) return fill;
    return static_cast<T>(widen(data[i * stride[0] + j * stride[1] + k * stride[2]]));
  });
}

template <typename T, typename Add>
GX_HD void linear_scatter(const LinearTaps<T> (&taps)[3], T grad, const Add& add) {
  GX_UNROLL
  for (int k = 0; k < 2; ++k) {
    GX_UNROLL
    for (int i = 0; i < 2; ++i) {
      GX_UNROLL
      for (int j = 0; j < 2; ++j) {
        const T weight = taps[2].weight[k] * taps[0].weight[i] * taps[1].weight[j];
        const int32_t x = taps[0].at[i], y = taps[1].at[j], z = taps[2].at[k];
        if (weight != T(0) && x >= 0 && y >= 0 && z >= 0) add(x, y, z, weight * grad);
      }
    }
  }
}

// What sums over coefficients are multiplied by: taps_at has weights that are 6 times too large.
template <typename T>
GX_HD T cubic_scale(const AffineAxis (&axis)[3]) {
  double scale = 1.0;
  for (int a = 0; a < 3; ++a) scale *= axis[a].order == 3 ? 6.0 : 1.0;
  return static_cast<T>(1.0 / scale);
}

// Order 3: `count` coefficients from index `first` on; one along an axis of order 0.
template <typename T>
struct CubicTaps {
  int32_t first, count;
  T weight[4];
};

template <typename T>
GX_HD CubicTaps<T> cubic_taps(const AffineAxis& axis, double x) {
  CubicTaps<T> taps = {0, 1, {T(1), T(0), T(0), T(0)}};
  if (axis.order != 3) return taps;
  taps.first = taps_at(x, 3, taps.weight).first;
  taps.count = 4;
  return taps;
}

// coefficients: that of voxel (0, 0, 0); z runs fastest. Order of sums as in linear_sum. The counts are those of taps.
template <typename T>
GX_HD T cubic_sum(const CubicTaps<T> (&taps)[3], const T* coefficients, int64_t stride_x, int64_t stride_y,
                  int32_t count_x, int32_t count_y, int32_t count_z) {
  const T* at = coefficients + taps[0].first * stride_x + taps[1].first * stride_y + taps[2].first;
  T value = T(0);
  GX_UNROLL
  for (int k = 0; k < 4; ++k) {
    if (k >= count_z) break;
    T plane = T(0);
    GX_UNROLL
    for (int i = 0; i < 4; ++i) {
      if (i >= count_x) break;
      T row = T(0);
      GX_UNROLL
      for (int j = 0; j < 4; ++j) {
        if (j >= count_y) break;
        const T product = taps[1].weight[j] * at[i * stride_x + j * stride_y + k];
        row = j > 0 ? row + product : product;
      }
      plane = i > 0 ? plane + taps[0].weight[i] * row : taps[0].weight[i] * row;
    }
    value = k > 0 ? value + taps[2].weight[k] * plane : taps[2].weight[k] * plane;
  }
  return value;
}

// The value at a folded position; coefficients: as for cubic_sum.
template <typename T>
GX_HD T cubic_value(const AffineAxis (&axis)[3], const double (&x)[3], const T* coefficients, int64_t stride_x,
                    int64_t stride_y) {
  const CubicTaps<T> taps[3] = {cubic_taps<T>(axis[0], x[0]), cubic_taps<T>(axis[1], x[1]),
                                cubic_taps<T>(axis[2], x[2])};
  const int32_t x_taps = taps[0].count, y_taps = taps[1].count, z_taps = taps[2].count;
  // Known lengths: all loads may be under way at once.
  const T sum = x_taps + y_taps + z_taps == 12
                    ? cubic_sum(taps, coefficients, stride_x, stride_y, 4, 4, 4)
                    : cubic_sum(taps, coefficients, stride_x, stride_y, x_taps, y_taps, z_taps);
  return sum * cubic_scale<T>(axis);
}

template <typename T, typename Add>
GX_HD void cubic_scatter(const CubicTaps<T> (&taps)[3], T grad, const Add& add) {
  GX_UNROLL
  for (int k = 0; k < 4; ++k) {
    GX_UNROLL
    for (int i = 0; i < 4; ++i) {
      GX_UNROLL
      for (int j = 0; j < 4; ++j) {
        if (i >= taps[0].count || j >= taps[1].count || k >= taps[2].count) continue;
        const T weight = taps[2].weight[k] * taps[0].weight[i] * taps[1].weight[j];
        add(taps[0].first + i, taps[1].first + j, taps[2].first + k, weight * grad);
      }
    }
  }
}

// The adjoint at a folded position: calls add(i, j, k, value) for all taps, or for all coefficients.
template <bool kCubic, typename T, typename Add>
GX_HD void scatter(const AffineAxis (&axis)[3], const double (&x)[3], T grad, const Add& add) {
  if constexpr (kCubic) {
    const CubicTaps<T> taps[3] = {cubic_taps<T>(axis[0], x[0]), cubic_taps<T>(axis[1], x[1]),
                                  cubic_taps<T>(axis[2], x[2])};
    cubic_scatter(taps, grad * cubic_scale<T>(axis), add);
  } else {
    const LinearTaps<T> taps[3] = {linear_taps<T>(axis[0], x[0]), linear_taps<T>(axis[1], x[1]),
                                   linear_taps<T>(axis[2], x[2])};
    linear_scatter(taps, grad, add);
  }
}

}  // namespace gx
