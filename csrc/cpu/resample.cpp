// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include "resample.h"

#include <algorithm>
#include <memory>

#include "isa.h"
#include "memory.h"

namespace gx::cpu {
namespace {

// Lanes of a block, one above the other: a block of 256 + 28 rows is 284 KiB and lives in the second-level cache. Rows of
// many voxels lie far apart, so that wide blocks make better use of the memory's pages (measured: 128 lanes 5.4 ms, 256
// 4.4 ms, 512 4.2 ms for the x axis of 256 x 256 x 120 int16).
constexpr int64_t kLanes = 256;
constexpr int64_t kAhead = 24;  // rows that are asked for before they are needed
// Lines along z are turned, so that lanes are y; so many outputs along z are turned back together.
constexpr int64_t kTurnedLanes = 192;
constexpr int64_t kTurnedRows = 8;

// From row to row of a block: few lines need narrow blocks, or long ones would take many times their own memory.
int64_t pitch_for(int64_t lanes, int64_t most) { return std::min(most, whole_groups(lanes)); }

template <typename T>
int64_t block_rows(const AxisTable<T>& table) {
  return table.axis.n + 2 * table.pad;
}

// The rows of a block are read; they become taps: extended and, for order 3, filtered.
template <typename T>
GX_HD void prepare_rows(const AxisTable<T>& table, T fill, int64_t width, int64_t pitch, T* block) {
  extend_rows(block, pitch, width, table.axis.n, table.pad, table.axis.boundary, fill);
  if (table.axis.filtered()) filter_rows(block, pitch, width, block_rows(table));
}

// Lines along x or y. Lanes [0, count) of row k are at from + k * from_row voxels, in runs of `run` lanes (the voxels of
// one z line) that are `run_stride` apart; their results go to to + i * to_row.
struct LinesJob {
  const char* from;
  Voxel from_type;
  int64_t from_row, lane_stride, run, run_stride;
  char* to;
  Voxel to_type;
  int64_t to_row;
  int64_t first_lane, count;
  int64_t pitch;  // of the block
  bool stream;    // results are of the arithmetic's type and go past the caches
};

template <typename T>
GX_HD void load_lanes(const LinesJob& job, int64_t k, T* to) {
  const int64_t size = size_of(job.from_type);
  const char* row = job.from + k * job.from_row * size;
  for (int64_t lane = 0; lane < job.count;) {
    const int64_t at = job.first_lane + lane, in_run = at % job.run;
    const int64_t part = std::min(job.count - lane, job.run - in_run);
    load_row(row + (at / job.run * job.run_stride + in_run * job.lane_stride) * size, job.from_type, job.lane_stride,
             part, to + lane);
    lane += part;
  }
}

// Lanes that hold no line.
template <typename T>
GX_HD void fill_lanes(T* row, int64_t from, int64_t to) {
  for (int64_t l = from; l < to; ++l) row[l] = T(0);
}

// Rows lie far apart, so that no prefetcher of the processor sees them coming.
GX_HD void prefetch_lanes(const LinesJob& job, int64_t k) {
  if (job.run < job.count || job.lane_stride != 1) return;
  const int64_t size = size_of(job.from_type);
  const char* row = job.from + (k * job.from_row + job.first_lane) * size;
  for (int64_t at = 0; at < job.count * size; at += 64) __builtin_prefetch(row + at);
}

template <typename T>
GX_HD void lines_body(const AxisTable<T>& table, T fill, const LinesJob& job, T* block, T* row) {
  const int64_t width = whole_groups(job.count), n = table.axis.n;
  const int64_t to_size = size_of(job.to_type);
  char* to = job.to + job.first_lane * to_size;
  if (table.axis.identity()) {
    for (int64_t i = 0; i < n; ++i) {
      load_lanes(job, i, row);
      store_row(row, job.count, to + i * job.to_row * to_size, job.to_type);
    }
    return;
  }
  for (int64_t k = 0; k < n; ++k) {
    T* to_row = block + (k + table.pad) * job.pitch;
    prefetch_lanes(job, k + kAhead);
    load_lanes(job, k, to_row);
    if (width > job.count) fill_lanes(to_row, job.count, width);
  }
  prepare_rows(table, fill, width, job.pitch, block);
  for (int64_t i = 0; i < table.axis.m; ++i) {
    const T* rows = block + (table.first[i] + table.pad) * job.pitch;
    const T* weights = table.weights.data() + i * table.stride;
    char* to_row = to + i * job.to_row * to_size;
    if (job.stream) {
      combine_rows(rows, job.pitch, width, weights, table.count[i], row);
      stream_copy(to_row, row, static_cast<size_t>(job.count) * sizeof(T));
    } else if (job.to_type == kArithmetic<T> && width == job.count) {
      combine_rows(rows, job.pitch, width, weights, table.count[i], reinterpret_cast<T*>(to_row));
    } else {
      combine_rows(rows, job.pitch, width, weights, table.count[i], row);
      store_row(row, job.count, to_row, job.to_type);
    }
  }
}

// Lines along z of `count` rows (y) of a plane; results in rows of m.
struct TurnedJob {
  const void* plane;
  int64_t pitch;
  char* to;
  Voxel to_type;
  int64_t count;
  int64_t block_pitch;
};

template <typename T>
GX_HD void turned_body(const AxisTable<T>& table, T fill, const TurnedJob& job, T* block, T* row) {
  const int64_t width = whole_groups(job.count), n = table.axis.n, m = table.axis.m;
  const int64_t to_row = m * size_of(job.to_type);
  const T* plane = static_cast<const T*>(job.plane);
  if (table.axis.identity()) {
    for (int64_t y = 0; y < job.count; ++y) store_row(plane + y * job.pitch, n, job.to + y * to_row, job.to_type);
    return;
  }
  const int64_t pitch = job.block_pitch;
  T* rows = block + table.pad * pitch;
  transpose(plane, job.pitch, job.count, n, rows, pitch);
  for (int64_t k = 0; width > job.count && k < n; ++k) fill_lanes(rows + k * pitch, job.count, width);
  prepare_rows(table, fill, width, pitch, block);
  T* turned = row + kTurnedRows * kTurnedLanes;
  for (int64_t first = 0; first < m; first += kTurnedRows) {
    const int64_t part = std::min(kTurnedRows, m - first);
    for (int64_t i = 0; i < part; ++i) {
      combine_rows(block + (table.first[first + i] + table.pad) * pitch, pitch, width,
                   table.weights.data() + (first + i) * table.stride, table.count[first + i], row + i * kTurnedLanes);
    }
    if (job.to_type == kArithmetic<T>) {
      transpose(row, kTurnedLanes, part, job.count, reinterpret_cast<T*>(job.to) + first, m);
      continue;
    }
    transpose(row, kTurnedLanes, part, job.count, turned, kTurnedRows);
    for (int64_t y = 0; y < job.count; ++y) {
      store_row(turned + y * kTurnedRows, part, job.to + y * to_row + first * size_of(job.to_type), job.to_type);
    }
  }
}

template <typename T>
void lines(const AxisTable<T>& table, T fill, const LinesJob& job, T* block, T* row);
template <typename T>
void turned(const AxisTable<T>& table, T fill, const TurnedJob& job, T* block, T* row);

#define GX_RESAMPLE(T)                                                                                      \
  GX_HD void lines_##T##_body(const AxisTable<T>& table, T fill, const LinesJob& job, T* block, T* row) {   \
    lines_body(table, fill, job, block, row);                                                               \
  }                                                                                                         \
  GX_HD void turned_##T##_body(const AxisTable<T>& table, T fill, const TurnedJob& job, T* block, T* row) { \
    turned_body(table, fill, job, block, row);                                                              \
  }                                                                                                         \
  GX_DISPATCH_ISA(lines_##T, (const AxisTable<T>& table, T fill, const LinesJob& job, T* block, T* row),    \
                  (table, fill, job, block, row))                                                           \
  GX_DISPATCH_ISA(turned_##T, (const AxisTable<T>& table, T fill, const TurnedJob& job, T* block, T* row),  \
                  (table, fill, job, block, row))                                                           \
  template <>                                                                                               \
  void lines(const AxisTable<T>& table, T fill, const LinesJob& job, T* block, T* row) {                    \
    lines_##T(table, fill, job, block, row);                                                                \
  }                                                                                                         \
  template <>                                                                                               \
  void turned(const AxisTable<T>& table, T fill, const TurnedJob& job, T* block, T* row) {                  \
    turned_##T(table, fill, job, block, row);                                                               \
  }

