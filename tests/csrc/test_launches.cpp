// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// How many kernels a call of each operator launches and how often it takes memory, at most: a launch costs the host some
// 5 us, an allocation one. tests/test_registry.py sees to it that no operator is left out.
#include "cuda_on_cpu.h"  // first: the kernels need its macros

#include <algorithm>
#include <type_traits>

#include "check.h"
#include "cuda/affine.h"
#include "cuda/crop.cuh"
#include "cuda/draw.cuh"
#include "cuda/transform.h"
#include "cuda/words.cuh"
#include "plans.h"

using namespace gx;

namespace {

// Counts and runs nothing.
struct Counter {
  int launches = 0, allocations = 0;

  void* memory(int64_t) {
    ++allocations;
    return nullptr;
  }
  template <typename... Arguments>
  void launch(void (*)(Arguments...), int64_t, int, const std::type_identity_t<Arguments>&...) {
    ++launches;
  }
};

// The most of several calls.
class Most {
 public:
  template <typename Run>
  void of(const Run& run) {
    Counter counter;
    run(counter);
    launches_ = std::max(launches_, counter.launches);
    allocations_ = std::max(allocations_, counter.allocations);
  }
  void is(const char* op, int launches, int allocations) const {
    CHECK(launches_ == launches, op, "launches", launches_, "not", launches);
    CHECK(allocations_ == allocations, op, "allocations", allocations_, "not", allocations);
  }

 private:
  int launches_ = 0, allocations_ = 0;
};

constexpr Shape kPatch = {64, 64, 32};

cuda::View<float> view() { return {nullptr, 131072, 131072, 2048, 32, 1, nullptr, nullptr, 4, 1, kPatch}; }

template <typename Source>
void transform(Most& most, const Source& source, const ShuffleSpec& spec) {
  most.of([&](Counter& counter) { cuda::run_transform(view(), source, spec, counter); });
}

void test_transforms() {
  Most plans, curves, slopes, shuffles, boxes;
  for (const bool paper : {false, true}) {
    const PlanSpec spec = check::profile_spec(kPatch, paper);
    PlanSource source = {};
    memcpy(source.numbers, spec.numbers, sizeof(source.numbers));
    transform(plans, source, shuffle_spec(spec.numbers));
    transform(shuffles, ShuffleSource{nullptr}, shuffle_spec(spec.numbers));
  }
  CurveSource source = {};
  source.curves = 1;
  transform(curves, source, {});
  slopes.of([&](Counter& counter) { cuda::run_slope(view(), source, counter); });
  transform(boxes, PaintSource{}, {});
  plans.is("genesis_transform", 3, 1);  // curves and windows, an index of the windows, voxels
  curves.is("bezier_map", 2, 1);
  slopes.is("bezier_map_slope", 1, 0);
  shuffles.is("local_shuffle", 3, 1);
  boxes.is("paint_boxes", 1, 0);
}

AxisSpec axis_of(int32_t n, int32_t m, int32_t order, int32_t boundary) {
  AxisSpec axis;
  axis.n = n;
  axis.m = m;
  axis.step = static_cast<double>(n - 1) / (m - 1);
  axis.order = order;
  axis.boundary = boundary;
  return axis;
}

cuda::SeparableWork<int16_t> scan(const AxisSpec& x, const AxisSpec& y, const AxisSpec& z) {
  return {{nullptr, 1, 0, 0, {1, 1, 1}}, 1, {x, y, z}, 0.0, nullptr, Voxel::kFloat};
}

void test_resampling() {
  Most linear, cubic, coefficients;
  for (int32_t boundary = 0; boundary < kBoundaries; ++boundary) {
    for (const int32_t order : {0, 1, 3}) {
      const auto axis = [&](int32_t n, int32_t m) { return axis_of(n, m, order, boundary); };
      (order == 3 ? cubic : linear).of([&](Counter& counter) {
        cuda::run_separable(scan(axis(256, 189), axis(256, 189), axis(120, 150)), counter);
      });
    }
    if (boundary == kConstant) continue;  // the operator makes it kMirror
    const AxisSpec axis = axis_of(256, 256, kCoefficients, boundary);
    coefficients.of([&](Counter& counter) { cuda::run_separable(scan(axis, axis, axis), counter); });
  }
  linear.is("resample, orders 0 and 1", 2, 1);  // tables, voxels
  cubic.is("resample", 5, 6);                   // tables, three axes, the fill; states and the volumes between axes
  coefficients.is("spline_prefilter", 4, 6);
}

void test_affine() {
  Most samples, adjoints;
  for (const bool filtered : {false, true}) {
    cuda::Affine affine = {
        {}, nullptr, 0, 4, false, {9, 9, 9}, cuda::make_tile({9, 9, 9}), cuda::Divisor(1), cuda::Divisor(1)};
    for (AffineAxis& axis : affine.axis) axis = {9, 3, kConstant};
    samples.of([&](Counter& counter) {
      cuda::run_affine(
          cuda::AffineWork<float>{
              {nullptr, 1, 0, 0, {81, 9, 1}}, 1, affine, filtered, {9, 9, 9}, 0, 0.0, nullptr, Voxel::kFloat},
          counter);
    });
    adjoints.of([&](Counter& counter) {
      cuda::run_scatter(cuda::ScatterPass<float>{nullptr, nullptr, 729, {81, 9, 1}, affine}, 1, filtered, counter);
    });
  }
  samples.is("affine_sample", 5, 7);  // the coefficients as by spline_prefilter, voxels
  adjoints.is("affine_sample_adjoint", 1, 0);
}

void test_the_others() {
  Most crops, plans, words;
  for (const int32_t order : {0, 1, 3}) {
    CropSource source = {};
    for (int32_t& side : source.out) side = 32;
    source.order = order;
    crops.of([&](Counter& counter) { cuda::run_crops<int16_t>(source, 4, nullptr, nullptr, Voxel::kFloat, counter); });
  }
  plans.of([&](Counter& counter) { cuda::run_draw_plan({}, nullptr, nullptr, 4, nullptr, counter); });
  words.of(
      [&](Counter& counter) { cuda::run_philox_words(nullptr, nullptr, Purpose::kNoise, 4, 9, nullptr, counter); });
  crops.is("crop_resize", 1, 0);
  plans.is("draw_plan", 1, 0);
  words.is("philox_words", 1, 0);
}

}  // namespace

int main() {
  test_transforms();
  test_resampling();
  test_affine();
  test_the_others();
  return check::summary("test_launches");
}
