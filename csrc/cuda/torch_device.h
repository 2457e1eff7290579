// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The `Device` of csrc/cuda/*.h that is torch's: its memory and its current stream. Nothing waits for the device.
#pragma once

#include <type_traits>
#include <vector>

#include "../torch_api/result.h"
#include "launch.h"

namespace gx::cuda {

class TorchDevice {
 public:
  TorchDevice(const char* op, const Tensor& like) : op_(op), like_(like), stream_(current_stream(like)) {}

  void* memory(int64_t bytes) {
    memory_.push_back(new_result(op_, like_, {bytes}, ScalarType::Byte));
    return memory_.back().mutable_data_ptr();
  }

  template <typename... Arguments>
  void launch(void (*kernel)(Arguments...), int64_t blocks, int threads,
              const std::type_identity_t<Arguments>&... arguments) {
    kernel<<<grid_size(op_, blocks), static_cast<unsigned>(threads), 0, stream_>>>(arguments...);
    check_launch(op_);
  }

 private:
  const char* op_;
  const Tensor& like_;
  cudaStream_t stream_;
  std::vector<Tensor> memory_;
};

}  // namespace gx::cuda
