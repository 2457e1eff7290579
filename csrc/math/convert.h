// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Voxel types to the arithmetic's float or double, and results back.
#pragma once

#include "half.h"

namespace gx {

// Element types of volumes; the numbers of the schemas.
enum class Voxel : int32_t { kUint8 = 0, kInt16 = 1, kHalf = 2, kBFloat16 = 3, kFloat = 4, kDouble = 5 };

// Calls f with a value of the type.
template <typename F>
GX_HD void with_type(Voxel type, const F& f) {
  switch (type) {
    case Voxel::kUint8: return f(uint8_t{});
    case Voxel::kInt16: return f(int16_t{});
    case Voxel::kHalf: return f(Half{});
    case Voxel::kBFloat16: return f(BFloat16{});
    case Voxel::kFloat: return f(float{});
    case Voxel::kDouble: return f(double{});
  }
}

GX_HD int64_t size_of(Voxel type) {
  switch (type) {
    case Voxel::kUint8: return 1;
    case Voxel::kFloat: return 4;
    case Voxel::kDouble: return 8;
    default: return 2;
  }
}

// The type in which voxels of type T are computed with: T is float or double.
template <typename T>
constexpr Voxel kArithmetic = sizeof(T) == 8 ? Voxel::kDouble : Voxel::kFloat;

GX_HD float widen(int16_t value) { return static_cast<float>(value); }
GX_HD float widen(uint8_t value) { return static_cast<float>(value); }

// Rounds half away from zero and saturates; NaN becomes 0.
template <typename T>
GX_HD T round_into(T value, T lo, T hi) {
  // Selects and comparisons as numbers, not branches, so that the loop around is vectorised.
  const T number = value == value ? value : T(0);
  const T low = number < lo ? lo : number;
  const T cut = low > hi ? hi : low;
  const T whole = static_cast<T>(static_cast<int32_t>(cut));
  const T rest = cut - whole;  // exact
  return whole + static_cast<T>(static_cast<int32_t>(rest >= T(0.5)) - static_cast<int32_t>(rest <= T(-0.5)));
}

template <typename T>
GX_HD void convert(T value, int16_t& out) {
  out = static_cast<int16_t>(static_cast<int32_t>(round_into(value, T(-32768), T(32767))));
}
template <typename T>
GX_HD void convert(T value, uint8_t& out) {
  out = static_cast<uint8_t>(static_cast<int32_t>(round_into(value, T(0), T(255))));
}
template <typename T>
GX_HD void convert(T value, float& out) {
  out = static_cast<float>(value);
}
template <typename T>
GX_HD void convert(T value, double& out) {
  out = static_cast<double>(value);
}
template <typename T>
GX_HD void convert(T value, Half& out) {
  narrow(static_cast<float>(value), out);
}
template <typename T>
GX_HD void convert(T value, BFloat16& out) {
  narrow(static_cast<float>(value), out);
}

}  // namespace gx
