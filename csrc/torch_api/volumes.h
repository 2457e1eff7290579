// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Volumes of the resampling operators: any of six dtypes, any strides.
#pragma once

#include <cmath>
#include <vector>

#include "../math/convert.h"
#include "../math/resample.h"
#include "result.h"

namespace gx {

// x (N, C, X, Y, Z): sides below 2^30, each axis of at least one voxel unless the batch is empty.
struct Volumes {
  Tensor x;
  Voxel type;
  int64_t samples, channels, stride_n, stride_c;
  int32_t n[3];
  int64_t stride[3];  // in voxels

  bool in_double() const { return type == Voxel::kDouble; }
  int64_t count() const { return samples * channels; }
  const void* volume(int64_t i) const {
    const int64_t at = i / channels * stride_n + i % channels * stride_c;
    return static_cast<const char*>(x.const_data_ptr()) + at * size_of(type);
  }
};

constexpr int64_t kMaxSide = int64_t{1} << 30;

inline ScalarType scalar_type(Voxel type) {
  constexpr ScalarType kTypes[] = {ScalarType::Byte,     ScalarType::Short, ScalarType::Half,
                                   ScalarType::BFloat16, ScalarType::Float, ScalarType::Double};
  return kTypes[static_cast<int>(type)];
}

inline Voxel check_voxel(const char* op, const char* name, const Tensor& x) {
  for (int code = 0; code < 6; ++code) {
    if (scalar_type(static_cast<Voxel>(code)) == x.scalar_type()) return static_cast<Voxel>(code);
  }
  fail(op, ": ", name, " must be uint8, int16, float16, bfloat16, float32 or float64, got ",
       dtype_text(x.scalar_type()));
}

// A dtype of the schemas.
inline Voxel check_code(const char* op, int64_t code) {
  GX_CHECK(code >= 0 && code < 6, op, ": dtype must be one of the codes 0 .. 5, got ", code);
  return static_cast<Voxel>(code);
}

inline Volumes check_volumes(const char* op, const Tensor& x) {
  GX_CHECK(x.dim() == 5, op, ": x must have shape (N, C, X, Y, Z), got ", sizes_text(x));
  Volumes volumes = {x, check_voxel(op, "x", x), x.size(0), x.size(1), x.stride(0), x.stride(1), {}, {}};
  for (int d = 0; d < 3; ++d) {
    GX_CHECK(x.size(2 + d) < kMaxSide, op, ": x must have fewer than 2^30 voxels along an axis, got ", sizes_text(x));
    GX_CHECK(x.size(2 + d) > 0 || volumes.count() == 0, op, ": x must have at least one voxel along every axis, got ",
             sizes_text(x));
    volumes.n[d] = static_cast<int32_t>(x.size(2 + d));
    volumes.stride[d] = x.stride(2 + d);
  }
  return volumes;
}

inline int32_t check_boundary(const char* op, int64_t boundary) {
  GX_CHECK(boundary >= 0 && boundary < kBoundaries, op, ": boundary must be one of the codes 0 .. ", kBoundaries - 1,
           ", got ", boundary);
  return static_cast<int32_t>(boundary);
}

inline int32_t check_order(const char* op, int64_t order) {
  GX_CHECK(order == 0 || order == 1 || order == 3, op, ": order must be 0, 1 or 3, got ", order);
  return static_cast<int32_t>(order);
}

inline void check_out_shape(const char* op, const std::vector<int64_t>& out_shape) {
  bool fits = out_shape.size() == 3;
  for (const int64_t side : out_shape) fits = fits && side > 0 && side < kMaxSide;
  if (fits) return;
  std::ostringstream text;
  for (const int64_t side : out_shape) text << " " << side;
  fail(op, ": out_shape must be three sides in [1, 2^30), got", text.str());
}

// Volumes and what is done along each of their axes.
struct Separable {
  Volumes volumes;
  AxisSpec axis[3];
  Voxel out_type;
  double fill = 0.0;

  // One slice is taken as (1, X, Y), so that neighbouring lines lie side by side in 2D too.
  void turn_2d() {
    if (axis[2].n != 1 || axis[2].m != 1) return;
    for (int d = 2; d > 0; --d) {
      std::swap(axis[d], axis[d - 1]);
      std::swap(volumes.n[d], volumes.n[d - 1]);
      std::swap(volumes.stride[d], volumes.stride[d - 1]);
    }
  }
};

}  // namespace gx
