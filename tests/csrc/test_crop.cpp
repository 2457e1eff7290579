// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Boxes cut and resized: the CPU's separable loops, in any pieces, and the CUDA kernels, run on a CPU, give the bits of
// three plain nested sums.
#include "cuda_on_cpu.h"  // first: the kernels need its macros

#include <cmath>
#include <vector>

#include "check.h"
#include "cpu/crop.h"
#include "cuda/crop.cuh"
#include "device_on_cpu.h"
#include "random.h"

using namespace gx;

namespace {

check::Random rng(20261121);

template <typename T>
constexpr Voxel kType = Voxel::kFloat;
template <>
constexpr Voxel kType<uint8_t> = Voxel::kUint8;
template <>
constexpr Voxel kType<int16_t> = Voxel::kInt16;
template <>
constexpr Voxel kType<Half> = Voxel::kHalf;

// Four volumes, the last of which ends with the buffer.
template <typename T>
struct Volumes {
  std::vector<T> voxels;
  std::vector<int64_t> offset;
  std::vector<int32_t> shape = {9, 14, 21, 1, 6, 40, 30, 1, 1, 13, 11, 18};
  std::vector<float> window = {0.0f, 200.0f, -50.0f, 120.0f, 3.0f, 3.0f, 10.0f, 90.0f};

