// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include "resample.h"

#include <algorithm>
#include <memory>

#include "isa.h"
#include "lines.h"
#include "memory.h"

namespace gx::cpu {
namespace {

// Lanes of a block, one above the other: a block of 256 + 28 rows is 284 KiB and lives in the second-level cache. Rows of
// many voxels lie far apart, so that wide blocks make better use of the memory's pages.
constexpr int64_t kLanes = 256;
constexpr int64_t kAhead = 2;  // rows
// Lines along z are turned, so that lanes are y; so many outputs along z are turned back together.
constexpr int64_t kTurnedLanes = 64;
constexpr int64_t kTurnedSamples = 16;  // a cache line of each
constexpr int64_t kTurnedRows = 8;
constexpr int64_t kTurnedResults = 512;  // that wait to be written together

// From row to row of a block: few lines need narrow blocks, or long ones would take many times their own memory.
int64_t pitch_for(int64_t lanes, int64_t most) { return std::min(most, whole_groups(lanes)); }

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
  int64_t pitch;    // of the block
  int64_t ahead;    // from these lanes to those of the next block, in voxels
  bool stream;      // results are of the arithmetic's type and go past the caches
  bool whole_rows;  // results are of the arithmetic's type and have room for whole groups of lanes
};

// Rows lie far apart, so that no prefetcher of the processor sees them coming. Asks for row k, `onward` voxels further on.
template <int kLocality>
GX_HD void prefetch_lanes(const LinesJob& job, int64_t k, int64_t onward) {
  if (job.run < job.count || job.lane_stride != 1) return;
  const int64_t size = size_of(job.from_type);
  const char* row = job.from + (k * job.from_row + job.first_lane + onward) * size;
  for (int64_t at = 0; at < job.count * size; at += 64) __builtin_prefetch(row + at, 0, kLocality);
}

template <typename T, typename F>
GX_HD void load_lanes(const LinesJob& job, int64_t k, const F& f) {
  const int64_t size = size_of(job.from_type);
  const char* row = job.from + k * job.from_row * size;
  prefetch_lanes<3>(job, k + kAhead, 0);  // from the second-level cache to the first
  for (int64_t lane = 0; lane < job.count;) {
    const int64_t at = job.first_lane + lane, in_run = at % job.run;
    const int64_t part = std::min(job.count - lane, job.run - in_run);
    for_samples<T>(row + (at / job.run * job.run_stride + in_run * job.lane_stride) * size, job.from_type,
                   job.lane_stride, part, [=](int64_t l, T sample) GX_INLINE { f(lane + l, sample); });
    lane += part;
  }
  // Lanes that hold no line.
  for (int64_t lane = job.count; lane < whole_groups(job.count); ++lane) f(lane, T(0));
}

template <typename T>
GX_HD void lines_body(const AxisTable<T>& table, T fill, const LinesJob& job, T* block, T* row) {
  const int64_t width = whole_groups(job.count);
  const int64_t to_size = size_of(job.to_type);
  char* to = job.to + job.first_lane * to_size;
  if (table.axis.identity()) {
    for (int64_t i = 0; i < table.axis.n; ++i) {
      load_lanes<T>(job, i, [=](int64_t l, T sample) GX_INLINE { row[l] = sample; });
      store_row(row, job.count, to + i * job.to_row * to_size, job.to_type);
    }
    return;
  }
  const auto load = [&](int64_t k, const auto& f) GX_INLINE { load_lanes<T>(job, k, f); };
  run_lines(table, fill, width, job.pitch, block, load, [&](int64_t i, const T* rows) GX_INLINE {
    char* to_row = to + i * job.to_row * to_size;
    // Rows of the next block are asked for while this one is filtered and interpolated, which needs no memory.
    const int64_t n = table.axis.n, m = table.axis.m;
    for (int64_t k = i * n / m; k < (i + 1) * n / m; ++k) prefetch_lanes<2>(job, k, job.ahead);
    if (job.stream) {
      combine(table, i, rows, job.pitch, width, row);
      stream_copy(to_row, row, static_cast<size_t>(job.count) * sizeof(T));
    } else if (job.whole_rows) {
      combine(table, i, rows, job.pitch, width, reinterpret_cast<T*>(to_row));
    } else {
      combine(table, i, rows, job.pitch, width, row);
      store_row(row, job.count, to_row, job.to_type);
    }
  });
}

// Lines along z of `count` rows (y) of a plane; results in rows of m.
struct TurnedJob {
  const void* plane;
  int64_t pitch;
  char* to;
  Voxel to_type;
  int64_t count;
  bool stream;  // as in LinesJob
};

// A tile of samples, a tile of outputs, and the results that wait to be written.
int64_t turned_size(int64_t m) { return kTurnedLanes * (kTurnedSamples + kTurnedRows + std::min(m, kTurnedResults)); }

template <typename T>
GX_HD void turned_body(const AxisTable<T>& table, T fill, const TurnedJob& job, T* block, T* row) {
  const int64_t width = whole_groups(job.count), n = table.axis.n, m = table.axis.m;
  const int64_t to_size = size_of(job.to_type);
  const T* plane = static_cast<const T*>(job.plane);
  if (table.axis.identity()) {
    for (int64_t y = 0; y < job.count; ++y) store_row(plane + y * job.pitch, n, job.to + y * n * to_size, job.to_type);
    return;
  }
  T *samples = row, *outputs = samples + kTurnedSamples * kTurnedLanes, *results = outputs + kTurnedRows * kTurnedLanes;
  for (int64_t k = 0; width > job.count && k < kTurnedSamples; ++k) {
    for (int64_t l = job.count; l < width; ++l) samples[k * kTurnedLanes + l] = T(0);  // lanes that hold no line
  }
  int64_t turned = -1;  // the tile of samples at hand
  const auto load = [&](int64_t k, const auto& f) GX_INLINE {
    const int64_t tile = k / kTurnedSamples, start = tile * kTurnedSamples;
    if (tile != turned) {
      transpose(plane + start, job.pitch, job.count, std::min(kTurnedSamples, n - start), samples, kTurnedLanes);
      turned = tile;
    }
    for_samples<T>(samples + (k - start) * kTurnedLanes, kArithmetic<T>, 1, width, f);
  };
  run_lines(table, fill, width, width, block, load, [&](int64_t i, const T* rows) GX_INLINE {
    combine(table, i, rows, width, width, outputs + i % kTurnedRows * kTurnedLanes);
    if (i % kTurnedRows != 0) return;
    const int64_t first = i / kTurnedResults * kTurnedResults, part = std::min(kTurnedResults, m - first);
    transpose(outputs, kTurnedLanes, std::min(kTurnedRows, m - i), job.count, results + i - first, part);
    if (i != first) return;
    // Results of short lines have no gaps between them.
    const int64_t runs = part == m ? 1 : job.count, length = part == m ? job.count * m : part;
    for (int64_t y = 0; y < runs; ++y) {
      char* to = job.to + (y * m + first) * to_size;
      if (job.stream) {
        stream_copy(to, results + y * part, static_cast<size_t>(length) * sizeof(T));
      } else {
        store_row(results + y * part, length, to, job.to_type);
      }
    }
  });
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

template <typename T>
bool is_streamed(const VolumeResult& to, int64_t voxels) {
  return to.type == kArithmetic<T> && static_cast<size_t>(voxels) * sizeof(T) >= kStreamBytes;
}

// Axis x of a volume, lanes (y, z) of which there are y * z.
template <typename T>
void along_x(const AxisTable<T>& table, T fill, const VolumeView& from, int64_t y, int64_t z, const VolumeResult& to,
             const Parallel& parallel) {
  const bool flat = from.stride_y == z * from.stride_z;
  const int64_t lanes = y * z, pitch = pitch_for(lanes, kLanes);
  const bool stream = is_streamed<T>(to, table.axis.m * lanes);
  parallel((lanes + kLanes - 1) / kLanes, [&](int64_t begin, int64_t end) {
    const Buffer<T> memory(static_cast<size_t>((block_rows(table) + 1) * pitch));
    for (int64_t b = begin; b < end; ++b) {
      lines(table, fill,
            {static_cast<const char*>(from.data), from.type, from.stride_x, from.stride_z, flat ? lanes : z,
             flat ? int64_t{0} : from.stride_y, static_cast<char*>(to.data), to.type, lanes, b * kLanes,
             std::min(kLanes, lanes - b * kLanes), pitch, kLanes, stream, false},
            memory.data() + pitch, memory.data());
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
  const int64_t plane_pitch = whole_groups(nz), row_size = std::max(kLanes, turned_size(mz));
  const bool stream = is_streamed<T>(to, planes * my * mz);
  parallel(planes, [&](int64_t begin, int64_t end) {
    const Buffer<T> memory(static_cast<size_t>(row_size + block_size + my * plane_pitch));
    T *row = memory.data(), *block = row + row_size, *plane = block + block_size;
    for (int64_t p = begin; p < end; ++p) {
      const char* source = static_cast<const char*>(from.data) + p * from.stride_x * size_of(from.type);
      for (int64_t lane = 0; lane < nz; lane += kLanes) {
        lines(y, fill,
              {source, from.type, from.stride_y, from.stride_z, nz, int64_t{0}, reinterpret_cast<char*>(plane),
               kArithmetic<T>, plane_pitch, lane, std::min(kLanes, nz - lane), pitch_y, from.stride_x, false, true},
              block, row);
      }
      char* target = static_cast<char*>(to.data) + p * my * mz * size_of(to.type);
      for (int64_t line = 0; line < my; line += kTurnedLanes) {
        turned(z, fill,
               {plane + line * plane_pitch, plane_pitch, target + line * mz * size_of(to.type), to.type,
                std::min(kTurnedLanes, my - line), stream},
               block, row);
      }
    }
    stream_fence();
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
