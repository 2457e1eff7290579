// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include <torch/csrc/stable/library.h>

#include <tuple>

#include "../../cuda/loop.cuh"
#include "genesis_transform.h"

namespace gx {
namespace {

std::tuple<Tensor, Tensor> genesis_transform_cuda(const Tensor& x, const Tensor& plan, std::vector<int64_t> numbers,
                                                  std::optional<Tensor> value_range, double lo, double hi, bool clamp) {
  const GenesisArguments arguments = check_genesis_transform(x, plan, numbers, value_range, lo, hi, clamp);
  const Tensor input = new_output(arguments.batch), target = new_output(arguments.batch);
  cuda::run_cuda<false>("genesis_transform", arguments.batch, arguments.shuffle, arguments.source, input, &target);
  return {input, target};
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CUDA, m) { m.impl("genesis_transform", TORCH_BOX(&genesis_transform_cuda)); }

}  // namespace gx
