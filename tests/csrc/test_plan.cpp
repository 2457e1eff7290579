// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// math/plan.h and math/sources.h: what is drawn stays in its bounds, reads back as drawn, and no row can be read past.
#include <cmath>
#include <limits>
#include <vector>

#include "check.h"
#include "math/sources.h"
#include "plans.h"
#include "random.h"

namespace {

constexpr int32_t kGuard = 0x5a5a5a5a;

struct Drawn {
  gx::PlanSpec spec;
  gx::Key key;
  std::vector<int32_t> row;  // with one guard word after it
};

Drawn draw(const gx::PlanSpec& spec, const gx::Key& key) {
  Drawn drawn = {spec, key, {}};
  drawn.row.assign(static_cast<size_t>(gx::plan_length(spec.numbers)) + 1, kGuard);
  gx::draw_plan_row(spec, key, drawn.row.data());
  return drawn;
}

gx::Shape random_shape(check::Random& random) {
  return {random.pick({1, 2, 7, 64, random.between(1, 100)}), random.pick({1, 3, 64, random.between(1, 100)}),
          random.pick({1, 5, 32, random.between(1, 100)})};
}

void check_side(const gx::PlanSpec& spec, int sides, int axis, int32_t length, int32_t begin, int32_t end) {
  const int32_t lo = spec.numbers[sides + 2 * axis], hi = spec.numbers[sides + 2 * axis + 1], size = end - begin;
  const int32_t margin = std::min(spec.numbers[gx::kMargin], (length - size) / 2);
  CHECK(size >= lo && size <= hi, axis, size, lo, hi);
  CHECK(begin >= margin && end <= length - margin, axis, begin, end, length, margin);
}

void check_boxes(const Drawn& drawn, const gx::Sample& sample) {
  const gx::PlanSpec& spec = drawn.spec;
  const bool out = sample.paint == gx::kOut;
  const int32_t at_least = spec.numbers[out ? gx::kOutMin : gx::kInMin],
                at_most = spec.numbers[out ? gx::kOutMax : gx::kInMax];
  const double most_voxels = spec.rates[gx::kRateInMaxFraction] * static_cast<double>(gx::voxels_of(spec.shape));
  CHECK(sample.num_boxes <= at_most, sample.num_boxes, at_most);
  double volume = 0.0;
  for (int32_t b = 0; b < sample.num_boxes; ++b) {
    const gx::Box box = sample.boxes.get<gx::Box>(b);
    const int sides = !out ? gx::kInSides : b == 0 ? gx::kFirstSides : gx::kMoreSides;
    check_side(spec, sides, 0, spec.shape.x, box.x0, box.x1);
    check_side(spec, sides, 1, spec.shape.y, box.y0, box.y1);
    check_side(spec, sides, 2, spec.shape.z, box.z0, box.z1);
    volume += static_cast<double>(box.x1 - box.x0) * (box.y1 - box.y0) * (box.z1 - box.z0);
    const float fill = gx::sample_fill(sample, b);
    CHECK(fill == gx::uniform(gx::philox(drawn.key, gx::Purpose::kFill, static_cast<uint32_t>(b)).w0), b, fill);
  }
  if (out) {
    CHECK(sample.num_boxes >= at_least, sample.num_boxes, at_least);
  } else {
    CHECK(volume <= most_voxels * (1.0 + 1e-12), volume, most_voxels);  // a quotient was compared
    CHECK(sample.num_boxes >= at_least || spec.rates[gx::kRateInMaxFraction] < at_least, sample.num_boxes, at_least);
  }
  for (int64_t i = gx::plan_box_word(spec.numbers) + gx::kBoxWords * int64_t{sample.num_boxes};
       i < gx::plan_length(spec.numbers); ++i) {
    CHECK(drawn.row[static_cast<size_t>(i)] == 0, "unused box word", i);
  }
}

void check_drawn(const Drawn& drawn) {
  const gx::PlanSpec& spec = drawn.spec;
  const gx::Key& key = drawn.key;
  CHECK(drawn.row.back() == kGuard, "written past the row");
  const gx::Sample sample = gx::plan_sample(drawn.row.data(), spec.numbers);
  CHECK(sample.key.seed == key.seed && sample.key.sample == key.sample);
  CHECK(sample.flips == gx::draw_flips(spec, key) && sample.flips >= 0 && sample.flips <= 7, sample.flips);
  for (int axis = 0; axis < 3; ++axis) {
    CHECK(spec.numbers[gx::kFlipNone + 1 + axis] > 0 || ((sample.flips >> axis) & 1) == 0, "axis of weight 0", axis);
  }
  CHECK((spec.rates[gx::kRateFlip] > 0.0 && spec.numbers[gx::kFlipTries] > 0) || sample.flips == 0, sample.flips);
  const gx::Words choice = gx::philox(key, gx::Purpose::kChoice, 0);
  CHECK(sample.shuffle == gx::event(choice.w0, spec.rates[gx::kRateShuffle]));
  CHECK(sample.nonlinear == gx::event(choice.w1, spec.rates[gx::kRateNonlinear]));
  const bool paint = gx::event(choice.w2, spec.rates[gx::kRatePaint]),
             out = gx::event(choice.w3, spec.rates[gx::kRateOutpaint]);
  CHECK(sample.paint == (!paint ? gx::kNothing : out ? gx::kOut : gx::kIn), sample.paint);
  CHECK(sample.curves == spec.numbers[gx::kCurves], sample.curves);
  for (int32_t c = 0; c < sample.curves; ++c) {
    const gx::ControlPoints points = gx::control_points(sample, c);
    const gx::Words words = gx::philox(key, gx::Purpose::kControlPoints, static_cast<uint32_t>(c));
    CHECK(points.x1 == gx::uniform(words.w0) && points.y1 == gx::uniform(words.w1) &&
              points.x2 == gx::uniform(words.w2) && points.y2 == gx::uniform(words.w3),
          c);
    CHECK(points.decreasing == (gx::philox(key, gx::Purpose::kDirection, static_cast<uint32_t>(c)).w0 >= 0x80000000u),
          c);
  }
  if (sample.paint == gx::kNothing) {
    CHECK(sample.num_boxes == 0 && !sample.constant, sample.num_boxes);
  } else {
    const bool constant = spec.numbers[out ? gx::kOutConstant : gx::kInConstant] != 0;
    CHECK(sample.constant == constant, constant);
    check_boxes(drawn, sample);
  }
}

void draws_stay_in_bounds_and_read_back() {
  check::Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    const gx::PlanSpec spec = check::random_plan_spec(random, random_shape(random));
    for (int n = 0; n < 10; ++n) check_drawn(draw(spec, {random.words(), random.words()}));
  }
}

