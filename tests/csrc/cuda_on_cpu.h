// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Runs CUDA kernels block by block on a CPU, so that their logic is proved where there is no GPU: a fiber a thread,
// switched at barriers. Covers what csrc/cuda/*.cuh use and no more. Include it before the kernels.
#pragma once

#include <ucontext.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#define __global__
#define __device__
#define __launch_bounds__(...)
#define __grid_constant__
#define __forceinline__ inline
#define __shared__ static
#define GX_DYNAMIC_SHARED(name) unsigned char* name = ::cuda_on_cpu::block().shared.data()

namespace cuda_on_cpu {

struct Index {
  uint32_t x;
};

constexpr size_t kStack = 1 << 17;

struct Block {
  std::vector<ucontext_t> threads;
  std::vector<std::vector<char>> stacks;
  std::vector<bool> done;
  std::vector<unsigned char> shared;
  std::function<void()> kernel;
  ucontext_t scheduler;
  uint32_t running = 0, index = 0;
};

inline Block& block() {
  static Block state;
  return state;
}

inline void run_thread() {
  Block& state = block();
  state.kernel();
  state.done[state.running] = true;
  swapcontext(&state.threads[state.running], &state.scheduler);
}

inline void barrier() {
  Block& state = block();
  swapcontext(&state.threads[state.running], &state.scheduler);
}

// Calls `kernel` once a thread. Dynamic shared memory starts as garbage, as on a GPU.
inline void launch(uint32_t blocks, uint32_t threads, size_t shared_bytes, const std::function<void()>& kernel) {
  Block& state = block();
  state.kernel = kernel;
  state.threads.resize(threads);
  state.stacks.resize(threads, std::vector<char>(kStack));
  for (uint32_t b = 0; b < blocks; ++b) {
    state.index = b;
    state.shared.assign(shared_bytes, 0xCD);
    state.done.assign(threads, false);
    for (uint32_t t = 0; t < threads; ++t) {
      getcontext(&state.threads[t]);
      state.threads[t].uc_stack.ss_sp = state.stacks[t].data();
      state.threads[t].uc_stack.ss_size = kStack;
      state.threads[t].uc_link = nullptr;
      makecontext(&state.threads[t], run_thread, 0);
    }
    // Every round goes on to the next barrier: all threads must reach it, or all must have ended.
    for (uint32_t ended = 0; ended < threads;) {
      ended = 0;
      for (uint32_t t = 0; t < threads; ++t) {
        state.running = t;
        if (!state.done[t]) swapcontext(&state.scheduler, &state.threads[t]);
        ended += state.done[t];
      }
      if (ended != 0 && ended != threads) {
        std::fprintf(stderr, "a barrier that only %u of %u threads reach\n", threads - ended, threads);
        std::abort();
      }
    }
  }
}

}  // namespace cuda_on_cpu

#define threadIdx (::cuda_on_cpu::Index{::cuda_on_cpu::block().running})
#define blockIdx (::cuda_on_cpu::Index{::cuda_on_cpu::block().index})

inline void __syncthreads() { ::cuda_on_cpu::barrier(); }
// For kernels whose warps all reach it equally often.
inline void __syncwarp() { ::cuda_on_cpu::barrier(); }

inline uint32_t atomicMax(uint32_t* at, uint32_t value) {
  const uint32_t before = *at;
  if (value > before) *at = value;
  return before;
}

template <typename T>
T atomicAdd(T* at, T value) {
  const T before = *at;
  *at = before + value;
  return before;
}
