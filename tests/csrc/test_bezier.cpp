// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// math/bezier.h, and the value ranges of math/sample.h, against a bisection in extended precision.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "check.h"
#include "math/sample.h"
#include "random.h"

namespace {

using gx::ControlPoints;

constexpr double kMostError = 1e-5;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

long double bernstein(long double p1, long double p2, long double t) {
  const long double s = 1.0L - t;
  return 3.0L * p1 * t * s * s + 3.0L * p2 * t * t * s + t * t * t;
}

// The t with x(t) = v.
long double root(const ControlPoints& points, long double v) {
  long double lo = 0.0L, hi = 1.0L;
  for (int i = 0; i < 66; ++i) {
    const long double mid = 0.5L * (lo + hi);
    (bernstein(points.x1, points.x2, mid) < v ? lo : hi) = mid;
  }
  return v == 0.0L ? 0.0L : v == 1.0L ? 1.0L : hi;
}

double oracle(const ControlPoints& points, long double v) {
  const long double t = root(points, v);
  return static_cast<double>(bernstein(points.y1, points.y2, points.decreasing ? 1.0L - t : t));
}

struct Table {
  gx::Curve curve;
  std::vector<gx::CurveRow> rows;

  explicit Table(const ControlPoints& points) : curve(gx::make_curve(points)) {
    for (int row = 0; row < curve.rows; ++row) rows.push_back(gx::curve_row(curve, row));
  }

  float operator()(float v) const {
    const gx::CurvePlace place = gx::curve_place(curve.lookup, v);
    const gx::CurveRow& row = rows.at(static_cast<size_t>(place.row));
    return gx::curve_polynomial(row.c0, row.c1, row.c2, row.c3, place.u);
  }

