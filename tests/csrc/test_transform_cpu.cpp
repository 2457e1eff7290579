// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// csrc/cpu gives the bits of a plain loop over math/*.h, on every instruction set of this processor: each runs in a
// process of its own, since the choice is made once.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "cpu/isa.h"
#include "cpu/transform.h"
#include "math/sources.h"
#include "plain_loop.h"
#include "plans.h"
#include "random.h"

namespace {

using gx::Shape;

constexpr size_t kGuards = 70;  // elements before and after an output that nobody may write

template <typename T>
uint64_t bits_of(T value) {
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof(T));
  return bits;
}

// x with strides of its own: axes in any order, gaps, and axes of stride 0.
template <typename T>
struct Source {
  std::vector<T> elements;
  std::array<int64_t, 4> sides, strides;  // C, X, Y, Z

  Source(check::Random& random, int64_t channels, Shape shape) : sides{channels, shape.x, shape.y, shape.z} {
    std::array<size_t, 4> axes = {3, 2, 1, 0};  // from the fastest; contiguous in half of the cases
    const bool contiguous = random.chance(0.5);
    for (size_t i = 3; i > 0 && !contiguous; --i)
      std::swap(axes[i], axes[static_cast<size_t>(random.between(0, static_cast<int32_t>(i)))]);
    int64_t step = 1, reach = 1;
    for (const size_t axis : axes) {
      const bool expanded = !contiguous && random.chance(0.1);
      strides[axis] = expanded ? 0 : step;
      if (expanded) continue;
      reach += (sides[axis] - 1) * step;
      step = step * sides[axis] + (contiguous ? 0 : random.between(0, 3));
    }
    elements.resize(static_cast<size_t>(reach));
    const float infinity = std::numeric_limits<float>::infinity();
    for (T& element : elements) {
      const float odd =
          random.pick({std::numeric_limits<float>::quiet_NaN(), infinity, -infinity, -0.0f, 1.0f, 1e-42f, 3e38f});
      gx::narrow(random.chance(0.05) ? odd : 1.4f * random.unit_float() - 0.2f, element);
    }
  }

  T at(int64_t c, int64_t i, int64_t j, int64_t k) const {
    return elements[static_cast<size_t>(c * strides[0] + i * strides[1] + j * strides[2] + k * strides[3])];
  }
};

// An output between guards.
template <typename T>
struct Output {
  std::vector<T> elements;
  T guard;

  explicit Output(size_t size) {
    gx::narrow(-77.0f, guard);
    elements.assign(size + 2 * kGuards, guard);
  }

  T* data() { return elements.data() + kGuards; }

  void check_equal(const std::vector<T>& expected, const char* name, const std::string& what) const {
    size_t wrong = 0, first = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      const T found = elements[kGuards + i];
      const bool both_nan = std::isnan(gx::widen(found)) && std::isnan(gx::widen(expected[i]));
      if (bits_of(found) != bits_of(expected[i]) && !both_nan && wrong++ == 0) first = i;
    }
    CHECK(wrong == 0, name, what, wrong, "of", expected.size(), "differ, first", first,
          gx::widen(elements[kGuards + first]),
          expected.empty() ? 0.0 : static_cast<double>(gx::widen(expected[first])));
    bool guarded = true;
    for (size_t i = 0; i < kGuards; ++i) {
      guarded = guarded && bits_of(elements[i]) == bits_of(guard) &&
                bits_of(elements[elements.size() - 1 - i]) == bits_of(guard);
    }
    CHECK(guarded, name, what, "written outside");
  }
};

