// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// THE list of operators. N samples, C channels, X x Y x Z voxels; docs/operators.md has the contracts.
#include <torch/csrc/stable/library.h>

STABLE_TORCH_LIBRARY(genesis_ext, m) {
  // Draw: (N,) int64 ids, (1,) int64 seed -> (N, L) int32 plans (csrc/math/plan.h).
  m.def("draw_plan(Tensor sample_id, Tensor seed, int[] spatial_shape, float[] rates, int[] numbers) -> Tensor");
  // Draw: the words of Philox for one purpose, (N,) int64 ids -> (N, count, 4) int64.
  m.def("philox_words(Tensor sample_id, Tensor seed, int purpose, int count) -> Tensor");

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

  // Resampling (docs/resampling.md): (N, C, X, Y, Z) -> coefficients of the same shape, (N, C, *out_shape).
  m.def("spline_prefilter(Tensor x, int order, int boundary) -> Tensor");
  m.def(
      "resample(Tensor x, int[] out_shape, int order, int boundary, float fill, bool grid_mode, bool antialias, int "
      "dtype) -> Tensor");
  // Index of an output voxel -> position in x: (N or 1, 4, 4), or (N or 1, 3, 3) for slices.
  m.def(
      "affine_sample(Tensor x, Tensor matrix, int[] out_shape, int order, int boundary, float fill, int dtype) -> "
      "Tensor");
  m.def("affine_sample_adjoint(Tensor grad, Tensor matrix, int[] in_shape, int order, int boundary) -> Tensor");

  // Boxes of packed volumes: (M,) voxels, (V,) offset, (V, 3) shape, (V, 2) window, (N,), (N, 6) -> (N, 1, *out_shape).
  m.def(
      "crop_resize(Tensor voxels, Tensor offset, Tensor shape, Tensor window, Tensor volume_index, Tensor boxes, int[] "
      "out_shape, int order, bool antialias, float fill, int dtype) -> Tensor");
}
