// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include <torch/csrc/stable/library.h>

#include "../../cuda/loop.cuh"
#include "paint_boxes.h"

namespace gx {
namespace {

Tensor paint_boxes_cuda(const Tensor& x, const Tensor& boxes, const Tensor& kind, std::optional<Tensor> key,
                        std::optional<Tensor> fill, std::optional<Tensor> value_range, double lo, double hi) {
  const PaintArguments arguments = check_paint_boxes(x, boxes, kind, key, fill, value_range, lo, hi);
  const Tensor out = new_output(arguments.batch);
  cuda::run_cuda<true>("paint_boxes", arguments.batch, {}, arguments.source, out, nullptr);
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CUDA, m) { m.impl("paint_boxes", TORCH_BOX(&paint_boxes_cuda)); }

}  // namespace gx
