// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The CUDA kernels of resampling, run on a CPU through the launches of csrc/cuda/separable.h, give the bits of the CPU's
// own loops.
#include "cuda_on_cpu.h"  // first: the kernels need its macros

#include <cmath>
#include <vector>

#include "check.h"
#include "cpu/resample.h"
#include "cuda/separable.h"
#include "device_on_cpu.h"
#include "random.h"

using namespace gx;

namespace {

check::Random random_numbers(20261122);

struct Setting {
  int32_t n[3], m[3];
  int32_t order, boundary;
  bool grid_mode, antialias;
  int64_t samples, channels;
  int layout;
  Voxel out;
  double fill;
  bool special;  // NaN and infinities among the samples
};

AxisSpec axis_of(const Setting& setting, int d) {
  AxisSpec axis;
  axis.n = setting.n[d];
  axis.m = setting.m[d];
  axis.order = setting.order;
  axis.boundary = setting.boundary;
  if (setting.grid_mode) {
    axis.step = static_cast<double>(axis.n) / static_cast<double>(axis.m);
    axis.centre = 0.5;
    axis.shift = -0.5;
  } else if (axis.m > 1) {
    axis.step = static_cast<double>(axis.n - 1) / static_cast<double>(axis.m - 1);
  }
  axis.stretched = setting.antialias && axis.step > 1.0 && axis.order != 0;
  return axis;
}

// The coefficients, and those of `pad` voxels beyond the ends.
AxisSpec coefficients_of(const Setting& setting, int d, int32_t pad) {
  AxisSpec axis;
  axis.n = setting.n[d];
  axis.m = axis.n + 2 * pad;
  axis.shift = -pad;
  axis.order = kCoefficients;
  axis.boundary = setting.boundary;
  axis.gain = pad == 0 ? 6.0 : 1.0;
  return axis;
}

template <typename In>
In random_voxel(bool special) {
  In out;
  const double unit = random_numbers.unit();
  const int32_t odd = special ? random_numbers.between(0, 60) : -1;
  convert(odd == 0 ? NAN : odd == 1 ? INFINITY : odd == 2 ? -0.0 : unit * 1300.0 - 300.0, out);
  return out;
}

// Strides of a batch in one of four layouts: contiguous, x fastest, channels last, with gaps.
template <typename In>
cuda::Source<In> source_of(const Setting& setting, std::vector<In>& voxels) {
  const int64_t x = setting.n[0], y = setting.n[1], z = setting.n[2], c = setting.channels, all = x * y * z;
  const int64_t gap = setting.layout == 3 ? 2 : 1, size = setting.samples * c * all * gap;
  voxels.resize(static_cast<size_t>(size));
  for (In& voxel : voxels) voxel = random_voxel<In>(setting.special);
  switch (setting.layout) {
    case 1: return {voxels.data(), c, c * all, all, {1, x, x * y}};
    case 2: return {voxels.data(), c, c * all, 1, {y * z * c, z * c, c}};
    default: return {voxels.data(), c, c * all * gap, all * gap, {y * z * gap, z * gap, gap}};
  }
}

template <typename T>
bool same(const char* a, const char* b, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const T left = reinterpret_cast<const T*>(a)[i], right = reinterpret_cast<const T*>(b)[i];
    const auto u = widen(left), v = widen(right);
    if (memcmp(&left, &right, sizeof(T)) != 0 && (u == u || v == v)) return false;  // NaN equals NaN
  }
  return true;
}

int64_t bytes_of(const AxisSpec (&axes)[3], Voxel type) {
  return int64_t{axes[0].m} * axes[1].m * axes[2].m * size_of(type);
}

template <typename In>
int compare(const Setting& setting, const AxisSpec& x, const AxisSpec& y, const AxisSpec& z) {
  using T = cuda::Arithmetic<In>;
  const AxisSpec axes[3] = {x, y, z};
  std::vector<In> voxels;
  const cuda::Source<In> from = source_of(setting, voxels);
  const int64_t volumes = setting.samples * setting.channels, bytes = bytes_of(axes, setting.out);
  std::vector<char> expected(static_cast<size_t>(volumes * bytes)), got(expected.size(), char{0x55});
  const cpu::AxisTable<T> tables[3] = {cpu::make_table<T>(x), cpu::make_table<T>(y), cpu::make_table<T>(z)};
  const auto alone = [](int64_t n, const std::function<void(int64_t, int64_t)>& f) { f(0, n); };
  constexpr Voxel kTypes[] = {Voxel::kUint8,    Voxel::kInt16, Voxel::kHalf,
                              Voxel::kBFloat16, Voxel::kFloat, Voxel::kDouble};
  Voxel type = setting.out;
  for (const Voxel candidate : kTypes) {
    with_type(candidate, [&](auto element) { type = std::is_same_v<decltype(element), In> ? candidate : type; });
  }
  for (int64_t i = 0; i < volumes; ++i) {
    cpu::resample_volume<T>(tables, setting.fill,
                            {from.data + from.volume(i), type, from.stride[0], from.stride[1], from.stride[2]},
                            {expected.data() + i * bytes, setting.out}, alone);
  }
  cuda_on_cpu::Device device;
  cuda::run_separable<In>({from, volumes, {x, y, z}, setting.fill, got.data(), setting.out}, device);
  bool equal = false;
  const int64_t count = volumes * bytes / size_of(setting.out);
  with_type(setting.out, [&](auto v) { equal = same<decltype(v)>(expected.data(), got.data(), count); });
  CHECK(device.allocations() <= 6, "tables, states of three axes and two volumes between them", device.allocations());
  CHECK(equal, "n", x.n, y.n, z.n, "m", x.m, y.m, z.m, "order", x.order, "boundary", setting.boundary, "grid mode",
        setting.grid_mode, "antialias", setting.antialias, "layout", setting.layout, "in", static_cast<int>(type),
        "out", static_cast<int>(setting.out), "volumes", volumes);
  return device.launches;
}

