// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The kernel that draws random words: a thread a call of Philox. Like transform.cuh it names nothing of torch or of CUDA's
// host API.
#pragma once

#include "../math/philox.h"

namespace gx::cuda {

constexpr int kWordsThreads = 256;

// Words of the indices 0 .. count-1 of every sample; draws = samples * count.
static __global__ void __launch_bounds__(kWordsThreads)
    philox_words_kernel(const int64_t* sample_id, const int64_t* seed, Purpose purpose, int64_t draws, int64_t count,
                        int64_t* words) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kWordsThreads + threadIdx.x;
  if (i >= draws) return;
  const int64_t n = i / count;
  const Key key = {static_cast<uint64_t>(*seed), static_cast<uint64_t>(sample_id[n])};
  write_words(philox(key, purpose, static_cast<uint32_t>(i - n * count)), words + 4 * i);
}

}  // namespace gx::cuda
