// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Random settings of a draw: everything that the operator's checks let through.
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

}  // namespace check
