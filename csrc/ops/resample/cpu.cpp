// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include <torch/csrc/stable/library.h>

#include "../../torch_api/cpu_separable.h"
#include "resample.h"

namespace gx {
namespace {

Tensor resample_cpu(const Tensor& x, std::vector<int64_t> out_shape, int64_t order, int64_t boundary, double fill,
                    bool grid_mode, bool antialias, int64_t dtype) {
  const Separable separable = check_resample(x, out_shape, order, boundary, fill, grid_mode, antialias, dtype);
  const Tensor out = new_resampled(separable, out_shape);
  run_separable(separable, out);
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CPU, m) { m.impl("resample", TORCH_BOX(&resample_cpu)); }

}  // namespace gx
