// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Half types as their bits, widened exactly and rounded once to nearest even; the same code on every device.
#pragma once

#include "hd.h"

namespace gx {

struct Half {
  uint16_t bits;
};

struct BFloat16 {
  uint16_t bits;
};

GX_HD float widen(float value) { return value; }
GX_HD double widen(double value) { return value; }
GX_HD float widen(BFloat16 value) { return bit_cast<float>(static_cast<uint32_t>(value.bits) << 16); }
GX_HD float widen(Half value) {
  const uint32_t sign = static_cast<uint32_t>(value.bits & 0x8000u) << 16;
  const uint32_t rest = static_cast<uint32_t>(value.bits & 0x7fffu) << 13;
  // Normal numbers, infinities and NaN: move the exponent. Subnormal ones: let one exact subtraction normalise them.
  const uint32_t special = rest >= 0x0f800000u ? 0x38000000u : 0u;
  const uint32_t normal = rest + 0x38000000u + special;
  const uint32_t subnormal = bit_cast<uint32_t>(bit_cast<float>(rest + 0x38800000u) - bit_cast<float>(0x38800000u));
  return bit_cast<float>(sign | (rest < 0x00800000u ? subnormal : normal));
}

GX_HD void narrow(float value, float& out) { out = value; }
GX_HD void narrow(double value, double& out) { out = value; }
GX_HD void narrow(float value, BFloat16& out) {
  const uint32_t bits = bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  out.bits = static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : rounded);
}
GX_HD void narrow(float value, Half& out) {
  const uint32_t bits = bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t rest = bits & 0x7fffffffu;
  // Subnormal halves: adding 0.5 puts their last place where a float's is, so that the addition rounds to nearest even.
  const uint32_t small = bit_cast<uint32_t>(bit_cast<float>(rest) + 0.5f) - 0x3f000000u;
  const uint32_t normal = (rest - 0x38000000u + 0xfffu + ((rest >> 13) & 1u)) >> 13;
  const uint32_t finite = rest < 0x38800000u ? small : normal;
  const uint32_t special = rest > 0x7f800000u ? 0x7e00u : 0x7c00u;
  out.bits = static_cast<uint16_t>(sign | (rest >= 0x477ff000u ? special : finite));
}

}  // namespace gx
