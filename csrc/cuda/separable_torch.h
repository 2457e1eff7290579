// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Separable resampling on torch's device, memory and current stream. Nothing waits for the device.
#pragma once

#include "../torch_api/volumes.h"
#include "separable.h"
#include "torch_device.h"

namespace gx::cuda {

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