GX_RESAMPLE(float)
GX_RESAMPLE(double)

// Axis x of a volume, lanes (y, z) of which there are y * z.
template <typename T>
void along_x(const AxisTable<T>& table, T fill, const VolumeView& from, int64_t y, int64_t z, const VolumeResult& to,
             const Parallel& parallel) {
  const bool flat = from.stride_y == z * from.stride_z;
  const int64_t lanes = y * z, pitch = pitch_for(lanes, kLanes);
  const bool stream =
      to.type == kArithmetic<T> && static_cast<size_t>(table.axis.m * lanes) * sizeof(T) >= kStreamBytes;
  parallel((lanes + kLanes - 1) / kLanes, [&](int64_t begin, int64_t end) {
    const auto block = std::make_unique_for_overwrite<T[]>(static_cast<size_t>((block_rows(table) + 1) * pitch));
    for (int64_t b = begin; b < end; ++b) {
      lines(table, fill,
            {static_cast<const char*>(from.data), from.type, from.stride_x, from.stride_z, flat ? lanes : z,
             flat ? int64_t{0} : from.stride_y, static_cast<char*>(to.data), to.type, lanes, b * kLanes,
             std::min(kLanes, lanes - b * kLanes), pitch, stream},
            block.get() + pitch, block.get());
    }
    stream_fence();
  });
}

