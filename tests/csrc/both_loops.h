// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// One batch through the CUDA kernels, run on a CPU, and through the CPU's own loop. Include it after cuda_on_cpu.h.
#pragma once

#include <cmath>
#include <random>
#include <vector>

#include "cpu/transform.h"
#include "cuda/transform.h"
#include "device_on_cpu.h"

namespace check {

using namespace gx;

inline std::mt19937 random_words(20261121);

inline int32_t random_int(int32_t lo, int32_t hi) {
  return std::uniform_int_distribution<int32_t>(lo, hi)(random_words);
}

template <typename T>
struct Data {
  std::vector<T> x, input, target;
  cuda::View<T> view;
};

// A batch with strides of its own: the channels last, and a gap after each sample.
template <typename T>
Data<T> make_data(int64_t samples, int64_t channels, Shape shape) {
  const int64_t voxels = voxels_of(shape), per_sample = voxels * channels + 3;
  Data<T> data;
  data.x.resize(static_cast<size_t>(samples * per_sample));
  for (T& value : data.x) {
    const float unit = static_cast<float>(random_int(-100, 1100)) / 1000.0f;
    narrow(random_int(0, 99) == 0 ? NAN : unit, value);
  }
  data.input.resize(static_cast<size_t>(samples * channels * voxels));
  data.target.resize(data.input.size());
  data.view = {data.x.data(),
               per_sample,
               1,
               channels * shape.y * shape.z,
               channels * shape.z,
               channels,
               data.input.data(),
               data.target.data(),
               samples,
               channels,
               shape};
  return data;
}

template <typename T, typename Source>
void run_cpu(Data<T>& data, const Source& source, const ShuffleSpec& spec, std::vector<T>& input,
             std::vector<T>& target) {
  const cpu::ScratchPtr scratch = cpu::make_scratch();
  const cuda::View<T>& view = data.view;
  const int64_t voxels = voxels_of(view.shape) * view.channels;
  input.resize(data.input.size());
  target.resize(data.input.size());
  for (int64_t n = 0; n < view.samples; ++n) {
    const cpu::Patch<T> patch = {view.x + n * view.stride_n,
                                 view.stride_c,
                                 view.stride_x,
                                 view.stride_y,
                                 view.stride_z,
                                 input.data() + n * voxels,
                                 target.data() + n * voxels,
                                 view.channels,
                                 view.shape,
                                 false};
    cpu::transform_sample(source(n), spec, patch, *scratch);
  }
}

template <typename T, typename Source>
int run_kernels(Data<T>& data, const Source& source, const ShuffleSpec& spec) {
  cuda_on_cpu::Device device;
  cuda::run_transform(data.view, source, spec, device);
  return device.launches;
}

template <typename T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    const auto left = widen(a[i]), right = widen(b[i]);
    if (memcmp(&left, &right, sizeof(left)) != 0 && (left == left || right == right)) return false;  // NaN equals NaN
  }
  return a.size() == b.size();
}

}  // namespace check
