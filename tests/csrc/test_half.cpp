// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// math/half.h against arithmetic in float64, for any format of one sign bit, exponent bits and mantissa bits.
#include <cmath>
#include <limits>

#include "check.h"
#include "math/half.h"
#include "random.h"

namespace {

template <typename T, int kExponentBits, int kMantissaBits>
struct Format {
  static constexpr int kBias = (1 << (kExponentBits - 1)) - 1;
  static constexpr uint32_t kInfinity = ((1u << kExponentBits) - 1) << kMantissaBits;

  static double value(uint32_t magnitude) {
    const int exponent = static_cast<int>(magnitude >> kMantissaBits);
    const int mantissa = static_cast<int>(magnitude & ((1u << kMantissaBits) - 1));
    const int whole = exponent == 0 ? mantissa : mantissa + (1 << kMantissaBits);
    return std::ldexp(whole, (exponent == 0 ? 1 : exponent) - kBias - kMantissaBits);
  }

  // Rounds to nearest even by the float64 unit's own rounding of an exactly scaled number.
  static uint32_t nearest(double magnitude) {
    if (std::isinf(magnitude)) return kInfinity;
    if (magnitude == 0.0) return 0;
    const int exponent = std::max(std::ilogb(magnitude), 1 - kBias);
    const double places = std::nearbyint(std::ldexp(magnitude, kMantissaBits - exponent));
    const double bits = places + std::ldexp(exponent - (1 - kBias), kMantissaBits);
    return bits >= kInfinity ? kInfinity : static_cast<uint32_t>(bits);
  }

  static void check_narrow(float value) {
    T out;
    gx::narrow(value, out);
    const uint32_t sign = std::signbit(value) ? 0x8000u : 0u;
    if (std::isnan(value)) {
      CHECK((out.bits & 0x7fffu) > kInfinity, gx::bit_cast<uint32_t>(value), out.bits);
    } else {
      const uint32_t expected = sign | nearest(std::fabs(static_cast<double>(value)));
      CHECK(out.bits == expected, value, out.bits, expected);
    }
  }

  static void widens_every_number() {
    for (uint32_t bits = 0; bits < 65536; ++bits) {
      const float wide = gx::widen(T{static_cast<uint16_t>(bits)});
      const uint32_t magnitude = bits & 0x7fffu;
      if (magnitude > kInfinity) {
        CHECK(std::isnan(wide), bits);
        continue;
      }
      const double expected = magnitude == kInfinity ? std::numeric_limits<double>::infinity() : value(magnitude);
      CHECK(std::fabs(wide) == expected && std::signbit(wide) == (bits >= 0x8000u), bits, wide, expected);
      T back;
      gx::narrow(wide, back);
      CHECK(back.bits == bits, bits, back.bits);
    }
  }

  static void narrows_to_nearest_even() {
    const float infinity = std::numeric_limits<float>::infinity();
    for (uint32_t magnitude = 0; magnitude < kInfinity; ++magnitude) {
      const double here = value(magnitude);
      // Beyond the largest number its neighbour would be, were there one: from halfway on the result is infinite.
      const double next = value(magnitude + 1);
      for (const float at : {static_cast<float>(here), static_cast<float>(0.5 * (here + next))}) {
        for (const float near : {at, std::nextafterf(at, 0.0f), std::nextafterf(at, infinity)}) {
          check_narrow(near);
          check_narrow(-near);
        }
      }
    }
    check::Random random(1);
    for (int i = 0; i < 3'000'000; ++i) check_narrow(gx::bit_cast<float>(random.word()));
    for (const float special :
         {infinity, -infinity, std::numeric_limits<float>::max(), std::numeric_limits<float>::denorm_min(),
          std::numeric_limits<float>::min(), 0.0f, -0.0f}) {
      check_narrow(special);
    }
    for (const uint32_t payload : {1u, 0x1000u, 0x2000u, 0xffffu, 0x10000u, 0x3fffffu, 0x400000u, 0x7fffffu}) {
      check_narrow(gx::bit_cast<float>(0x7f800000u | payload));
      check_narrow(gx::bit_cast<float>(0xff800000u | payload));
    }
  }
};

}  // namespace

int main() {
  Format<gx::Half, 5, 10>::widens_every_number();
  Format<gx::Half, 5, 10>::narrows_to_nearest_even();
  Format<gx::BFloat16, 8, 7>::widens_every_number();
  Format<gx::BFloat16, 8, 7>::narrows_to_nearest_even();
  return check::summary("test_half");
}
