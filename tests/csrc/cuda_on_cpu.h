// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Runs CUDA kernels block by block on a CPU, so that their logic is proved where there is no GPU: a fiber a thread,
// switched at barriers, in any order between them. Covers what csrc/cuda/*.cuh use and no more. Include it before the
// kernels.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

#if defined(GX_ATTACK)
#include "attack.h"
#endif

#define __global__
#define __device__
#define __launch_bounds__(...)
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __shared__ static

namespace cuda_on_cpu {

// Random cases of a test, of which there are fewer where every access is watched.
#if defined(GX_ATTACK)
constexpr int kShare = 8;
#else
constexpr int kShare = 1;
#endif

struct Index {
  uint32_t x;
};

constexpr size_t kStack = 1 << 17;
constexpr uint32_t kWarp = 32;

enum class State { kReady, kAtWarpBarrier, kAtBlockBarrier, kDone };

struct Thread {
  std::unique_ptr<char[]> stack{new char[kStack]};
  ucontext_t start;
  jmp_buf at;
  bool started;
  State state;
  uint32_t exchanged;  // what it shows to its warp
};

struct Block {
  std::vector<Thread> threads;
  std::vector<uint32_t> ready;
  void (*kernel)(const void*);
  const void* closure;
  jmp_buf scheduler;
  uint32_t running = 0, index = 0;
  uint64_t order = 0;  // seed of the order of blocks and threads; 0: one after another
  std::mt19937_64 random;
};

inline Block& block() {
  static Block state;
  return state;
}

// The order in which later launches run blocks, and threads between barriers.
inline void set_order(uint64_t seed) {
  block().order = seed;
  block().random.seed(seed);
}

#if defined(GX_ATTACK)
namespace attack = ::attack;
using attack::Aside;
#else
struct Aside {  // with attack.h: what is done while one lives is the emulator's, not the kernel's
  Aside() {}
};
namespace attack {
inline void launch_begins() {}
inline void block_begins(uint32_t) {}
inline void block_barrier() {}
inline void warp_barrier(uint32_t) {}
inline void thread_runs(uint32_t, const void*, size_t) {}
inline void aside() {}
inline void atomic(const void*, size_t) {}
}  // namespace attack
#endif

inline void run_thread() {
  void (*kernel)(const void*);
  const void* closure;
  {
    const Aside aside;
    kernel = block().kernel;
    closure = block().closure;
  }
  kernel(closure);
  const Aside aside;
  Block& state = block();
  state.threads[state.running].state = State::kDone;
  _longjmp(state.scheduler, 1);
}

inline void wait(State at) {
  const Aside aside;
  Block& state = block();
  Thread& thread = state.threads[state.running];
  thread.state = at;
  if (_setjmp(thread.at) == 0) _longjmp(state.scheduler, 1);
  attack::thread_runs(state.running, thread.stack.get(), kStack);
}

inline void resume(Thread& thread) {
  if (_setjmp(block().scheduler) != 0) {
    attack::aside();
    return;
  }
  if (thread.started) _longjmp(thread.at, 1);
  thread.started = true;
  attack::thread_runs(block().running, thread.stack.get(), kStack);
  setcontext(&thread.start);
}

// Wakes the threads [first, end) if all of them wait there. A barrier that only some reach can never be passed.
inline bool release(uint32_t first, uint32_t end, State barrier) {
  Block& state = block();
  for (uint32_t t = first; t < end; ++t) {
    if (state.threads[t].state != barrier) return false;
  }
  for (uint32_t t = first; t < end; ++t) {
    state.threads[t].state = State::kReady;
    state.ready.push_back(t);
  }
  return true;
}

inline void run_block(uint32_t index) {
  Block& state = block();
  const uint32_t threads = static_cast<uint32_t>(state.threads.size());
  state.index = index;
  attack::block_begins(index);
  state.ready.clear();
  for (uint32_t t = 0; t < threads; ++t) {
    Thread& thread = state.threads[t];
    getcontext(&thread.start);
    thread.start.uc_stack.ss_sp = thread.stack.get();
    thread.start.uc_stack.ss_size = kStack;
    thread.start.uc_link = nullptr;
    makecontext(&thread.start, run_thread, 0);
    thread.started = false;
    thread.state = State::kReady;
    state.ready.push_back(t);
  }
  while (true) {
    if (state.order != 0) std::shuffle(state.ready.begin(), state.ready.end(), state.random);
    const std::vector<uint32_t> ready = std::move(state.ready);
    state.ready.clear();
    for (const uint32_t t : ready) {
      state.running = t;
      resume(state.threads[t]);
    }
    for (uint32_t first = 0; first < threads; first += kWarp) {
      if (release(first, std::min(first + kWarp, threads), State::kAtWarpBarrier)) attack::warp_barrier(first / kWarp);
    }
    if (!state.ready.empty()) continue;
    if (release(0, threads, State::kAtBlockBarrier)) {
      attack::block_barrier();
      continue;
    }
    uint32_t done = 0;
    for (const Thread& thread : state.threads) done += thread.state == State::kDone;
    if (done == threads) return;
    std::fprintf(stderr, "a barrier that only %u of %u threads reach\n", threads - done, threads);
    std::exit(1);
  }
}

// Shows a value to the warp; result(values) is what a thread makes of those of all its lanes.
template <typename Result>
uint32_t exchange(uint32_t value, const Result& result) {
  const auto show = [&] {
    const Aside aside;
    block().threads[block().running].exchanged = value;
  };
  const auto look = [&] {
    const Aside aside;
    return result(block().threads.data() + block().running / kWarp * kWarp);
  };
  show();
  wait(State::kAtWarpBarrier);
  const uint32_t got = look();
  wait(State::kAtWarpBarrier);  // nobody shows the next value before all have read this one
  return got;
}

// How often warps come by the places that GX_PATH names. Lanes that come by in the same turn of the same loops do so
// together, as they do on a GPU whose warps converge after every branch.
class Paths {
 public:
  static constexpr uint32_t kMost = 64;
  using Counts = std::map<std::string, uint64_t>;

