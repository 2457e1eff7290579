// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

//   x          [N, C, X, Y, Z], any strides, one of six dtypes
//   matrix     float64 or float32 [N or 1, 4, 4]: index of an output voxel -> position in x, homogeneous; for Z = 1 also
//              [N or 1, 3, 3], which leaves z alone
//   out_shape  three sides of at least 1
//   order      0, 1 or 3
//   boundary   Boundary (csrc/math/resample.h)
//   fill       value beyond the ends, for kGridConstant and kConstant, and where there is no position
//   dtype      Voxel (csrc/math/convert.h)
//   out        [N, C, out_shape] of dtype, contiguous
// The adjoint:
//   grad       float32 or float64 [N, C, out_shape]
//   in_shape   three sides: those of x
//   out        like grad, contiguous, [N, C, in_shape]; for order 3 with respect to the coefficients,
//              of which AffineAxis::pad lie beyond either end
#pragma once

#include <utility>

#include "../../math/affine.h"
#include "../../torch_api/volumes.h"

namespace gx {

struct AffineSpec {
  AffineAxis axis[3];
  int32_t m[3];
  int32_t order;
  bool turned = false;  // axes are z, x, y: one slice, whose rows then run along y
  Tensor matrix;        // keeps alive what `matrices` points to
  const double* matrices = nullptr;
  int32_t matrix_size = 4;
  int64_t matrix_stride = 0;  // from sample to sample

