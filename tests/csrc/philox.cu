// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The known answers of Philox4x32-10, on a GPU; benchmarks/gpu.sh builds and runs it. No other operator reaches these counters.
#include <cuda_runtime.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include "check.h"
#include "math/philox.h"

static __global__ void philox_kernel(gx::Words counter, uint32_t key0, uint32_t key1, gx::Words* out) {
  *out = gx::philox4x32(counter, key0, key1);
}

int main() {
  std::ifstream file(GENESIS_TEST_DATA "/philox_kat.txt");
  CHECK(file.is_open());
  gx::Words* out = nullptr;
  CHECK(cudaMalloc(&out, sizeof(gx::Words)) == cudaSuccess);
  int vectors = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string generator;
    uint32_t w[10] = {};
    words >> generator >> std::hex;
    for (uint32_t& word : w) words >> word;
    philox_kernel<<<1, 1>>>({w[0], w[1], w[2], w[3]}, w[4], w[5], out);
    gx::Words got = {};
    CHECK(cudaMemcpy(&got, out, sizeof(got), cudaMemcpyDeviceToHost) == cudaSuccess);
    CHECK(got.w0 == w[6] && got.w1 == w[7] && got.w2 == w[8] && got.w3 == w[9], line);
    ++vectors;
  }
  CHECK(vectors >= 3, vectors);
  return check::summary("philox on the GPU");
}
