// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The plan of a sample: what is drawn, and how it lies in the row of an int32 tensor (docs/determinism.md).
#pragma once

#include "sample.h"

namespace gx {

enum Rate : int {
  kRateFlip,
  kRateShuffle,
  kRateNonlinear,
  kRatePaint,
  kRateOutpaint,
  kRateInMore,
  kRateOutMore,
  kRateInMaxFraction,
  kNumRates
};

enum Number : int {
  kFlipTries = 0,
  kFlipNone = 1,  // then x, y, z
  kNumWindows = 5,
  kMaxWindow = 6,  // x, y, z
  kOrder = 9,
  kPermute = 10,
  kCurves = 11,
  kMargin = 12,
  kInMin = 13,
  kInMax = 14,
  kInConstant = 15,
  kInSides = 16,  // lo, hi of x, y, z
  kOutMin = 22,
  kOutMax = 23,
  kOutConstant = 24,
  kFirstSides = 25,
  kMoreSides = 31,
  kNumNumbers = 37
};

// The settings of a draw, passed by value to kernels.
struct PlanSpec {
  double rates[kNumRates];
  int32_t numbers[kNumNumbers];
  Shape shape;
};

enum PlanWord : int {
  kPlanFlips = 0,
  kPlanShuffle = 1,
  kPlanNonlinear = 2,
  kPlanPaint = 3,
  kPlanNumBoxes = 4,
  kPlanSeed = 5,
  kPlanSampleId = 7,
  kPlanConstant = 9,
  kPlanHeader = 10
};
constexpr int kCurveWords = 5;
constexpr int kBoxWords = 7;

GX_HD int64_t plan_boxes(const int32_t* numbers) { return max_of(numbers[kInMax], numbers[kOutMax]); }
GX_HD int64_t plan_box_word(const int32_t* numbers) { return kPlanHeader + int64_t{kCurveWords} * numbers[kCurves]; }
GX_HD int64_t plan_length(const int32_t* numbers) { return plan_box_word(numbers) + kBoxWords * plan_boxes(numbers); }

GX_HD ShuffleSpec shuffle_spec(const int32_t* numbers) {
  return {numbers[kNumWindows],
          {numbers[kMaxWindow], numbers[kMaxWindow + 1], numbers[kMaxWindow + 2]},
          numbers[kOrder],
          numbers[kPermute]};
}

GX_HD int32_t draw_flips(const PlanSpec& spec, const Key& key) {
  const int32_t* weight = spec.numbers + kFlipNone;
  const uint32_t total = static_cast<uint32_t>(weight[0] + weight[1] + weight[2] + weight[3]);
  int32_t flips = 0;
  for (int32_t attempt = 0; attempt < spec.numbers[kFlipTries]; ++attempt) {
    const Words words = philox(key, Purpose::kFlip, static_cast<uint32_t>(attempt));
    if (!event(words.w0, spec.rates[kRateFlip])) break;
    int32_t pick = static_cast<int32_t>(below(words.w1, total)) - weight[0];
    for (int axis = 0; axis < 3 && pick >= 0; ++axis) {
      pick -= weight[axis + 1];
      if (pick < 0) flips ^= 1 << axis;
    }
  }
  return flips;
}

// Draws the boxes into their part of the row; how many there are is the result.
GX_HD int32_t draw_boxes(const PlanSpec& spec, const Key& key, bool out, int32_t* words_of_boxes) {
  const int32_t at_least = spec.numbers[out ? kOutMin : kInMin], at_most = spec.numbers[out ? kOutMax : kInMax];
  const double more = spec.rates[out ? kRateOutMore : kRateInMore];
  const double patch = static_cast<double>(voxels_of(spec.shape));
  double volume = 0.0;
  for (int32_t b = 0; b < at_most; ++b) {
    const Words words = philox(key, Purpose::kBox, static_cast<uint32_t>(b));
    if (b >= at_least && !event(words.w3, more)) return b;
    const int32_t* sides = spec.numbers + (!out ? kInSides : b == 0 ? kFirstSides : kMoreSides);
    const int32_t margin = spec.numbers[kMargin];
    const Span x = size_and_start(words.w0, spec.shape.x, sides[0], sides[1], margin);
    const Span y = size_and_start(words.w1, spec.shape.y, sides[2], sides[3], margin);
    const Span z = size_and_start(words.w2, spec.shape.z, sides[4], sides[5], margin);
    volume += static_cast<double>(x.size) * y.size * z.size;
    if (!out && volume / patch > spec.rates[kRateInMaxFraction]) return b;
    int32_t* box = words_of_boxes + int64_t{kBoxWords} * b;
    box[0] = x.start;
    box[1] = y.start;
    box[2] = z.start;
    box[3] = x.start + x.size;
    box[4] = y.start + y.size;
    box[5] = z.start + z.size;
    box[6] = bit_cast<int32_t>(uniform(philox(key, Purpose::kFill, static_cast<uint32_t>(b)).w0));
  }
  return at_most;
}

GX_HD void draw_plan_row(const PlanSpec& spec, const Key& key, int32_t* row) {
  const int64_t length = plan_length(spec.numbers);
  for (int64_t i = 0; i < length; ++i) row[i] = 0;
  row[kPlanFlips] = draw_flips(spec, key);
  const Words choice = philox(key, Purpose::kChoice, 0);
  row[kPlanShuffle] = event(choice.w0, spec.rates[kRateShuffle]);
  row[kPlanNonlinear] = event(choice.w1, spec.rates[kRateNonlinear]);
  const bool paint = event(choice.w2, spec.rates[kRatePaint]), out = event(choice.w3, spec.rates[kRateOutpaint]);
  row[kPlanPaint] = !paint ? kNothing : out ? kOut : kIn;
  row[kPlanSeed] = static_cast<int32_t>(key.seed);
  row[kPlanSeed + 1] = static_cast<int32_t>(key.seed >> 32);
  row[kPlanSampleId] = static_cast<int32_t>(key.sample);
  row[kPlanSampleId + 1] = static_cast<int32_t>(key.sample >> 32);
  for (int32_t c = 0; c < spec.numbers[kCurves]; ++c) {
    const Words points = philox(key, Purpose::kControlPoints, static_cast<uint32_t>(c));
    int32_t* curve = row + kPlanHeader + kCurveWords * c;
    curve[0] = bit_cast<int32_t>(uniform(points.w0));
    curve[1] = bit_cast<int32_t>(uniform(points.w1));
    curve[2] = bit_cast<int32_t>(uniform(points.w2));
    curve[3] = bit_cast<int32_t>(uniform(points.w3));
    curve[4] = static_cast<int32_t>(philox(key, Purpose::kDirection, static_cast<uint32_t>(c)).w0 >> 31);
  }
  if (paint) {
    row[kPlanConstant] = spec.numbers[out ? kOutConstant : kInConstant];
    row[kPlanNumBoxes] = draw_boxes(spec, key, out, row + plan_box_word(spec.numbers));
  }
}

GX_HD Key plan_key(const int32_t* row) {
  const uint64_t seed = static_cast<uint32_t>(row[kPlanSeed]) | uint64_t{static_cast<uint32_t>(row[kPlanSeed + 1])}
                                                                    << 32;
  const uint64_t sample =
      static_cast<uint32_t>(row[kPlanSampleId]) | uint64_t{static_cast<uint32_t>(row[kPlanSampleId + 1])} << 32;
  return {seed, sample};
}

// Reads a row back. Counts are cut to what the row holds, so that no row can make a kernel read past it.
GX_HD Sample plan_sample(const int32_t* row, const int32_t* numbers) {
  Sample sample = {};
  sample.key = plan_key(row);
  sample.flips = row[kPlanFlips] & 7;
  sample.shuffle = row[kPlanShuffle] != 0;
  sample.nonlinear = row[kPlanNonlinear] != 0;
  sample.curves = numbers[kCurves];
  sample.points = {row + kPlanHeader, kCurveWords * 4};
  sample.decreasing = {row + kPlanHeader + 4, kCurveWords * 4};
  sample.paint = row[kPlanPaint] == kIn || row[kPlanPaint] == kOut ? row[kPlanPaint] : kNothing;
  const int32_t boxes = static_cast<int32_t>(plan_boxes(numbers));
  sample.num_boxes = max_of(min_of(row[kPlanNumBoxes], boxes), 0);
  sample.boxes = {row + plan_box_word(numbers), kBoxWords * 4};
  sample.constant = row[kPlanConstant] != 0;
  sample.fills = boxes;
  sample.fill = {row + plan_box_word(numbers) + 6, kBoxWords * 4};
  return sample;
}

}  // namespace gx
