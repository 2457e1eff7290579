// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC'11).
#pragma once

#include "hd.h"

namespace gx {

struct Words {
  uint32_t w0, w1, w2, w3;
};

// Whose random numbers: every draw is a function of this, a purpose and an index.
struct Key {
  uint64_t seed;
  uint64_t sample;
};

// Written numbers, never reused for another meaning (docs/determinism.md).
enum class Purpose : uint32_t {
  kFlip = 1,
  kChoice = 2,
  kControlPoints = 3,
  kDirection = 4,
  kBox = 5,
  kFill = 6,
  kWindow = 7,
  kAxisPermutation = 8,
  kNoise = 9,
  kCrop = 10,
  kSubvolume = 11,
  kRotation = 12,
  kOrientation = 13,
  kJigsaw = 14,
  kPermutationSet = 15,
  kAugmentation = 16,
  kAugmentationNoise = 17,
};
constexpr int64_t kFirstPurpose = static_cast<int64_t>(Purpose::kFlip);
constexpr int64_t kLastPurpose = static_cast<int64_t>(Purpose::kAugmentationNoise);

constexpr int kPhiloxRounds = 10;
constexpr uint32_t kPhiloxMultiplier0 = 0xD2511F53u, kPhiloxMultiplier1 = 0xCD9E8D57u;
constexpr uint32_t kPhiloxKeyStep0 = 0x9E3779B9u, kPhiloxKeyStep1 = 0xBB67AE85u;

// Word `half` (0 or 1) of the key of a round.
GX_HD uint32_t philox_key(uint32_t key, int half, int round) {
  return key + static_cast<uint32_t>(round) * (half == 0 ? kPhiloxKeyStep0 : kPhiloxKeyStep1);
}

// `keys`: the two words of every round, one after another.
template <typename Keys>
GX_HD Words philox_rounds(Words counter, const Keys& keys) {
  GX_UNROLL
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const uint64_t p0 = uint64_t{kPhiloxMultiplier0} * counter.w0;
    const uint64_t p1 = uint64_t{kPhiloxMultiplier1} * counter.w2;
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter.w1 ^ keys(2 * round), static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter.w3 ^ keys(2 * round + 1), static_cast<uint32_t>(p0)};
  }
  return counter;
}

GX_HD Words philox4x32(Words counter, uint32_t key0, uint32_t key1) {
  return philox_rounds(counter, [=](int i) { return philox_key(i % 2 == 0 ? key0 : key1, i % 2, i / 2); });
}

GX_HD Words philox_counter(const Key& key, Purpose purpose, uint32_t index) {
  return {index, static_cast<uint32_t>(purpose), static_cast<uint32_t>(key.sample),
          static_cast<uint32_t>(key.sample >> 32)};
}

GX_HD Words philox(const Key& key, Purpose purpose, uint32_t index) {
  return philox4x32(philox_counter(key, purpose, index), static_cast<uint32_t>(key.seed),
                    static_cast<uint32_t>(key.seed >> 32));
}

GX_HD void write_words(const Words& words, int64_t* out) {
  out[0] = words.w0;
  out[1] = words.w1;
  out[2] = words.w2;
  out[3] = words.w3;
}

}  // namespace gx
