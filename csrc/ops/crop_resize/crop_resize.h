// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

//   voxels        uint8, int16, float16 or float32 [M], contiguous: volumes one after another, z fastest
//   offset        int64 [V]: where each volume begins
//   shape         int32 [V, 3]
//   window        float32 [V, 2]: what becomes 0 and 1; empty (lo >= hi): values stay as they are stored
//   volume_index  int64 [N]
//   boxes         float32 [N, 6]: x0, y0, z0, x1, y1, z1 in voxel edges, voxel i spans [i, i + 1)
//   out_shape     three sides;  order 0, 1 or 3;  fill in stored units;  dtype: the schemas' number, not float64
//   out           [N, 1, *out_shape], contiguous
#pragma once

#include <cmath>
#include <vector>

#include "../../math/crop.h"
#include "../../torch_api/volumes.h"

namespace gx {

constexpr int64_t kMaxOutput = (int64_t{1} << 31) - 1;  // voxels of a sample

struct CropArguments {
  CropSource source;
  int64_t samples;
  Voxel type, out_type;
  Tensor voxels, offset, shape, window, index, boxes;  // keep alive what `source` points to
};

inline void check_crop_values(const char* op, const CropSource& source, int64_t samples) {
  for (int64_t n = 0; n < samples; ++n) {
    const int64_t v = source.index[n];
    GX_CHECK(v >= 0 && v < source.volumes, op, ": volume_index must be in [0, ", source.volumes, "), got ", v,
             " for sample ", n);
    const int32_t* shape = source.shape + 3 * v;
    GX_CHECK(volume_fits(source.offset[v], shape, source.voxels), op, ": volumes must lie inside the buffer of ",
             source.voxels, " voxels with sides in [1, 2^30), got (", shape[0], ", ", shape[1], ", ", shape[2],
             ") at offset ", source.offset[v], " for volume ", v);
    const float lo = source.window[2 * v], hi = source.window[2 * v + 1];
    GX_CHECK(std::isfinite(lo) && std::isfinite(hi), op, ": window must be finite, got (", lo, ", ", hi,
             ") for volume ", v);
    const float* box = source.boxes + 6 * n;
    GX_CHECK(box_usable(box), op,
             ": boxes must be (x0, y0, z0, x1, y1, z1) with lo < hi and corners within 2^30, got (", box[0], ", ",
             box[1], ", ", box[2], ", ", box[3], ", ", box[4], ", ", box[5], ") for sample ", n);
  }
}

inline CropArguments check_crop_resize(const Tensor& voxels, const Tensor& offset, const Tensor& shape,
                                       const Tensor& window, const Tensor& volume_index, const Tensor& boxes,
                                       const std::vector<int64_t>& out_shape, int64_t order, bool antialias,
                                       double fill, int64_t dtype) {
  const char* op = "crop_resize";
  GX_CHECK(voxels.dim() == 1, op, ": voxels must have shape (M,), got ", sizes_text(voxels));
  // A copy of all volumes would be made at every call.
  GX_CHECK(voxels.is_contiguous(), op, ": voxels must be contiguous, got a stride of ", voxels.stride(0));
  CropArguments arguments = {
      {}, 0, check_voxel(op, "voxels", voxels), Voxel::kFloat, voxels, offset, shape, window, volume_index, boxes};
  GX_CHECK(arguments.type != Voxel::kBFloat16 && arguments.type != Voxel::kDouble, op,
           ": voxels must be uint8, int16, float16 or float32, got ", dtype_text(voxels.scalar_type()));
  arguments.out_type = check_code(op, dtype);
  GX_CHECK(arguments.out_type != Voxel::kDouble, op,
           ": dtype must be uint8, int16, float16, bfloat16 or float32, got float64");

  CropSource& source = arguments.source;
  check_dtype(op, "offset", offset, ScalarType::Long);
  check_same_device(op, "offset", offset, voxels);
  check_sizes(op, "offset", "(V,)", offset, {-1});
  source.volumes = offset.size(0);
  source.voxels = voxels.size(0);
  check_dtype(op, "shape", shape, ScalarType::Int);
  check_same_device(op, "shape", shape, voxels);
  check_sizes(op, "shape", "(V, 3), one a volume", shape, {source.volumes, 3});
  check_dtype(op, "window", window, ScalarType::Float);
  check_same_device(op, "window", window, voxels);
  check_sizes(op, "window", "(V, 2), one a volume", window, {source.volumes, 2});
  check_dtype(op, "volume_index", volume_index, ScalarType::Long);
  check_same_device(op, "volume_index", volume_index, voxels);
  check_sizes(op, "volume_index", "(N,)", volume_index, {-1});
  arguments.samples = volume_index.size(0);
  check_dtype(op, "boxes", boxes, ScalarType::Float);
  check_same_device(op, "boxes", boxes, voxels);
  check_sizes(op, "boxes", "(N, 6), one a sample", boxes, {arguments.samples, 6});
  check_out_shape(op, out_shape);
  GX_CHECK(out_shape[0] * out_shape[1] <= kMaxOutput / out_shape[2], op,
           ": out_shape must have fewer than 2^31 voxels, got (", out_shape[0], ", ", out_shape[1], ", ", out_shape[2],
           ")");
  source.order = check_order(op, order);
  GX_CHECK(order != 0 || !antialias, op, ": antialias must be off at order 0, which picks single voxels, got True");
  GX_CHECK(!std::isnan(fill) || arguments.out_type >= Voxel::kHalf, op,
           ": fill must be a number for integer results, got nan");
  for (size_t a = 0; a < 3; ++a) source.out[a] = static_cast<int32_t>(out_shape[a]);
  source.antialias = antialias;
  source.fill = static_cast<float>(fill);
  source.offset = (arguments.offset = torch::stable::contiguous(offset)).const_data_ptr<int64_t>();
  source.shape = (arguments.shape = torch::stable::contiguous(shape)).const_data_ptr<int32_t>();
  source.window = (arguments.window = torch::stable::contiguous(window)).const_data_ptr<float>();
  source.index = (arguments.index = torch::stable::contiguous(volume_index)).const_data_ptr<int64_t>();
  source.boxes = (arguments.boxes = torch::stable::contiguous(boxes)).const_data_ptr<float>();
  if (voxels.is_cpu()) check_crop_values(op, source, arguments.samples);
  return arguments;
}

inline Tensor new_crops(const CropArguments& arguments) {
  const int32_t* out = arguments.source.out;
  return new_result("crop_resize", arguments.voxels, {arguments.samples, 1, out[0], out[1], out[2]},
                    scalar_type(arguments.out_type));
}

}  // namespace gx
