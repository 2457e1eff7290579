// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The intensity curve y(x): a cubic Bezier curve with end points (0,0), (1,1) and inner points (x1,y1), (x2,y2) in the
// unit square, read as a function of x; decreasing: y(1 - t) at x(t).
//
// x(t) is monotone but can be vertical, so a table uniform in x fails (5e-3 at 4,096 entries). Here x(t) is split at
// its inflection, so that every piece starts at its flat end and grows convexly from there. The distance d from the
// flat end then has all singularities of the inverse on the other side of zero, at least a distance delta away, and a
// table over the bits of the float d + delta (eight buckets an octave, a cubic in the mantissa each) is accurate
// everywhere. Nodes are solved in float64. Only + - * / and sqrt: the same bits on every device. Error against an exact
// root: below 1e-5 (tests/csrc/test_bezier.cpp).
#pragma once

#include <cmath>

#include "hd.h"

namespace gx {

constexpr double kCurveMaxSlope = 1e4;  // stands for a vertical tangent in gradients
constexpr double kCurveFlat = 1e-9;     // dx/dt below which a slope is taken kCurveNudge in t aside
constexpr double kCurveNudge = 1e-6;
constexpr int kCurveBucketBits = 20;  // float bits below the bucket: 2^3 buckets an octave
constexpr double kCurveMinDelta = 0x1p-60;
constexpr int kCurveMaxRows = 2 * (8 * 62 + 2);  // two pieces from 2^-60 to 2
constexpr int kNewtonSteps = 7;                  // from at most 1.8 times the root to float64

struct ControlPoints {
  float x1, y1, x2, y2;
  bool decreasing;
};

// d(s) = ((c s + b) s + a) s: how far x is from the flat end when t is s away from it.
struct CurvePiece {
  double t0, direction;  // t = t0 + direction * s
  double a, b, c, s_end;
  double origin;  // x at the flat end
};

// The part of a curve that evaluation needs beside the rows of its table.
struct CurveLookup {
  // x below: piece 0, above: piece 1; in two floats, since at a vertical tangent the last bit counts.
  float split_hi, split_lo;
  float origin_hi[2], origin_lo[2], delta[2];
  int32_t offset[2], last[2];  // row = bucket + offset, at most last
};

struct alignas(16) CurveRow {
  float c0, c1, c2, c3;
};

struct Curve {
  double x1, y1, x2, y2;
  double split;
  bool decreasing;
  int rows, second;  // rows [0, second) are piece 0
  CurvePiece piece[2];
  CurveLookup lookup;
};

GX_HD double cubic(double p1, double p2, double t) {
  const double s = 1.0 - t;
  return ((3.0 * s * s) * p1 + (3.0 * s * t) * p2 + t * t) * t;
}

// Curves are drawn in the unit square; whatever a tensor on a device holds is brought there.
GX_HD double unit(float v) { return v > 0.0f ? (v < 1.0f ? static_cast<double>(v) : 1.0) : 0.0; }

// An upper bound of the cube root, at most 1.13 times it: exponent and mantissa bits over three, as in FreeBSD's cbrt,
// which is within 6 %.
GX_HD double above_cbrt(double v) {
  const uint32_t high = static_cast<uint32_t>(bit_cast<uint64_t>(v) >> 32) / 3 + 715094163u;
  return 1.06 * bit_cast<double>(static_cast<uint64_t>(high) << 32);
}

// The s >= 0 with d(s) = d. d(s) is convex, so Newton's steps from above the root stay above it. In two parts, so that
// a loop over many roots can take a step of each at a time.
GX_HD double curve_solve_start(const CurvePiece& piece, double d) {
  const double bound_b = piece.c < 0.0 ? piece.b * (2.0 / 3.0) : piece.b;  // b s^2 + c s^3 >= bound_b s^2 on the piece
  const double bound = min_of(d / piece.a, std::sqrt(d / bound_b));
  return piece.c > 0.0 ? min_of(bound, above_cbrt(d / piece.c)) : bound;
}

GX_HD double curve_solve_step(const CurvePiece& piece, double d, double s) {
  const double value = ((piece.c * s + piece.b) * s + piece.a) * s - d;
  const double slope = (3.0 * piece.c * s + 2.0 * piece.b) * s + piece.a;
  const double step = value / slope;
  return s - (slope > 0.0 ? step : 0.0);
}

GX_HD double curve_solve(const CurvePiece& piece, double d) {
  double s = curve_solve_start(piece, d);
  for (int i = 0; i < kNewtonSteps; ++i) {
    GX_PATH("newton", "node");
    s = curve_solve_step(piece, d, s);
  }
  return d > 0.0 ? s : 0.0;
}

GX_HD double curve_y(const Curve& curve, const CurvePiece& piece, double s) {
  const double t = piece.t0 + piece.direction * s;
  return cubic(curve.y1, curve.y2, curve.decreasing ? 1.0 - t : t);
}

// The piece that starts at t0 and goes in `direction`; q0, q1, q2: x'(t) / 3 = q0 + q1 t + q2 t^2.
GX_HD CurvePiece curve_piece(double x1, double x2, double t0, double direction, double s_end, bool at_inflection) {
  const double q0 = x1, q1 = 2.0 * (x2 - 2.0 * x1), q2 = 1.0 + 3.0 * (x1 - x2);
  const double slope = max_of(3.0 * (q0 + (q1 + q2 * t0) * t0), 0.0);
  const double bend = at_inflection ? 0.0 : max_of(1.5 * direction * (q1 + 2.0 * q2 * t0), 0.0);
  return {t0, direction, slope, bend, q2, s_end, cubic(x1, x2, t0)};
}

// A power of two below which the piece is straight to 2 % or s is below 1e-6.
GX_HD float curve_delta(const CurvePiece& piece) {
  double s = min_of(piece.s_end, 0.01 * piece.a / piece.b);  // 0 / 0 is no number and leaves s_end
  s = max_of(min_of(s, std::sqrt(0.01 * piece.a / std::fabs(piece.c))), 1e-6);
  const double d = max_of(((piece.c * s + piece.b) * s + piece.a) * s, kCurveMinDelta);
  return bit_cast<float>(bit_cast<uint32_t>(static_cast<float>(d)) & 0x7f800000u);
}

GX_HD Curve make_curve(const ControlPoints& points) {
  Curve curve;
  curve.x1 = unit(points.x1);
  curve.y1 = unit(points.y1);
  curve.x2 = unit(points.x2);
  curve.y2 = unit(points.y2);
  curve.decreasing = points.decreasing;
  const double x1 = curve.x1, x2 = curve.x2;
  const double numerator = 2.0 * x1 - x2, bend = 1.0 + 3.0 * (x1 - x2);
  const double inflection = numerator / bend;  // not used where it is no number
  const bool inside = inflection > 0.0 && inflection < 1.0;
  double& split = curve.split;
  if (inside && bend > 0.0) {  // flattest at the inflection: both pieces start there
    curve.piece[0] = curve_piece(x1, x2, inflection, -1.0, inflection, true);
    curve.piece[1] = curve_piece(x1, x2, inflection, 1.0, 1.0 - inflection, true);
    split = curve.piece[0].origin;
  } else if (inside) {  // steepest at the inflection: the pieces start at the ends
    curve.piece[0] = curve_piece(x1, x2, 0.0, 1.0, inflection, false);
    curve.piece[1] = curve_piece(x1, x2, 1.0, -1.0, 1.0 - inflection, false);
    split = cubic(x1, x2, inflection);
  } else {  // one piece, from the flatter end
    const bool from_zero = x1 <= 1.0 - x2;
    curve.piece[0] = from_zero ? curve_piece(x1, x2, 0.0, 1.0, 1.0, false) : curve_piece(x1, x2, 1.0, -1.0, 1.0, false);
    curve.piece[1] = curve.piece[0];
    split = 2.0;
  }
  CurveLookup& look = curve.lookup;
  look.split_hi = static_cast<float>(split);
  look.split_lo = static_cast<float>(split - look.split_hi);
  int row = 0;
  for (int p = 0; p < 2; ++p) {
    GX_PATH("piece", "curve");
    const CurvePiece& piece = curve.piece[p];
    const double span = ((piece.c * piece.s_end + piece.b) * piece.s_end + piece.a) * piece.s_end;
    look.origin_hi[p] = static_cast<float>(piece.origin);
    look.origin_lo[p] = static_cast<float>(piece.origin - look.origin_hi[p]);
    look.delta[p] = curve_delta(piece);
    const int first = static_cast<int>(bit_cast<uint32_t>(look.delta[p]) >> kCurveBucketBits);
    const int end =
        static_cast<int>(bit_cast<uint32_t>(static_cast<float>(span) + look.delta[p]) >> kCurveBucketBits) + 1;
    look.offset[p] = row - first;
    curve.second = p == 0 ? end - first : curve.second;
    row += split > 1.0 && p == 1 ? 0 : end - first;
    look.last[p] = row - 1;
  }
  curve.rows = row;
  return curve;
}

// One row of the table: the cubic in u in [0,1) through the nodes u = 0, 1/4, 3/4, 1 of its bucket.
constexpr int kCurveNodes = 4;

// The distance d of a node from the flat end.
GX_HD double curve_node(const Curve& curve, int row, int node) {
  const int p = row < curve.second ? 0 : 1;
  const uint32_t bucket = static_cast<uint32_t>(row - curve.lookup.offset[p]);
  const double begin = bit_cast<float>(bucket << kCurveBucketBits);
  const double width = bit_cast<float>((bucket + 1) << kCurveBucketBits) - begin;
  const double u = node == 0 ? 0.0 : node == 1 ? 0.25 : node == 2 ? 0.75 : 1.0;
  return begin - curve.lookup.delta[p] + u * width;
}

// Newton's divided differences on 0, 1/4, 3/4, 1, multiplied out.
GX_HD CurveRow curve_fit(double f0, double f1, double f2, double f3) {
  const double d01 = (f1 - f0) * 4.0, d12 = (f2 - f1) * 2.0, d23 = (f3 - f2) * 4.0;
  const double d012 = (d12 - d01) * (4.0 / 3.0), d123 = (d23 - d12) * (4.0 / 3.0);
  const double d0123 = d123 - d012;
  return {static_cast<float>(f0), static_cast<float>(d01 - 0.25 * d012 + 0.1875 * d0123),
          static_cast<float>(d012 - d0123), static_cast<float>(d0123)};
}

GX_HD double curve_y_of_node(const Curve& curve, int row, int node) {
  const CurvePiece& piece = curve.piece[row < curve.second ? 0 : 1];
  return curve_y(curve, piece, curve_solve(piece, curve_node(curve, row, node)));
}

GX_HD CurveRow curve_row(const Curve& curve, int row) {
  double f[kCurveNodes];
  for (int node = 0; node < kCurveNodes; ++node) f[node] = curve_y_of_node(curve, row, node);
  return curve_fit(f[0], f[1], f[2], f[3]);
}

// Where in the table a value stands. v in [0,1]; NaN gives a row as well, and NaN again.
struct CurvePlace {
  int32_t row;
  float u;
};

// Both loads, then a choice: a loop over this becomes vectors, one with loads in branches does not.
template <typename T>
GX_HD T pick(bool second, const T (&pair)[2]) {
  const T one = pair[0], two = pair[1];
  return second ? two : one;
}

GX_HD CurvePlace curve_place(const CurveLookup& look, float v) {
  const bool above = (v - look.split_hi) - look.split_lo >= 0.0f;
  const float origin_hi = pick(above, look.origin_hi), origin_lo = pick(above, look.origin_lo);
  const float delta = pick(above, look.delta);
  const int32_t offset = pick(above, look.offset), last = pick(above, look.last);
  const float d = std::fabs((v - origin_hi) - origin_lo);
  const uint32_t bits = bit_cast<uint32_t>(d + delta);
  const int32_t row = static_cast<int32_t>(bits >> kCurveBucketBits) + offset;
  return {min_of(row, last),
          static_cast<float>(static_cast<int32_t>(bits & ((1u << kCurveBucketBits) - 1u))) * 0x1p-20f};
}

GX_HD float curve_polynomial(float c0, float c1, float c2, float c3, float u) {
  return min_of(max_of(((c3 * u + c2) * u + c1) * u + c0, 0.0f), 1.0f);
}

// y(x) and dy/dx in float64, x in [0,1]: for float64 tensors and for gradients.
struct CurvePoint {
  double y, slope;
};

GX_HD CurvePoint curve_exact(const Curve& curve, double x) {
  const CurvePiece& piece = curve.piece[x >= curve.split ? 1 : 0];
  const double s = curve_solve(piece, std::fabs(x - piece.origin));
  const double flatness = (3.0 * piece.c * s + 2.0 * piece.b) * s + piece.a;
  const double at = flatness < kCurveFlat ? s + kCurveNudge : s;  // both slopes may vanish there: their ratio beside it
  const double t = piece.t0 + piece.direction * at;
  const double dx = max_of((3.0 * piece.c * at + 2.0 * piece.b) * at + piece.a, 0.0);
  const double y_t = curve.decreasing ? 1.0 - t : t;
  const double q1 = 2.0 * (curve.y2 - 2.0 * curve.y1), q2 = 1.0 + 3.0 * (curve.y1 - curve.y2);
  const double dy = 3.0 * (curve.y1 + (q1 + q2 * y_t) * y_t) * (curve.decreasing ? -1.0 : 1.0);
  const double bound = dy < 0.0 ? -kCurveMaxSlope : kCurveMaxSlope;
  const bool steep = std::fabs(dy) >= kCurveMaxSlope * dx;
  return {curve_y(curve, piece, s), dy == 0.0 ? 0.0 : steep ? bound : dy / dx};
}

}  // namespace gx
