// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include <torch/csrc/stable/library.h>

#include "../../cuda/crop.cuh"
#include "../../cuda/launch.h"
#include "crop_resize.h"

namespace gx {
namespace {

template <typename In>
void launch_crops(const char* op, const CropArguments& arguments, const Tensor& out) {
  const CropSource& source = arguments.source;
  const bool pairs = source.order < 3 && !source.antialias;
  const cuda::PairTile tile = cuda::pair_tile(source.out);
  const cuda::CropJob<In> job =
      cuda::make_crop_job<In>(source, arguments.voxels.const_data_ptr(), out.mutable_data_ptr(), arguments.out_type,
                              pairs ? tile.side : cuda::kLinesTile);
  const auto kernel = pairs ? cuda::crop_pairs_kernel<In> : cuda::crop_lines_kernel<In>;
  kernel<<<cuda::grid_size(op, job.blocks(arguments.samples)), cuda::kCropThreads, 0, cuda::current_stream(out)>>>(job);
  cuda::check_launch(op);
}

Tensor crop_resize_cuda(const Tensor& voxels, const Tensor& offset, const Tensor& shape, const Tensor& window,
                        const Tensor& volume_index, const Tensor& boxes, std::vector<int64_t> out_shape, int64_t order,
                        bool antialias, double fill, int64_t dtype) {
  const char* op = "crop_resize";
  const CropArguments arguments =
      check_crop_resize(voxels, offset, shape, window, volume_index, boxes, out_shape, order, antialias, fill, dtype);
  const Tensor out = new_crops(arguments);
  if (out.numel() == 0) return out;
  const torch::stable::accelerator::DeviceGuard guard(voxels.get_device_index());
  with_type(arguments.type, [&]<typename In>(In) {
    if constexpr (!std::is_same_v<In, double> && !std::is_same_v<In, BFloat16>) {
      launch_crops<In>(op, arguments, out);  // check_crop_resize admits no other
    }
  });
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CUDA, m) { m.impl("crop_resize", TORCH_BOX(&crop_resize_cuda)); }

}  // namespace gx