class Runner {
 public:
  template <typename T>
  void check_sample(const gx::Sample& sample, const gx::ShuffleSpec& spec, int64_t channels, Shape shape,
                    const std::string& what) {
    const Source<T> x(random_, channels, shape);
    const check::Result<T> expected = check::plain_loop<T>(
        sample, spec, channels, shape, [&](int64_t c, int64_t i, int64_t j, int64_t k) { return x.at(c, i, j, k); });
    const bool with_target = random_.chance(0.8);
    Output<T> input(expected.input.size()), target(expected.target.size());
    const gx::cpu::Patch<T> patch = {x.elements.data(),
                                     x.strides[0],
                                     x.strides[1],
                                     x.strides[2],
                                     x.strides[3],
                                     input.data(),
                                     with_target ? target.data() : nullptr,
                                     channels,
                                     shape,
                                     random_.chance(0.5)};
    gx::cpu::transform_sample(sample, spec, patch, *scratch_);
    input.check_equal(expected.input, "input", what);
    if (with_target) target.check_equal(expected.target, "target", what);
    if (!sample.shuffle) check_pieces(sample, patch, expected, what);
  }

  template <typename T>
  void check_pieces(const gx::Sample& sample, gx::cpu::Patch<T> patch, const check::Result<T>& expected,
                    const std::string& what) {
    Output<T> input(expected.input.size()), target(expected.target.size());
    patch.input = input.data();
    patch.target = target.data();
    const int64_t voxels = gx::voxels_of(patch.shape);
    for (int64_t c = patch.channels - 1; c >= 0; --c) {
      for (int64_t begin = 0; begin < voxels;) {
        const int64_t end = std::min<int64_t>(voxels, begin + 64 * random_.between(1, 20));
        gx::cpu::transform_range(sample, patch, c, begin, end, *scratch_);
        begin = end;
      }
    }
    input.check_equal(expected.input, "input in pieces", what);
    target.check_equal(expected.target, "target in pieces", what);
  }

  void check_all_types(const gx::Sample& sample, const gx::ShuffleSpec& spec, int64_t channels, Shape shape,
                       const std::string& what) {
    check_sample<float>(sample, spec, channels, shape, what + " float");
    check_sample<gx::Half>(sample, spec, channels, shape, what + " half");
    check_sample<gx::BFloat16>(sample, spec, channels, shape, what + " bfloat16");
    check_sample<double>(sample, spec, channels, shape, what + " double");
  }

  int32_t odd_side(int32_t most) {
    return std::min(most, random_.pick({1, 2, 3, 7, 8, 15, 31, 32, 33, 63, 64, 65, random_.between(1, 40)}));
  }

  // One range for all, one a sample, or one a channel; now and then empty.
  gx::Ranges random_ranges(int64_t channels, std::vector<float>& storage) {
    if (random_.chance(0.5)) return {nullptr, 1, -0.25f, random_.chance(0.2) ? -0.25f : 1.5f};
    const int64_t per_sample = random_.chance(0.5) ? 1 : channels;
    storage.clear();
    for (int64_t c = 0; c < per_sample; ++c) {
      const float lo = random_.unit_float() - 0.5f;
      storage.push_back(lo);
      storage.push_back(random_.chance(0.2) ? lo : lo + random_.unit_float());
    }
    return {storage.data(), per_sample, 0.0f, 0.0f};
  }

