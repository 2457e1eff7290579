// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include <torch/csrc/stable/library.h>

#include "../../cuda/crop.cuh"
#include "../../cuda/torch_device.h"
#include "crop_resize.h"

namespace gx {
namespace {

Tensor crop_resize_cuda(const Tensor& voxels, const Tensor& offset, const Tensor& shape, const Tensor& window,
                        const Tensor& volume_index, const Tensor& boxes, std::vector<int64_t> out_shape, int64_t order,
                        bool antialias, double fill, int64_t dtype) {
  const CropArguments arguments =
      check_crop_resize(voxels, offset, shape, window, volume_index, boxes, out_shape, order, antialias, fill, dtype);
  const Tensor out = new_crops(arguments);
  if (out.numel() == 0) return out;
  const torch::stable::accelerator::DeviceGuard guard(voxels.get_device_index());
  cuda::TorchDevice device("crop_resize", voxels);
  with_type(arguments.type, [&]<typename In>(In) {
    if constexpr (!std::is_same_v<In, double> && !std::is_same_v<In, BFloat16>) {
      cuda::run_crops<In>(arguments.source, arguments.samples, arguments.voxels.const_data_ptr(),
                          out.mutable_data_ptr(), arguments.out_type, device);  // check_crop_resize admits no other
    }
  });
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CUDA, m) { m.impl("crop_resize", TORCH_BOX(&crop_resize_cuda)); }

}  // namespace gx
