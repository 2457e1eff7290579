// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The CUDA loop of the operators.
#pragma once

#include <algorithm>

#include "../torch_api/batch.h"
#include "torch_device.h"
#include "transform.h"

namespace gx::cuda {

template <typename T>
View<T> view_of(const Batch& batch, const Tensor& input, const Tensor* target) {
  return {static_cast<const T*>(batch.x.const_data_ptr()),
          batch.stride_n,
          batch.stride_c,
          batch.stride_x,
          batch.stride_y,
          batch.stride_z,
          static_cast<T*>(input.mutable_data_ptr()),
          target == nullptr ? nullptr : static_cast<T*>(target->mutable_data_ptr()),
          batch.samples,
          batch.channels,
          batch.shape};
}

// Calls f(view, device) for a batch that is not empty, on its device; kDouble: whether the operator takes float64.
template <bool kDouble, typename F>
void on_device(const char* op, const Batch& batch, const Tensor& input, const Tensor* target, const F& f) {
  if (batch.x.numel() == 0) return;
  GX_CHECK(batch.channels < int64_t{1} << 32, op, ": x must have fewer than 2^32 channels, got ", batch.channels);
  const torch::stable::accelerator::DeviceGuard guard(batch.x.get_device_index());
  TorchDevice device(op, batch.x);
  dispatch(batch, [&](auto element) {
    using T = decltype(element);
    if constexpr (kDouble || !std::is_same_v<T, double>) f(view_of<T>(batch, input, target), device);
  });
}

// `source(n)` is what is done with sample n. `input`, `target`: contiguous, like x; `target` may be null.
template <bool kDouble, typename Source>
void run_cuda(const char* op, const Batch& batch, const ShuffleSpec& shuffle, const Source& source, const Tensor& input,
              const Tensor* target) {
  const int32_t longest = std::max({batch.shape.x, batch.shape.y, batch.shape.z});
  GX_CHECK(shuffle.num_windows == 0 || longest <= kLongestSide, op, ": x must have sides of at most ", kLongestSide,
           " voxels to be shuffled on CUDA, got ", longest);
  on_device<kDouble>(op, batch, input, target,
                     [&](const auto& view, TorchDevice& device) { run_transform(view, source, shuffle, device); });
}

}  // namespace gx::cuda
