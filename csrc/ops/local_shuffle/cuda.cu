// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include <torch/csrc/stable/library.h>

#include "../../cuda/loop.cuh"
#include "local_shuffle.h"

namespace gx {
namespace {

Tensor local_shuffle_cuda(const Tensor& x, const Tensor& key, int64_t num_windows, std::vector<int64_t> max_window,
                          int64_t order, int64_t permute) {
  const LocalShuffleArguments arguments = check_local_shuffle(x, key, num_windows, max_window, order, permute);
  const Tensor out = new_output(arguments.batch);
  cuda::run_cuda<true>("local_shuffle", arguments.batch, arguments.shuffle, arguments.source, out, nullptr);
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CUDA, m) { m.impl("local_shuffle", TORCH_BOX(&local_shuffle_cuda)); }

}  // namespace gx
