// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The CUDA loop of the operators: one launch, or two for sequential shuffling.
#pragma once

#include "../torch_api/batch.h"
#include "kernels.cuh"
#include "launch.h"

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

template <bool kWindows, typename T, typename Source>
void launch_transform(const char* op, const View<T>& view, const Source& source, const ShuffleSpec& spec, bool shuffled,
                      cudaStream_t stream) {
  const auto kernel = transform_kernel<T, Source, kWindows>;
  constexpr int kBytes = static_cast<int>(sizeof(CurveRow)) * kCurveMaxRows + (kWindows ? 4 * kChunk : 0);
  check_cuda(op, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes));
  kernel<<<grid_size(op, view.samples * chunks_of(view.shape)), kThreads, kBytes, stream>>>(view, source, spec,
                                                                                            shuffled);
  check_launch(op);
}

// Calls f(view, stream) for a batch that is not empty, on its device; kDouble: whether the operator takes float64.
template <bool kDouble, typename F>
void on_device(const Batch& batch, const Tensor& input, const Tensor* target, const F& f) {
  if (batch.x.numel() == 0) return;
  const torch::stable::accelerator::DeviceGuard guard(batch.x.get_device_index());
  const cudaStream_t stream = current_stream(batch.x);
  dispatch(batch, [&](auto element) {
    using T = decltype(element);
    if constexpr (kDouble || !std::is_same_v<T, double>) f(view_of<T>(batch, input, target), stream);
  });
}

// `source(n)` is what is done with sample n; nothing is shuffled. `input`, `target`: contiguous, like x.
template <typename Source>
void run_cuda(const char* op, const Batch& batch, const Source& source, const Tensor& input) {
  on_device<true>(batch, input, nullptr, [&](const auto& view, cudaStream_t stream) {
    launch_transform<false>(op, view, source, {}, false, stream);
  });
}

// The same with shuffling.
template <bool kDouble, typename Source>
void run_cuda_shuffled(const char* op, const Batch& batch, const ShuffleSpec& shuffle, const Source& source,
                       const Tensor& input, const Tensor* target) {
  on_device<kDouble>(batch, input, target, [&]<typename T>(const View<T>& view, cudaStream_t stream) {
    if (shuffle.order == kSequential) {
      const Tensor scratch = torch::stable::new_empty(batch.x, {batch.samples * voxels_of(shuffle.max_window)});
      sequential_kernel<<<grid_size(op, batch.samples), kThreads, 0, stream>>>(
          view, source, shuffle, static_cast<T*>(scratch.mutable_data_ptr()));
      check_launch(op);
      launch_transform<false>(op, view, source, {}, true, stream);
    } else {
      launch_transform<true>(op, view, source, shuffle, false, stream);
    }
  });
}

}  // namespace gx::cuda
