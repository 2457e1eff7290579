// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include "local_shuffle.h"

#include <torch/csrc/stable/library.h>

#include "../../torch_api/cpu_loop.h"

namespace gx {
namespace {

Tensor local_shuffle_cpu(const Tensor& x, const Tensor& key, int64_t num_windows, std::vector<int64_t> max_window,
                         int64_t order, int64_t permute) {
  const LocalShuffleArguments arguments = check_local_shuffle(x, key, num_windows, max_window, order, permute);
  const Tensor out = new_output(arguments.batch);
  run_cpu(arguments.batch, &arguments.shuffle, arguments.source, out, nullptr);
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CPU, m) { m.impl("local_shuffle", TORCH_BOX(&local_shuffle_cpu)); }

}  // namespace gx
