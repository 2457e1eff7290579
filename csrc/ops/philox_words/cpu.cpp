// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include "philox_words.h"

#include <torch/csrc/stable/library.h>

namespace gx {
namespace {

Tensor philox_words_cpu(const Tensor& sample_id, const Tensor& seed, int64_t purpose, int64_t count) {
  const WordsArguments arguments = check_philox_words(sample_id, seed, purpose, count);
  const Tensor out = new_result("philox_words", arguments.sample_id, {arguments.samples, count, 4}, ScalarType::Long);
  if (out.numel() == 0) return out;
  const int64_t* ids = arguments.sample_id.const_data_ptr<int64_t>();
  const uint64_t key = static_cast<uint64_t>(*arguments.seed.const_data_ptr<int64_t>());
  const Purpose what = arguments.purpose;
  int64_t* words = out.mutable_data_ptr<int64_t>();
  torch::stable::parallel_for(0, arguments.samples * count, 4096, [=](int64_t begin, int64_t end) {
    int64_t sample = begin / count, index = begin % count;
    for (int64_t i = begin; i < end; ++i) {
      write_words(philox({key, static_cast<uint64_t>(ids[sample])}, what, static_cast<uint32_t>(index)), words + 4 * i);
      if (++index == count) {
        index = 0;
        ++sample;
      }
    }
  });
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CPU, m) { m.impl("philox_words", TORCH_BOX(&philox_words_cpu)); }

}  // namespace gx