template <typename In>
int compare(const Setting& setting) {
  return compare<In>(setting, axis_of(setting, 0), axis_of(setting, 1), axis_of(setting, 2));
}

Setting random_setting() {
  Setting setting = {};
  const int32_t most = random_numbers.pick({1, 3, 9, 9, 20});
  for (int d = 0; d < 3; ++d) {
    setting.n[d] = random_numbers.between(1, most);
    setting.m[d] = random_numbers.chance(0.2) ? setting.n[d] : random_numbers.between(1, 2 * setting.n[d]);
  }
  // One axis of several tiles.
  const int d = random_numbers.between(0, 2);
  setting.n[d] = random_numbers.between(1, 90);
  setting.m[d] = random_numbers.chance(0.2) ? setting.n[d] : random_numbers.between(1, 150);
  setting.order = random_numbers.pick({0, 1, 3, 3});
  setting.boundary = random_numbers.between(0, kBoundaries - 1);
  setting.grid_mode = random_numbers.chance(0.6);
  setting.antialias = setting.order != 0 && random_numbers.chance(0.4);
  setting.samples = random_numbers.between(1, 2);
  setting.channels = random_numbers.between(1, 2);
  setting.layout = random_numbers.between(0, 3);
  setting.out = static_cast<Voxel>(random_numbers.between(0, 5));
  setting.fill = random_numbers.pick({0.0, -7.25, 300.5});
  setting.special = random_numbers.chance(0.3);
  return setting;
}

template <typename In>
void test_random(int cases) {
  for (int i = 0; i < cases; ++i) {
    const Setting setting = random_setting();
    compare<In>(setting);
    const int32_t pad = random_numbers.pick({0, 2, Pole<cuda::Arithmetic<In>>::kPad - 1});
    compare<In>(setting, coefficients_of(setting, 0, pad), coefficients_of(setting, 1, pad),
                coefficients_of(setting, 2, pad));
  }
}

// More lines than a block has, in warps that are not full, by every way of reading and writing.
void test_many_lines() {
  for (const int layout : {0, 1, 2}) {
    Setting setting = {{13, 15, 14}, {9, 20, 11}, 3, kReflect, true, false, 1, 2, layout, Voxel::kInt16, 0.0, false};
    CHECK(compare<int16_t>(setting) == 4, "a launch for the tables and one an axis");
    setting.order = 1;
    CHECK(compare<int16_t>(setting) == 2, "all axes of two taps at once");
    setting.antialias = true;
    CHECK(compare<int16_t>(setting) == 4);
  }
}

void test_division() {
  for (int i = 0; i < 20000; ++i) {
    const int64_t by = 1 + static_cast<int64_t>(random_numbers.words() >> random_numbers.between(13, 63));
    const int64_t most = int64_t{1} << 52, q = (most - 1) / by;
    const int64_t multiple = static_cast<int64_t>(random_numbers.unit() * static_cast<double>(q)) * by;
    for (const int64_t n : {multiple, multiple + 1, multiple - 1, multiple + by / 2, most - 1}) {
      if (n < 0 || n >= most) continue;
      CHECK(cuda::Divisor(by).quotient(n) == n / by, n, by);
    }
  }
}

// Positions outside the volume, and boxes with edges of their own.
void test_outside() {
  for (int repeat = 0; repeat < 40 / cuda_on_cpu::kShare; ++repeat) {
    Setting setting = random_setting();
    setting.boundary = repeat % 2 == 0 ? kConstant : kCrop;
    AxisSpec axes[3];
    for (int d = 0; d < 3; ++d) {
      axes[d] = axis_of(setting, d);
      const double lo = random_numbers.unit() * 4.0 - 3.0, hi = setting.n[d] + random_numbers.unit() * 6.0 - 2.0;
      axes[d].step = (hi > lo ? hi - lo : 1.0) / setting.m[d];
      axes[d].centre = 0.5;
      axes[d].shift = lo - 0.5;
      axes[d].stretched = setting.antialias && axes[d].step > 1.0;
    }
    compare<float>(setting, axes[0], axes[1], axes[2]);
  }
}

}  // namespace

int main() {
  cuda_on_cpu::set_order(1);
  test_random<float>(120 / cuda_on_cpu::kShare);
  test_random<int16_t>(60 / cuda_on_cpu::kShare);
  test_random<uint8_t>(20 / cuda_on_cpu::kShare);
  test_random<Half>(20 / cuda_on_cpu::kShare);
  test_random<BFloat16>(20 / cuda_on_cpu::kShare);
  test_random<double>(60 / cuda_on_cpu::kShare);
  test_division();
  test_many_lines();
  test_outside();
  return check::summary("test_separable");
}
