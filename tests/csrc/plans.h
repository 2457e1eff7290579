// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Settings of a draw: random ones, everything that the operator's checks let through, and those of profiles.
#pragma once

#include "math/plan.h"
#include "random.h"

namespace check {

inline gx::PlanSpec random_plan_spec(Random& random, gx::Shape shape) {
  gx::PlanSpec spec = {};
  spec.shape = shape;
  for (double& rate : spec.rates) rate = random.pick({0.0, 1.0, 0.5, random.unit()});
  int32_t* numbers = spec.numbers;
  numbers[gx::kFlipTries] = random.between(0, 4);
  for (int i = 0; i < 4; ++i) numbers[gx::kFlipNone + i] = random.between(0, 3);
  numbers[gx::kFlipNone + random.between(0, 3)] += 1;
  const int32_t sides[3] = {shape.x, shape.y, shape.z};
  numbers[gx::kNumWindows] = random.pick({0, 1, 63, 64, 65, random.between(2, 200)});
  for (int axis = 0; axis < 3; ++axis) {
    numbers[gx::kMaxWindow + axis] = random.between(1, random.chance(0.3) ? sides[axis] : gx::min_of(sides[axis], 6));
  }
  numbers[gx::kOrder] = random.between(0, 1);
  numbers[gx::kPermute] = random.between(0, 1);
  numbers[gx::kCurves] = random.between(1, 3);
  numbers[gx::kMargin] = random.between(0, 5);
  for (const int first : {gx::kInMin, gx::kOutMin}) {
    numbers[first + 1] = random.between(0, 6);
    numbers[first] = random.between(0, numbers[first + 1]);
    numbers[first + 2] = random.between(0, 1);
  }
  for (const int first : {gx::kInSides, gx::kFirstSides, gx::kMoreSides}) {
    for (int axis = 0; axis < 3; ++axis) {
      numbers[first + 2 * axis] = random.between(1, sides[axis]);
      numbers[first + 2 * axis + 1] = random.between(numbers[first + 2 * axis], sides[axis]);
    }
  }
  return spec;
}

// `head` or `paper` of python/genesis_ext/transforms/profiles.py.
inline gx::PlanSpec profile_spec(gx::Shape shape, bool paper) {
  using namespace gx;
  PlanSpec spec = {};
  spec.shape = shape;
  const double rates[] = {paper ? 0.0 : 0.4, 0.5, 0.9, 0.9, 0.8, 0.95, 0.95, paper ? 0.25 : 65536.0};
  memcpy(spec.rates, rates, sizeof(rates));
  int32_t* numbers = spec.numbers;
  const int32_t sides[] = {shape.x, shape.y, shape.z};
  numbers[kFlipTries] = 3;
  numbers[kFlipNone] = numbers[kFlipNone + 1] = numbers[kFlipNone + 2] = 1;
  numbers[kNumWindows] = paper ? 1000 : 10000;
  numbers[kOrder] = paper ? kSequential : kLastWriter;
  numbers[kPermute] = paper ? kAxes : kVoxel;
  numbers[kCurves] = 1;
  numbers[kMargin] = 3;
  numbers[kInMin] = paper;
  numbers[kInMax] = paper ? 10 : 5;
  numbers[kOutMin] = 1;
  numbers[kOutMax] = paper ? 10 : 5;
  numbers[kInConstant] = numbers[kOutConstant] = paper;
  for (int d = 0; d < 3; ++d) {
    const int32_t side = sides[d];
    numbers[kMaxWindow + d] = max_of(1, side / 10);
    numbers[kInSides + 2 * d] = side / 6;
    numbers[kInSides + 2 * d + 1] = side / 3;
    numbers[kMoreSides + 2 * d] = side - 4 * side / 7;
    numbers[kMoreSides + 2 * d + 1] = side - 3 * side / 7;
    numbers[kFirstSides + 2 * d] = paper ? (side * 909 + 999) / 1000 : numbers[kMoreSides + 2 * d];
    numbers[kFirstSides + 2 * d + 1] = paper ? side : numbers[kMoreSides + 2 * d + 1];
  }
  return spec;
}

}  // namespace check
