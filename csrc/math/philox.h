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

GX_HD Words philox4x32(Words counter, uint32_t key0, uint32_t key1) {
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const uint64_t p0 = uint64_t{kPhiloxMultiplier0} * counter.w0;
    const uint64_t p1 = uint64_t{kPhiloxMultiplier1} * counter.w2;
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter.w1 ^ key0, static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter.w3 ^ key1, static_cast<uint32_t>(p0)};
    key0 += kPhiloxKeyStep0;
    key1 += kPhiloxKeyStep1;
  }
  return counter;
}

GX_HD Words philox(const Key& key, Purpose purpose, uint32_t index) {
  return philox4x32({index, static_cast<uint32_t>(purpose), static_cast<uint32_t>(key.sample),
                     static_cast<uint32_t>(key.sample >> 32)},
                    static_cast<uint32_t>(key.seed), static_cast<uint32_t>(key.seed >> 32));
}

GX_HD void write_words(const Words& words, int64_t* out) {
  out[0] = words.w0;
  out[1] = words.w1;
  out[2] = words.w2;
  out[3] = words.w3;
}

}  // namespace gx
