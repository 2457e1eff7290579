// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The kernels of genesis_transform on plans of the profiles `head` and `paper`.
#include "counted.h"  // first: the kernels need its macros

#include "csrc/plans.h"
#include "cuda/transform.h"

using namespace gx;

namespace {

// `samples` are run here for a batch of `batch`.
template <typename T>
void run(const char* name, Shape shape, bool paper, bool shuffle, int64_t samples, int64_t batch) {
  PlanSpec spec = check::profile_spec(shape, paper);
  if (!shuffle) spec.numbers[kNumWindows] = 0;  // as profiles.py does where the rate is 0
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
  cuda::run_transform(view, source, shuffle_spec(spec.numbers), device);
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
