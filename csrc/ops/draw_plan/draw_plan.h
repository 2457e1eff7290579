// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

//   sample_id   int64 [N]
//   seed        int64 [1]
//   rates, numbers, spatial_shape   docs/determinism.md, "The plan of a sample"
//   out         int32 [N, L]
#pragma once

#include "../../torch_api/batch.h"
#include "../../torch_api/ids.h"

namespace gx {

// The numbers of a plan as 32-bit ones, each in the range that keeps every draw inside the patch.
inline void check_numbers(const char* op, const std::vector<int64_t>& numbers, Shape shape, int32_t* out) {
  GX_CHECK(numbers.size() == kNumNumbers, op, ": numbers must have ", static_cast<int>(kNumNumbers), " entries, got ",
           numbers.size());
  for (size_t i = 0; i < kNumNumbers; ++i) {
    GX_CHECK(numbers[i] >= 0 && numbers[i] < (int64_t{1} << 30), op, ": numbers[", i, "] must be in [0, 2^30), got ",
             numbers[i]);
    out[i] = static_cast<int32_t>(numbers[i]);
  }
  const int64_t weights = numbers[kFlipNone] + numbers[kFlipNone + 1] + numbers[kFlipNone + 2] + numbers[kFlipNone + 3];
  GX_CHECK(numbers[kFlipTries] == 0 || (weights >= 1 && weights <= kMaxVoxels), op,
           ": numbers[1:5] (weights of the flips) must add up to at least 1, got ", weights);
  check_shuffle(op, shape, numbers[kNumWindows],
                {numbers[kMaxWindow], numbers[kMaxWindow + 1], numbers[kMaxWindow + 2]}, numbers[kOrder],
                numbers[kPermute]);
  GX_CHECK(numbers[kCurves] >= 1 && numbers[kCurves] <= 65536, op, ": numbers[11] (curves) must be in [1, 65536], got ",
           numbers[kCurves]);
  const int64_t most_boxes = 65536;
  GX_CHECK(numbers[kInMin] <= numbers[kInMax] && numbers[kInMax] <= most_boxes, op,
           ": numbers[13:15] (fewest and most in-painting boxes) must be in order and at most ", most_boxes, ", got ",
           numbers[kInMin], ", ", numbers[kInMax]);
  GX_CHECK(numbers[kOutMin] <= numbers[kOutMax] && numbers[kOutMax] <= most_boxes, op,
           ": numbers[22:24] (fewest and most out-painting boxes) must be in order and at most ", most_boxes, ", got ",
           numbers[kOutMin], ", ", numbers[kOutMax]);
  const int32_t sides[3] = {shape.x, shape.y, shape.z};
  for (const int first : {static_cast<int>(kInSides), static_cast<int>(kFirstSides), static_cast<int>(kMoreSides)}) {
    for (int d = 0; d < 3; ++d) {
      const int32_t lo = out[first + 2 * d], hi = out[first + 2 * d + 1];
      GX_CHECK(sides[d] == 0 || (1 <= lo && lo <= hi && hi <= sides[d]), op, ": numbers[", first + 2 * d, ":",
               first + 2 * d + 2, "] (sides of boxes along axis ", d, ") must be in order and in [1, ", sides[d],
               "], got ", lo, ", ", hi);
    }
  }
}

struct DrawArguments {
  PlanSpec spec;
  Tensor sample_id, seed;  // contiguous
};

inline DrawArguments check_draw_plan(const Tensor& sample_id, const Tensor& seed,
                                     const std::vector<int64_t>& spatial_shape, const std::vector<double>& rates,
                                     const std::vector<int64_t>& numbers) {
  const char* op = "draw_plan";
  check_ids_and_seed(op, sample_id, seed);
  GX_CHECK(spatial_shape.size() == 3, op, ": spatial_shape must be three sides, got ", spatial_shape.size());
  int64_t voxels = 1;
  for (const int64_t side : spatial_shape) {
    GX_CHECK(side >= 1 && side <= kMaxVoxels && voxels * side <= kMaxVoxels, op,
             ": spatial_shape must be sides of at least 1 with fewer than 2^31 voxels, got ", spatial_shape[0], " x ",
             spatial_shape[1], " x ", spatial_shape[2]);
    voxels *= side;
  }
  GX_CHECK(rates.size() == kNumRates, op, ": rates must have ", static_cast<int>(kNumRates), " entries, got ",
           rates.size());
  DrawArguments arguments = {{}, torch::stable::contiguous(sample_id), torch::stable::contiguous(seed)};
  PlanSpec& spec = arguments.spec;
  spec.shape = {static_cast<int32_t>(spatial_shape[0]), static_cast<int32_t>(spatial_shape[1]),
                static_cast<int32_t>(spatial_shape[2])};
  for (size_t i = 0; i < kNumRates; ++i) {
    // Boxes may overlap, so the share that bounds their summed volumes may pass 1: 65536 of them stay below any bound.
    const double most = i == kRateInMaxFraction ? 65536.0 : 1.0;
    GX_CHECK(rates[i] >= 0.0 && rates[i] <= most, op, ": rates must be in [0, ", most, "], got ", rates[i],
             " for rates[", i, "]");
    spec.rates[i] = rates[i];
  }
  check_numbers(op, numbers, spec.shape, spec.numbers);
  return arguments;
}

}  // namespace gx
