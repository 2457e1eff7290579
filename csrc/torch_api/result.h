// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Memory for what an operator makes.
#pragma once

#include <torch/csrc/stable/ops.h>

#include <new>
#include <vector>

#include "../cpu/kept.h"
#include "check.h"

namespace gx {

inline int64_t element_bytes(ScalarType type) {
  switch (type) {
    case ScalarType::Double:
    case ScalarType::Long: return 8;
    case ScalarType::Float:
    case ScalarType::Int: return 4;
    case ScalarType::Half:
    case ScalarType::BFloat16:
    case ScalarType::Short: return 2;
    default: return 1;
  }
}

// Contiguous, of any contents, on the device of `like`. Large ones on a CPU are in memory that later results take over;
// the library of the CUDA kernels makes none of these.
inline Tensor new_tensor(const Tensor& like, const std::vector<int64_t>& sizes, ScalarType type) {
#if !defined(__CUDACC__)
  int64_t bytes = element_bytes(type);
  bool fits = like.is_cpu();
  for (const int64_t size : sizes) fits = fits && !__builtin_mul_overflow(bytes, size, &bytes);
  if (fits && bytes >= static_cast<int64_t>(cpu::kKeptFrom)) {
    const cpu::Block block = cpu::take_block(static_cast<size_t>(bytes));
    if (block.data == nullptr) throw std::bad_alloc();
    std::vector<int64_t> strides(sizes.size(), 1);
    for (size_t d = sizes.size(); d-- > 1;) strides[d - 1] = strides[d] * sizes[d];
    return torch::stable::from_blob(block.data, sizes, strides, like.device(), type,
                                    [block](void*) noexcept { cpu::give_block(block); });
  }
#endif
  return torch::stable::new_empty(like, sizes, type);
}

// As new_tensor, with an error that says what did not fit: that of the stable ABI does not.
inline Tensor new_result(const char* op, const Tensor& like, const std::vector<int64_t>& sizes, ScalarType type) {
  try {
    return new_tensor(like, sizes, type);
  } catch (const std::exception&) {
    std::ostringstream text;
    text << op << ": out of memory, into which (";
    for (size_t d = 0; d < sizes.size(); ++d) text << (d == 0 ? "" : ", ") << sizes[d];
    text << ") of " << dtype_text(type) << " must fit";
    throw std::runtime_error(text.str());
  }
}

}  // namespace gx
