// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// torch's current stream, and errors of a launch.
#pragma once

#include <cuda_runtime.h>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/accelerator.h>

#include "../torch_api/check.h"

namespace gx::cuda {

inline cudaStream_t current_stream(const Tensor& tensor) {
  void* stream = nullptr;
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(tensor.get_device_index(), &stream));
  return static_cast<cudaStream_t>(stream);
}

inline void check_cuda(const char* op, cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(std::string(op) + ": CUDA says: " + cudaGetErrorString(error));
}

inline void check_launch(const char* op) { check_cuda(op, cudaGetLastError()); }

// The number of blocks of a launch.
inline unsigned grid_size(const char* op, int64_t blocks) {
  GX_CHECK(blocks <= int64_t{2147483647}, op, ": x must be small enough for a grid of 2^31 blocks, got ", blocks);
  return static_cast<unsigned>(blocks);
}

}  // namespace gx::cuda