  void plans() {
    std::vector<float> ranges;
    for (int n = 0; n < 600; ++n) {
      const Shape shape = {odd_side(65), odd_side(33), odd_side(65)};
      if (gx::voxels_of(shape) > 20'000) continue;
      const gx::PlanSpec spec = check::random_plan_spec(random_, shape);
      const int64_t channels = spec.numbers[gx::kCurves] > 1 ? spec.numbers[gx::kCurves] : random_.between(1, 3);
      std::vector<int32_t> row(static_cast<size_t>(gx::plan_length(spec.numbers)));
      gx::draw_plan_row(spec, {random_.words(), random_.words()}, row.data());
      gx::PlanSource source = {
          row.data(), static_cast<int64_t>(row.size()), {}, random_ranges(channels, ranges), random_.chance(0.5)};
      std::copy(std::begin(spec.numbers), std::end(spec.numbers), source.numbers);
      const std::string what = "plan " + std::to_string(n);
      const gx::ShuffleSpec shuffle = gx::shuffle_spec(spec.numbers);
      switch (n % 4) {
        case 0: check_sample<float>(source(0), shuffle, channels, shape, what); break;
        case 1: check_sample<gx::Half>(source(0), shuffle, channels, shape, what); break;
        case 2: check_sample<gx::BFloat16>(source(0), shuffle, channels, shape, what); break;
        default: check_sample<double>(source(0), shuffle, channels, shape, what); break;
      }
    }
  }

  // Windows of each kind: packed in great number, too large to pack (over 4,096 voxels), beyond the 16-bit permutation,
  // and thin.
  void windows() {
    struct Case {
      Shape shape, max_window;
      int32_t num_windows;
    };
    for (const Case& c :
         {Case{{33, 31, 29}, {9, 8, 7}, 700}, Case{{33, 33, 33}, {20, 20, 20}, 40},
          Case{{16, 16, 16}, {16, 16, 16}, 30}, Case{{41, 40, 39}, {41, 40, 39}, 5},
          Case{{1, 5, 4001}, {1, 5, 4001}, 9}, Case{{2, 4001, 1}, {2, 4001, 1}, 9}, Case{{4001, 1, 1}, {4001, 1, 1}, 6},
          Case{{1, 1, 33}, {1, 1, 33}, 65}, Case{{1, 1, 1}, {1, 1, 1}, 3}, Case{{1, 65, 65}, {1, 40, 40}, 128},
          Case{{64, 64, 32}, {6, 6, 3}, 10'000}}) {
      for (const int32_t order : {gx::kLastWriter, gx::kSequential}) {
        for (const int32_t permute : {gx::kVoxel, gx::kAxes}) {
          // The plain loop asks every sequential window about every voxel.
          const int32_t num_windows = order == gx::kSequential ? std::min(c.num_windows, 300) : c.num_windows;
          const gx::ShuffleSpec spec = {num_windows, c.max_window, order, permute};
          const int64_t key[2] = {static_cast<int64_t>(random_.words()), static_cast<int64_t>(random_.words())};
          const gx::Sample sample = gx::ShuffleSource{key}(0);
          const std::string what = "windows up to " + std::to_string(c.max_window.x) + " x " +
                                   std::to_string(c.max_window.y) + " x " + std::to_string(c.max_window.z) +
                                   ", order " + std::to_string(order) + ", permute " + std::to_string(permute);
          check_sample<float>(sample, spec, 1, c.shape, what);
          if (gx::voxels_of(c.shape) <= 10'000) check_all_types(sample, spec, 2, c.shape, what);
        }
      }
    }
  }

  void boxes_and_fills() {
    std::vector<float> ranges;
    for (int n = 0; n < 300; ++n) {
      const Shape shape = {odd_side(33), odd_side(33), odd_side(65)};
      const int32_t num_boxes = random_.between(0, 5), fills = random_.chance(0.5) ? 1 : std::max(num_boxes, 1);
      const int64_t channels = random_.between(1, 3);
      std::vector<int32_t> boxes;
      for (int32_t i = 0; i < 6 * num_boxes; ++i) boxes.push_back(random_.between(-5, 70));
      const auto kind = static_cast<int8_t>(random_.between(0, 2));
      const int64_t key[2] = {static_cast<int64_t>(random_.words()), static_cast<int64_t>(random_.words())};
      std::vector<float> fill;
      for (int32_t i = 0; i < fills; ++i)
        fill.push_back(random_.chance(0.1) ? std::numeric_limits<float>::quiet_NaN() : random_.unit_float());
      const gx::PaintSource source = {boxes.data(),
                                      num_boxes,
                                      &kind,
                                      random_.chance(0.5) ? key : nullptr,
                                      fill.data(),
                                      fills,
                                      random_ranges(channels, ranges)};
      check_all_types(source(0), {}, channels, shape, "boxes " + std::to_string(n));
    }
  }

  void curves() {
    std::vector<float> ranges;
    const std::vector<float> corners = {
        0.0f, 1.0f, 0.5f, 1e-9f, 1.0f - 0x1p-24f, std::numeric_limits<float>::quiet_NaN(), -3.0f, 2.0f};
    for (int n = 0; n < 300; ++n) {
      const Shape shape = {odd_side(15), odd_side(15), odd_side(65)};
      const int64_t channels = random_.between(1, 3);
      const int32_t curves = random_.chance(0.5) ? 1 : static_cast<int32_t>(channels);
      std::vector<float> points;
      bool decreasing[3];
      for (int32_t i = 0; i < 4 * curves; ++i) {
        points.push_back(
            random_.chance(0.3)
                ? corners[static_cast<size_t>(random_.between(0, static_cast<int32_t>(corners.size()) - 1))]
                : random_.unit_float());
      }
      for (bool& down : decreasing) down = random_.chance(0.5);
      const gx::CurveSource source = {points.data(), decreasing, curves, random_ranges(channels, ranges),
                                      random_.chance(0.5)};
      check_all_types(source(0), {}, channels, shape, "curves " + std::to_string(n));
    }
  }

  // A window whose place times its stride passes 32 bits although no voxel's offset does.
  void far_apart() {
    constexpr int64_t kStride = 1 << 22;
    const Shape shape = {16, 16, 4};
    std::vector<gx::Half> elements(static_cast<size_t>(3 * kStride + 256));
    const auto at = [&](int64_t, int64_t i, int64_t j, int64_t k) -> gx::Half& {
      return elements[static_cast<size_t>(i + 16 * j + kStride * k)];
    };
    for (int32_t i = 0; i < shape.x; ++i) {
      for (int32_t j = 0; j < shape.y; ++j) {
        for (int32_t k = 0; k < shape.z; ++k) at(0, i, j, k).bits = static_cast<uint16_t>(random_.between(0, 0x7bff));
      }
    }
    for (int32_t flips = 0; flips < 8; ++flips) {
      for (const int32_t order : {gx::kLastWriter, gx::kSequential}) {
        const int64_t key[2] = {flips, order};
        gx::Sample sample = gx::ShuffleSource{key}(0);
        sample.flips = flips;
        const gx::ShuffleSpec spec = {20, shape, order, gx::kVoxel};
        const check::Result<gx::Half> expected = check::plain_loop<gx::Half>(sample, spec, 1, shape, at);
        Output<gx::Half> input(expected.input.size()), target(expected.target.size());
        const gx::cpu::Patch<gx::Half> patch = {elements.data(), 0, 1,     16,   kStride, input.data(),
                                                target.data(),   1, shape, false};
        gx::cpu::transform_sample(sample, spec, patch, *scratch_);
        input.check_equal(expected.input, "input", "far apart");
        target.check_equal(expected.target, "target", "far apart");
      }
    }
  }

 private:
  check::Random random_{1};
  gx::cpu::ScratchPtr scratch_ = gx::cpu::make_scratch();  // one for all: nothing of a sample may show in the next
};

// Exit status of a process that tests one instruction set.
int run(const char* isa) {
  setenv("GENESIS_ISA", isa, 1);
  const std::string name = gx::cpu::instruction_set_name(gx::cpu::instruction_set());
  if (name != isa) {
    std::printf("test_transform_cpu: this processor has no %s\n", isa);
    return 0;
  }
  Runner runner;
  runner.plans();
  runner.windows();
  runner.boxes_and_fills();
  runner.curves();
  runner.far_apart();
  return check::summary(("test_transform_cpu, " + name).c_str());
}

}  // namespace

int main() {
  int failed = 0;
  for (const char* isa : {"baseline", "avx2", "avx512"}) {
    const pid_t child = fork();
    if (child == 0) {
      const int status = run(isa);
      std::fflush(stdout);
      _exit(status);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) ++failed;
  }
  std::printf("test_transform_cpu: %d instruction sets failed\n", failed);
  return failed == 0 ? 0 : 1;
}
