// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include <torch/csrc/stable/library.h>

#include "../../cuda/affine.h"
#include "../../cuda/separable_torch.h"
#include "affine_sample.h"

namespace gx {
namespace {

cuda::Affine affine_of(const AffineSpec& spec, int64_t channels) {
  const cuda::Tile tile = cuda::make_tile(spec.m);
  return {{spec.axis[0], spec.axis[1], spec.axis[2]},
          spec.matrices,
          spec.matrix_stride,
          spec.matrix_size,
          spec.turned,
          {spec.m[0], spec.m[1], spec.m[2]},
          tile,
          cuda::Divisor(tile.all()),
          cuda::Divisor(channels)};
}

Tensor affine_sample_cuda(const Tensor& x, const Tensor& matrix, std::vector<int64_t> out_shape, int64_t order,
                          int64_t boundary, double fill, int64_t dtype) {
  const AffineArguments arguments = check_affine_sample(x, matrix, out_shape, order, boundary, dtype);
  const Tensor out = new_sampled(arguments, out_shape);
  if (out.numel() == 0) return out;
  const Volumes& volumes = arguments.volumes;
  const AffineSpec& spec = arguments.spec;
  const torch::stable::accelerator::DeviceGuard guard(x.get_device_index());
  cuda::TorchDevice device("affine_sample", x);
  with_type(volumes.type, [&]<typename In>(In) {
    cuda::run_affine(cuda::AffineWork<In>{{static_cast<const In*>(x.const_data_ptr()),
                                           cuda::Divisor(volumes.channels),
                                           volumes.stride_n,
                                           volumes.stride_c,
                                           {volumes.stride[0], volumes.stride[1], volumes.stride[2]}},
                                          volumes.count(),
                                          affine_of(spec, volumes.channels),
                                          spec.filtered(),
                                          {spec.padded(0), spec.padded(1), spec.padded(2)},
                                          spec.origin(),
                                          fill,
                                          out.mutable_data_ptr(),
                                          arguments.out_type},
                     device);
  });
  return out;
}

template <typename T>
void run_adjoint(const AffineSpec& spec, const Tensor& grad, const Tensor& out) {
  cuda::TorchDevice device("affine_sample_adjoint", grad);
  const cuda::ScatterPass<T> pass = {static_cast<const T*>(grad.const_data_ptr()),
                                     static_cast<T*>(out.mutable_data_ptr()) + spec.adjoint_origin(),
                                     spec.coefficients(),
                                     {spec.adjoint_stride(0), spec.adjoint_stride(1), spec.adjoint_stride(2)},
                                     affine_of(spec, grad.size(1))};
  cuda::run_scatter(pass, grad.size(0) * grad.size(1), spec.filtered(), device);
}

Tensor affine_sample_adjoint_cuda(const Tensor& grad, const Tensor& matrix, std::vector<int64_t> in_shape,
                                  int64_t order, int64_t boundary) {
  const AffineSpec spec = check_affine_adjoint(grad, matrix, in_shape, order, boundary);
  const Tensor values = torch::stable::contiguous(grad), out = new_adjoint(spec, grad);
  if (grad.numel() == 0) return out;
  const torch::stable::accelerator::DeviceGuard guard(grad.get_device_index());
  if (grad.scalar_type() == ScalarType::Double) {
    run_adjoint<double>(spec, values, out);
  } else {
    run_adjoint<float>(spec, values, out);
  }
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CUDA, m) {
  m.impl("affine_sample", TORCH_BOX(&affine_sample_cuda));
  m.impl("affine_sample_adjoint", TORCH_BOX(&affine_sample_adjoint_cuda));
}

}  // namespace gx
