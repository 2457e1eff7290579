// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Watches every access to memory of kernels that cuda_on_cpu.h runs. The first of these ends the program, with the
// kernel's line:
//   a race            two threads, one of them writing, without a barrier or an atomic operation between them
//   never written     a read of shared memory that no thread of the block has written
//   outside           of all tensors (what operator new gave), of shared memory and of the thread's own stack
//   not aligned       an access at an address that is no multiple of its size
// A source built with GX_ATTACK and -fsanitize=thread calls it at every access; attack.cpp stands in for that
// sanitizer's runtime.
#pragma once

#include <cstddef>
#include <cstdint>

namespace attack {

// Tensors of a launch may have been written by anyone before.
void launch_begins();
void block_begins(uint32_t block);
void block_barrier();
void warp_barrier(uint32_t warp);
// From here on until `aside`, accesses are those of this thread of the block.
void thread_runs(uint32_t thread, const void* stack, size_t bytes);
void aside();
// An atomic operation of the thread that runs.
void atomic(const void* at, size_t bytes);

// While one lives, the emulator itself is at work within a thread.
class Aside {
 public:
  Aside();
  ~Aside();
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

 private:
  bool before_;
};

}  // namespace attack