  Volumes() {
    int64_t at = 3;  // no volume need begin with the buffer
    for (size_t v = 0; v < 4; ++v) {
      offset.push_back(at);
      at += int64_t{shape[3 * v]} * shape[3 * v + 1] * shape[3 * v + 2];
    }
    voxels.resize(static_cast<size_t>(at));
    for (T& voxel : voxels) {
      const bool hostile = (kType<T> == Voxel::kHalf || kType<T> == Voxel::kFloat) && rng.chance(0.003);
      convert(hostile ? rng.pick({NAN, INFINITY, -INFINITY}) : static_cast<float>(rng.between(0, 2550)) / 10.0f, voxel);
    }
  }
};

struct Boxes {
  std::vector<int64_t> index;
  std::vector<float> corners;
};

// Inside, across and beyond the edges, on whole voxels and off them, from a part of a voxel to many volumes long.
template <typename T>
Boxes random_boxes(const Volumes<T>& volumes, int samples) {
  Boxes boxes;
  for (int n = 0; n < samples; ++n) {
    const int32_t v = rng.between(0, 3);
    boxes.index.push_back(v);
    float lo[3], hi[3];
    const int kind = rng.between(0, 4);
    for (size_t d = 0; d < 3; ++d) {
      const float side = static_cast<float>(volumes.shape[3 * static_cast<size_t>(v) + d]);
      const float reach = kind == 0 ? 4.0f : 1.3f;
      const float a = (rng.unit_float() * reach - (reach - 1.0f) / 2.0f) * side;
      const float b = (rng.unit_float() * reach - (reach - 1.0f) / 2.0f) * side;
      lo[d] = kind == 1 ? 0.0f : kind == 2 ? std::floor(a) : std::min(a, b);
      hi[d] = kind == 1 ? side : kind == 2 ? lo[d] + 8.0f : std::max(a, b) + 0.01f;
    }
    boxes.corners.insert(boxes.corners.end(), {lo[0], lo[1], lo[2], hi[0], hi[1], hi[2]});
  }
  return boxes;
}

template <typename T>
CropSource source_of(const Volumes<T>& volumes, const Boxes& boxes, const int32_t (&out)[3], int32_t order,
                     bool antialias) {
  return {volumes.offset.data(),
          volumes.shape.data(),
          volumes.window.data(),
          boxes.index.data(),
          boxes.corners.data(),
          static_cast<int64_t>(volumes.offset.size()),
          static_cast<int64_t>(volumes.voxels.size()),
          {out[0], out[1], out[2]},
          order,
          antialias,
          7.5f};
}

// sum of weight * at(voxel) over the taps of an axis.
template <typename At>
float plain_sum(const AxisSpec& axis, const CropTaps& taps, const At& at) {
  float sum = 0.0f;
  bool begun = false;
  for (int32_t j = 0; j < taps.count; ++j) {
    const float weight = crop_weight(axis, taps, j);
    if (weight == 0.0f) continue;
    const float product = weight * at(std::min(std::max(taps.first + j, 0), axis.n - 1));
    sum = begun ? sum + product : product;
    begun = true;
  }
  return sum;
}

template <typename T>
float plain_voxel(const Crop& crop, const T* voxels, int32_t x, int32_t y, int32_t z) {
  if (!crop.usable) return crop.fill;
  const CropTaps taps[3] = {crop_taps(crop.axes[0], x), crop_taps(crop.axes[1], y), crop_taps(crop.axes[2], z)};
  if (taps[0].count == 0 || taps[1].count == 0 || taps[2].count == 0) return crop.fill;
  const int64_t row = crop.axes[2].n, plane = row * crop.axes[1].n;
  return plain_sum(crop.axes[2], taps[2], [&](int32_t k) {
    return plain_sum(crop.axes[1], taps[1], [&](int32_t j) {
      return plain_sum(crop.axes[0], taps[0], [&](int32_t i) {
        return static_cast<float>(widen(voxels[crop.offset + i * plane + j * row + k]));
      });
    });
  });
}

template <typename T, typename Out>
std::vector<Out> plain(const Volumes<T>& volumes, const CropSource& source, int64_t samples) {
  std::vector<Out> out;
  for (int64_t n = 0; n < samples; ++n) {
    const Crop crop = source(n);
    for (int32_t x = 0; x < source.out[0]; ++x) {
      for (int32_t y = 0; y < source.out[1]; ++y) {
        for (int32_t z = 0; z < source.out[2]; ++z) {
          Out value;
          convert(windowed(crop.window, plain_voxel(crop, volumes.voxels.data(), x, y, z)), value);
          out.push_back(value);
        }
      }
    }
  }
  return out;
}

// On a CPU in slabs of random thickness.
template <typename T, typename Out>
std::vector<Out> on_cpu(const Volumes<T>& volumes, const CropSource& source, int64_t samples, bool stream) {
  std::vector<Out> out(static_cast<size_t>(samples * source.out[0] * source.out[1] * source.out[2]));
  const cpu::CropBuffers buffers = {volumes.voxels.data(),
                                    kType<T>,
                                    source.voxels,
                                    out.data(),
                                    kType<Out>,
                                    {source.out[0], source.out[1], source.out[2]},
                                    stream};
  const cpu::CropScratchPtr scratch = cpu::make_crop_scratch();
  for (int64_t n = 0; n < samples; ++n) {
    for (int32_t begin = 0; begin < source.out[0];) {
      const int32_t end = rng.between(begin + 1, source.out[0]);
      cpu::crop_slabs(source(n), buffers, n, begin, end, *scratch);
      begin = end;
    }
  }
  return out;
}

template <typename T, typename Out>
std::vector<Out> on_cuda(const Volumes<T>& volumes, const CropSource& source, int64_t samples) {
  std::vector<Out> out(static_cast<size_t>(samples * source.out[0] * source.out[1] * source.out[2]));
  cuda_on_cpu::Device device;
  cuda::run_crops<T>(source, samples, volumes.voxels.data(), out.data(), kType<Out>, device);
  return out;
}

bool same(float a, float b) { return bit_cast<uint32_t>(a) == bit_cast<uint32_t>(b) || (a != a && b != b); }
bool same(Half a, Half b) { return same(widen(a), widen(b)); }
template <typename T>
bool same(T a, T b) {
  return a == b;
}

template <typename Out>
void check_same(const std::vector<Out>& got, const std::vector<Out>& expected) {
  CHECK(got.size() == expected.size());
  int64_t different = 0;
  for (size_t i = 0; i < expected.size(); ++i) different += !same(got[i], expected[i]);
  CHECK(different == 0, different, expected.size());
}

template <typename T, typename Out>
void test_crops() {
  const Volumes<T> volumes;
  const int32_t shapes[][3] = {{5, 18, 37}, {1, 1, 1}, {7, 3, 65}};
  for (const auto& shape : shapes) {
    for (const int32_t order : {0, 1, 3}) {
      for (const bool antialias : {false, true}) {
        if (order == 0 && antialias) continue;
        const int samples = 6;
        const Boxes boxes = random_boxes(volumes, samples);
        const CropSource source = source_of(volumes, boxes, shape, order, antialias);
        const std::vector<Out> expected = plain<T, Out>(volumes, source, samples);
        check_same(on_cpu<T, Out>(volumes, source, samples, false), expected);
        check_same(on_cpu<T, Out>(volumes, source, samples, true), expected);
        check_same(on_cuda<T, Out>(volumes, source, samples), expected);
      }
    }
  }
}

// Sums longer than a kernel's pieces along every axis; weights at their ends are zero along z.
void test_long_sums() {
  Volumes<int16_t> volumes;
  volumes.shape = {70, 80, 150};
  volumes.offset = {0};
  volumes.voxels.resize(70 * 80 * 150);
  for (int16_t& voxel : volumes.voxels) voxel = static_cast<int16_t>(rng.between(-1000, 1000));
  const Boxes boxes = {{0, 0}, {0, 0, 0, 70, 80, 150, -20, 3, 10, 75, 78, 157}};
  const int32_t shape[] = {2, 2, 3};
  for (const int32_t order : {1, 3}) {
    const CropSource source = source_of(volumes, boxes, shape, order, true);
    const std::vector<float> expected = plain<int16_t, float>(volumes, source, 2);
    check_same(on_cpu<int16_t, float>(volumes, source, 2, false), expected);
    check_same(on_cuda<int16_t, float>(volumes, source, 2), expected);
  }
}

// Whatever numbers come in on a GPU: the fill, through the window where there is one.
void test_senseless_numbers() {
  Volumes<float> volumes;
  const float inf = INFINITY;
  const struct {
    int64_t index;
    float box[6];
  } crops[] = {
      {-1, {0, 0, 0, 5, 5, 5}},       {4, {0, 0, 0, 5, 5, 5}},     {int64_t{1} << 40, {0, 0, 0, 5, 5, 5}},
      {0, {NAN, 0, 0, 5, 5, 5}},      {0, {0, inf, 0, 5, 5, 5}},   {0, {0, 0, -inf, 5, 5, 5}},
      {0, {3, 0, 0, 3, 5, 5}},        {0, {0, 0, 0, 5, 5, -2e9f}}, {1, {0, 0, 0, 5, 5, 5}},
      {2, {0, -1e9f, 0, 5, 1e9f, 5}},
  };
  Boxes boxes;
  for (const auto& crop : crops) {
    boxes.index.push_back(crop.index);
    boxes.corners.insert(boxes.corners.end(), crop.box, crop.box + 6);
  }
  const int32_t shape[] = {2, 3, 4};
  for (int broken = 0; broken < 5; ++broken) {
    Volumes<float> hostile = volumes;
    if (broken == 0) hostile.offset[1] = -1;
    if (broken == 1) hostile.offset[1] = static_cast<int64_t>(volumes.voxels.size()) - 5;
    if (broken == 2) hostile.shape[3] = 0;
    if (broken == 3) hostile.shape[3] = hostile.shape[4] = hostile.shape[5] = 0x7fffffff;
    if (broken == 4) hostile.offset[1] = INT64_MAX;
    for (const int32_t order : {1, 3}) {
      const CropSource source = source_of(hostile, boxes, shape, order, order == 3);
      for (int64_t n = 0; n < 9; ++n) CHECK(!source(n).usable, n);
      CHECK(source(9).usable);
      const std::vector<float> expected = plain<float, float>(hostile, source, 10);
      check_same(on_cuda<float, float>(hostile, source, 10), expected);
      check_same(on_cpu<float, float>(hostile, source, 10, false), expected);
      CHECK(expected[0] == 7.5f && expected[3 * 24] == 7.5f * (1.0f / 200.0f), expected[0], expected[3 * 24]);
    }
  }
}

void test_weights_sum_up_to_one() {
  for (int repeat = 0; repeat < 2000; ++repeat) {
    AxisSpec axis;
    axis.n = rng.between(2, 40);
    axis.m = rng.between(1, 20);
    axis.step = rng.unit() * 3.0;
    axis.centre = 0.5;
    axis.shift = rng.unit() * static_cast<double>(axis.n) - 0.5;
    axis.order = rng.pick({0, 1, 3});
    axis.boundary = kCrop;
    axis.stretched = axis.order > 0 && axis.step > 1.0 && rng.chance(0.5);
    const CropTaps taps = crop_taps(axis, rng.between(0, axis.m - 1));
    if (taps.count == 0) continue;
    double sum = 0.0;
    for (int32_t j = 0; j < taps.count; ++j) sum += static_cast<double>(crop_weight(axis, taps, j));
    CHECK(std::abs(sum - 1.0) < 4e-7, sum);  // rounding of 24 weights, and at order 3 those left out
    CHECK(taps.count <= crop_taps_most(axis), taps.count);
  }
}

}  // namespace

int main() {
  cuda_on_cpu::set_order(1);
  test_crops<int16_t, float>();
  test_crops<uint8_t, uint8_t>();
  test_crops<Half, Half>();
  test_crops<float, float>();
  test_crops<int16_t, int16_t>();
  test_long_sums();
  test_senseless_numbers();
  test_weights_sum_up_to_one();
  return check::summary("test_crop");
}
