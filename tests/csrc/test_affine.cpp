// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Sampling at positions of a matrix: the CUDA kernels, run on a CPU, give the bits of the CPU's own loops; no position
// reads outside the volume; the adjoint is one.
#include "cuda_on_cpu.h"  // first: the kernels need its macros

#include <cmath>
#include <vector>

#include "check.h"
#include "cpu/affine.h"
#include "cpu/resample.h"
#include "cuda/affine.h"
#include "device_on_cpu.h"
#include "random.h"

using namespace gx;

namespace {

check::Random random_numbers(20261123);

// What csrc/ops/affine_sample/affine_sample.h makes of its arguments.
struct Setting {
  AffineAxis axis[3];
  int32_t m[3], order;
  bool turned;
  int32_t matrix_size;
  std::vector<double> matrices;
  int64_t samples, channels;
  double fill;
  Voxel out;

  int64_t padded(int a) const { return axis[a].n + 2 * axis[a].pad(); }
  int64_t coefficients() const { return padded(0) * padded(1) * padded(2); }
  int64_t origin() const { return (axis[0].pad() * padded(1) + axis[1].pad()) * padded(2) + axis[2].pad(); }
  int64_t outputs() const { return int64_t{m[0]} * m[1] * m[2]; }
  int64_t matrix_stride() const {
    return static_cast<int64_t>(matrices.size()) > matrix_size * matrix_size ? matrix_size * matrix_size : 0;
  }
  AffineMatrix matrix_of(int64_t n) const {
    return load_affine(matrices.data() + n * matrix_stride(), matrix_size, turned);
  }
  cuda::Affine affine() const {
    const cuda::Tile tile = cuda::make_tile(m);
    return {{axis[0], axis[1], axis[2]},
            matrices.data(),
            matrix_stride(),
            matrix_size,
            turned,
            {m[0], m[1], m[2]},
            tile,
            cuda::Divisor(tile.all()),
            cuda::Divisor(channels)};
  }
};

double random_entry(int32_t kind) {
  switch (kind) {
    case 0: return random_numbers.between(-4, 4) * 0.5;  // positions on voxels and halfway between
    case 1: return random_numbers.unit() * 3.0 - 1.5;
    case 2: return (random_numbers.unit() - 0.5) * 1e6;
    default: return random_numbers.pick({0.0, -0.0, 1.0, -1.0, 1e-300, 1e300, 0x1p50, 1e18});
  }
}

Setting random_setting() {
  Setting setting = {};
  const bool slice = random_numbers.chance(0.25);
  setting.order = random_numbers.pick({0, 1, 3, 3});
  const int32_t boundary = random_numbers.between(0, kBoundaries - 1);
  setting.turned = slice;
  setting.matrix_size = slice && random_numbers.chance(0.5) ? 3 : 4;
  for (int a = 0; a < 3; ++a) {
    AffineAxis& axis = setting.axis[a];
    axis = {random_numbers.pick({1, 2, 3, random_numbers.between(1, 12)}), setting.order, boundary};
    setting.m[a] = random_numbers.between(1, 14);
    if (a == 0 && slice) axis.n = setting.m[a] = 1;
    const bool alone = axis.n == 1 && boundary != kGridConstant, untouched = a == 0 && setting.matrix_size == 3;
    if (alone || untouched) axis.order = 0;
  }
  setting.m[2] = random_numbers.chance(0.2) ? 150 : setting.m[2];
  setting.samples = random_numbers.between(1, 3);
  setting.channels = random_numbers.between(1, 2);
  setting.fill = random_numbers.pick({0.0, -7.25, 300.5});
  setting.out = static_cast<Voxel>(random_numbers.between(0, 5));
  const int32_t size = setting.matrix_size, kind = random_numbers.pick({0, 0, 1, 1, 1, 2, 3});
  const int64_t matrices = random_numbers.chance(0.3) ? 1 : setting.samples;
  for (int64_t e = 0; e < matrices * size * size; ++e) setting.matrices.push_back(random_entry(kind));
  return setting;
}

// Strides of a batch in one of three layouts: contiguous, x fastest, with gaps.
template <typename In>
cuda::Source<In> source_of(const Setting& setting, std::vector<In>& voxels) {
  const int64_t x = setting.axis[0].n, y = setting.axis[1].n, z = setting.axis[2].n, c = setting.channels;
  const int64_t all = x * y * z, gap = random_numbers.pick({1, 2});
  voxels.resize(static_cast<size_t>(setting.samples * c * all * gap));
  const bool special = random_numbers.chance(0.3);
  for (In& voxel : voxels) {
    const int32_t odd = special ? random_numbers.between(0, 60) : -1;
    const double unit = random_numbers.unit() * 1300.0 - 300.0;
    convert(odd == 0 ? NAN : odd == 1 ? INFINITY : odd == 2 ? -0.0 : unit, voxel);
  }
  const cuda::Divisor channels(c);
  if (random_numbers.chance(0.3)) return {voxels.data(), channels, c * all, all, {1, x, x * y}};
  return {voxels.data(), channels, c * all * gap, all * gap, {y * z * gap, z * gap, gap}};
}

template <typename T>
cpu::AffineVolume<T> volume_of(const Setting& setting, int64_t n) {
  cpu::AffineVolume<T> volume = {};
  for (int a = 0; a < 3; ++a) {
    volume.axis[a] = setting.axis[a];
    volume.m[a] = setting.m[a];
  }
  volume.filtered = setting.order == 3;
  volume.matrix = setting.matrix_of(n);
  volume.stride[0] = setting.padded(1) * setting.padded(2);
  volume.stride[1] = setting.padded(2);
  volume.stride[2] = 1;
  volume.fill = static_cast<T>(setting.fill);
  return volume;
}

template <typename In>
constexpr Voxel type_of() {
  if (std::is_same_v<In, uint8_t>) return Voxel::kUint8;
  if (std::is_same_v<In, int16_t>) return Voxel::kInt16;
  if (std::is_same_v<In, Half>) return Voxel::kHalf;
  if (std::is_same_v<In, BFloat16>) return Voxel::kBFloat16;
  return std::is_same_v<In, double> ? Voxel::kDouble : Voxel::kFloat;
}

template <typename In>
std::vector<char> on_cpu(const Setting& setting, const cuda::Source<In>& from) {
  using T = cuda::Arithmetic<In>;
  const int64_t bytes = setting.outputs() * size_of(setting.out), volumes = setting.samples * setting.channels;
  std::vector<char> out(static_cast<size_t>(volumes * bytes));
  std::vector<T> coefficients(static_cast<size_t>(setting.coefficients()));
  const auto alone = [](int64_t n, const std::function<void(int64_t, int64_t)>& f) { f(0, n); };
  const cpu::AxisTable<T> tables[3] = {cpu::make_table<T>(coefficient_axis(setting.axis[0])),
                                       cpu::make_table<T>(coefficient_axis(setting.axis[1])),
                                       cpu::make_table<T>(coefficient_axis(setting.axis[2]))};
  for (int64_t i = 0; i < volumes; ++i) {
    cpu::AffineVolume<T> volume = volume_of<T>(setting, i / setting.channels);
    const In* data = from.data + from.volume(i);
    if (volume.filtered) {
      cpu::resample_volume<T>(tables, setting.fill,
                              {data, type_of<In>(), from.stride[0], from.stride[1], from.stride[2]},
                              {coefficients.data(), kArithmetic<T>}, alone);
      volume.data = coefficients.data() + setting.origin();
      volume.type = kArithmetic<T>;
    } else {
      volume.data = data;
      volume.type = type_of<In>();
      for (int a = 0; a < 3; ++a) volume.stride[a] = from.stride[a];
    }
    volume.to = out.data() + i * bytes;
    volume.to_type = setting.out;
    const int64_t rows = int64_t{setting.m[0]} * setting.m[1], half = rows / 2;
    cpu::affine_rows(volume, half, rows);
    cpu::affine_rows(volume, 0, half);
  }
  return out;
}

template <typename In>
std::vector<char> by_kernels(const Setting& setting, const cuda::Source<In>& from) {
  const int64_t volumes = setting.samples * setting.channels;
  std::vector<char> out(static_cast<size_t>(volumes * setting.outputs() * size_of(setting.out)), char{0x55});
  cuda_on_cpu::Device device;
  cuda::run_affine(cuda::AffineWork<In>{from,
                                        volumes,
                                        setting.affine(),
                                        setting.order == 3,
                                        {setting.padded(0), setting.padded(1), setting.padded(2)},
                                        setting.origin(),
                                        setting.fill,
                                        out.data(),
                                        setting.out},
                   device);
  return out;
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

template <typename In>
void test_bits(int cases) {
  for (int i = 0; i < cases; ++i) {
    const Setting setting = random_setting();
    std::vector<In> voxels;
    const cuda::Source<In> from = source_of(setting, voxels);
    const std::vector<char> expected = on_cpu(setting, from), got = by_kernels(setting, from);
    const int64_t count = setting.samples * setting.channels * setting.outputs();
    bool equal = false;
    with_type(setting.out, [&](auto v) { equal = same<decltype(v)>(expected.data(), got.data(), count); });
    CHECK(equal, "n", setting.axis[0].n, setting.axis[1].n, setting.axis[2].n, "m", setting.m[0], setting.m[1],
          setting.m[2], "order", setting.order, "boundary", setting.axis[0].boundary, "in",
          static_cast<int>(type_of<In>()), "out", static_cast<int>(setting.out), "turned", setting.turned, "matrix",
          setting.matrix_size);
  }
}

// On a GPU values are not checked: what is no position takes the fill.
void test_broken_matrices() {
  for (int i = 0; i < 60; ++i) {
    Setting setting = random_setting();
    setting.out = Voxel::kFloat;
    const int32_t size = setting.matrix_size;
    for (size_t e = 0; e < setting.matrices.size(); ++e) {
      if (e % size == 0) setting.matrices[e] = random_numbers.pick<double>({NAN, INFINITY, -INFINITY});
    }
    std::vector<float> voxels;
    const std::vector<char> got = by_kernels(setting, source_of(setting, voxels));
    int64_t others = 0;  // the first output too: 0 times infinity is NaN
    for (size_t v = 0; v < got.size() / 4; ++v) {
      others += load<float>(got.data() + 4 * v) != static_cast<float>(setting.fill);
    }
    CHECK(others == 0, others);
  }
}

// Folded positions have their taps within the volume and what stands beside it, whatever the position.
void test_folding() {
  for (int i = 0; i < 200000; ++i) {
    const int32_t n = random_numbers.pick({1, 2, 3, 7, 100, 1 << 29}), boundary = random_numbers.between(0, 5);
    const AffineAxis axis = {n, n == 1 && boundary != kGridConstant ? 0 : random_numbers.pick({0, 1, 3}), boundary};
    const double scale = random_numbers.pick({1.0, 4.0 * n, 1e9, 1e15, 1e300, 1e-300});
    double x = (random_numbers.unit() * 2.0 - 1.0) * scale;
    if (random_numbers.chance(0.3))
      x = random_numbers.between(-4, 4) * 0.5 * (n - random_numbers.pick({0.0, 0.5, 1.0}));
    const double before = x;
    if (!fold(axis, x)) continue;
    if (axis.order == 3) {
      const CubicTaps<float> taps = cubic_taps<float>(axis, x);
      CHECK(taps.first >= -axis.pad() && taps.first + 3 < n + axis.pad(), before, x, n, boundary);
    } else {
      const LinearTaps<float> taps = linear_taps<float>(axis, x);
      const int32_t least = boundary == kGridConstant ? -1 : 0;
      CHECK(taps.at[0] >= least && taps.at[0] < n, before, x, n, boundary);
      CHECK(taps.weight[1] == 0.0f || (taps.at[1] >= least && taps.at[1] < n), before, x, n, boundary);
    }
  }
}

// <sample(x), g> = <x, scatter(g)>, in both loops.
void test_adjoint() {
  for (int i = 0; i < 150; ++i) {
    Setting setting = random_setting();
    setting.fill = 0.0;
    setting.samples = setting.channels = 1;
    const int64_t size = setting.coefficients(), outputs = setting.outputs();
    std::vector<double> x(static_cast<size_t>(size)), g(static_cast<size_t>(outputs)), sampled(g.size());
    for (double& value : x) value = random_numbers.unit() - 0.5;
    for (double& value : g) value = random_numbers.unit() - 0.5;
    cpu::AffineVolume<double> volume = volume_of<double>(setting, 0);
    volume.data = x.data() + setting.origin();
    volume.type = volume.to_type = Voxel::kDouble;
    volume.to = sampled.data();
    cpu::affine_rows(volume, 0, int64_t{setting.m[0]} * setting.m[1]);
    std::vector<double> back(x.size(), 0.0), again(x.size(), 0.0);
    cpu::affine_scatter(volume, g.data(), back.data() + setting.origin());
    const cuda::ScatterPass<double> pass = {
        g.data(), again.data() + setting.origin(), size, {volume.stride[0], volume.stride[1], 1}, setting.affine()};
    cuda_on_cpu::Device device;
    cuda::run_scatter(pass, 1, volume.filtered, device);
    double one = 0.0, other = 0.0, apart = 0.0;
    for (size_t k = 0; k < g.size(); ++k) one += sampled[k] * g[k];
    for (size_t k = 0; k < x.size(); ++k) {
      other += x[k] * back[k];
      apart = std::fmax(apart, std::fabs(back[k] - again[k]));
    }
    const double tolerance =
        1e-13 * static_cast<double>(outputs + 1);  // sums of as many terms below 1 in another order
    CHECK(std::fabs(one - other) < tolerance, one, other, setting.order);
    CHECK(apart < tolerance, apart);
  }
}

}  // namespace

int main() {
  cuda_on_cpu::set_order(1);
  test_bits<float>(200);
  test_bits<double>(60);
  test_bits<int16_t>(60);
  test_bits<uint8_t>(20);
  test_bits<Half>(20);
  test_bits<BFloat16>(20);
  test_broken_matrices();
  test_folding();
  test_adjoint();
  return check::summary("test_affine");
}
