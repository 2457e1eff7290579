// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// math/permutation.h: a bijection for every n, its inverse, and uniformity.
//
// Uniformity is tested with two sets of keys: 0, 1, 2, ... and those that windows have (word 3 of purpose window of one
// sample).
// Every statistic becomes a standard normal deviate z and must stay within 5:
//   all orders of n = 2, 3, 4, 5                      1,000,000 keys each, chi-square
//   element by place, n = 5 ... 36                       40,000 keys each, chi-square of the n x n counts
//   element by place, n = 4,096 (all cells)               4,096 keys
//   element by place, n = 40,000 (200 x 200 blocks)         400 keys
//   fixed points, n = 5 ... 36, 4,096, 40,000           the same keys; mean 1 + n / 2^16, see below
//   parity (one half is even), n = 36                   100,000 keys
// All 16 rounds leave an element alone with probability 2^-16, so large windows have that many fixed points more.
#include <cmath>
#include <vector>

#include "check.h"
#include "math/permutation.h"
#include "math/philox.h"
#include "random.h"

namespace {

constexpr double kMostDeviations = 5.0;

enum class Keys { kSuccessive, kOfWindows };

uint32_t key_number(Keys keys, uint32_t i) {
  return keys == Keys::kSuccessive ? i : gx::philox({2026, 7}, gx::Purpose::kWindow, i).w3;
}

const char* name(Keys keys) { return keys == Keys::kSuccessive ? "(successive keys)" : "(keys of windows)"; }

void permute(uint32_t n, uint32_t key, std::vector<uint32_t>& out) {
  out.resize(n);
  for (uint32_t x = 0; x < n; ++x) out[x] = gx::permutation(x, n, key);
}

// `seen` holds marks of earlier calls, all below `mark`.
void check_bijection(uint32_t n, uint32_t key, std::vector<uint32_t>& to, std::vector<uint32_t>& seen, uint32_t mark) {
  permute(n, key, to);
  bool bijection = true, inverse = true;
  for (uint32_t x = 0; x < n; ++x) {
    bijection = bijection && to[x] < n && seen[to[x]] != mark;
    if (bijection) seen[to[x]] = mark;
    inverse = inverse && gx::permutation_inverse(to[x], n, key) == x;
  }
  CHECK(bijection, n, key);
  CHECK(inverse, n, key);
}

void every_n_up_to_4096_is_a_bijection() {
  check::Random random(1);
  std::vector<uint32_t> to, seen(4096, 0);
  uint32_t mark = 0;
  for (uint32_t n = 1; n <= 4096; ++n) {
    for (const uint32_t key : {n, random.word(), random.word()}) check_bijection(n, key, to, seen, ++mark);
  }
  for (uint32_t n = 1; n <= 64; ++n) {
    for (int i = 0; i < 200; ++i) check_bijection(n, random.word(), to, seen, ++mark);
  }
}

void sampled_n_up_to_2_20_are_bijections() {
  check::Random random(2);
  std::vector<uint32_t> to, seen(gx::kPermutationLimit, 0);
  uint32_t mark = 0;
  for (const uint32_t n : {4097u, 8191u, 8192u, 32766u, 32767u, 32768u, 32769u, 32770u, 65535u, 65536u, 65537u,
                           100'000u, (1u << 20) - 1, 1u << 20}) {
    for (const uint32_t key : {0u, 0xffffffffu, random.word()}) check_bijection(n, key, to, seen, ++mark);
  }
  for (int i = 0; i < 32; ++i) {
    const int32_t most = i % 2 == 0 ? 32768 : 1 << 20;
    check_bijection(static_cast<uint32_t>(random.between(4097, most)), random.word(), to, seen, ++mark);
  }
}

// Wilson and Hilferty's normal deviate of a chi-square statistic, good from one degree of freedom on.
double deviate(double chi_square, double freedom) {
  const double variance = 2.0 / (9.0 * freedom);
  return (std::cbrt(chi_square / freedom) - (1.0 - variance)) / std::sqrt(variance);
}

// The number of an order among the n! of n elements.
uint32_t rank_of(const std::vector<uint32_t>& order) {
  const uint32_t n = static_cast<uint32_t>(order.size());
  uint32_t rank = 0;
  for (uint32_t i = 0; i < n; ++i) {
    uint32_t smaller = 0;
    for (uint32_t j = i + 1; j < n; ++j) smaller += order[j] < order[i] ? 1 : 0;
    rank = rank * (n - i) + smaller;
  }
  return rank;
}

void orders_are_equally_likely(Keys keys) {
  constexpr uint32_t kSamples = 1'000'000;
  std::vector<uint32_t> to;
  uint32_t orders = 1;
  for (uint32_t n = 2; n <= 5; ++n) {
    orders *= n;
    std::vector<uint32_t> hits(orders, 0);
    for (uint32_t i = 0; i < kSamples; ++i) {
      permute(n, key_number(keys, i), to);
      ++hits[rank_of(to)];
    }
    const double expected = static_cast<double>(kSamples) / orders;
    double chi_square = 0.0;
    for (const uint32_t found : hits) chi_square += (found - expected) * (found - expected) / expected;
    const double z = deviate(chi_square, orders - 1.0);
    CHECK(std::fabs(z) < kMostDeviations, "orders", name(keys), n, z);
  }
}

// Counts of (block of the element, block of the place). Of `samples` random permutations with m x m equal blocks,
// sum (found - expected)^2 / expected * (n - 1) / n is a chi-square of (m - 1)^2 degrees of freedom.
void elements_come_to_every_place(Keys keys, uint32_t n, uint32_t samples, uint32_t block) {
  const uint32_t blocks = n / block;
  std::vector<uint32_t> to, hits(size_t{blocks} * blocks, 0);
  double fixed = 0.0;
  for (uint32_t i = 0; i < samples; ++i) {
    permute(n, key_number(keys, i), to);
    for (uint32_t x = 0; x < n; ++x) {
      ++hits[size_t{x / block} * blocks + to[x] / block];
      fixed += to[x] == x ? 1.0 : 0.0;
    }
  }
  const double expected = static_cast<double>(samples) * block / blocks;
  double chi_square = 0.0;
  for (const uint32_t found : hits) chi_square += (found - expected) * (found - expected) / expected;
  const double z = deviate(chi_square * (n - 1.0) / n, (blocks - 1.0) * (blocks - 1.0));
  CHECK(std::fabs(z) < kMostDeviations, "places", name(keys), n, z);
  const double mean_fixed = samples * (1.0 + n * 0x1p-16);
  const double z_fixed = (fixed - mean_fixed) / std::sqrt(mean_fixed);
  CHECK(std::fabs(z_fixed) < kMostDeviations, "fixed points", name(keys), n, z_fixed);
}

// Keys whose halves are multiples of a high power of two multiply away: the rounds' constants must keep them apart.
void round_keys_of_few_bits_permute_too() {
  std::vector<uint32_t> to;
  for (const uint32_t lo : {0u, 0x4000u, 0x8000u, 0xC000u}) {
    for (const uint32_t hi : {0u, 0x4000u, 0x8000u, 0xC000u}) {
      permute(216, hi << 16 | lo, to);
      uint32_t fixed = 0;
      for (uint32_t x = 0; x < 216; ++x) fixed += to[x] == x;
      CHECK(fixed <= 6, "key", lo, hi, fixed);  // Poisson with mean 1: more in one of 12,000 keys
    }
  }
}

void half_of_the_permutations_are_even(Keys keys, uint32_t n, uint32_t samples) {
  std::vector<uint32_t> to;
  double even = 0.0;
  for (uint32_t i = 0; i < samples; ++i) {
    permute(n, key_number(keys, i), to);
    uint32_t swaps = 0;
    for (uint32_t x = 0; x < n; ++x) {
      for (; to[x] != x; ++swaps) std::swap(to[x], to[to[x]]);
    }
    even += swaps % 2 == 0 ? 1.0 : 0.0;
  }
  const double z = (even - 0.5 * samples) / std::sqrt(0.25 * samples);
  CHECK(std::fabs(z) < kMostDeviations, "parity", name(keys), n, z);
}

}  // namespace

int main() {
  round_keys_of_few_bits_permute_too();
  every_n_up_to_4096_is_a_bijection();
  sampled_n_up_to_2_20_are_bijections();
  for (const Keys keys : {Keys::kSuccessive, Keys::kOfWindows}) {
    orders_are_equally_likely(keys);
    for (uint32_t n = 5; n <= 36; ++n) elements_come_to_every_place(keys, n, 40'000, 1);
    elements_come_to_every_place(keys, 4096, 4096, 1);
    elements_come_to_every_place(keys, 40'000, 400, 200);
    half_of_the_permutations_are_even(keys, 36, 100'000);
  }
  return check::summary("test_permutation");
}
