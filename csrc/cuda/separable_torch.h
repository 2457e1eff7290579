// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Separable resampling on torch's device, memory and current stream. Nothing waits for the device.
#pragma once

#include <vector>

#include "../torch_api/volumes.h"
#include "launch.h"
#include "separable.h"

namespace gx::cuda {

class TorchDevice {
 public:
  TorchDevice(const char* op, const Tensor& like) : op_(op), like_(like), stream_(current_stream(like)) {}

  void* memory(int64_t bytes) {
    memory_.push_back(new_result(op_, like_, {bytes}, ScalarType::Byte));
    return memory_.back().mutable_data_ptr();
  }

  template <typename Job>
  void launch(void (*kernel)(Job), int64_t blocks, int threads, const Job& job) {
    kernel<<<grid_size(op_, blocks), static_cast<unsigned>(threads), 0, stream_>>>(job);
    check_launch(op_);
  }

 private:
  const char* op_;
  const Tensor& like_;
  cudaStream_t stream_;
  std::vector<Tensor> memory_;
};

// out: contiguous (N, C, m, m, m) of the type asked for.
inline void run_separable(const char* op, const Separable& separable, const Tensor& out) {
  if (out.numel() == 0) return;
  const Volumes& volumes = separable.volumes;
  const torch::stable::accelerator::DeviceGuard guard(volumes.x.get_device_index());
  TorchDevice device(op, volumes.x);
  with_type(volumes.type, [&]<typename In>(In) {
    run_separable<In>({{static_cast<const In*>(volumes.x.const_data_ptr()),
                        volumes.channels,
                        volumes.stride_n,
                        volumes.stride_c,
                        {volumes.stride[0], volumes.stride[1], volumes.stride[2]}},
                       volumes.count(),
                       {separable.axis[0], separable.axis[1], separable.axis[2]},
                       separable.fill,
                       out.mutable_data_ptr(),
                       separable.out_type},
                      device);
  });
}

}  // namespace gx::cuda
