// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The kernels of crop_resize and resample on what the benchmarks give them.
#include "counted.h"  // first: the kernels need its macros

#include <random>

#include "cuda/crop.cuh"
#include "cuda/separable.h"

using namespace gx;

namespace {

// Boxes of a half, a quarter and an eighth of a scan of 300^3, in the mix 1 : 1 : 2.
void crop(const char* name, int samples, int64_t batch) {
  constexpr int32_t kSide = 300;
  const int32_t shares[] = {2, 4, 8, 8}, out[] = {64, 64, 32};
  std::mt19937 random(0);
  std::vector<int16_t> scan(size_t{kSide} * kSide * kSide);
  const std::vector<int64_t> offset = {0}, index(static_cast<size_t>(samples), 0);
  const std::vector<int32_t> shape = {kSide, kSide, kSide};
  const std::vector<float> window = {-1000.0f, 1000.0f};
  std::vector<float> boxes, result(static_cast<size_t>(samples) * 64 * 64 * 32);
  for (int n = 0; n < samples; ++n) {
    const int32_t side = kSide / shares[n % 4];
    float lo[3];
    for (float& v : lo) v = static_cast<float>(std::uniform_int_distribution<int32_t>(0, kSide - side)(random));
    const float s = static_cast<float>(side);
    boxes.insert(boxes.end(), {lo[0], lo[1], lo[2], lo[0] + s, lo[1] + s, lo[2] + s});
  }
  const CropSource source = {offset.data(),
                             shape.data(),
                             window.data(),
                             index.data(),
                             boxes.data(),
                             1,
                             int64_t{kSide} * kSide * kSide,
                             {64, 64, 32},
                             1,
                             false,
                             0.0f};
  counted::Device device(name, static_cast<double>(batch) / samples);
  cuda::run_crops<int16_t>(source, samples, scan.data(), result.data(), Voxel::kFloat, device);
}

// A scan brought to 1 mm; run here on a part of each side.
void resample(const char* name, const int32_t (&n)[3], const int32_t (&m)[3], int32_t part) {
  AxisSpec axes[3];
  int32_t sides[3];
  double scale = 1.0;
  for (int d = 0; d < 3; ++d) {
    sides[d] = n[d] / part;
    axes[d].n = sides[d];
    axes[d].m = m[d] / part;
    axes[d].step = static_cast<double>(n[d] - 1) / (m[d] - 1);
    axes[d].order = 3;
    scale *= static_cast<double>(n[d]) / sides[d];
  }
  std::vector<int16_t> scan(static_cast<size_t>(sides[0]) * sides[1] * sides[2], 7);
  std::vector<int16_t> result(static_cast<size_t>(axes[0].m) * axes[1].m * axes[2].m);
  const int64_t plane = int64_t{sides[1]} * sides[2];
  counted::Device device(name, scale);
  cuda::run_separable<int16_t>({{scan.data(), 1, sides[0] * plane, 0, {plane, sides[2], 1}},
                                1,
                                {axes[0], axes[1], axes[2]},
                                0.0,
                                result.data(),
                                Voxel::kInt16},
                               device);
}

}  // namespace

int main() {
  crop("crop_resize", 16, 1024);
  resample("resample, 512x512x300", {512, 512, 300}, {358, 358, 210}, 2);
  resample("resample, 256x256x120", {256, 256, 120}, {189, 189, 150}, 1);
  return 0;
}
