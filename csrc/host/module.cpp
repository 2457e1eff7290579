// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// What the package was built with and what it finds: no torch in here, so that it loads where the operators do not.
#include <pybind11/pybind11.h>

#include "../cpu/isa.h"

namespace py = pybind11;

namespace {

py::dict build_info() {
  py::dict info;
  info["torch"] = GENESIS_TORCH_VERSION;
  info["cuda"] = GENESIS_CUDA_VERSION;
  info["cuda_architectures"] = GENESIS_CUDA_ARCHITECTURES;
  info["compiler"] = GENESIS_COMPILER;
  return info;
}

}  // namespace

PYBIND11_MODULE(_host, m) {
  m.doc() = "What the package was built with, and the instruction set of its CPU kernels.";
  m.def(
      "instruction_set", [] { return gx::cpu::instruction_set_name(gx::cpu::instruction_set()); },
      "The instruction set that the CPU kernels use: baseline, avx2 or avx512.");
  m.def("build_info", &build_info, "Versions that the package was built with.");
}
