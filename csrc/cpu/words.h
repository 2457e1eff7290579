// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Philox words of neighbouring indices. A compiler that vectorises the plain loop shuffles 32-bit words in and out of 64-bit
// products in every round; here each call keeps its words in 64-bit lanes, whose upper halves hold anything, since
// multiplication reads the lower halves only. Three times as fast with AVX-512, twice with AVX2.
#pragma once

#include "../math/philox.h"
#include "isa.h"

#if defined(GX_TARGET_AVX2)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 warns of its own undefined vectors,
#pragma GCC diagnostic ignored "-Wuninitialized"        // by one name or the other
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

namespace gx::cpu {

template <int kCount>
struct WordLanes {
  alignas(64) uint32_t w0[kCount], w1[kCount], w2[kCount], w3[kCount];
};

// The words of the indices [first, first + kCount), counted modulo 2^32. kCount is a multiple of 8.
template <int kCount>
GX_HD void philox_lanes(Baseline, const Key& key, Purpose purpose, uint32_t first, WordLanes<kCount>& out) {
  for (int i = 0; i < kCount; ++i) {
    const Words words = philox(key, purpose, first + static_cast<uint32_t>(i));
    out.w0[i] = words.w0;
    out.w1[i] = words.w1;
    out.w2[i] = words.w2;
    out.w3[i] = words.w3;
  }
}

#if defined(GX_TARGET_AVX2)

template <int kCount>
GX_TARGET_AVX2 inline void philox_lanes(Avx2, const Key& key, Purpose purpose, uint32_t first, WordLanes<kCount>& out) {
  const __m256i multiplier0 = _mm256_set1_epi64x(kPhiloxMultiplier0);
  const __m256i multiplier1 = _mm256_set1_epi64x(kPhiloxMultiplier1);
  for (int begin = 0; begin < kCount; begin += 8) {
    __m256i w0[2], w1[2], w2[2], w3[2];
    for (int i = 0; i < 2; ++i) {
      const int64_t index = static_cast<int64_t>(first) + begin + 4 * i;
      w0[i] = _mm256_add_epi64(_mm256_set1_epi64x(index), _mm256_setr_epi64x(0, 1, 2, 3));
      w1[i] = _mm256_set1_epi64x(static_cast<int64_t>(purpose));
      w2[i] = _mm256_set1_epi64x(static_cast<int64_t>(key.sample));
      w3[i] = _mm256_set1_epi64x(static_cast<int64_t>(key.sample >> 32));
    }
    uint32_t key0 = static_cast<uint32_t>(key.seed), key1 = static_cast<uint32_t>(key.seed >> 32);
    for (int round = 0; round < kPhiloxRounds; ++round) {
      const __m256i add0 = _mm256_set1_epi64x(key0), add1 = _mm256_set1_epi64x(key1);
      for (int i = 0; i < 2; ++i) {
        const __m256i p0 = _mm256_mul_epu32(w0[i], multiplier0), p1 = _mm256_mul_epu32(w2[i], multiplier1);
        w0[i] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p1, 32), w1[i]), add0);
        w2[i] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p0, 32), w3[i]), add1);
        w1[i] = p1;
        w3[i] = p0;
      }
      key0 += kPhiloxKeyStep0;
      key1 += kPhiloxKeyStep1;
    }
    const auto store = [](const __m256i(&lanes)[2], uint32_t* to) GX_TARGET_AVX2 {
      const __m256 low = _mm256_shuffle_ps(_mm256_castsi256_ps(lanes[0]), _mm256_castsi256_ps(lanes[1]), 0x88);
      _mm256_store_si256(reinterpret_cast<__m256i*>(to), _mm256_permute4x64_epi64(_mm256_castps_si256(low), 0xd8));
    };
    store(w0, out.w0 + begin);
    store(w1, out.w1 + begin);
    store(w2, out.w2 + begin);
    store(w3, out.w3 + begin);
  }
}

template <int kCount>
GX_TARGET_AVX512 inline void philox_lanes(Avx512, const Key& key, Purpose purpose, uint32_t first,
                                          WordLanes<kCount>& out) {
  constexpr int kVectors = kCount / 8;
  const __m512i multiplier0 = _mm512_set1_epi64(kPhiloxMultiplier0);
  const __m512i multiplier1 = _mm512_set1_epi64(kPhiloxMultiplier1);
  __m512i w0[kVectors], w1[kVectors], w2[kVectors], w3[kVectors];
  for (int i = 0; i < kVectors; ++i) {
    const int64_t index = static_cast<int64_t>(first) + 8 * i;
    w0[i] = _mm512_add_epi64(_mm512_set1_epi64(index), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
    w1[i] = _mm512_set1_epi64(static_cast<int64_t>(purpose));
    w2[i] = _mm512_set1_epi64(static_cast<int64_t>(key.sample));
    w3[i] = _mm512_set1_epi64(static_cast<int64_t>(key.sample >> 32));
  }
  uint32_t key0 = static_cast<uint32_t>(key.seed), key1 = static_cast<uint32_t>(key.seed >> 32);
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const __m512i add0 = _mm512_set1_epi64(key0), add1 = _mm512_set1_epi64(key1);
    for (int i = 0; i < kVectors; ++i) {
      const __m512i p0 = _mm512_mul_epu32(w0[i], multiplier0), p1 = _mm512_mul_epu32(w2[i], multiplier1);
      w0[i] = _mm512_ternarylogic_epi64(_mm512_srli_epi64(p1, 32), w1[i], add0, 0x96);  // the xor of all three
      w2[i] = _mm512_ternarylogic_epi64(_mm512_srli_epi64(p0, 32), w3[i], add1, 0x96);
      w1[i] = p1;
      w3[i] = p0;
    }
    key0 += kPhiloxKeyStep0;
    key1 += kPhiloxKeyStep1;
  }
  for (int i = 0; i < kVectors; ++i) {
    const auto store = [](__m512i lanes, uint32_t* to) GX_TARGET_AVX512 {
      _mm256_store_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi64_epi32(lanes));
    };
    store(w0[i], out.w0 + 8 * i);
    store(w1[i], out.w1 + 8 * i);
    store(w2[i], out.w2 + 8 * i);
    store(w3[i], out.w3 + 8 * i);
  }
}

#endif

}  // namespace gx::cpu
