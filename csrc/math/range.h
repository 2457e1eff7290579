// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Ranges of values that become [0, 1].
#pragma once

#include "hd.h"

namespace gx {

// Values between which the curve, the noise and a volume's window act.
struct Range {
  float lo, hi, span, inverse;
  bool empty;  // no span that float32 can divide by: no curve, no window, and painted voxels become lo
};

constexpr float kLargestFloat = 0x1.fffffep127f;

GX_HD Range make_range(float lo, float hi) {
  const float span = hi - lo, inverse = 1.0f / span;
  return {lo, hi, span, inverse, !(inverse > 0.0f && inverse <= kLargestFloat)};
}

}  // namespace gx