// Axes y and z, plane by plane, of `planes` planes.
template <typename T>
void along_y_and_z(const AxisTable<T>& y, const AxisTable<T>& z, T fill, const VolumeView& from, int64_t planes,
                   const VolumeResult& to, const Parallel& parallel) {
  const int64_t my = y.axis.m, nz = z.axis.n, mz = z.axis.m;
  const int64_t pitch_y = pitch_for(nz, kLanes), pitch_z = pitch_for(my, kTurnedLanes);
  const int64_t block_size = std::max(block_rows(y) * pitch_y, block_rows(z) * pitch_z);
  const int64_t row_size = 2 * kTurnedRows * kTurnedLanes;
  parallel(planes, [&](int64_t begin, int64_t end) {
    const auto memory = std::make_unique_for_overwrite<T[]>(static_cast<size_t>(row_size + block_size + my * nz));
    T *row = memory.get(), *block = row + row_size, *plane = block + block_size;
    for (int64_t p = begin; p < end; ++p) {
      const char* source = static_cast<const char*>(from.data) + p * from.stride_x * size_of(from.type);
      for (int64_t lane = 0; lane < nz; lane += kLanes) {
        lines(y, fill,
              {source, from.type, from.stride_y, from.stride_z, nz, int64_t{0}, reinterpret_cast<char*>(plane),
               kArithmetic<T>, nz, lane, std::min(kLanes, nz - lane), pitch_y, false},
              block, row);
      }
      char* target = static_cast<char*>(to.data) + p * my * mz * size_of(to.type);
      for (int64_t line = 0; line < my; line += kTurnedLanes) {
        turned(z, fill,
               {plane + line * nz, nz, target + line * mz * size_of(to.type), to.type,
                std::min(kTurnedLanes, my - line), pitch_z},
               block, row);
      }
    }
  });
}

