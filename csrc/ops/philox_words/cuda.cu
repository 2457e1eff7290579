// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include <torch/csrc/stable/library.h>

#include "../../cuda/torch_device.h"
#include "../../cuda/words.cuh"
#include "philox_words.h"

namespace gx {
namespace {

Tensor philox_words_cuda(const Tensor& sample_id, const Tensor& seed, int64_t purpose, int64_t count) {
  const WordsArguments arguments = check_philox_words(sample_id, seed, purpose, count);
  const Tensor out = new_result("philox_words", arguments.sample_id, {arguments.samples, count, 4}, ScalarType::Long);
  if (out.numel() == 0) return out;
  const torch::stable::accelerator::DeviceGuard guard(sample_id.get_device_index());
  cuda::TorchDevice device("philox_words", sample_id);
  cuda::run_philox_words(arguments.sample_id.const_data_ptr<int64_t>(), arguments.seed.const_data_ptr<int64_t>(),
                         arguments.purpose, arguments.samples, count, out.mutable_data_ptr<int64_t>(), device);
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CUDA, m) { m.impl("philox_words", TORCH_BOX(&philox_words_cuda)); }

}  // namespace gx
