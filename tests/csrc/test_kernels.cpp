// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The CUDA kernels, run on a CPU, give the bits of the CPU operators.
#include "cuda_on_cpu.h"  // first: the kernels need its macros

#include <vector>

#include "both_loops.h"
#include "check.h"
#include "cuda/draw.cuh"
#include "cuda/words.cuh"

using namespace check;
using namespace gx;

namespace {

PlanSpec random_spec(Shape shape, int32_t curves) {
  PlanSpec spec = {};
  const double rates[] = {0.5, 0.7, 0.8, 0.8, 0.5, 0.9, 0.9, 65536.0};
  memcpy(spec.rates, rates, sizeof(rates));
  spec.shape = shape;
  int32_t* numbers = spec.numbers;
  const int32_t sides[] = {shape.x, shape.y, shape.z};
  numbers[kFlipTries] = 3;
  for (int i = 0; i < 4; ++i) numbers[kFlipNone + i] = 1;
  numbers[kNumWindows] = random_int(0, 300);
  for (int d = 0; d < 3; ++d) numbers[kMaxWindow + d] = random_int(1, min_of(sides[d], 9));
  numbers[kOrder] = random_int(0, 1);
  numbers[kPermute] = random_int(0, 1);
  numbers[kCurves] = curves;
  numbers[kMargin] = 3;
  numbers[kInMax] = numbers[kOutMax] = 5;
  numbers[kInConstant] = random_int(0, 1);
  numbers[kOutConstant] = random_int(0, 1);
  for (int d = 0; d < 3; ++d) {
    for (const int first : {static_cast<int>(kInSides), static_cast<int>(kFirstSides), static_cast<int>(kMoreSides)}) {
      numbers[first + 2 * d] = max_of(1, sides[d] / 3);
      numbers[first + 2 * d + 1] = max_of(1, 2 * sides[d] / 3);
    }
  }
  return spec;
}

template <typename T>
void test_plans(const char* name) {
  // Lines of one group of 32 voxels; at last three chunks.
  const Shape shapes[] = {{1, 1, 1}, {7, 5, 3}, {33, 20, 13}, {20, 31, 1}, {9, 7, 32}, {40, 24, 36}};
  for (const Shape shape : shapes) {
    for (int repeat = 0; repeat < 4; ++repeat) {
      const int64_t samples = 3, channels = random_int(1, 2);
      const PlanSpec spec = random_spec(shape, repeat % 2 == 0 ? 1 : static_cast<int32_t>(channels));
      const int64_t length = plan_length(spec.numbers);
      std::vector<int32_t> plan(static_cast<size_t>(samples * length), -1);
      const std::vector<int64_t> ids = {5, -1, random_int(0, 1 << 30)}, seed = {random_int(0, 1 << 30)};
      cuda_on_cpu::Device device;
      cuda::run_draw_plan(spec, ids.data(), seed.data(), samples, plan.data(), device);
      std::vector<int32_t> row(static_cast<size_t>(length));
      for (int64_t n = 0; n < samples; ++n) {
        draw_plan_row(spec, {static_cast<uint64_t>(seed[0]), static_cast<uint64_t>(ids[static_cast<size_t>(n)])},
                      row.data());
        CHECK(memcmp(row.data(), plan.data() + n * length, row.size() * sizeof(int32_t)) == 0);
      }
      PlanSource source = {plan.data(), length, {}, {nullptr, 1, 0.0f, repeat == 3 ? 0.5f : 1.0f}, repeat != 2};
      memcpy(source.numbers, spec.numbers, sizeof(source.numbers));
      Data<T> data = make_data<T>(samples, channels, shape);
      std::vector<T> input, target;
      run_cpu(data, source, shuffle_spec(spec.numbers), input, target);
      run_kernels(data, source, shuffle_spec(spec.numbers));
      if (!same_bits(input, data.input) || !same_bits(target, data.target)) {
        std::printf("%s, %d x %d x %d, repeat %d\n", name, shape.x, shape.y, shape.z, repeat);
      }
      CHECK(same_bits(input, data.input));
      CHECK(same_bits(target, data.target));
    }
  }
}

// Numbers that no draw gives must do no harm on a GPU, where values are not checked.
void test_hostile_plans() {
  const Shape shape = {9, 8, 7};
  for (int repeat = 0; repeat < 20; ++repeat) {
    PlanSpec spec = random_spec(shape, 1);
    spec.numbers[kOrder] = kLastWriter;
    const int64_t length = plan_length(spec.numbers);
    std::vector<int32_t> plan(static_cast<size_t>(length));
    for (int32_t& word : plan) word = static_cast<int32_t>(random_words());
    if (repeat % 2 == 0) plan[kPlanPaint] = 1 + repeat / 2 % 2;
    PlanSource source = {plan.data(), length, {}, {nullptr, 1, 0.0f, 1.0f}, true};
    memcpy(source.numbers, spec.numbers, sizeof(source.numbers));
    Data<float> data = make_data<float>(1, 1, shape);
    for (float& value : data.x) value = value == value ? value : 0.0f;
    run_kernels(data, source, shuffle_spec(spec.numbers));
    for (const float value : data.input) CHECK(value == value);
  }
}

template <typename T>
void test_single_operators() {
  const Shape shape = {17, 9, 11};
  const int64_t samples = 2, channels = 2;
  const std::vector<float> points = {0.1f, 0.9f, 0.2f, 0.3f, 1.0f, 0.5f, 0.0f, 0.25f,
                                     0.5f, 0.5f, 0.5f, 0.5f, 1,    1,    1,    0};
  const bool decreasing[] = {false, true, false, true};
  const std::vector<int64_t> keys = {3, 4, -5, 6};
  const std::vector<int32_t> boxes = {2, 2, 2, 9, 9, 9, 0, 0, 0, 0, 0, 0, 5, 1, 0, 17, 4, 11, 3, 3, 3, 4, 4, 4};
  const int8_t kind[] = {1, 2};
  const std::vector<float> fill = {0.25f, 0.5f, 0.75f, 1.0f}, range = {-1.0f, 2.0f, 0.5f, 0.5f};
  const CurveSource curves = {points.data(), decreasing, 2, {nullptr, 1, 0.0f, 1.0f}, false};
  const CurveSource ranged = {points.data(), decreasing, 2, {range.data(), 1, 0.0f, 1.0f}, true};
  const PaintSource noisy = {boxes.data(), 2, kind, keys.data(), nullptr, 0, {range.data(), 1, 0.0f, 1.0f}};
  const PaintSource filled = {boxes.data(), 2, kind, nullptr, fill.data(), 2, {nullptr, 1, 0.0f, 1.0f}};
  std::vector<int32_t> many_boxes(2 * 40 * 6);  // more than are looked at together
  for (size_t i = 0; i < many_boxes.size(); ++i) many_boxes[i] = i % 6 < 3 ? random_int(0, 12) : random_int(0, 17);
  const PaintSource many = {many_boxes.data(), 40, kind, keys.data(), nullptr, 0, {nullptr, 1, 0.0f, 1.0f}};
  const ShuffleSource shuffles = {keys.data()};
  const auto compare = [&](const auto& source, const ShuffleSpec& spec) {
    Data<T> data = make_data<T>(samples, channels, shape);
    std::vector<T> input, target;
    run_cpu(data, source, spec, input, target);
    data.view.target = nullptr;
    run_kernels(data, source, spec);
    CHECK(same_bits(input, data.input));
  };
  compare(curves, {});
  compare(ranged, {});
  compare(noisy, {});
  compare(filled, {});
  compare(many, {});
  compare(shuffles, {0, {9, 5, 4}, kLastWriter, kVoxel});
  for (int order = 0; order < 2; ++order) {
    for (int permute = 0; permute < 2; ++permute) compare(shuffles, {200, {9, 5, 4}, order, permute});
  }
}

// Patches and windows that are too long for tables, in either order and permuted in either way.
void test_long_windows() {
  const std::vector<int64_t> keys = {3, 4};
  const auto compare = [&](Shape shape, int32_t windows, Shape most) {
    for (int kind = 0; kind < 4; ++kind) {
      const ShuffleSpec spec = {windows, most, kind / 2, kind % 2};
      Data<float> data = make_data<float>(1, 1, shape);
      std::vector<float> input, target;
      run_cpu(data, ShuffleSource{keys.data()}, spec, input, target);
      run_kernels(data, ShuffleSource{keys.data()}, spec);
      CHECK(same_bits(input, data.input), shape.x, shape.y, shape.z, kind);
    }
  };
  compare({300, 20, 3}, 40, {290, 9, 3});   // permutations along axes do not fit a byte
  compare({3, 32767, 2}, 99, {3, 700, 2});  // the longest side
  compare({64, 40, 30}, 5, {64, 40, 30});   // more voxels than 16 bits permute
}

void test_words() {
  const std::vector<int64_t> ids = {5, -1, int64_t{1} << 62}, seed = {-9};
  const int64_t count = 101, draws = 3 * count;
  std::vector<int64_t> words(static_cast<size_t>(4 * draws), -1);
  cuda_on_cpu::Device device;
  cuda::run_philox_words(ids.data(), seed.data(), Purpose::kRotation, 3, count, words.data(), device);
  for (int64_t i = 0; i < draws; ++i) {
    const Key key = {static_cast<uint64_t>(seed[0]), static_cast<uint64_t>(ids[static_cast<size_t>(i / count)])};
    const Words expected = philox(key, Purpose::kRotation, static_cast<uint32_t>(i % count));
    const int64_t* got = words.data() + 4 * i;
    CHECK(got[0] == expected.w0 && got[1] == expected.w1 && got[2] == expected.w2 && got[3] == expected.w3);
  }
}

void test_slope() {
  const Shape shape = {11, 6, 5};
  const std::vector<float> points = {0.3f, 0.9f, 0.6f, 0.1f, 1.0f, 0.4f, 0.0f, 0.6f};
  const bool decreasing[] = {true, false};
  const CurveSource source = {points.data(), decreasing, 1, {nullptr, 1, 0.0f, 1.0f}, true};
  Data<double> data = make_data<double>(2, 2, shape);
  cuda_on_cpu::Device device;
  cuda::run_slope(data.view, source, device);
  for (int64_t n = 0; n < 2; ++n) {
    const Sample sample = source(n);
    const Curve curve = make_curve(control_points(sample, 0));
    for (int64_t c = 0; c < 2; ++c) {
      for (int32_t v = 0; v < voxels_of(shape); ++v) {
        const Position at = cuda::Grid(shape).at(v);
        const double x = data.x[static_cast<size_t>(n * data.view.stride_n + c + cuda::layout_of(data.view, 0)(at))];
        const double slope = data.input[static_cast<size_t>((n * 2 + c) * voxels_of(shape) + v)];
        CHECK(slope == apply_slope(curve, sample_range(sample, c), true, x));
      }
    }
  }
}

void test_quotients() {
  constexpr int64_t kEnd = int64_t{1} << 31;
  for (int i = 0; i < 20000; ++i) {
    const int64_t by = 1 + (static_cast<int64_t>(random_words()) >> random_int(1, 31)), q = (kEnd - 1) / by;
    for (const int64_t n :
         {static_cast<int64_t>(random_words()) % (q + 1) * by, q * by, q * by - 1, kEnd - 1, by - 1}) {
      if (n < 0) continue;
      CHECK(cuda::Quotient(by)(static_cast<uint32_t>(n)) == n / by, n, by);
    }
  }
}

// The last chunk of the largest patch ends with it: nothing of its bounds leaves 31 bits.
void test_the_largest_patch() {
  constexpr int32_t kMost = 2147482624;
  const cuda::Grid grid({kMost / 32, 8, 4});
  cuda_on_cpu::block().index = static_cast<uint32_t>(2 * grid.chunks - 1);
  const cuda::Chunk chunk = cuda::chunk_of(grid);
  CHECK(chunk.sample == 1 && chunk.end == kMost && chunk.end - chunk.begin == kMost % cuda::kChunk, chunk.begin);
  const Position last = grid.at(kMost - 1);
  CHECK(last.x == kMost / 32 - 1 && last.y == 7 && last.z == 3, last.x, last.y, last.z);
}

}  // namespace

int main() {
  cuda_on_cpu::set_order(1);
  test_plans<float>("float32");
  test_plans<Half>("float16");
  test_plans<BFloat16>("bfloat16");
  test_hostile_plans();
  test_single_operators<float>();
  test_single_operators<double>();
  test_long_windows();
  test_slope();
  test_words();
  test_quotients();
  test_the_largest_patch();
  return check::summary("test_kernels");
}
