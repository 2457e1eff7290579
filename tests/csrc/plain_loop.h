// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// docs/determinism.md, "What is done with it", one voxel at a time with math/*.h only: what the operators' loops must
// equal.
#pragma once

#include <vector>

#include "math/sample.h"

namespace check {

template <typename T>
struct Result {
  std::vector<T> input, target;  // (C, X, Y, Z)
};

inline gx::Box box_of(const gx::Window& window) {
  return {window.x.start,
          window.y.start,
          window.z.start,
          window.x.start + window.x.size,
          window.y.start + window.y.size,
          window.z.start + window.z.size};
}

// The voxel whose value comes to each voxel.
inline std::vector<gx::Position> shuffled_from(const gx::Sample& sample, const gx::ShuffleSpec& spec, gx::Shape shape) {
  std::vector<gx::Position> from;
  for (int32_t i = 0; i < shape.x; ++i) {
    for (int32_t j = 0; j < shape.y; ++j) {
      for (int32_t k = 0; k < shape.z; ++k) from.push_back({i, j, k});
    }
  }
  const std::vector<gx::Position> here = from;
  const int32_t num_windows = sample.shuffle ? spec.num_windows : 0;
  for (int32_t w = num_windows - 1; w >= 0 && spec.order == gx::kSequential; --w) {  // traces every voxel back
    const gx::Window window = gx::draw_window(sample.key, static_cast<uint32_t>(w), shape, spec.max_window);
    const gx::Box box = box_of(window);
    for (gx::Position& v : from) {
      if (gx::contains(box, v.x, v.y, v.z)) {
        v = gx::window_source(sample.key, static_cast<uint32_t>(w), window, spec.permute, v);
      }
    }
  }
  for (int32_t w = 0; w < num_windows && spec.order == gx::kLastWriter; ++w) {  // later windows overwrite
    const gx::Window window = gx::draw_window(sample.key, static_cast<uint32_t>(w), shape, spec.max_window);
    const gx::Box box = box_of(window);
    for (int32_t i = box.x0; i < box.x1; ++i) {
      for (int32_t j = box.y0; j < box.y1; ++j) {
        for (int32_t k = box.z0; k < box.z1; ++k) {
          const auto v = static_cast<size_t>((int64_t{i} * shape.y + j) * shape.z + k);
          from[v] = gx::window_source(sample.key, static_cast<uint32_t>(w), window, spec.permute, here[v]);
        }
      }
    }
  }
  return from;
}

struct Painted {
  bool painted;
  int32_t box;  // the last one that contains the voxel
};

inline Painted painted_at(const gx::Sample& sample, gx::Shape shape, gx::Position at) {
  if (sample.paint == gx::kNothing) return {false, 0};
  for (int32_t b = sample.num_boxes - 1; b >= 0; --b) {
    if (gx::contains(gx::sample_box(sample, b, shape), at.x, at.y, at.z)) return {sample.paint == gx::kIn, b};
  }
  return {sample.paint == gx::kOut, 0};
}

inline float curve_value(const gx::Curve& curve, const std::vector<gx::CurveRow>& rows, const gx::Range& range,
                         bool clamp, float x) {
  return gx::apply_curve(curve.lookup, rows.data(), curve.decreasing, range, clamp, x);
}

inline double curve_value(const gx::Curve& curve, const std::vector<gx::CurveRow>&, const gx::Range& range, bool clamp,
                          double x) {
  return gx::apply_curve_exact(curve, range, clamp, x);
}

// `at(c, i, j, k)` is the voxel of x.
template <typename T, typename F>
Result<T> plain_loop(const gx::Sample& sample, const gx::ShuffleSpec& spec, int64_t channels, gx::Shape shape,
                     const F& at) {
  const auto flipped = [&](int64_t c, gx::Position v) -> T {
    return at(c, sample.flips & 1 ? shape.x - 1 - v.x : v.x, sample.flips & 2 ? shape.y - 1 - v.y : v.y,
              sample.flips & 4 ? shape.z - 1 - v.z : v.z);
  };
  const std::vector<gx::Position> sources = shuffled_from(sample, spec, shape);
  Result<T> result;
  for (int64_t c = 0; c < channels; ++c) {
    const gx::Range range = gx::sample_range(sample, c);
    gx::Curve curve = {};
    std::vector<gx::CurveRow> rows;
    if (sample.nonlinear) {
      curve = gx::make_curve(gx::control_points(sample, c));
      for (int row = 0; row < curve.rows; ++row) rows.push_back(gx::curve_row(curve, row));
    }
    int64_t index = 0;
    for (int32_t i = 0; i < shape.x; ++i) {
      for (int32_t j = 0; j < shape.y; ++j) {
        for (int32_t k = 0; k < shape.z; ++k, ++index) {
          result.target.push_back(flipped(c, {i, j, k}));
          T value = flipped(c, sources[static_cast<size_t>(index)]);
          const Painted paint = painted_at(sample, shape, {i, j, k});
          if (paint.painted) {
            const float fill = sample.constant ? gx::sample_fill(sample, paint.box)
                                               : gx::noise(sample.key, gx::noise_origin(sample, c, shape) + index);
            gx::narrow(gx::painted_value(range, fill), value);
          } else if (sample.nonlinear && !range.empty) {
            gx::narrow(curve_value(curve, rows, range, sample.clamp, gx::widen(value)), value);
          }
          result.input.push_back(value);
        }
      }
    }
  }
  return result;
}

}  // namespace check