  float apply(const gx::Range& range, bool clamp, float x) const {
    return gx::apply_curve(curve.lookup, rows.data(), curve.decreasing, range, clamp, x);
  }
};

ControlPoints random_points(check::Random& random) {
  return {random.unit_float(), random.unit_float(), random.unit_float(), random.unit_float(), random.chance(0.5)};
}

// Abscissae at which curves are delicate: the ends, vertical tangents, the split and the floats beside it.
const float kDelicate[] = {0.0f, 1.0f, 1e-9f, 1.0f - 0x1p-24f, 1e-6f, 1e-4f, 0.9999f, 1.0f / 3.0f, 0.5f, 2.0f / 3.0f};

template <typename F>
void for_each_corner(const F& f) {
  for (const float x1 : kDelicate) {
    for (const float x2 : kDelicate) {
      for (const float y1 : {0.0f, 0.3f, 1.0f}) {
        for (const float y2 : {0.0f, 0.7f, 1.0f}) {
          for (const bool decreasing : {false, true}) f(ControlPoints{x1, y1, x2, y2, decreasing});
        }
      }
    }
  }
}

// Evenly spaced, random, and ever nearer to the ends and to the curve's own flat and steep places.
std::vector<float> abscissae(const gx::Curve& curve, check::Random& random, int even, int octave_step) {
  std::vector<float> values;
  for (int i = 0; i <= even; ++i) values.push_back(static_cast<float>(i) / static_cast<float>(even));
  for (int i = 0; i < even; ++i) values.push_back(random.unit_float());
  for (const float at : {0.0f, 1.0f, curve.lookup.origin_hi[0], curve.lookup.origin_hi[1], curve.lookup.split_hi}) {
    for (const float near : {at, std::nextafterf(at, 0.0f), std::nextafterf(at, 1.0f)}) values.push_back(near);
    for (int octave = 1; octave < 44; octave += octave_step) {
      values.push_back(at + std::ldexp(0.5f + 0.5f * random.unit_float(), -octave));
      values.push_back(at - std::ldexp(0.5f + 0.5f * random.unit_float(), -octave));
    }
  }
  std::erase_if(values, [](float v) { return !(v >= 0.0f && v <= 1.0f); });
  return values;
}

struct Worst {
  double table = 0.0, exact = 0.0;
  int rows = 0;
};

void check_error(const ControlPoints& points, check::Random& random, int even, int octave_step, Worst& worst) {
  const Table table(points);
  CHECK(table.curve.rows >= 1 && table.curve.rows <= gx::kCurveMaxRows, points.x1, points.x2, table.curve.rows);
  worst.rows = std::max(worst.rows, table.curve.rows);
  std::vector<float> values = abscissae(table.curve, random, even, octave_step);
  std::sort(values.begin(), values.end());
  float before = points.decreasing ? 1.0f : 0.0f;
  for (const float v : values) {
    const double expected = oracle(points, v);
    const float y = table(v);
    const double error = std::fabs(y - expected);
    const double exact = std::fabs(gx::curve_exact(table.curve, v).y - expected);
    CHECK(error <= kMostError, error, "at", v, points.x1, points.y1, points.x2, points.y2, points.decreasing);
    CHECK(exact <= kMostError, exact, "at", v, points.x1, points.y1, points.x2, points.y2, points.decreasing);
    CHECK(y >= 0.0f && y <= 1.0f, y, "at", v);
    CHECK((points.decreasing ? y - before : before - y) <= static_cast<float>(kMostError), "not monotone at", v, before,
          y, points.x1, points.y1, points.x2, points.y2);
    before = y;
    worst.table = std::max(worst.table, error);
    worst.exact = std::max(worst.exact, exact);
  }
  CHECK(std::fabs(table(0.0f) - (points.decreasing ? 1.0f : 0.0f)) <= kMostError, table(0.0f), points.x1, points.x2);
  CHECK(std::fabs(table(1.0f) - (points.decreasing ? 0.0f : 1.0f)) <= kMostError, table(1.0f), points.x1, points.x2);
}

void error_is_below_1e_5() {
  check::Random random(1);
  Worst random_worst, corner_worst;
  for (int i = 0; i < 10'000; ++i) check_error(random_points(random), random, 30, 4, random_worst);
  for_each_corner([&](const ControlPoints& points) { check_error(points, random, 60, 1, corner_worst); });
  // Nearly vertical at the inflection, and nearly straight, at every distance.
  for (int a = 1; a <= 40; a += 3) {
    for (int b = 1; b <= 40; b += 3) {
      const float p = std::ldexp(1.0f, -a), q = std::ldexp(1.0f, -b);
      for (const ControlPoints& points :
           {ControlPoints{1.0f - p, 0.9f, q, 0.2f, false}, ControlPoints{p, 1.0f, q, 0.0f, true},
            ControlPoints{1.0f - p, 0.0f, 1.0f - q, 1.0f, false}, ControlPoints{p, 0.4f, 1.0f - q, 0.1f, true}}) {
        check_error(points, random, 20, 3, corner_worst);
      }
    }
  }
  std::printf("curve: error %.2e (random), %.2e (corners); in float64 %.2e, %.2e; at most %d rows\n",
              random_worst.table, corner_worst.table, random_worst.exact, corner_worst.exact,
              std::max(random_worst.rows, corner_worst.rows));
}

long double steepness(const ControlPoints& points, long double v) {
  const long double t = root(points, v), s = 1.0L - t;
  return 3.0L * (points.x1 * s * s + 2.0L * (points.x2 - points.x1) * t * s + (1.0L - points.x2) * t * t);
}

void float64_is_exact_where_the_curve_is_not_vertical() {
  check::Random random(2);
  for (int i = 0; i < 2000; ++i) {
    const ControlPoints points = random_points(random);
    const gx::Curve curve = gx::make_curve(points);
    for (int j = 0; j < 40; ++j) {
      const double v = j == 0 ? 0.0 : j == 1 ? 1.0 : random.unit();
      if (steepness(points, v) < 0.05L) continue;
      const double error = std::fabs(gx::curve_exact(curve, v).y - oracle(points, v));
      CHECK(error <= 1e-12, error, "at", v, points.x1, points.y1, points.x2, points.y2);
    }
  }
}

void slope_is_that_of_finite_differences() {
  constexpr double kStep = 1e-6;
  check::Random random(3);
  for (int i = 0; i < 2000; ++i) {
    const ControlPoints points = random_points(random);
    const gx::Curve curve = gx::make_curve(points);
    for (int j = 0; j < 20; ++j) {
      const double v = kStep + (1.0 - 2.0 * kStep) * random.unit();
      if (steepness(points, v) < 0.1L) continue;
      const double slope = gx::curve_exact(curve, v).slope;
      const double difference = (oracle(points, v + kStep) - oracle(points, v - kStep)) / (2.0 * kStep);
      CHECK(std::fabs(slope - difference) <= 1e-5 * (1.0 + std::fabs(slope)), slope, difference, "at", v, points.x1,
            points.y1, points.x2, points.y2);
    }
  }
}

void slope_is_bounded_and_has_the_direction() {
  check::Random random(4);
  const auto check_slope = [&](const ControlPoints& points) {
    const gx::Curve curve = gx::make_curve(points);
    for (const float v : abscissae(curve, random, 10, 4)) {
      const double slope = gx::curve_exact(curve, v).slope;
      const double forward = points.decreasing ? -slope : slope;
      CHECK(forward >= -1e-5 && forward <= gx::kCurveMaxSlope, slope, "at", v, points.x1, points.y1, points.x2,
            points.y2);
    }
  };
  for_each_corner(check_slope);
  for (int i = 0; i < 1000; ++i) check_slope(random_points(random));
  // Where dx/dt and dy/dt vanish together the slope is the limit of their ratio.
  for (const double v : {0.0, 0.5, 1.0}) {
    CHECK(std::fabs(gx::curve_exact(gx::make_curve({0.0f, 0.0f, 1.0f, 1.0f, false}), v).slope - 1.0) < 1e-6, v);
  }
  CHECK(gx::curve_exact(gx::make_curve({0.0f, 1.0f, 0.5f, 1.0f, false}), 0.0).slope == gx::kCurveMaxSlope);
  CHECK(std::fabs(gx::curve_exact(gx::make_curve({0.5f, 0.0f, 1.0f, 0.0f, true}), 1.0).slope) < 1e-5);
  CHECK(gx::curve_exact(gx::make_curve({0.5f, 0.0f, 1.0f, 0.5f, false}), 1.0).slope == gx::kCurveMaxSlope);
  CHECK(gx::curve_exact(gx::make_curve({0.0f, 0.5f, 0.5f, 0.5f, true}), 0.0).slope == -gx::kCurveMaxSlope);
}

// Any bits as a value find a row of the table, whatever the curve.
void every_float_has_a_row() {
  check::Random random(5);
  const auto check_rows = [&](const ControlPoints& points, uint32_t step) {
    const gx::Curve curve = gx::make_curve(points);
    for (uint64_t bits = random.word() % step; bits <= 0xffffffffu; bits += step) {
      const gx::CurvePlace place = gx::curve_place(curve.lookup, gx::bit_cast<float>(static_cast<uint32_t>(bits)));
      CHECK(place.row >= 0 && place.row < curve.rows && place.u >= 0.0f && place.u < 1.0f, bits, place.row, curve.rows);
    }
  };
  for_each_corner([&](const ControlPoints& points) { check_rows(points, 9'999'991); });
  for (int i = 0; i < 200; ++i) check_rows(random_points(random), 1'000'003);
  check_rows({1.0f, 0.2f, 0.0f, 0.7f, false}, 1009);
  const gx::Curve curve = gx::make_curve({1.0f, 0.2f, 0.0f, 0.7f, false});
  for (const float v :
       {kNan, -kNan, kInfinity, -kInfinity, 2.0f, -1.0f, -0.0f, std::numeric_limits<float>::denorm_min()}) {
    const gx::CurvePlace place = gx::curve_place(curve.lookup, v);
    CHECK(place.row >= 0 && place.row < curve.rows, v, place.row);
  }
}

void control_points_are_brought_into_the_unit_square() {
  const float wild[] = {kNan, -kNan, kInfinity, -kInfinity, -0.5f, 1.5f, 1e30f, -0.0f, 0.25f};
  const auto cut = [](float v) { return v >= 0.0f ? std::min(v, 1.0f) : 0.0f; };
  for (const float a : wild) {
    for (const float b : wild) {
      const Table given({a, b, b, a, false}), tame({cut(a), cut(b), cut(b), cut(a), false});
      CHECK(given.curve.rows == tame.curve.rows && given.curve.rows <= gx::kCurveMaxRows, a, b);
      for (int i = 0; i <= 64; ++i) {
        const float v = static_cast<float>(i) / 64.0f;
        CHECK(given(v) == tame(v), a, b, v, given(v), tame(v));
      }
    }
  }
}

void values_outside_the_range_are_clamped_or_go_on() {
  check::Random random(6);
  const gx::Range range = gx::make_range(-1000.0f, 400.0f);
  for (int i = 0; i < 300; ++i) {
    const ControlPoints points = random_points(random);
    const Table table(points);
    const float at_lo = points.decreasing ? 400.0f : -1000.0f, at_hi = points.decreasing ? -1000.0f : 400.0f;
    const float sign = points.decreasing ? -1.0f : 1.0f;
    const double tolerance = 1400.0 * kMostError + 1e-3;  // and the rounding of values of this size
    for (const float beyond : {0.0f, 1.0f, 123.25f, 5000.0f}) {
      CHECK(std::fabs(table.apply(range, true, -1000.0f - beyond) - at_lo) <= tolerance, beyond);
      CHECK(std::fabs(table.apply(range, true, 400.0f + beyond) - at_hi) <= tolerance, beyond);
      CHECK(std::fabs(table.apply(range, false, -1000.0f - beyond) - (at_lo - sign * beyond)) <= tolerance, beyond);
      CHECK(std::fabs(table.apply(range, false, 400.0f + beyond) - (at_hi + sign * beyond)) <= tolerance, beyond);
    }
    CHECK(std::fabs(table.apply(range, true, kInfinity) - at_hi) <= tolerance);
    CHECK(std::fabs(table.apply(range, true, -kInfinity) - at_lo) <= tolerance);
    CHECK(table.apply(range, false, kInfinity) == sign * kInfinity);
    CHECK(table.apply(range, false, -kInfinity) == -sign * kInfinity);
    for (const bool clamp : {false, true}) {
      CHECK(std::isnan(table.apply(range, clamp, kNan)));
      CHECK(std::isnan(gx::apply_curve_exact(table.curve, range, clamp, kNan)));
      CHECK(gx::apply_slope(table.curve, range, clamp, kNan) == 0.0);
      CHECK(gx::apply_slope(table.curve, range, clamp, 401.0) == (clamp ? 0.0 : sign));
      CHECK(gx::apply_slope(table.curve, range, clamp, -1001.0) == (clamp ? 0.0 : sign));
      for (int j = 0; j < 50; ++j) {
        const float x = -1400.0f + 2200.0f * random.unit_float();
        // The error of the normalised value, half a unit in its last place, counts as much as the curve is steep there.
        const double slope = std::fabs(gx::apply_slope(table.curve, range, clamp, x));
        const double difference = table.apply(range, clamp, x) - gx::apply_curve_exact(table.curve, range, clamp, x);
        CHECK(std::fabs(difference) <= tolerance * (1.0 + slope), x, difference, slope);
      }
    }
  }
  const Table table({0.2f, 0.9f, 0.6f, 0.1f, true});
  for (const float hi : {0.5f, 0.4f, kNan}) {  // no range: everything stays as it is
    const gx::Range none = gx::make_range(0.5f, hi);
    for (const float x : {-1.0f, 0.5f, 7.0f, kInfinity}) {
      CHECK(table.apply(none, true, x) == x && gx::apply_curve_exact(table.curve, none, true, x) == x, x);
      CHECK(gx::apply_slope(table.curve, none, true, x) == 1.0, x);
    }
    CHECK(gx::painted_value(none, 0.75f) == 0.5f);
  }
}

}  // namespace

int main() {
  error_is_below_1e_5();
  float64_is_exact_where_the_curve_is_not_vertical();
  slope_is_that_of_finite_differences();
  slope_is_bounded_and_has_the_direction();
  every_float_has_a_row();
  control_points_are_brought_into_the_unit_square();
  values_outside_the_range_are_clamped_or_go_on();
  return check::summary("test_bezier");
}
