// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Kernels that are broken in one way each: the emulator must say where.
#include "cuda_on_cpu.h"  // first: the kernels need its macros

#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "check.h"

namespace {

struct alignas(16) Four {
  float v[4];
};

constexpr uint32_t kThreads = 64;

// Sums of neighbours, through shared memory.
__global__ void right(const float* x, float* out) {
  __shared__ float values[kThreads];
  values[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x] + values[(threadIdx.x + 1) % kThreads];
}

__global__ void without_a_barrier(const float* x, float* out) {
  __shared__ float values[kThreads];
  values[threadIdx.x] = x[threadIdx.x];
  out[threadIdx.x] = values[threadIdx.x] + values[(threadIdx.x + 1) % kThreads];  // caught here
}

__global__ void with_a_barrier_of_warps_alone(const float* x, float* out) {
  __shared__ float values[kThreads];
  values[threadIdx.x] = x[threadIdx.x];
  __syncwarp();
  out[threadIdx.x] = values[threadIdx.x] + values[(threadIdx.x + 1) % kThreads];
}

__global__ void off_by_one(const float* x, float* out) { out[threadIdx.x] = x[threadIdx.x + 1]; }

__global__ void off_by_one_in_shared(const float* x, float* out) {
  __shared__ float values[kThreads + 1];
  values[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x + 1];
}

__global__ void not_aligned(const float* x, float* out) {
  const Four four = *reinterpret_cast<const Four*>(x + threadIdx.x % 2);
  out[threadIdx.x] = four.v[3] + four.v[1];
}

__global__ void divergent(const float* x, float* out) {
  if (threadIdx.x < 40) __syncthreads();
  out[threadIdx.x] = x[threadIdx.x];
}

__global__ void one_place_for_all(const float* x, float* out) { out[0] = x[threadIdx.x]; }

// What a kernel makes the emulator say; "" if it says nothing.
template <typename Kernel>
std::string said(const Kernel& kernel, uint32_t blocks = 1) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    const std::vector<float> x(kThreads, 1.0f);
    std::vector<float> out(kThreads);
    const float* from = x.data();
    float* to = out.data();
    cuda_on_cpu::launch(blocks, kThreads, [=] { kernel(from, to); });
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char piece[256];
  for (ssize_t got; (got = read(ends[0], piece, sizeof(piece))) > 0;) text.append(piece, static_cast<size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == (text.empty() ? 0 : 1) ? text : "ended in another way: " + text;
}

bool has(const std::string& text, const char* words) { return text.find(words) != std::string::npos; }

}  // namespace

int main() {
  for (uint64_t order = 0; order < 4; ++order) {
    cuda_on_cpu::set_order(order);
    CHECK(said(right).empty(), said(right));
    CHECK(has(said(without_a_barrier), "attack_itself.cpp:"), said(without_a_barrier));
    const std::string race = said(without_a_barrier);
    CHECK(has(race, "a race") || has(race, "never written"), race);
    CHECK(has(said(with_a_barrier_of_warps_alone), "attack_itself.cpp:"), said(with_a_barrier_of_warps_alone));
    CHECK(has(said(off_by_one), "outside"), said(off_by_one));
    CHECK(has(said(off_by_one_in_shared), "never written"), said(off_by_one_in_shared));
    CHECK(has(said(not_aligned), "not aligned"), said(not_aligned));
    CHECK(has(said(divergent), "a barrier that only 40 of 64 threads reach"), said(divergent));
    CHECK(has(said(one_place_for_all), "a race"), said(one_place_for_all));
    CHECK(has(said(right, 2), "a race"), "blocks that write the same places", said(right, 2));
  }
  return check::summary("attack_itself");
}
