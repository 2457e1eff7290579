// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// THE list of operators. N samples, C channels, X x Y x Z voxels; docs/operators.md has the contracts.
#include <torch/csrc/stable/library.h>

STABLE_TORCH_LIBRARY(genesis_ext, m) {
  // Draw: (N,) int64 ids, (1,) int64 seed -> (N, L) int32 plans (csrc/math/plan.h).
  m.def("draw_plan(Tensor sample_id, Tensor seed, int[] spatial_shape, float[] rates, int[] numbers) -> Tensor");

  // The whole pipeline in one pass: (N, C, X, Y, Z) and (N, L) -> input, target.
  m.def(
      "genesis_transform(Tensor x, Tensor plan, int[] numbers, Tensor? value_range, float lo, float hi, bool clamp)"
      " -> (Tensor, Tensor)");

  // The single transformations, (N, C, X, Y, Z) -> the same shape.
  m.def(
      "bezier_map(Tensor x, Tensor control_points, Tensor decreasing, Tensor? value_range, float lo, float hi, bool "
      "clamp)"
      " -> Tensor");
  m.def(
      "bezier_map_slope(Tensor x, Tensor control_points, Tensor decreasing, Tensor? value_range, float lo, float hi,"
      " bool clamp) -> Tensor");
  m.def("local_shuffle(Tensor x, Tensor key, int num_windows, int[] max_window, int order, int permute) -> Tensor");
  m.def(
      "paint_boxes(Tensor x, Tensor boxes, Tensor kind, Tensor? key, Tensor? fill, Tensor? value_range, float lo, "
      "float hi)"
      " -> Tensor");
}
