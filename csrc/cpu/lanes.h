// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Work on many lines of voxels side by side: a row holds one voxel of each line (a lane), rows follow the line. Every lane
// does the same operations in the same order, so results depend neither on the width nor on the instruction set. All
// functions are inlined into callers that are compiled for an instruction set (isa.h).
#pragma once

#include <cstddef>

#include "../math/convert.h"
#include "../math/resample.h"

// After the parameters of a lambda in a hot loop: one that stays a function is not compiled for its caller's instruction set.
#define GX_INLINE __attribute__((always_inline))
// Before a loop whose turns do not depend on each other, where the compiler cannot see it from the pointers.
#if defined(__clang__)
#define GX_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define GX_INDEPENDENT _Pragma("GCC ivdep")
#else
#define GX_INDEPENDENT
#endif

namespace gx::cpu {

// Widths are whole groups of this many lanes, so that inner loops have a fixed length.
constexpr int kGroup = 16;
inline int64_t whole_groups(int64_t lanes) { return (lanes + kGroup - 1) / kGroup * kGroup; }

// f(i, sample) for `count` voxels that lie `stride` apart. f must write to no memory that it is given samples of.
template <typename T, typename F>
GX_HD void for_samples(const void* from, Voxel type, int64_t stride, int64_t count, const F& f) {
  with_type(type, [&](auto element) GX_INLINE {
    const decltype(element)* source = static_cast<const decltype(element)*>(from);
    if (stride == 1) {
      GX_INDEPENDENT
      for (int64_t i = 0; i < count; ++i) f(i, static_cast<T>(widen(source[i])));
    } else {
      for (int64_t i = 0; i < count; ++i) f(i, static_cast<T>(widen(source[i * stride])));
    }
  });
}

template <typename T>
GX_HD void store_row(const T* from, int64_t count, void* to, Voxel type) {
  with_type(type, [&](auto element) {
    decltype(element)* target = static_cast<decltype(element)*>(to);
    for (int64_t i = 0; i < count; ++i) convert(from[i], target[i]);
  });
}

// One row of the backward recursion, in place, before the row `after`.
template <typename T>
GX_HD void anticausal_row(const T* __restrict after, T* __restrict row, int64_t width) {
  for (int64_t g = 0; g < width; g += kGroup) {
    for (int l = 0; l < kGroup; ++l) row[g + l] = anticausal_step(after[g + l], row[g + l]);
  }
}

// to = sum of weights[j] * row j, in the order of j.
template <typename T>
GX_HD void combine_rows(const T* rows, int64_t pitch, int64_t width, const T* weights, int32_t count,
                        T* __restrict to) {
  if (count == 4) {  // the bulk of cubic work: sums stay in registers
    const T w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3];
    const T *r0 = rows, *r1 = rows + pitch, *r2 = rows + 2 * pitch, *r3 = rows + 3 * pitch;
    for (int64_t g = 0; g < width; g += kGroup) {
      for (int l = 0; l < kGroup; ++l) to[g + l] = w0 * r0[g + l] + w1 * r1[g + l] + w2 * r2[g + l] + w3 * r3[g + l];
    }
  } else if (count == 2) {
    const T w0 = weights[0], w1 = weights[1];
    const T *r0 = rows, *r1 = rows + pitch;
    for (int64_t g = 0; g < width; g += kGroup) {
      for (int l = 0; l < kGroup; ++l) to[g + l] = w0 * r0[g + l] + w1 * r1[g + l];
    }
  } else {
    for (int64_t g = 0; g < width; g += kGroup) {
      T sum[kGroup];
      for (int l = 0; l < kGroup; ++l) sum[l] = count > 0 ? weights[0] * rows[g + l] : T(0);
      for (int32_t j = 1; j < count; ++j) {
        const T w = weights[j];
        const T* row = rows + j * pitch + g;
        for (int l = 0; l < kGroup; ++l) sum[l] += w * row[l];
      }
      for (int l = 0; l < kGroup; ++l) to[g + l] = sum[l];
    }
  }
}

// An 8 x 8 tile turned: to[j * to_pitch + i] = from[i * from_pitch + j].
template <typename T>
GX_HD void transpose8(const T* from, int64_t from_pitch, T* to, int64_t to_pitch) {
#if defined(__GNUC__) && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
  if constexpr (sizeof(T) == 4) {
    typedef float Half __attribute__((vector_size(16), aligned(4), may_alias));
    typedef float Whole __attribute__((vector_size(32), aligned(4), may_alias));
    for (int j = 0; j < 8; j += 4) {  // four columns
      Whole r[4], s[4];
      for (int i = 0; i < 4; ++i) {
        const Half a = *reinterpret_cast<const Half*>(from + i * from_pitch + j);
        const Half b = *reinterpret_cast<const Half*>(from + (i + 4) * from_pitch + j);
        r[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
      }
      for (int i = 0; i < 4; i += 2) {
        s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
      }
      for (int i = 0; i < 2; ++i) {
        T* pair = to + (j + 2 * i) * to_pitch;
        *reinterpret_cast<Whole*>(pair) = __builtin_shufflevector(s[i], s[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        *reinterpret_cast<Whole*>(pair + to_pitch) =
            __builtin_shufflevector(s[i], s[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
      }
    }
    return;
  }
#endif
#endif
  for (int i = 0; i < 8; ++i) {
    for (int j = 0; j < 8; ++j) to[j * to_pitch + i] = from[i * from_pitch + j];
  }
}

// rows x columns turned, whole tiles where they fit; from and to do not overlap.
template <typename T>
GX_HD void transpose(const T* from, int64_t from_pitch, int64_t rows, int64_t columns, T* to, int64_t to_pitch) {
  const int64_t whole_rows = rows & ~int64_t{7}, whole_columns = columns & ~int64_t{7};
  for (int64_t i = 0; i < whole_rows; i += 8) {
    for (int64_t j = 0; j < whole_columns; j += 8) {
      transpose8(from + i * from_pitch + j, from_pitch, to + j * to_pitch + i, to_pitch);
    }
    for (int64_t j = whole_columns; j < columns; ++j) {
      for (int64_t k = i; k < i + 8; ++k) to[j * to_pitch + k] = from[k * from_pitch + j];
    }
  }
  for (int64_t i = whole_rows; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) to[j * to_pitch + i] = from[i * from_pitch + j];
  }
}

}  // namespace gx::cpu
