// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// How many blocks __launch_bounds__ may ask a multiprocessor to hold.
#pragma once

namespace gx::cuda {

// As many as wanted, or as fit: a multiprocessor of sm_75 holds 1,024 threads, all later ones 1,536 and more.
constexpr int blocks_bound(int blocks, int threads) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
  constexpr int kMost = 1024;
#else
  constexpr int kMost = 1536;
#endif
  return blocks * threads <= kMost ? blocks : kMost / threads;
}

}  // namespace gx::cuda
