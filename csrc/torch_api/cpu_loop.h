// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The CPU loop of the operators: samples in parallel; what is not shuffled also in pieces of a channel.
#pragma once

#include <functional>

#include "../cpu/memory.h"
#include "../cpu/transform.h"
#include "batch.h"

namespace gx {

constexpr int64_t kPiece = 1 << 16;  // voxels: some 50 us of work, against a few to build a curve's table

template <typename T>
void run_cpu_typed(const Batch& batch, const ShuffleSpec* shuffle, const std::function<Sample(int64_t)>& source,
                   void* input, void* target) {
  const int64_t voxels = voxels_of(batch.shape), per_sample = batch.channels * voxels;
  const T* x = static_cast<const T*>(batch.x.const_data_ptr());
  const size_t bytes = static_cast<size_t>(batch.samples * per_sample) * sizeof(T);
  cpu::advise_huge_pages(input, bytes);
  if (target != nullptr) cpu::advise_huge_pages(target, bytes);
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
    torch::stable::parallel_for(0, batch.samples, 1, [&](int64_t begin, int64_t end) {
      const cpu::ScratchPtr scratch = cpu::make_scratch();
      for (int64_t n = begin; n < end; ++n) cpu::transform_sample(source(n), *shuffle, patch_of(n), *scratch);
    });
    return;
  }
  const int64_t pieces = (voxels + kPiece - 1) / kPiece;
  torch::stable::parallel_for(0, batch.samples * batch.channels * pieces, 1, [&](int64_t begin, int64_t end) {
    const cpu::ScratchPtr scratch = cpu::make_scratch();
    for (int64_t i = begin; i < end; ++i) {
      const int64_t n = i / pieces / batch.channels, c = i / pieces % batch.channels, first = i % pieces * kPiece;
      cpu::transform_range(source(n), patch_of(n), c, first, min_of(voxels, first + kPiece), *scratch);
    }
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
