// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The kernels of genesis_transform on plans of the profiles `head` and `paper`.
#include "counted.h"  // first: the kernels need its macros

#include "cuda/kernels.cuh"

using namespace gx;

namespace {

// Numbers and rates of python/genesis_ext/transforms/profiles.py.
PlanSpec profile(Shape shape, bool paper) {
  PlanSpec spec = {};
  spec.shape = shape;
  const double rates[] = {paper ? 0.0 : 0.4, 0.5, 0.9, 0.9, 0.8, 0.95, 0.95, paper ? 0.25 : 65536.0};
  memcpy(spec.rates, rates, sizeof(rates));
  int32_t* numbers = spec.numbers;
  const int32_t sides[] = {shape.x, shape.y, shape.z};
  numbers[kFlipTries] = 3;
  numbers[kFlipNone] = numbers[kFlipNone + 1] = numbers[kFlipNone + 2] = 1;
  numbers[kNumWindows] = paper ? 1000 : 10000;
  numbers[kOrder] = paper ? kSequential : kLastWriter;
  numbers[kPermute] = paper ? kAxes : kVoxel;
  numbers[kCurves] = 1;
  numbers[kMargin] = 3;
  numbers[kInMin] = paper;
  numbers[kInMax] = paper ? 10 : 5;
  numbers[kOutMin] = 1;
  numbers[kOutMax] = paper ? 10 : 5;
  numbers[kInConstant] = numbers[kOutConstant] = paper;
  for (int d = 0; d < 3; ++d) {
    const int32_t side = sides[d];
    numbers[kMaxWindow + d] = max_of(1, side / 10);
    numbers[kInSides + 2 * d] = side / 6;
    numbers[kInSides + 2 * d + 1] = side / 3;
    numbers[kMoreSides + 2 * d] = side - 4 * side / 7;
    numbers[kMoreSides + 2 * d + 1] = side - 3 * side / 7;
    numbers[kFirstSides + 2 * d] = paper ? (side * 909 + 999) / 1000 : numbers[kMoreSides + 2 * d];
    numbers[kFirstSides + 2 * d + 1] = paper ? side : numbers[kMoreSides + 2 * d + 1];
  }
  return spec;
}

// `samples` are run here for a batch of `batch`.
template <typename T>
void run(const char* name, Shape shape, bool paper, bool shuffle, int64_t samples, int64_t batch) {
  const PlanSpec spec = profile(shape, paper);
  const int64_t length = plan_length(spec.numbers), voxels = voxels_of(shape);
  std::vector<int32_t> plan(static_cast<size_t>(samples * length));
  for (int64_t n = 0; n < samples; ++n) {
    draw_plan_row(spec, {0, static_cast<uint64_t>(n)}, plan.data() + n * length);
    plan[static_cast<size_t>(n * length + kPlanShuffle)] = shuffle && n % 2 == 0;  // half of so few, as of many
  }
  PlanSource source = {plan.data(), length, {}, {nullptr, 1, 0.0f, 1.0f}, true};
  memcpy(source.numbers, spec.numbers, sizeof(source.numbers));
  std::vector<T> x(static_cast<size_t>(samples * voxels)), input(x.size()), target(x.size());
  for (size_t i = 0; i < x.size(); ++i) narrow(static_cast<float>(i % 1009) / 1008.0f, x[i]);
  const cuda::View<T> view = {x.data(), voxels, voxels, shape.y * shape.z, shape.z, 1, input.data(), target.data(),
                              samples,  1,      shape};
  counted::Device device(name, static_cast<double>(batch) / static_cast<double>(samples));
  const int64_t blocks = samples * cuda::chunks_of(shape), rows = sizeof(CurveRow) * kCurveMaxRows;
  if (paper) {
    T* scratch = static_cast<T*>(device.memory(samples * voxels_of(shuffle_spec(spec.numbers).max_window) * sizeof(T)));
    device.launch_with(cuda::sequential_kernel<T, PlanSource>, samples, cuda::kThreads, 0, view, source,
                       shuffle_spec(spec.numbers), scratch);
    device.launch_with(cuda::transform_kernel<T, PlanSource, false>, blocks, cuda::kThreads, rows, view, source,
                       ShuffleSpec{}, true);
  } else {
    device.launch_with(cuda::transform_kernel<T, PlanSource, true>, blocks, cuda::kThreads, rows + 4 * cuda::kChunk,
                       view, source, shuffle_spec(spec.numbers), false);
  }
}

}  // namespace

int main() {
  const Shape patch = {64, 64, 32}, large = {160, 160, 160};
  run<float>("head", patch, false, true, 24, 256);
  run<float>("head, nothing shuffled", patch, false, false, 24, 256);
  run<BFloat16>("head, bfloat16", patch, false, true, 24, 256);
  run<float>("head, 160^3", large, false, true, 8, 8);
  run<float>("paper", patch, true, true, 16, 256);
  run<float>("paper, 160^3", large, true, true, 4, 8);
  return 0;
}
