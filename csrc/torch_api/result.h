// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Memory for what an operator makes.
#pragma once

#include <torch/csrc/stable/ops.h>

#include <vector>

#include "check.h"

namespace gx {

// Contiguous, of any contents, on the device of `like`. The error of the stable ABI would not tell what went wrong.
inline Tensor new_result(const char* op, const Tensor& like, const std::vector<int64_t>& sizes, ScalarType type) {
  try {
    return torch::stable::new_empty(like, sizes, type);
  } catch (const std::exception&) {
    std::ostringstream text;
    text << op << ": out of memory, into which (";
    for (size_t d = 0; d < sizes.size(); ++d) text << (d == 0 ? "" : ", ") << sizes[d];
    text << ") of " << dtype_text(type) << " must fit";
    throw std::runtime_error(text.str());
  }
}

}  // namespace gx