  // Of all warps; of the warp of each block that comes by most often; of the block where that is most in all.
  struct Result {
    Counts all, slowest, longest;
  };

  uint32_t number(const std::string& name) {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found != names_.end()) return static_cast<uint32_t>(found - names_.begin());
    if (names_.size() == kMost) std::abort();
    names_.push_back(name);
    return static_cast<uint32_t>(names_.size() - 1);
  }

  void pass(uint32_t path, uint32_t parent) {
    const uint32_t thread = block().running;
    if (lanes_.size() <= thread) {
      lanes_.resize(block().threads.size());
      warps_.resize(block().threads.size() / kWarp);
    }
    auto& lane = lanes_[thread].visits;
    const uint64_t around = lane[parent].turn;
    lane[path].times = lane[path].around == around ? lane[path].times + 1 : 0;
    lane[path].around = around;
    lane[path].turn = mixed(mixed(around + path + 1) + lane[path].times);
    warps_[thread / kWarp].turns[path].insert(lane[path].turn);
  }

  void block_ends() {
    uint64_t most[kMost] = {}, sum = 0;
    for (uint32_t p = 0; p < names_.size(); ++p) {
      for (Warp& warp : warps_) {
        all_[p] += warp.turns[p].size();
        most[p] = std::max(most[p], uint64_t{warp.turns[p].size()});
        warp.turns[p].clear();
      }
      slowest_[p] += most[p];
      sum += most[p];
    }
    for (Lane& lane : lanes_) lane = {};
    if (sum > sum_of_longest_) std::copy(std::begin(most), std::end(most), std::begin(longest_));
    sum_of_longest_ = std::max(sum, sum_of_longest_);
  }

  // Counts since the last call.
  Result take() {
    Result result;
    for (uint32_t p = 0; p < names_.size(); ++p) {
      if (all_[p] == 0) continue;
      result.all[names_[p]] = all_[p];
      result.slowest[names_[p]] = slowest_[p];
      result.longest[names_[p]] = longest_[p];
      all_[p] = slowest_[p] = longest_[p] = 0;
    }
    sum_of_longest_ = 0;
    return result;
  }

