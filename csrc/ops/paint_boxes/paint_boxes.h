// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

//   x            float [N, C, X, Y, Z], any strides; float64 too
//   boxes        int32 [N, B, 6]: x0, y0, z0, x1, y1, z1 in voxels, half-open; zeros = unused
//   kind         int8 [N]: 0 nothing, 1 inside the boxes, 2 outside
//   key          int64 [N, 2]: noise per voxel; or
//   fill         float32 [N, B or 1]: constants as fractions of the range
//   value_range  float32 [N, 1 or C, 2], or none and (lo, hi)
//   out          contiguous, like x
#pragma once

#include "../../torch_api/batch.h"

namespace gx {

struct PaintArguments {
  Batch batch;
  PaintSource source;
  Tensor boxes, kind, key, fill, range;  // keep alive what `source` points to
};

inline PaintArguments check_paint_boxes(const Tensor& x, const Tensor& boxes, const Tensor& kind,
                                        const std::optional<Tensor>& key, const std::optional<Tensor>& fill,
                                        const std::optional<Tensor>& value_range, double lo, double hi) {
  const char* op = "paint_boxes";
  PaintArguments arguments = {check_batch(op, x, true), {}, boxes, kind, x, x, x};
  const Batch& batch = arguments.batch;
  PaintSource& source = arguments.source;
  check_dtype(op, "boxes", boxes, ScalarType::Int);
  check_same_device(op, "boxes", boxes, x);
  check_sizes(op, "boxes", "(N, B, 6)", boxes, {batch.samples, -1, 6});
  GX_CHECK(boxes.size(1) <= 65536, op, ": boxes must be at most 65536 a sample, got ", boxes.size(1));
  check_dtype(op, "kind", kind, ScalarType::Char);
  check_same_device(op, "kind", kind, x);
  check_sizes(op, "kind", "(N,)", kind, {batch.samples});
  GX_CHECK(key.has_value() != fill.has_value(), op, ": either key (noise) or fill (constants) must be given, got ",
           key.has_value() ? "both" : "neither");
  source.boxes = contiguous_data<int32_t>(boxes, arguments.boxes);
  source.num_boxes = static_cast<int32_t>(boxes.size(1));
  source.kind = contiguous_data<int8_t>(kind, arguments.kind);
  if (key.has_value()) {
    source.keys = check_keys(op, batch, *key, arguments.key);
  } else {
    check_dtype(op, "fill", *fill, ScalarType::Float);
    check_same_device(op, "fill", *fill, x);
    GX_CHECK(
        fill->dim() == 2 && fill->size(0) == batch.samples && (fill->size(1) == 1 || fill->size(1) == boxes.size(1)),
        op, ": fill must have shape (N, B) or (N,) for boxes of ", sizes_text(boxes), ", got ", sizes_text(*fill));
    source.fill = contiguous_data<float>(*fill, arguments.fill);
    source.fills = static_cast<int32_t>(fill->size(1));
  }
  source.ranges = check_ranges(op, batch, value_range, lo, hi, arguments.range);
  if (x.is_cpu()) {
    for (int64_t n = 0; n < batch.samples; ++n) {
      GX_CHECK(source.kind[n] >= kNothing && source.kind[n] <= kOut, op,
               ": kind must be 0 (nothing), 1 (in) or 2 (out), got ", static_cast<int>(source.kind[n]), " for sample ",
               n);
      for (int32_t b = 0; b < source.num_boxes; ++b) {
        check_box(op, load<Box>(source.boxes + 6 * (n * source.num_boxes + b)), batch.shape, n, b);
      }
    }
  }
  return arguments;
}

}  // namespace gx
