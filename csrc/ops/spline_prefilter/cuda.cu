// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include <torch/csrc/stable/library.h>

#include "../../cuda/separable_torch.h"
#include "spline_prefilter.h"

namespace gx {
namespace {

Tensor spline_prefilter_cuda(const Tensor& x, int64_t order, int64_t boundary) {
  const Separable separable = check_spline_prefilter(x, order, boundary);
  const Tensor out = new_coefficients(separable);
  cuda::run_separable("spline_prefilter", separable, out);
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CUDA, m) { m.impl("spline_prefilter", TORCH_BOX(&spline_prefilter_cuda)); }

}  // namespace gx
