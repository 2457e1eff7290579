// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include <torch/csrc/stable/library.h>

#include "../../torch_api/cpu_separable.h"
#include "spline_prefilter.h"

namespace gx {
namespace {

Tensor spline_prefilter_cpu(const Tensor& x, int64_t order, int64_t boundary) {
  const Separable separable = check_spline_prefilter(x, order, boundary);
  const Tensor out = new_coefficients(separable);
  run_separable(separable, out);
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CPU, m) { m.impl("spline_prefilter", TORCH_BOX(&spline_prefilter_cpu)); }

}  // namespace gx
