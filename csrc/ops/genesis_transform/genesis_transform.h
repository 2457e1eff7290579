// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

//   x            float [N, C, X, Y, Z], any strides
//   plan         int32 [N, L] of draw_plan, drawn with the same numbers
//   value_range  float32 [N, 1 or C, 2], or none and (lo, hi)
//   out          input, target: contiguous, like x
#pragma once

#include "../draw_plan/draw_plan.h"

namespace gx {

struct GenesisArguments {
  Batch batch;
  ShuffleSpec shuffle;
  PlanSource source;
  Tensor plan, range;  // keep alive what `source` points to
};

inline void check_plan_row(const int32_t* row, const int32_t* numbers, Shape shape, int64_t sample) {
  const char* op = "genesis_transform";
  GX_CHECK(row[kPlanFlips] >= 0 && row[kPlanFlips] < 8 && (row[kPlanShuffle] | 1) == 1 &&
               (row[kPlanNonlinear] | 1) == 1 && (row[kPlanConstant] | 1) == 1 && row[kPlanPaint] >= kNothing &&
               row[kPlanPaint] <= kOut,
           op, ": plan must be one of draw_plan, got flips, switches or a paint kind that it never draws for sample ",
           sample);
  GX_CHECK(row[kPlanNumBoxes] >= 0 && row[kPlanNumBoxes] <= plan_boxes(numbers), op, ": plan must hold at most ",
           plan_boxes(numbers), " boxes a sample, got ", row[kPlanNumBoxes], " for sample ", sample);
  for (int32_t c = 0; c < numbers[kCurves]; ++c) {
    const int32_t* words = row + kPlanHeader + kCurveWords * c;
    float points[4];
    memcpy(points, words, sizeof(points));
    check_control_points(op, points, c);
    GX_CHECK((words[4] | 1) == 1, op, ": plan must say 0 or 1 for decreasing, got ", words[4], " for sample ", sample);
  }
  for (int32_t b = 0; b < row[kPlanNumBoxes]; ++b) {
    check_box(op, load<Box>(row + plan_box_word(numbers) + int64_t{kBoxWords} * b), shape, sample, b);
  }
}

inline GenesisArguments check_genesis_transform(const Tensor& x, const Tensor& plan,
                                                const std::vector<int64_t>& numbers,
                                                const std::optional<Tensor>& value_range, double lo, double hi,
                                                bool clamp) {
  const char* op = "genesis_transform";
  GenesisArguments arguments = {check_batch(op, x, false), {}, {}, torch::stable::contiguous(plan), x};
  const Batch& batch = arguments.batch;
  PlanSource& source = arguments.source;
  check_numbers(op, numbers, batch.shape, source.numbers);
  check_dtype(op, "plan", plan, ScalarType::Int);
  check_same_device(op, "plan", plan, x);
  source.length = plan_length(source.numbers);
  GX_CHECK(plan.dim() == 2 && plan.size(0) == batch.samples && plan.size(1) == source.length, op,
           ": plan must have shape (", batch.samples, ", ", source.length, "), got ", sizes_text(plan));
  GX_CHECK(source.numbers[kCurves] == 1 || source.numbers[kCurves] == batch.channels, op,
           ": plan must have one curve or one a channel of x, got ", source.numbers[kCurves], " for ", batch.channels,
           " channels");
  source.plan = arguments.plan.const_data_ptr<int32_t>();
  source.clamp = clamp;
  source.ranges = check_ranges(op, batch, value_range, lo, hi, arguments.range);
  arguments.shuffle = shuffle_spec(source.numbers);
  if (x.is_cpu()) {
    for (int64_t n = 0; n < batch.samples; ++n)
      check_plan_row(source.plan + n * source.length, source.numbers, batch.shape, n);
  }
  return arguments;
}

}  // namespace gx
