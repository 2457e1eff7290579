// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The batch that every operator works on, and what is common to their arguments.
#pragma once

#include <torch/csrc/stable/ops.h>

#include <cmath>
#include <cstdlib>
#include <optional>
#include <vector>

#include "../math/sources.h"
#include "check.h"
#include "result.h"

namespace gx {

// Voxels of a patch are numbered with 31 bits and its noise with 34.
constexpr int64_t kMaxVoxels = (int64_t{1} << 31) - 1024;  // a step of a kernel's loop beyond the last one still fits
constexpr int64_t kMaxNoise = int64_t{1} << 34;

// x (N, C, X, Y, Z) of any strides.
struct Batch {
  Tensor x;
  int64_t samples, channels;
  Shape shape;
  int64_t stride_n, stride_c, stride_x, stride_y, stride_z;
};

inline bool is_float(ScalarType type) {
  return type == ScalarType::Float || type == ScalarType::Half || type == ScalarType::BFloat16;
}

// Distances inside a channel fit 32 bits, so that addresses of shuffled voxels do.
inline bool strides_fit(const Tensor& x) {
  int64_t reach = 0;
  for (int64_t d = 2; d < 5; ++d) reach += (x.size(d) - 1) * std::abs(x.stride(d));
  return reach < kMaxVoxels;
}

inline Batch check_batch(const char* op, const Tensor& x, bool allow_double) {
  GX_CHECK(x.dim() == 5, op, ": x must have shape (N, C, X, Y, Z), got ", sizes_text(x));
  GX_CHECK(is_float(x.scalar_type()) || (allow_double && x.scalar_type() == ScalarType::Double), op,
           ": x must be float32, float16", allow_double ? ", bfloat16 or float64" : " or bfloat16", ", got ",
           dtype_text(x.scalar_type()));
  int64_t voxels = 1;
  for (int64_t d = 2; d < 5; ++d) {
    GX_CHECK(x.size(d) <= kMaxVoxels, op, ": x must have fewer than 2^31 voxels a channel, got ", sizes_text(x));
    voxels *= x.size(d);
    GX_CHECK(voxels <= kMaxVoxels, op, ": x must have fewer than 2^31 voxels a channel, got ", sizes_text(x));
  }
  GX_CHECK(voxels == 0 || x.size(1) <= kMaxNoise / voxels, op, ": x must have at most 2^34 voxels a sample, got ",
           sizes_text(x));
  Batch batch = {x.numel() == 0 || strides_fit(x) ? x : torch::stable::contiguous(x),
                 x.size(0),
                 x.size(1),
                 {static_cast<int32_t>(x.size(2)), static_cast<int32_t>(x.size(3)), static_cast<int32_t>(x.size(4))},
                 0,
                 0,
                 0,
                 0,
                 0};
  int64_t* strides[5] = {&batch.stride_n, &batch.stride_c, &batch.stride_x, &batch.stride_y, &batch.stride_z};
  for (int64_t d = 0; d < 5; ++d) *strides[d] = batch.x.size(d) > 1 ? batch.x.stride(d) : 0;
  return batch;
}

// Calls f with a value of the type of x's elements.
template <typename F>
void dispatch(const Batch& batch, const F& f) {
  switch (batch.x.scalar_type()) {
    case ScalarType::Float: return f(float{});
    case ScalarType::Half: return f(Half{});
    case ScalarType::BFloat16: return f(BFloat16{});
    default: return f(double{});  // check_batch admits no other
  }
}

inline Tensor new_output(const Batch& batch) {
  return new_tensor(batch.x, {batch.samples, batch.channels, batch.shape.x, batch.shape.y, batch.shape.z},
                    batch.x.scalar_type());
}

// The tensor's elements lie one after another from here on; `kept` owns what had to be copied.
template <typename T>
const T* contiguous_data(const Tensor& tensor, Tensor& kept) {
  kept = torch::stable::contiguous(tensor);
  return kept.const_data_ptr<T>();
}

inline Ranges check_ranges(const char* op, const Batch& batch, const std::optional<Tensor>& value_range, double lo,
                           double hi, Tensor& kept) {
  GX_CHECK(std::isfinite(lo) && std::isfinite(hi) && lo <= hi, op,
           ": value_range must be two finite numbers, lo <= hi, got (", lo, ", ", hi, ")");
  Ranges ranges = {nullptr, 1, static_cast<float>(lo), static_cast<float>(hi)};
  if (!value_range.has_value()) return ranges;
  const Tensor& given = *value_range;
  check_dtype(op, "value_range", given, ScalarType::Float);
  check_same_device(op, "value_range", given, batch.x);
  GX_CHECK(given.dim() == 3 && given.size(0) == batch.samples &&
               (given.size(1) == 1 || given.size(1) == batch.channels) && given.size(2) == 2,
           op, ": value_range must have shape (N, 2) or (N, C, 2) for x of ", sizes_text(batch.x), ", got ",
           sizes_text(given));
  ranges.per_sample = given.size(1);
  ranges.data = contiguous_data<float>(given, kept);
  if (!given.is_cpu()) return ranges;
  for (int64_t i = 0; i < given.numel(); i += 2) {
    const float least = ranges.data[i], most = ranges.data[i + 1];
    GX_CHECK(std::isfinite(least) && std::isfinite(most) && least <= most, op,
             ": value_range must have finite lo <= hi, got (", least, ", ", most, ") for sample ",
             i / 2 / ranges.per_sample);
  }
  return ranges;
}

// (N, 2) int64: seed and sample id.
inline const int64_t* check_keys(const char* op, const Batch& batch, const Tensor& key, Tensor& kept) {
  check_dtype(op, "key", key, ScalarType::Long);
  check_same_device(op, "key", key, batch.x);
  check_sizes(op, "key", "(N, 2), one seed and sample id a sample of x", key, {batch.samples, 2});
  return contiguous_data<int64_t>(key, kept);
}

inline void check_control_points(const char* op, const float* points, int64_t curve) {
  for (int i = 0; i < 4; ++i) {
    GX_CHECK(points[i] >= 0.0f && points[i] <= 1.0f, op,
             ": control_points must lie in [0, 1] so that the curve is a function, got (", points[0], ", ", points[1],
             ", ", points[2], ", ", points[3], ") for curve ", curve);
  }
}

inline void check_box(const char* op, const Box& box, Shape shape, int64_t sample, int64_t b) {
  const bool inside = box.x0 >= 0 && box.y0 >= 0 && box.z0 >= 0 && box.x1 <= shape.x && box.y1 <= shape.y &&
                      box.z1 <= shape.z && box.x0 <= box.x1 && box.y0 <= box.y1 && box.z0 <= box.z1;
  GX_CHECK(inside, op, ": boxes must be (x0, y0, z0, x1, y1, z1), half-open and inside the patch of (", shape.x, ", ",
           shape.y, ", ", shape.z, "), got (", box.x0, ", ", box.y0, ", ", box.z0, ", ", box.x1, ", ", box.y1, ", ",
           box.z1, ") for sample ", sample, ", box ", b);
}

inline ShuffleSpec check_shuffle(const char* op, Shape shape, int64_t num_windows,
                                 const std::vector<int64_t>& max_window, int64_t order, int64_t permute) {
  GX_CHECK(num_windows >= 0 && num_windows < (int64_t{1} << 30), op, ": num_windows must be in [0, 2^30), got ",
           num_windows);
  GX_CHECK(order == kLastWriter || order == kSequential, op, ": order must be 0 (last writer) or 1 (sequential), got ",
           order);
  GX_CHECK(permute == kVoxel || permute == kAxes, op, ": permute must be 0 (voxel) or 1 (axes), got ", permute);
  GX_CHECK(max_window.size() == 3, op, ": max_window must be three sides, got ", max_window.size());
  const int64_t sides[3] = {shape.x, shape.y, shape.z};
  int64_t voxels = 1;
  for (size_t d = 0; d < 3; ++d) {
    const bool empty = sides[d] == 0;
    GX_CHECK(max_window[d] >= 1 && (max_window[d] <= sides[d] || empty), op, ": max_window must be in [1, ", sides[d],
             "] along axis ", d, ", got ", max_window[d]);
    voxels *= max_window[d];
    GX_CHECK(voxels <= int64_t{kPermutationLimit}, op, ": max_window must hold at most 2^20 voxels, got ",
             max_window[0], " x ", max_window[1], " x ", max_window[2]);
  }
  return {
      static_cast<int32_t>(num_windows),
      {static_cast<int32_t>(max_window[0]), static_cast<int32_t>(max_window[1]), static_cast<int32_t>(max_window[2])},
      static_cast<int32_t>(order),
      static_cast<int32_t>(permute)};
}

}  // namespace gx