 private:
  struct Visit {
    uint64_t turn = 0, around = ~uint64_t{0}, times = 0;
  };
  struct Lane {
    Visit visits[kMost];
  };
  struct Warp {
    std::unordered_set<uint64_t> turns[kMost];
  };

  static uint64_t mixed(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }

  std::vector<std::string> names_;
  std::vector<Lane> lanes_;
  std::vector<Warp> warps_;
  uint64_t all_[kMost] = {}, slowest_[kMost] = {}, longest_[kMost] = {}, sum_of_longest_ = 0;
};

inline Paths& paths() {
  static Paths state;
  return state;
}

// Calls `kernel` once a thread.
template <typename Kernel>
void launch(uint32_t blocks, uint32_t threads, const Kernel& kernel) {
  Block& state = block();
  state.kernel = [](const void* closure) { (*static_cast<const Kernel*>(closure))(); };
  state.closure = &kernel;
  state.threads.resize(threads);
  attack::launch_begins();
  std::vector<uint32_t> order(blocks);
  for (uint32_t b = 0; b < blocks; ++b) order[b] = b;
  if (state.order != 0) std::shuffle(order.begin(), order.end(), state.random);
  for (const uint32_t b : order) {
    run_block(b);
#if defined(GX_MARK_PATHS)
    paths().block_ends();
#endif
  }
}

}  // namespace cuda_on_cpu

#if defined(GX_MARK_PATHS)
#define GX_PATH(name, parent)                                             \
  do {                                                                    \
    static const uint32_t here = ::cuda_on_cpu::paths().number(name);     \
    static const uint32_t around = ::cuda_on_cpu::paths().number(parent); \
    ::cuda_on_cpu::paths().pass(here, around);                            \
  } while (false)
#endif

namespace cuda_on_cpu {
inline Index thread_index() {
  const Aside aside;
  return {block().running};
}
inline Index block_index() {
  const Aside aside;
  return {block().index};
}
}  // namespace cuda_on_cpu

#define threadIdx (::cuda_on_cpu::thread_index())
#define blockIdx (::cuda_on_cpu::block_index())

inline void __syncthreads() { ::cuda_on_cpu::wait(::cuda_on_cpu::State::kAtBlockBarrier); }
inline void __syncwarp() { ::cuda_on_cpu::wait(::cuda_on_cpu::State::kAtWarpBarrier); }

inline uint32_t __ballot_sync(uint32_t, bool mine) {
  return ::cuda_on_cpu::exchange(mine, [](const ::cuda_on_cpu::Thread* lanes) {
    uint32_t ballot = 0;
    for (uint32_t i = 0; i < ::cuda_on_cpu::kWarp; ++i) ballot |= lanes[i].exchanged << i;
    return ballot;
  });
}

inline int32_t __shfl_sync(uint32_t, int32_t value, int lane) {
  return static_cast<int32_t>(::cuda_on_cpu::exchange(
      static_cast<uint32_t>(value), [=](const ::cuda_on_cpu::Thread* lanes) { return lanes[lane].exchanged; }));
}

inline int32_t __shfl_up_sync(uint32_t, int32_t value, uint32_t step) {
  const uint32_t lane = threadIdx.x % ::cuda_on_cpu::kWarp;
  return __shfl_sync(0, value, static_cast<int>(lane < step ? lane : lane - step));
}

inline int32_t __popc(uint32_t bits) { return __builtin_popcount(bits); }

inline uint32_t atomicOr(uint32_t* at, uint32_t value) {
  ::cuda_on_cpu::attack::atomic(at, sizeof(*at));
  const ::cuda_on_cpu::Aside aside;
  const uint32_t before = *at;
  *at |= value;
  return before;
}

inline uint32_t atomicMax(uint32_t* at, uint32_t value) {
  ::cuda_on_cpu::attack::atomic(at, sizeof(*at));
  const ::cuda_on_cpu::Aside aside;
  const uint32_t before = *at;
  if (value > before) *at = value;
  return before;
}

template <typename T>
T atomicAdd(T* at, T value) {
  ::cuda_on_cpu::attack::atomic(at, sizeof(*at));
  const ::cuda_on_cpu::Aside aside;
  const T before = *at;
  *at = before + value;
  return before;
}