void extreme_keys_and_sides_draw_inside() {
  check::Random random(2);
  constexpr uint64_t kOnes = ~uint64_t{0};
  for (const gx::Shape shape :
       {gx::Shape{1, 1, 1}, gx::Shape{1, 1, 1 << 29}, gx::Shape{(1 << 30) - 1, 1, 1}, gx::Shape{2, 1 << 29, 1}}) {
    for (int i = 0; i < 500; ++i) {
      const gx::PlanSpec spec = check::random_plan_spec(random, shape);
      for (const gx::Key& key :
           {gx::Key{0, 0}, gx::Key{kOnes, kOnes}, gx::Key{kOnes, 0}, gx::Key{1ull << 63, 1ull << 31}}) {
        check_drawn(draw(spec, key));
      }
    }
  }
}

void flips_have_their_weights() {
  gx::PlanSpec spec = {};
  spec.shape = {4, 4, 4};
  spec.rates[gx::kRateFlip] = 1.0;
  spec.numbers[gx::kFlipTries] = 1;
  const int32_t weights[4] = {1, 2, 3, 4};
  for (int i = 0; i < 4; ++i) spec.numbers[gx::kFlipNone + i] = weights[i];
  constexpr int kSamples = 100'000;
  int hits[8] = {};
  for (int n = 0; n < kSamples; ++n) ++hits[gx::draw_flips(spec, {5, static_cast<uint64_t>(n)})];
  const int flips[4] = {0, 1, 2, 4};
  for (int i = 0; i < 4; ++i) {
    const double rate = weights[i] / 10.0, error = std::sqrt(rate * (1.0 - rate) / kSamples);
    CHECK(std::fabs(hits[flips[i]] / static_cast<double>(kSamples) - rate) < 5.0 * error, flips[i], hits[flips[i]]);
  }
  CHECK(hits[0] + hits[1] + hits[2] + hits[4] == kSamples);  // one try toggles one axis at most
}

