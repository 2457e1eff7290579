// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// One axis of resampling: both recursions and the taps, on lines that lie side by side as lanes of a block.
#pragma once

#include "resample.h"

namespace gx::cpu {

// Rows of a block: the line and what is needed beyond its ends.
template <typename T>
int64_t block_rows(const AxisTable<T>& table) {
  return table.axis.n + 2 * table.pad;
}

// Lines side by side to their outputs, the last one first. load(k, f) calls f(lane, sample) for the samples k of all lanes;
// emit(i, rows) is called with the row of output i's first tap. The causal recursion is run while samples are loaded and
// the other one just ahead of the outputs, so that a block goes through the second-level cache once each way.
template <typename T, typename Load, typename Emit>
GX_HD void run_lines(const AxisTable<T>& table, T fill, int64_t width, int64_t pitch, T* block, const Load& load,
                     const Emit& emit) {
  const AxisSpec& axis = table.axis;
  const bool filtered = axis.filtered();
  const int64_t rows = block_rows(table);
  const auto samples = [&](int64_t k, const auto& f) GX_INLINE {
    const int64_t at = boundary_index(axis.boundary, k - table.pad, axis.n);
    if (at >= 0) return load(at, f);
    for (int64_t l = 0; l < width; ++l) f(l, fill);
  };
  if (filtered) {
    samples(0, [&](int64_t l, T sample) GX_INLINE { block[l] = sample * Pole<T>::kCausal; });
    for (int64_t k = 1; k < rows; ++k) {
      const T* before = block + (k - 1) * pitch;
      T* row = block + k * pitch;
      samples(k, [=](int64_t l, T sample) GX_INLINE { row[l] = causal_step(before[l], sample); });
    }
  }
  int64_t ready = rows;  // rows from here on are what the taps are for
  for (int64_t i = axis.m - 1; i >= 0; --i) {
    const int64_t first = table.first[i] + table.pad;
    while (ready > first) {
      T* row = block + --ready * pitch;
      if (!filtered) {
        samples(ready, [=](int64_t l, T sample) GX_INLINE { row[l] = sample; });
      } else if (ready + 1 < rows) {
        anticausal_row(row + pitch, row, width);
      } else {
        for (int64_t l = 0; l < width; ++l) row[l] *= Pole<T>::kAnticausal;
      }
    }
    emit(i, block + first * pitch);
  }
}

template <typename T>
GX_HD void combine(const AxisTable<T>& table, int64_t i, const T* rows, int64_t pitch, int64_t width, T* to) {
  combine_rows(rows, pitch, width, table.weights.data() + i * table.stride, table.count[i], to);
}

}  // namespace gx::cpu
