// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The CPU loop of the operators: samples in parallel; what is not shuffled also in pieces of a channel. A thread that is
// done takes the next one, since a shuffled sample costs several times as much as another.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <numeric>
#include <vector>

#include "../cpu/memory.h"
#include "../cpu/transform.h"
#include "batch.h"

namespace gx {

constexpr int64_t kPiece = 1 << 16;  // voxels: some 50 us of work, against a few to build a curve's table

// Calls f(i, scratch) for every i in [0, count), in no order.
template <typename F>
void for_each_in_turn(int64_t count, const F& f) {
  std::atomic<int64_t> next = 0;
  const int64_t threads = min_of(count, int64_t{torch::stable::get_num_threads()});
  torch::stable::parallel_for(0, threads, 1, [&](int64_t, int64_t) {
    const cpu::ScratchPtr scratch = cpu::make_scratch();
    for (int64_t i = next++; i < count; i = next++) f(i, *scratch);
  });
}

template <typename T>
void run_cpu_typed(const Batch& batch, const ShuffleSpec* shuffle, const std::function<Sample(int64_t)>& source,
                   void* input, void* target) {
  const int64_t voxels = voxels_of(batch.shape), per_sample = batch.channels * voxels;
  const T* x = static_cast<const T*>(batch.x.const_data_ptr());
  const size_t bytes = static_cast<size_t>(batch.samples * per_sample) * sizeof(T);
  const auto patch_of = [&](int64_t n) {
    return cpu::Patch<T>{x + n * batch.stride_n,
                         batch.stride_c,
                         batch.stride_x,
                         batch.stride_y,
                         batch.stride_z,
                         static_cast<T*>(input) + n * per_sample,
                         target == nullptr ? nullptr : static_cast<T*>(target) + n * per_sample,
                         batch.channels,
                         batch.shape,
                         bytes >= cpu::kStreamBytes};
  };
  if (shuffle != nullptr) {
    std::vector<int64_t> order(static_cast<size_t>(batch.samples));
    std::iota(order.begin(), order.end(), 0);
    std::stable_partition(order.begin(), order.end(), [&](int64_t n) { return source(n).shuffle; });
    for_each_in_turn(batch.samples, [&](int64_t i, cpu::Scratch& scratch) {
      const int64_t n = order[static_cast<size_t>(i)];
      cpu::transform_sample(source(n), *shuffle, patch_of(n), scratch);
    });
    return;
  }
  const int64_t pieces = (voxels + kPiece - 1) / kPiece;
  for_each_in_turn(batch.samples * batch.channels * pieces, [&](int64_t i, cpu::Scratch& scratch) {
    const int64_t n = i / pieces / batch.channels, c = i / pieces % batch.channels, first = i % pieces * kPiece;
    cpu::transform_range(source(n), patch_of(n), c, first, min_of(voxels, first + kPiece), scratch);
  });
}

// `source(n)` is what is done with sample n. Without `shuffle` nothing is shuffled. `input`, `target`: contiguous, like x.
inline void run_cpu(const Batch& batch, const ShuffleSpec* shuffle, const std::function<Sample(int64_t)>& source,
                    const Tensor& input, const Tensor* target) {
  if (batch.x.numel() == 0) return;
  void* in = input.mutable_data_ptr();
  void* out = target == nullptr ? nullptr : target->mutable_data_ptr();
  dispatch(batch, [&](auto element) { run_cpu_typed<decltype(element)>(batch, shuffle, source, in, out); });
}

}  // namespace gx
