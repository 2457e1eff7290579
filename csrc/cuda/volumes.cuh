// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Volumes (N, C, X, Y, Z) of any strides, and results: contiguous, of any type.
#pragma once

#include "../math/convert.h"
#include "bounds.h"

namespace gx::cuda {

// Division by a number that the launch knows, of numbers below 2^52: a product, put right by one, since rounding moves it
// down by at most one and never up. (A 64-bit division is a call, which takes a stack.)
struct Divisor {
  int64_t by;
  double inverse;

  Divisor(int64_t number) : by(number), inverse(1.0 / static_cast<double>(number)) {}
  GX_HD int64_t quotient(int64_t n) const {
    const int64_t q = static_cast<int64_t>(static_cast<double>(n) * inverse), rest = n - q * by;
    return rest >= by ? q + 1 : q;
  }
};

template <typename In>
struct Source {
  const In* data;
  Divisor channels;
  int64_t stride_n, stride_c, stride[3];

  // The voxels of a sample's channel, from the first one.
  GX_HD int64_t volume(int64_t i) const {
    const int64_t n = channels.quotient(i);
    return n * stride_n + (i - n * channels.by) * stride_c;
  }
};

struct Target {
  void* data;
  Voxel type;
  int32_t m[3];
  Divisor plane, row;

  Target(void* to, Voxel voxel, const int32_t (&sides)[3])
      : data(to), type(voxel), m{sides[0], sides[1], sides[2]}, plane(int64_t{sides[1]} * sides[2]), row(sides[2]) {}
  GX_HD int64_t voxels() const { return m[0] * plane.by; }
  GX_HD int64_t stride(int32_t d) const { return d == 0 ? plane.by : d == 1 ? row.by : 1; }
};

template <typename T>
GX_HD void store(const Target& to, int64_t at, T value) {
  if (to.type == (sizeof(T) == 8 ? Voxel::kDouble : Voxel::kFloat)) {  // most often
    static_cast<T*>(to.data)[at] = value;
    return;
  }
  with_type(to.type, [&](auto element) { convert(value, static_cast<decltype(element)*>(to.data)[at]); });
}

}  // namespace gx::cuda
