// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include <torch/csrc/stable/library.h>

#include "../../cpu/crop.h"
#include "../../cpu/memory.h"
#include "crop_resize.h"

namespace gx {
namespace {

constexpr int64_t kLeastVoxels = 1 << 15;  // of a thread: some 100 us of work

Tensor crop_resize_cpu(const Tensor& voxels, const Tensor& offset, const Tensor& shape, const Tensor& window,
                       const Tensor& volume_index, const Tensor& boxes, std::vector<int64_t> out_shape, int64_t order,
                       bool antialias, double fill, int64_t dtype) {
  const CropArguments arguments =
      check_crop_resize(voxels, offset, shape, window, volume_index, boxes, out_shape, order, antialias, fill, dtype);
  const Tensor out = new_crops(arguments);
  if (out.numel() == 0) return out;
  const CropSource& source = arguments.source;
  const int32_t* sides = source.out;
  const size_t bytes = static_cast<size_t>(out.numel() * size_of(arguments.out_type));
  const cpu::CropBuffers buffers = {voxels.const_data_ptr(),   arguments.type,     voxels.size(0),
                                    out.mutable_data_ptr(),    arguments.out_type, {sides[0], sides[1], sides[2]},
                                    bytes >= cpu::kStreamBytes};
  const int64_t slabs = sides[0], slab = int64_t{sides[1]} * sides[2];
  // Boxes one after another in slabs along x, so that a single one is shared by all threads too.
  torch::stable::parallel_for(
      0, arguments.samples * slabs, max_of(int64_t{1}, kLeastVoxels / slab), [&](int64_t begin, int64_t end) {
        const cpu::CropScratchPtr scratch = cpu::make_crop_scratch();
        for (int64_t n = begin / slabs; n * slabs < end; ++n) {
          const int64_t first = max_of(begin - n * slabs, int64_t{0}), last = min_of(end - n * slabs, slabs);
          cpu::crop_slabs(source(n), buffers, n, static_cast<int32_t>(first), static_cast<int32_t>(last), *scratch);
        }
      });
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CPU, m) { m.impl("crop_resize", TORCH_BOX(&crop_resize_cpu)); }

}  // namespace gx