  AffineMatrix matrix_of(int64_t n) const { return load_affine(matrices + n * matrix_stride, matrix_size, turned); }
  bool filtered() const { return order == 3; }
  int64_t rows() const { return int64_t{m[0]} * m[1]; }
  int64_t outputs() const { return rows() * m[2]; }
  // Coefficients of a volume, padded.
  int64_t padded(int a) const { return axis[a].n + 2 * axis[a].pad(); }
  int64_t coefficients() const { return padded(0) * padded(1) * padded(2); }
  // Between the adjoint's values along an axis: there z runs fastest, also where it is taken first.
  int64_t adjoint_stride(int a) const {
    const int64_t line = padded(turned ? 0 : 2), plane = line * padded(turned ? 2 : 1);
    const int64_t strides[] = {plane, line, 1};
    return strides[turned ? (a + 2) % 3 : a];
  }
  int64_t adjoint_origin() const {
    int64_t origin = 0;
    for (int a = 0; a < 3; ++a) origin += axis[a].pad() * adjoint_stride(a);
    return origin;
  }
  // Where that of voxel (0, 0, 0) is.
  int64_t origin() const { return (int64_t{axis[0].pad()} * padded(1) + axis[1].pad()) * padded(2) + axis[2].pad(); }
};

inline void check_matrix(const char* op, const Tensor& matrix, const Tensor& x, int64_t samples, bool slice,
                         AffineSpec& spec) {
  GX_CHECK(matrix.scalar_type() == ScalarType::Double || matrix.scalar_type() == ScalarType::Float, op,
           ": matrix must be float64 or float32, got ", dtype_text(matrix.scalar_type()));
  check_same_device(op, "matrix", matrix, x);
  const bool fits = matrix.dim() == 3 && (matrix.size(0) == samples || matrix.size(0) == 1) &&
                    matrix.size(1) == matrix.size(2) && (matrix.size(1) == 4 || (matrix.size(1) == 3 && slice));
  GX_CHECK(fits, op, ": matrix must have shape (N or 1, 4, 4), or (N or 1, 3, 3) for slices, N = ", samples, ", got ",
           sizes_text(matrix));
  spec.matrix = torch::stable::contiguous(torch::stable::to(matrix, ScalarType::Double));
  spec.matrices = spec.matrix.const_data_ptr<double>();
  const int32_t size = spec.matrix_size = static_cast<int32_t>(matrix.size(1));
  spec.matrix_stride = matrix.size(0) == 1 ? 0 : size * size;
  if (!matrix.is_cpu()) return;
  for (int64_t n = 0; n < matrix.size(0); ++n) {
    const double* at = spec.matrices + n * size * size;
    for (int32_t e = 0; e < size * size; ++e) {
      GX_CHECK(std::isfinite(at[e]), op, ": matrix must be finite, got ", at[e], " at row ", e / size, ", column ",
               e % size, " of sample ", n);
      const double last = e == size * size - 1 ? 1.0 : 0.0;
      GX_CHECK(e < size * (size - 1) || at[e] == last, op, ": matrix must end in the row (0, ..., 0, 1), got ", at[e],
               " at column ", e % size, " of sample ", n);
    }
  }
}

inline AffineSpec check_affine(const char* op, const Tensor& x, const Tensor& matrix, const int32_t (&n)[3],
                               const std::vector<int64_t>& m, int64_t order, int64_t boundary) {
  AffineSpec spec = {{}, {}, check_order(op, order), false, matrix};
  const int32_t where = check_boundary(op, boundary);
  check_matrix(op, matrix, x, x.size(0), n[2] == 1 && m[2] == 1, spec);
  for (int a = 0; a < 3; ++a) {
    const bool alone = n[a] == 1 && where != kGridConstant, untouched = a == 2 && spec.matrix_size == 3;
    spec.axis[a] = {n[a], alone || untouched ? 0 : spec.order, where};
    spec.m[a] = static_cast<int32_t>(m[static_cast<size_t>(a)]);
  }
  spec.turned = n[2] == 1 && m[2] == 1;
  for (int a = 2; a > 0 && spec.turned; --a) {
    std::swap(spec.axis[a], spec.axis[a - 1]);
    std::swap(spec.m[a], spec.m[a - 1]);
  }
  // In float64: the product may pass 64 bits.
  const double coefficients =
      static_cast<double>(spec.padded(0) * spec.padded(1)) * static_cast<double>(spec.padded(2));
  GX_CHECK(!spec.filtered() || coefficients < 0x1p40, op, ": x must have fewer than 2^40 coefficients a volume, got ",
           coefficients);
  return spec;
}

struct AffineArguments {
  Volumes volumes;  // strides in the order of spec.axis
  AffineSpec spec;
  Voxel out_type;
};

inline AffineArguments check_affine_sample(const Tensor& x, const Tensor& matrix, const std::vector<int64_t>& out_shape,
                                           int64_t order, int64_t boundary, int64_t dtype) {
  const char* op = "affine_sample";
  Volumes volumes = check_volumes(op, x);
  check_out_shape(op, out_shape);
  const AffineSpec spec = check_affine(op, x, matrix, volumes.n, out_shape, order, boundary);
  for (int a = 2; a > 0 && spec.turned; --a) {
    std::swap(volumes.n[a], volumes.n[a - 1]);
    std::swap(volumes.stride[a], volumes.stride[a - 1]);
  }
  return {volumes, spec, check_code(op, dtype)};
}

inline AffineSpec check_affine_adjoint(const Tensor& grad, const Tensor& matrix, const std::vector<int64_t>& in_shape,
                                       int64_t order, int64_t boundary) {
  const char* op = "affine_sample_adjoint";
  GX_CHECK(grad.dim() == 5, op, ": grad must have shape (N, C, X, Y, Z), got ", sizes_text(grad));
  GX_CHECK(grad.scalar_type() == ScalarType::Float || grad.scalar_type() == ScalarType::Double, op,
           ": grad must be float32 or float64, got ", dtype_text(grad.scalar_type()));
  const std::vector<int64_t> m = {grad.size(2), grad.size(3), grad.size(4)};
  check_out_shape(op, m);
  check_out_shape(op, in_shape);
  const int32_t n[3] = {static_cast<int32_t>(in_shape[0]), static_cast<int32_t>(in_shape[1]),
                        static_cast<int32_t>(in_shape[2])};
  return check_affine(op, grad, matrix, n, m, order, boundary);
}

inline Tensor new_sampled(const AffineArguments& arguments, const std::vector<int64_t>& out_shape) {
  const Volumes& volumes = arguments.volumes;
  return new_result("affine_sample", volumes.x,
                    {volumes.samples, volumes.channels, out_shape[0], out_shape[1], out_shape[2]},
                    scalar_type(arguments.out_type));
}

// Zeros of the adjoint's shape.
inline Tensor new_adjoint(const AffineSpec& spec, const Tensor& grad) {
  const int first = spec.turned ? 1 : 0;
  return torch::stable::new_zeros(
      grad, {grad.size(0), grad.size(1), spec.padded(first), spec.padded(first + 1), spec.padded((first + 2) % 3)});
}

}  // namespace gx