void length_counts_the_words() {
  int32_t numbers[gx::kNumNumbers] = {};
  CHECK(gx::plan_length(numbers) == 10, gx::plan_length(numbers));
  numbers[gx::kCurves] = 3;
  numbers[gx::kInMax] = 5;
  numbers[gx::kOutMax] = 7;
  CHECK(gx::plan_box_word(numbers) == 25 && gx::plan_length(numbers) == 74, gx::plan_length(numbers));
  numbers[gx::kInMax] = 9;
  CHECK(gx::plan_length(numbers) == 88, gx::plan_length(numbers));
  numbers[gx::kCurves] = numbers[gx::kInMax] = 65536;
  CHECK(gx::plan_length(numbers) == 10 + 12 * 65536, gx::plan_length(numbers));
}

// Whatever a row holds: counts, kinds and boxes that a loop may trust. Under a sanitizer, reads past the row are seen
// too.
void hostile_rows_are_harmless() {
  check::Random random(3);
  for (int i = 0; i < 100'000; ++i) {
    const gx::Shape shape = random_shape(random);
    const gx::PlanSpec spec = check::random_plan_spec(random, shape);
    std::vector<int32_t> row(static_cast<size_t>(gx::plan_length(spec.numbers)));
    for (int32_t& word : row) {
      word = random.pick({random.between(std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()),
                          std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max(), -1, 2,
                          random.between(-5, 100)});
    }
    gx::PlanSource source = {row.data(), static_cast<int64_t>(row.size()), {}, {nullptr, 1, 0.0f, 1.0f}, true};
    std::copy(std::begin(spec.numbers), std::end(spec.numbers), source.numbers);
    const gx::Sample sample = source(0);
    CHECK(sample.flips >= 0 && sample.flips <= 7, sample.flips);
    CHECK(sample.paint == gx::kNothing || sample.paint == gx::kIn || sample.paint == gx::kOut, sample.paint);
    CHECK(sample.num_boxes >= 0 && sample.num_boxes <= gx::plan_boxes(spec.numbers), sample.num_boxes);
    CHECK(sample.curves == spec.numbers[gx::kCurves] && sample.clamp, sample.curves);
    for (int32_t b = 0; b < sample.num_boxes; ++b) {
      const gx::Box box = gx::sample_box(sample, b, shape);
      const bool empty = box.x0 >= box.x1 || box.y0 >= box.y1 || box.z0 >= box.z1;
      const bool inside =
          box.x0 >= 0 && box.y0 >= 0 && box.z0 >= 0 && box.x1 <= shape.x && box.y1 <= shape.y && box.z1 <= shape.z;
      CHECK(empty || inside, box.x0, box.y0, box.z0, box.x1, box.y1, box.z1);
    }
    float fills = 0.0f;
    if (sample.constant) {
      for (int32_t b = 0; b < std::max(sample.num_boxes, 1); ++b) fills += gx::sample_fill(sample, b);
    }
    CHECK(fills == fills || std::isnan(fills), fills);  // read, whatever it is
    for (int64_t channel = 0; channel < sample.curves; ++channel) {
      const gx::Curve curve = gx::make_curve(gx::control_points(sample, channel));
      CHECK(curve.rows >= 1 && curve.rows <= gx::kCurveMaxRows, curve.rows);
      const gx::CurvePoint middle = gx::curve_exact(curve, 0.5);
      CHECK(middle.y >= -1e-9 && middle.y <= 1.0 + 1e-9, middle.y);
    }
  }
}

}  // namespace

int main() {
  draws_stay_in_bounds_and_read_back();
  extreme_keys_and_sides_draw_inside();
  flips_have_their_weights();
  length_counts_the_words();
  hostile_rows_are_harmless();
  return check::summary("test_plan");
}
