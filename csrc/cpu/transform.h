// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The loop around csrc/math that every operator runs on a CPU: flip, shuffle, curve and paint of one sample, each of
// which may be off.
#pragma once

#include <memory>

#include "../math/sample.h"

namespace gx::cpu {

// One sample of a batch. `x` may have any strides; `input` and `target` are contiguous, `target` may be null.
template <typename T>
struct Patch {
  const T* x;
  int64_t stride_c, stride_x, stride_y, stride_z;
  T* input;
  T* target;
  int64_t channels;
  Shape shape;
  bool stream;  // write past the caches: the batch is larger than they are
};

// Buffers of a thread, kept from sample to sample.
struct Scratch;
struct ScratchDeleter {
  void operator()(Scratch* scratch) const;
};
using ScratchPtr = std::unique_ptr<Scratch, ScratchDeleter>;
ScratchPtr make_scratch();

// The whole sample. Offsets inside a channel of x must fit 32 bits.
template <typename T>
void transform_sample(const Sample& sample, const ShuffleSpec& shuffle, const Patch<T>& patch, Scratch& scratch);

// The voxels [begin, end) of one channel of a sample that is not shuffled; `begin` is a multiple of 64.
template <typename T>
void transform_range(const Sample& sample, const Patch<T>& patch, int64_t channel, int64_t begin, int64_t end,
                     Scratch& scratch);

}  // namespace gx::cpu
