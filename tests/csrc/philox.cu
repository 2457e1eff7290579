// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The known answers of Philox4x32-10, on a GPU; benchmarks/gpu.sh builds and runs it. No operator reaches these counters.
#include <cuda_runtime.h>

#include "known_answers.h"

static __global__ void philox_kernel(gx::Words counter, uint32_t key0, uint32_t key1, gx::Words* out) {
  *out = gx::philox4x32(counter, key0, key1);
}

int main() {
  gx::Words* out = nullptr;
  CHECK(cudaMalloc(&out, sizeof(gx::Words)) == cudaSuccess);
  check::known_answers([=](gx::Words counter, uint32_t key0, uint32_t key1) {
    philox_kernel<<<1, 1>>>(counter, key0, key1, out);
    gx::Words got = {};
    CHECK(cudaMemcpy(&got, out, sizeof(got), cudaMemcpyDeviceToHost) == cudaSuccess);
    return got;
  });
  return check::summary("philox on the GPU");
}