// Outputs outside the volume, which later axes have blurred, become the fill itself.
template <typename T>
void fill_outside(const AxisTable<T> (&tables)[3], T fill, const VolumeResult& to) {
  const int64_t m[3] = {tables[0].axis.m, tables[1].axis.m, tables[2].axis.m};
  const int64_t size = size_of(to.type);
  for (int d = 0; d < 3; ++d) {
    const int64_t inner = d == 0 ? m[1] * m[2] : d == 1 ? m[2] : 1, outer = d == 0 ? 1 : d == 1 ? m[0] : m[0] * m[1];
    for (int64_t i = 0; i < m[d]; ++i) {
      if (tables[d].count[i] > 0) continue;
      for (int64_t o = 0; o < outer; ++o) {
        char* target = static_cast<char*>(to.data) + (o * m[d] + i) * inner * size;
        for (int64_t k = 0; k < inner; ++k) store_row(&fill, 1, target + k * size, to.type);
      }
    }
  }
}

}  // namespace

template <typename T>
AxisTable<T> make_table(const AxisSpec& axis) {
  AxisTable<T> table = {axis, 0, axis.taps(), {}, {}, {}};
  table.first.resize(static_cast<size_t>(axis.m));
  table.count.resize(static_cast<size_t>(axis.m));
  table.weights.resize(static_cast<size_t>(axis.m * table.stride));
  int64_t beyond = 0;
  for (int32_t i = 0; i < axis.m; ++i) {
    const TapRange taps = axis_taps(axis, i, table.weights.data() + i * table.stride);
    table.first[i] = taps.first;
    table.count[i] = taps.count;
    if (taps.count == 0) continue;
    beyond = std::max({beyond, int64_t{-taps.first}, int64_t{taps.first} + taps.count - axis.n});
  }
  table.pad = axis.filtered() ? std::max<int64_t>(beyond, Pole<T>::kPad) : beyond;
  return table;
}

template <typename T>
void resample_volume(const AxisTable<T> (&tables)[3], double fill_value, const VolumeView& from, const VolumeResult& to,
                     const Parallel& parallel) {
  const T fill = static_cast<T>(fill_value);
  const AxisSpec &x = tables[0].axis, &y = tables[1].axis, &z = tables[2].axis;
  const bool only_x = y.identity() && z.identity() && !x.identity();
  advise_huge_pages(to.data, static_cast<size_t>(int64_t{x.m} * y.m * z.m * size_of(to.type)));
  if (only_x) {
    along_x(tables[0], fill, from, y.n, z.n, to, parallel);
  } else if (x.identity()) {
    along_y_and_z(tables[1], tables[2], fill, from, x.n, to, parallel);
  } else {
    const int64_t between = x_first(x) ? int64_t{x.m} * y.n * z.n : int64_t{x.n} * y.m * z.m;
    const Workspace memory(static_cast<size_t>(between) * sizeof(T));
    const int64_t ny = x_first(x) ? y.n : y.m, nz = x_first(x) ? z.n : z.m;
    const VolumeView view = {memory.data(), kArithmetic<T>, ny * nz, nz, 1};
    const VolumeResult result = {memory.data(), kArithmetic<T>};
    if (x_first(x)) {
      along_x(tables[0], fill, from, y.n, z.n, result, parallel);
      along_y_and_z(tables[1], tables[2], fill, view, x.m, to, parallel);
    } else {
      along_y_and_z(tables[1], tables[2], fill, from, x.n, result, parallel);
      along_x(tables[0], fill, view, y.m, z.m, to, parallel);
    }
  }
  fill_outside(tables, fill, to);
}

template AxisTable<float> make_table<float>(const AxisSpec&);
template AxisTable<double> make_table<double>(const AxisSpec&);
template void resample_volume<float>(const AxisTable<float> (&)[3], double, const VolumeView&, const VolumeResult&,
                                     const Parallel&);
template void resample_volume<double>(const AxisTable<double> (&)[3], double, const VolumeView&, const VolumeResult&,
                                      const Parallel&);

}  // namespace gx::cpu
