// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// A keyed permutation of [0, n), n <= 2^20, and its inverse: the swap-or-not shuffle of Hoang, Morris and Rogaway
// (CRYPTO 2012), 16 rounds. No table, no cycle walking; every round is an involution, so it is a bijection by
// construction.
// Windows up to 32,768 voxels use 16-bit arithmetic, which has twice the vector lanes.
#pragma once

#include "hd.h"

namespace gx {

constexpr int kPermutationRounds = 16;
constexpr uint32_t kPermutation16Limit = 32768;  // y + n must fit 16 bits
constexpr uint32_t kPermutationLimit = 1u << 20;

constexpr uint32_t mix32(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

// What a round needs besides the element: the same for all elements of a window.
struct Round16 {
  uint16_t hash, sum;
};

GX_HD Round16 permutation_round16(int round, uint16_t n, uint16_t key_lo, uint16_t key_hi) {
  const uint16_t c = static_cast<uint16_t>(mix32(static_cast<uint32_t>(round) + 1) | 1);
  const uint16_t d = static_cast<uint16_t>(mix32(static_cast<uint32_t>(round) + 77) | 1);
  // Keeps rounds different for every key: 0 has no other hash.
  const uint32_t e = mix32(static_cast<uint32_t>(round) + 153);
  uint16_t hash = static_cast<uint16_t>(static_cast<uint32_t>(key_lo) * c + static_cast<uint32_t>(key_hi) * d + e);
  hash = static_cast<uint16_t>(hash ^ (hash >> 7));
  return {hash, static_cast<uint16_t>((static_cast<uint32_t>(hash) * n) >> 16)};
}

GX_HD uint16_t permutation_step16(uint16_t x, uint16_t n, uint16_t key_lo, Round16 round) {
  uint16_t y = static_cast<uint16_t>(round.sum - x);
  y = min_of(y, static_cast<uint16_t>(y + n));  // sum - x modulo n: a negative one wraps to above n
  const uint16_t chosen = static_cast<uint16_t>(max_of(x, y) ^ round.hash);
  const uint16_t t = static_cast<uint16_t>(static_cast<uint32_t>(chosen) * 0x9E3Bu + key_lo);
  return (t & 0x8000u) != 0 ? y : x;
}

// A round of the 16-bit arithmetic in 32-bit words, which spares the masks where registers have 32 bits. x, n <= 2^15.
GX_HD uint32_t permutation_step16_wide(uint32_t x, uint32_t n, uint32_t key, int round) {
  const uint32_t c = (mix32(static_cast<uint32_t>(round) + 1) | 1) & 0xffffu;
  const uint32_t d = (mix32(static_cast<uint32_t>(round) + 77) | 1) & 0xffffu;
  const uint32_t e = mix32(static_cast<uint32_t>(round) + 153) & 0xffffu;
  uint32_t hash = ((key & 0xffffu) * c + (key >> 16) * d + e) & 0xffffu;
  hash ^= hash >> 7;
  uint32_t y = ((hash * n) >> 16) - x;
  y = min_of(y, y + n);
  const uint32_t t = (max_of(x, y) ^ hash) * 0x9E3B0000u + (key << 16);  // bit 15 as the sign
  return static_cast<int32_t>(t) < 0 ? y : x;
}

GX_HD uint32_t permutation_step32(uint32_t x, uint32_t n, uint32_t key, int round) {
  uint32_t hash = key * (mix32(static_cast<uint32_t>(round) + 1) | 1) + (mix32(static_cast<uint32_t>(round) + 77) | 1);
  hash = (hash ^ (hash >> 15)) * 0x2c1b3c6du;
  hash ^= hash >> 12;
  const uint32_t sum = static_cast<uint32_t>((uint64_t{hash} * n) >> 32);
  uint32_t y = sum - x;
  y = min_of(y, y + n);
  uint32_t t = (max_of(x, y) ^ hash) * 0x9E3779B1u + key;
  t = (t ^ (t >> 15)) * 0x85ebca6bu;
  return (t & 0x80000000u) != 0 ? y : x;
}

// The element that comes to place x, x < n.
GX_HD uint32_t permutation(uint32_t x, uint32_t n, uint32_t key) {
  if (n > kPermutation16Limit) {
#if defined(__CUDA_ARCH__)
#pragma unroll 1  // rare: its rounds must not take registers from the others
#endif
    for (int round = 0; round < kPermutationRounds; ++round) {
      GX_PATH("large round", "owned");
      x = permutation_step32(x, n, key, round);
    }
    return x;
  }
  GX_UNROLL
  for (int round = 0; round < kPermutationRounds; ++round) x = permutation_step16_wide(x, n, key, round);
  return x;
}

GX_HD uint32_t permutation_inverse(uint32_t x, uint32_t n, uint32_t key) {
  const uint16_t n16 = static_cast<uint16_t>(n);
  const uint16_t lo = static_cast<uint16_t>(key), hi = static_cast<uint16_t>(key >> 16);
  for (int round = kPermutationRounds - 1; round >= 0; --round) {
    x = n > kPermutation16Limit
            ? permutation_step32(x, n, key, round)
            : permutation_step16(static_cast<uint16_t>(x), n16, lo, permutation_round16(round, n16, lo, hi));
  }
  return x;
}

}  // namespace gx
