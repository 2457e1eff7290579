// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Checks of arguments: every message names the operator, the argument, the rule and what was got.
#pragma once

#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <initializer_list>
#include <sstream>
#include <stdexcept>
#include <string>

namespace gx {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// ValueError in Python. Only from the frame of a kernel, never inside a parallel loop.
template <typename... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw std::invalid_argument(text.str());
}

#define GX_CHECK(condition, ...)               \
  do {                                         \
    if (!(condition)) ::gx::fail(__VA_ARGS__); \
  } while (false)

inline std::string sizes_text(const Tensor& tensor) {
  std::ostringstream text;
  text << "(";
  for (int64_t d = 0; d < tensor.dim(); ++d) text << (d == 0 ? "" : ", ") << tensor.size(d);
  text << (tensor.dim() == 1 ? ",)" : ")");
  return text.str();
}

inline const char* dtype_text(ScalarType type) {
  switch (type) {
    case ScalarType::Byte: return "uint8";
    case ScalarType::Char: return "int8";
    case ScalarType::Short: return "int16";
    case ScalarType::Int: return "int32";
    case ScalarType::Long: return "int64";
    case ScalarType::Half: return "float16";
    case ScalarType::Float: return "float32";
    case ScalarType::Double: return "float64";
    case ScalarType::Bool: return "bool";
    case ScalarType::BFloat16: return "bfloat16";
    default: return "another dtype";
  }
}

inline void check_dtype(const char* op, const char* name, const Tensor& tensor, ScalarType type) {
  GX_CHECK(tensor.scalar_type() == type, op, ": ", name, " must be ", dtype_text(type), ", got ",
           dtype_text(tensor.scalar_type()));
}

inline std::string device_text(const Tensor& tensor) {
  if (tensor.is_cpu()) return "cpu";
  return (tensor.is_cuda() ? "cuda:" : "device ") + std::to_string(tensor.get_device_index());
}

inline void check_same_device(const char* op, const char* name, const Tensor& tensor, const Tensor& x) {
  GX_CHECK(tensor.device() == x.device(), op, ": ", name, " must be on the device of the first argument, ",
           device_text(x), ", got ", device_text(tensor));
}

// -1 stands for any size.
inline void check_sizes(const char* op, const char* name, const char* rule, const Tensor& tensor,
                        std::initializer_list<int64_t> sizes) {
  bool fits = tensor.dim() == static_cast<int64_t>(sizes.size());
  int64_t d = 0;
  for (const int64_t size : sizes) {
    fits = fits && (size < 0 || tensor.size(d) == size);
    ++d;
  }
  GX_CHECK(fits, op, ": ", name, " must have shape ", rule, ", got ", sizes_text(tensor));
}

}  // namespace gx
