// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// math/philox.h and math/draw.h: known answers, and the bounds of what is made of a word.
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "check.h"
#include "known_answers.h"
#include "math/draw.h"
#include "random.h"

namespace {

constexpr uint32_t kAllOnes = 0xffffffffu;

bool same(const gx::Words& a, const gx::Words& b) {
  return a.w0 == b.w0 && a.w1 == b.w1 && a.w2 == b.w2 && a.w3 == b.w3;
}

void counter_is_index_purpose_and_sample() {
  check::Random random(1);
  for (int i = 0; i < 1000; ++i) {
    const gx::Key key = {random.words(), random.words()};
    const uint32_t index = random.word();
    const gx::Words expected =
        gx::philox4x32({index, 9, static_cast<uint32_t>(key.sample), static_cast<uint32_t>(key.sample >> 32)},
                       static_cast<uint32_t>(key.seed), static_cast<uint32_t>(key.seed >> 32));
    CHECK(same(gx::philox(key, gx::Purpose::kNoise, index), expected), index);
  }
}

void uniform_is_below_one() {
  CHECK(gx::uniform(0) == 0.0f);
  CHECK(gx::uniform(255) == 0.0f);
  CHECK(gx::uniform(256) == 0x1p-24f);
  CHECK(gx::uniform(kAllOnes) == 1.0f - 0x1p-24f);
  check::Random random(2);
  double sum = 0.0;
  constexpr int kWords = 1'000'000;
  for (int i = 0; i < kWords; ++i) {
    const uint32_t word = random.word();
    const float value = gx::uniform(word);
    CHECK(value >= 0.0f && value < 1.0f && static_cast<double>(value) * 0x1p24 == static_cast<double>(word >> 8), word);
    sum += value;
  }
  CHECK(std::abs(sum / kWords - 0.5) < 0.002, sum / kWords);  // seven standard errors
}

void rates_of_zero_and_one_are_certain() {
  check::Random random(3);
  for (int i = 0; i < 100'000; ++i) {
    const uint32_t word = i == 0 ? 0 : i == 1 ? kAllOnes : random.word();
    CHECK(!gx::event(word, 0.0) && gx::event(word, 1.0), word);
    CHECK(gx::event(word, 0.25) == (word < 0x40000000u), word);
  }
}

void below_reaches_every_integer_and_no_other() {
  for (const uint32_t n : {1u, 2u, 3u, 7u, 10u, 1000u, 4096u, 1u << 20, 1u << 31, kAllOnes}) {
    CHECK(gx::below(0, n) == 0, n);
    CHECK(gx::below(kAllOnes, n) == n - 1, n);
    for (uint32_t i = 0; i < 4096 && i < n; ++i) {
      const uint32_t first = static_cast<uint32_t>(((uint64_t{i} << 32) + n - 1) / n);  // the first word that gives i
      CHECK(gx::below(first, n) == i, first, n);
      CHECK(i == 0 || gx::below(first - 1, n) == i - 1, first, n);
    }
  }
}

void check_span(uint32_t word, int32_t axis, int32_t lo, int32_t hi, int32_t margin) {
  const gx::Span span = gx::size_and_start(word, axis, lo, hi, margin);
  const int32_t kept = std::min(margin, (axis - span.size) / 2);
  CHECK(span.size >= lo && span.size <= hi, word, axis, lo, hi, margin, span.size);
  CHECK(span.start >= kept && span.start + span.size <= axis - kept, word, axis, lo, hi, margin, span.start, span.size);
}

void sizes_and_starts_stay_inside() {
  check::Random random(4);
  for (int i = 0; i < 1'000'000; ++i) {
    const int32_t axis = i % 2 == 0 ? random.between(1, 40) : random.between(1, (1 << 30) - 1);
    const int32_t lo = random.between(1, axis), hi = random.between(lo, axis);
    const int32_t margin = random.chance(0.5) ? random.between(0, 5) : random.between(0, (1 << 30) - 1);
    for (const uint32_t word : {0u, 1u, 0x7fffffffu, 0x80000000u, kAllOnes, random.word()}) {
      check_span(word, axis, lo, hi, margin);
    }
  }
}

// The words of one size and start are an interval of 2^32 / (sizes * starts), so evenly spaced words count it out.
void sizes_and_starts_are_even() {
  struct Case {
    int32_t axis, lo, hi, margin;
  };
  constexpr int kWords = 1 << 20;
  for (const Case& c : {Case{64, 1, 6, 0}, Case{64, 10, 12, 3}, Case{32, 5, 5, 3}, Case{10, 4, 10, 3}, Case{1, 1, 1, 3},
                        Case{7, 1, 7, 0}, Case{160, 1, 16, 0}}) {
    std::map<std::pair<int32_t, int32_t>, int> hits;
    for (int i = 0; i < kWords; ++i) {
      const gx::Span span = gx::size_and_start(static_cast<uint32_t>(i) << 12, c.axis, c.lo, c.hi, c.margin);
      ++hits[{span.size, span.start}];
    }
    size_t cells = 0;
    for (int32_t size = c.lo; size <= c.hi; ++size) {
      const int32_t kept = std::min(c.margin, (c.axis - size) / 2), starts = c.axis - size - 2 * kept + 1;
      const double expected = static_cast<double>(kWords) / (c.hi - c.lo + 1) / starts;
      for (int32_t start = kept; start < kept + starts; ++start, ++cells) {
        const int found = hits[{size, start}];
        CHECK(std::abs(found - expected) < 2.0, c.axis, size, start, found, expected);
      }
    }
    CHECK(hits.size() == cells, c.axis, hits.size(), cells);
  }
}

void noise_has_its_own_word_for_every_voxel() {
  const gx::Key key = {0x123456789abcdef0u, 0x0fedcba987654321u};
  for (uint32_t group = 0; group < 100; ++group) {
    for (uint32_t i = 0; i < 8; ++i) {
      const gx::Words words = gx::philox(key, gx::Purpose::kNoise, group * 8 + i);
      const int64_t voxel = int64_t{group} * 32 + i;
      CHECK(gx::noise(key, voxel) == gx::uniform(words.w0), voxel);
      CHECK(gx::noise(key, voxel + 8) == gx::uniform(words.w1), voxel);
      CHECK(gx::noise(key, voxel + 16) == gx::uniform(words.w2), voxel);
      CHECK(gx::noise(key, voxel + 24) == gx::uniform(words.w3), voxel);
    }
  }
  std::set<std::pair<uint32_t, int64_t>> used;
  for (int64_t voxel = 0; voxel < 10'000; ++voxel) used.insert({gx::noise_index(voxel), (voxel >> 3) & 3});
  CHECK(used.size() == 10'000, used.size());
  CHECK(gx::noise_index((int64_t{1} << 34) - 1) == kAllOnes);  // the last voxel that has noise of its own
}

}  // namespace

int main() {
  check::known_answers(
      [](gx::Words counter, uint32_t key0, uint32_t key1) { return gx::philox4x32(counter, key0, key1); });
  counter_is_index_purpose_and_sample();
  uniform_is_below_one();
  rates_of_zero_and_one_are_certain();
  below_reaches_every_integer_and_no_other();
  sizes_and_starts_stay_inside();
  sizes_and_starts_are_even();
  noise_has_its_own_word_for_every_voxel();
  return check::summary("test_philox");
}
