// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// genesis_transform's CUDA kernels, run on a CPU, give the bits of the CPU's loop at the sizes that people use, and where
// windows and patches are longer than what is packed or tabulated.
#include "cuda_on_cpu.h"  // first: the kernels need its macros

#include "both_loops.h"
#include "check.h"
#include "plans.h"

using namespace check;
using namespace gx;

namespace {

struct Setting {
  const char* name;
  Shape shape;
  int64_t samples = 1, channels = 1;
  bool paper = false;
  bool clamp = true;
  float hi = 1.0f;
};

// Every other sample is shuffled, the first one among them: there are few.
template <typename T>
void compare(const Setting& setting, const PlanSpec& spec) {
  const int64_t length = plan_length(spec.numbers);
  std::vector<int32_t> plan(static_cast<size_t>(setting.samples * length));
  for (int64_t n = 0; n < setting.samples; ++n) {
    draw_plan_row(spec, {7, static_cast<uint64_t>(n)}, plan.data() + n * length);
    plan[static_cast<size_t>(n * length + kPlanShuffle)] = n % 2 == 0;
  }
  PlanSource source = {plan.data(), length, {}, {nullptr, 1, 0.0f, setting.hi}, setting.clamp};
  memcpy(source.numbers, spec.numbers, sizeof(source.numbers));
  Data<T> data = make_data<T>(setting.samples, setting.channels, setting.shape);
  std::vector<T> input, target;
  run_cpu(data, source, shuffle_spec(spec.numbers), input, target);
  const int launches = run_kernels(data, source, shuffle_spec(spec.numbers));
  CHECK(same_bits(input, data.input), setting.name);
  CHECK(same_bits(target, data.target), setting.name);
  CHECK(launches <= 3, "tables, an index and the voxels", setting.name, launches);
}

template <typename T>
void compare(const Setting& setting) {
  PlanSpec spec = profile_spec(setting.shape, setting.paper);
  spec.numbers[kCurves] = static_cast<int32_t>(setting.channels);
  compare<T>(setting, spec);
}

void test_profiles() {
  for (const bool paper : {false, true}) {
    compare<float>({"64x64x32", {64, 64, 32}, 4, 1, paper});
    compare<BFloat16>({"64x64x32, bfloat16", {64, 64, 32}, 2, 1, paper, false});
    compare<float>({"160^3", {160, 160, 160}, 1, 1, paper});
    compare<float>({"70x33x47, two channels", {70, 33, 47}, 2, 2, paper, false, 0.75f});
    compare<Half>({"96^3, float16", {96, 96, 96}, 1, 1, paper, true, 0.5f});
    compare<float>({"256x256, five channels", {256, 256, 1}, 2, 5, paper});
  }
}

// 2019-09: 500 windows, and one box of sides in voxels, filled by a constant.
void test_constant_boxes() {
  PlanSpec spec = profile_spec({64, 64, 32}, false);
  spec.rates[kRateOutpaint] = 0.5;
  spec.numbers[kNumWindows] = 500;
  spec.numbers[kInMin] = spec.numbers[kInMax] = 7;
  spec.numbers[kInConstant] = 1;
  compare<float>({"constants", {64, 64, 32}, 4}, spec);
}

// 2019-11: any number of boxes, up to 256.
void test_many_boxes() {
  PlanSpec spec = profile_spec({64, 64, 32}, false);
  spec.numbers[kInMax] = spec.numbers[kOutMax] = 256;
  spec.rates[kRateInMore] = spec.rates[kRateOutMore] = 0.995;
  compare<float>({"many boxes", {64, 64, 32}, 3}, spec);
}

// In either order, and permuted in either way.
void test_windows(const char* name, Shape shape, int32_t windows, Shape most) {
  for (int kind = 0; kind < 4; ++kind) {
    PlanSpec spec = profile_spec(shape, false);
    spec.numbers[kNumWindows] = windows;
    spec.numbers[kMaxWindow] = most.x;
    spec.numbers[kMaxWindow + 1] = most.y;
    spec.numbers[kMaxWindow + 2] = most.z;
    spec.numbers[kOrder] = kind / 2;
    spec.numbers[kPermute] = kind % 2;
    compare<float>({name, shape}, spec);
  }
}

}  // namespace

int main() {
  cuda_on_cpu::set_order(2);
  test_profiles();
  test_constant_boxes();
  test_many_boxes();
  test_windows("windows as large as the patch", {31, 17, 9}, 300, {31, 17, 9});
  test_windows("one line", {1, 1, 500}, 100, {1, 1, 50});
  return check::summary("test_product_sizes");
}
