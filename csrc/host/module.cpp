// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// csrc/math for the host, on NumPy arrays: no torch in here, so one build serves every torch.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "../cpu/isa.h"
#include "../math/plan.h"

namespace py = pybind11;

namespace {

template <typename T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;

py::array_t<uint32_t> philox(uint64_t seed, const Array<uint64_t>& sample_id, uint32_t purpose,
                             const Array<uint32_t>& index) {
  if (sample_id.ndim() != 1 || index.ndim() != 1 || sample_id.size() != index.size()) {
    throw std::invalid_argument("philox: sample_id and index must be two (N,) arrays of one length");
  }
  const py::ssize_t n = index.size();
  py::array_t<uint32_t> out({n, py::ssize_t{4}});
  auto words = out.mutable_unchecked<2>();
  for (py::ssize_t i = 0; i < n; ++i) {
    const gx::Words w = gx::philox({seed, sample_id.data()[i]}, static_cast<gx::Purpose>(purpose), index.data()[i]);
    words(i, 0) = w.w0;
    words(i, 1) = w.w1;
    words(i, 2) = w.w2;
    words(i, 3) = w.w3;
  }
  return out;
}

template <typename F>
py::array_t<int64_t> map_places(const char* name, int64_t n, uint32_t key, const F& f) {
  if (n < 0 || n > int64_t{gx::kPermutationLimit}) {
    throw std::invalid_argument(std::string(name) + ": n must be in [0, 2^20], got " + std::to_string(n));
  }
  py::array_t<int64_t> out(n);
  int64_t* places = out.mutable_data();
  for (int64_t i = 0; i < n; ++i) places[i] = f(static_cast<uint32_t>(i), static_cast<uint32_t>(n), key);
  return out;
}

py::array_t<int64_t> permutation(int64_t n, uint32_t key) {
  return map_places("permutation", n, key,
                    [](uint32_t i, uint32_t size, uint32_t k) { return gx::permutation(i, size, k); });
}

py::array_t<int64_t> permutation_inverse(int64_t n, uint32_t key) {
  return map_places("permutation_inverse", n, key,
                    [](uint32_t i, uint32_t size, uint32_t k) { return gx::permutation_inverse(i, size, k); });
}

// The values of a curve at v in [0, 1], by the table that the operators use.
py::array_t<float> curve(const Array<float>& v, float x1, float y1, float x2, float y2, bool decreasing) {
  const gx::Curve made = gx::make_curve({x1, y1, x2, y2, decreasing});
  std::vector<gx::CurveRow> rows(static_cast<size_t>(made.rows));
  for (int i = 0; i < made.rows; ++i) rows[static_cast<size_t>(i)] = gx::curve_row(made, i);
  py::array_t<float> out(v.size());
  float* values = out.mutable_data();
  for (py::ssize_t i = 0; i < v.size(); ++i) {
    values[i] = gx::apply_curve(made.lookup, rows.data(), decreasing, gx::make_range(0.0f, 1.0f), true, v.data()[i]);
  }
  return out;
}

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
  m.doc() = "The arithmetic of the operators for the host, on NumPy arrays (docs/determinism.md).";
  m.def("philox", &philox, py::arg("seed"), py::arg("sample_id"), py::arg("purpose"), py::arg("index"),
        "Philox4x32-10 words: (N,) uint64 sample ids and (N,) uint32 indices -> (N, 4) uint32.");
  m.def("permutation", &permutation, py::arg("n"), py::arg("key"),
        "The keyed permutation of [0, n), n <= 2^20: (n,) int64, new[i] = old[permutation[i]].");
  m.def("permutation_inverse", &permutation_inverse, py::arg("n"), py::arg("key"),
        "The inverse of permutation(n, key).");
  m.def("curve", &curve, py::arg("v"), py::arg("x1"), py::arg("y1"), py::arg("x2"), py::arg("y2"),
        py::arg("decreasing") = false, "The Bezier intensity curve at (M,) float32 values in [0, 1].");
  m.def(
      "instruction_set", [] { return gx::cpu::instruction_set_name(gx::cpu::instruction_set()); },
      "The instruction set that the CPU kernels use: baseline, avx2 or avx512.");
  m.def("build_info", &build_info, "Versions that the package was built with.");
}
