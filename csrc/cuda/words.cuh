// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The kernel that draws random words, a thread a call of Philox, and its launch by a `Device` as in separable.h.
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

template <typename Device>
void run_philox_words(const int64_t* sample_id, const int64_t* seed, Purpose purpose, int64_t samples, int64_t count,
                      int64_t* words, Device& device) {
  const int64_t draws = samples * count;
  device.launch(philox_words_kernel, (draws + kWordsThreads - 1) / kWordsThreads, kWordsThreads, sample_id, seed,
                purpose, draws, count, words);
}

}  // namespace gx::cuda
