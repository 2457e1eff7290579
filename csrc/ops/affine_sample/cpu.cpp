// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include <torch/csrc/stable/library.h>

#include <memory>

#include "../../cpu/affine.h"
#include "../../cpu/memory.h"
#include "../../torch_api/cpu_separable.h"
#include "affine_sample.h"

namespace gx {
namespace {

template <typename T>
cpu::AffineVolume<T> volume_of(const AffineSpec& spec, int64_t n) {
  cpu::AffineVolume<T> volume = {};
  std::copy(spec.axis, spec.axis + 3, volume.axis);
  std::copy(spec.m, spec.m + 3, volume.m);
  volume.filtered = spec.filtered();
  volume.matrix = spec.matrix_of(n);
  volume.stride[0] = spec.padded(1) * spec.padded(2);
  volume.stride[1] = spec.padded(2);
  volume.stride[2] = 1;
  return volume;
}

template <typename T>
void run(const AffineArguments& arguments, double fill, void* out) {
  const Volumes& volumes = arguments.volumes;
  const AffineSpec& spec = arguments.spec;
  std::unique_ptr<T[]> coefficients;
  cpu::AxisTable<T> tables[3];
  if (spec.filtered()) {
    coefficients = std::make_unique_for_overwrite<T[]>(static_cast<size_t>(spec.coefficients()));
    for (int a = 0; a < 3; ++a) tables[a] = cpu::make_table<T>(coefficient_axis(spec.axis[a]));
  }
  const void* filtered = nullptr;
  for (int64_t c = 0; c < volumes.channels; ++c) {
    for (int64_t n = 0; n < volumes.samples; ++n) {
      const int64_t i = n * volumes.channels + c;
      cpu::AffineVolume<T> volume = volume_of<T>(spec, n);
      volume.fill = static_cast<T>(fill);
      volume.data = volumes.volume(i);
      volume.type = volumes.type;
      if (spec.filtered()) {
        // One volume under many matrices (x.expand) is filtered once.
        if (filtered != volume.data) {
          const cpu::VolumeView from = {volume.data, volumes.type, volumes.stride[0], volumes.stride[1],
                                        volumes.stride[2]};
          cpu::resample_volume<T>(tables, fill, from, {coefficients.get(), kArithmetic<T>}, parallel_parts);
          filtered = volume.data;
        }
        volume.data = coefficients.get() + spec.origin();
        volume.type = kArithmetic<T>;
      } else {
        std::copy(volumes.stride, volumes.stride + 3, volume.stride);
      }
      volume.to = static_cast<char*>(out) + i * spec.outputs() * size_of(arguments.out_type);
      volume.to_type = arguments.out_type;
      parallel_parts(spec.rows(), [&](int64_t begin, int64_t end) { cpu::affine_rows(volume, begin, end); });
    }
  }
}

Tensor affine_sample_cpu(const Tensor& x, const Tensor& matrix, std::vector<int64_t> out_shape, int64_t order,
                         int64_t boundary, double fill, int64_t dtype) {
  const AffineArguments arguments = check_affine_sample(x, matrix, out_shape, order, boundary, dtype);
  const Tensor out = new_sampled(arguments, out_shape);
  if (out.numel() == 0) return out;
  if (arguments.volumes.in_double()) {
    run<double>(arguments, fill, out.mutable_data_ptr());
  } else {
    run<float>(arguments, fill, out.mutable_data_ptr());
  }
  return out;
}

template <typename T>
void run_adjoint(const AffineSpec& spec, const Tensor& grad, const Tensor& out) {
  const T* from = static_cast<const T*>(grad.const_data_ptr());
  T* to = static_cast<T*>(out.mutable_data_ptr());
  const int64_t channels = grad.size(1);
  // A volume is one thread's work: sums have one order.
  parallel_parts(grad.size(0) * channels, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      cpu::AffineVolume<T> volume = volume_of<T>(spec, i / channels);
      for (int a = 0; a < 3; ++a) volume.stride[a] = spec.adjoint_stride(a);
      cpu::affine_scatter(volume, from + i * spec.outputs(), to + i * spec.coefficients() + spec.adjoint_origin());
    }
  });
}

Tensor affine_sample_adjoint_cpu(const Tensor& grad, const Tensor& matrix, std::vector<int64_t> in_shape, int64_t order,
                                 int64_t boundary) {
  const AffineSpec spec = check_affine_adjoint(grad, matrix, in_shape, order, boundary);
  const Tensor values = torch::stable::contiguous(grad), out = new_adjoint(spec, grad);
  if (grad.numel() == 0) return out;
  if (grad.scalar_type() == ScalarType::Double) {
    run_adjoint<double>(spec, values, out);
  } else {
    run_adjoint<float>(spec, values, out);
  }
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(genesis_ext, CPU, m) {
  m.impl("affine_sample", TORCH_BOX(&affine_sample_cpu));
  m.impl("affine_sample_adjoint", TORCH_BOX(&affine_sample_adjoint_cpu));
}

}  // namespace gx
