// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include "crop.h"

#include <algorithm>
#include <vector>

#include "isa.h"
#include "memory.h"

namespace gx::cpu {
namespace {

constexpr int64_t kLanes = kGroup;  // lines (output y) whose taps along z are applied together
constexpr int64_t kTurned = 64;     // outputs along z that are turned back together
constexpr int32_t kTogether = 4;    // taps of one pass over a row
constexpr int64_t kCacheLine = 64;

// The taps of the outputs [begin, end) of an axis, which are those inside the volume.
struct Taps {
  int32_t begin, end;
  int32_t stride;              // of `at` and `weights`, from output to output
  int32_t least, most;         // voxels that are read lie in [least, most]
  std::vector<int32_t> count;  // of output begin + i
  std::vector<int32_t> at;     // voxel of the volume: beyond its ends the outermost one
  std::vector<float> weights;
};

void make_taps(const AxisSpec& axis, int32_t from, int32_t to, Taps& taps) {
  taps.begin = taps.end = from;
  taps.stride = (crop_taps_most(axis) + kTogether - 1) / kTogether * kTogether;
  taps.least = axis.n;
  taps.most = -1;
  const size_t outputs = static_cast<size_t>(to - from);
  taps.count.resize(outputs);
  taps.at.resize(outputs * static_cast<size_t>(taps.stride));
  taps.weights.resize(taps.at.size());
  size_t i = 0;
  for (int32_t output = from; output < to; ++output) {
    const CropTaps found = crop_taps(axis, output);
    if (found.count == 0) {
      if (i == 0) ++taps.begin;
      continue;
    }
    int32_t* at = taps.at.data() + i * static_cast<size_t>(taps.stride);
    float* weights = taps.weights.data() + i * static_cast<size_t>(taps.stride);
    int32_t count = 0;
    for (int32_t j = 0; j < found.count; ++j) {
      const float weight = crop_weight(axis, found, j);
      if (weight == 0.0f) continue;
      at[count] = std::clamp(found.first + j, 0, axis.n - 1);
      weights[count++] = weight;
    }
    taps.least = std::min(taps.least, at[0]);
    taps.most = std::max(taps.most, at[count - 1]);
    taps.count[i++] = count;
  }
  taps.end = taps.begin + static_cast<int32_t>(i);
}

}  // namespace

struct CropScratch {
  Taps x, y, z;
  std::vector<int32_t> rows;     // voxels along y that are read
  std::vector<int32_t> row_of;   // of a tap's voxel, from y.least on: its place in `rows`
  std::vector<float> plane;      // rows x pitch: combined along x
  std::vector<float> lines;      // kLanes x pitch: combined along y
  std::vector<float> turned;     // pitch x kLanes
  std::vector<float> results;    // outputs along z x kLanes
  std::vector<float> block;      // kLanes lines of up to kTurned outputs
  std::vector<float> converted;  // the same in the type of the result, which may be narrower
};

void CropScratchDeleter::operator()(CropScratch* scratch) const { delete scratch; }
CropScratchPtr make_crop_scratch() { return CropScratchPtr(new CropScratch); }

namespace {

// to[0 .. width) = (kBegun ? to : nothing) + the products of kCount rows and their weights, in order.
template <int kCount, bool kBegun, typename T>
GX_HD void add_products(const T* const* rows, const float* weights, int64_t width, float* __restrict to) {
  const T *r0 = rows[0], *r1 = rows[kCount > 1], *r2 = rows[kCount > 2 ? 2 : 0], *r3 = rows[kCount > 3 ? 3 : 0];
  const float w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3];
  for (int64_t g = 0; g < width; g += kGroup) {
    for (int l = 0; l < kGroup; ++l) {
      float sum = w0 * widen(r0[g + l]);
      if (kBegun) sum = to[g + l] + sum;
      if (kCount > 1) sum = sum + w1 * widen(r1[g + l]);
      if (kCount > 2) sum = sum + w2 * widen(r2[g + l]);
      if (kCount > 3) sum = sum + w3 * widen(r3[g + l]);
      to[g + l] = sum;
    }
  }
}

template <bool kBegun, typename T>
GX_HD void add_some(int32_t count, const T* const* rows, const float* weights, int64_t width, float* to) {
  switch (count) {
    case 1: return add_products<1, kBegun>(rows, weights, width, to);
    case 2: return add_products<2, kBegun>(rows, weights, width, to);
    case 3: return add_products<3, kBegun>(rows, weights, width, to);
    default: return add_products<4, kBegun>(rows, weights, width, to);
  }
}

// The same for a row that may not be read beyond its end.
template <typename T, typename RowAt>
void combine_exactly(const RowAt& row_at, const float* weights, int32_t count, int64_t width, float* to) {
  for (int64_t i = 0; i < width; ++i) {
    float sum = weights[0] * widen(row_at(0)[i]);
    for (int32_t j = 1; j < count; ++j) sum = sum + weights[j] * widen(row_at(j)[i]);
    to[i] = sum;
  }
}

// to[0 .. width) = sum of weights[j] * row_at(j), in the order of j.
template <typename T, typename RowAt>
GX_HD void combine(const RowAt& row_at, const float* weights, int32_t count, int64_t width, float* to) {
  const T* rows[kTogether] = {};
  for (int32_t j = 0; j < count; j += kTogether) {
    const int32_t some = std::min(count - j, kTogether);
    for (int32_t k = 0; k < some; ++k) rows[k] = row_at(j + k);
    if (j == 0) {
      add_some<false>(some, rows, weights, width, to);
    } else {
      add_some<true>(some, rows, weights + j, width, to);
    }
  }
}

// What combines along x, for output number i of x.taps.
template <typename T>
GX_HD void plane_body(const T* volume, const T* buffer_end, const AxisSpec* axes, int64_t i, CropScratch& scratch) {
  const Taps &x = scratch.x, &z = scratch.z;
  const int64_t width = z.most - z.least + 1, pitch = whole_groups(width);
  const int64_t row_stride = axes[2].n, plane_stride = row_stride * axes[1].n;
  const int32_t count = x.count[i], *at = x.at.data() + i * x.stride;
  const bool last = x.begin + i + 1 == x.end;
  const int32_t next_count = last ? 0 : x.count[i + 1], *next = at + x.stride;
  const size_t rows = scratch.rows.size();
  for (size_t r = 0; r < rows; ++r) {
    const T* row = volume + scratch.rows[r] * row_stride + z.least;
    // Whole groups, unless they would end beyond the buffer; what is beyond the row is not used.
    const bool whole = row + at[count - 1] * plane_stride + pitch <= buffer_end;
    const auto row_at = [&](int32_t j) { return row + at[j] * plane_stride; };
    const float* weights = x.weights.data() + i * x.stride;
    float* to = scratch.plane.data() + static_cast<int64_t>(r) * pitch;
    if (whole) {
      combine<T>(row_at, weights, count, pitch, to);
    } else {
      combine_exactly<T>(row_at, weights, count, width, to);
    }
    for (int32_t j = 0; j < next_count; ++j) {
      if (next[j] <= at[count - 1]) continue;
      const char* ahead = reinterpret_cast<const char*>(row + next[j] * plane_stride);
      for (int64_t byte = 0; byte < width * static_cast<int64_t>(sizeof(T)); byte += kCacheLine) {
        __builtin_prefetch(ahead + byte, 0, 2);
      }
    }
  }
}

// Taps along z for all lanes: results[k] from turned[at].
GX_HD void along_z(const Taps& z, const float* turned, float* results) {
  for (int32_t k = z.begin; k < z.end; ++k) {
    const int64_t i = k - z.begin;
    const int32_t* at = z.at.data() + i * z.stride;
    combine<float>([&](int32_t j) { return turned + (at[j] - z.least) * kLanes; }, z.weights.data() + i * z.stride,
                   z.count[i], kLanes, results + k * kLanes);
  }
}

GX_HD void apply_window(const Range window, int64_t count, float* values) {
  if (window.empty) return;
  for (int64_t i = 0; i < count; ++i) values[i] = windowed(window, values[i]);
}

GX_HD void store_block(const float* block, int64_t count, const CropBuffers& buffers, int64_t to,
                       CropScratch& scratch) {
  const int64_t size = size_of(buffers.out_type);
  char* out = static_cast<char*>(buffers.out) + to * size;
  const void* from = block;
  if (buffers.out_type != Voxel::kFloat) {
    store_row(block, count, scratch.converted.data(), buffers.out_type);
    from = scratch.converted.data();
  }
  if (buffers.stream) {
    stream_copy(out, from, static_cast<size_t>(count * size));
  } else {
    memcpy(out, from, static_cast<size_t>(count * size));
  }
}

// The slab `to` (its first voxel) from the plane.
GX_HD void slab_body(const Crop& crop, const CropBuffers& buffers, int64_t to, CropScratch& scratch) {
  const Taps &y = scratch.y, &z = scratch.z;
  const int64_t width = z.most - z.least + 1, pitch = whole_groups(width);
  const int64_t out_y = buffers.out_shape[1], out_z = buffers.out_shape[2];
  const float fill = windowed(crop.window, crop.fill);
  for (int64_t first = 0; first < out_y; first += kLanes) {
    const int64_t lanes = std::min(kLanes, out_y - first);
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const int64_t i = first + lane - y.begin;
      if (first + lane < y.begin || first + lane >= y.end) continue;
      const int32_t* at = y.at.data() + i * y.stride;
      combine<float>([&](int32_t j) { return scratch.plane.data() + scratch.row_of[at[j] - y.least] * pitch; },
                     y.weights.data() + i * y.stride, y.count[i], pitch, scratch.lines.data() + lane * pitch);
    }
    transpose(scratch.lines.data(), pitch, kLanes, pitch, scratch.turned.data(), kLanes);
    along_z(z, scratch.turned.data(), scratch.results.data());
    apply_window(crop.window, (z.end - z.begin) * kLanes, scratch.results.data() + z.begin * kLanes);
    for (int64_t from = 0; from < out_z; from += kTurned) {
      const int64_t some = std::min(kTurned, out_z - from);
      float* block = scratch.block.data();
      transpose(scratch.results.data() + from * kLanes, kLanes, some, lanes, block, some);
      for (int64_t lane = 0; lane < lanes; ++lane) {
        if (first + lane >= y.begin && first + lane < y.end) continue;
        std::fill_n(block + lane * some, some, fill);
      }
      const int64_t at = to + first * out_z + from;
      if (some == out_z) {
        store_block(block, lanes * some, buffers, at, scratch);
      } else {
        for (int64_t lane = 0; lane < lanes; ++lane) {
          store_block(block + lane * some, some, buffers, at + lane * out_z, scratch);
        }
      }
    }
  }
}

#define GX_PLANE(T)                                                                                                   \
  GX_HD void plane_##T##_body(const T* volume, const T* end, const AxisSpec* axes, int64_t i, CropScratch& scratch) { \
    plane_body(volume, end, axes, i, scratch);                                                                        \
  }                                                                                                                   \
  GX_DISPATCH_ISA(plane_##T, (const T* volume, const T* end, const AxisSpec* axes, int64_t i, CropScratch& scratch),  \
                  (volume, end, axes, i, scratch))                                                                    \
  void combine_plane(const T* volume, const T* end, const AxisSpec* axes, int64_t i, CropScratch& scratch) {          \
    plane_##T(volume, end, axes, i, scratch);                                                                         \
  }
GX_PLANE(uint8_t)
GX_PLANE(int16_t)
GX_PLANE(Half)
GX_PLANE(float)
GX_DISPATCH_ISA(slab, (const Crop& crop, const CropBuffers& buffers, int64_t to, CropScratch& scratch),
                (crop, buffers, to, scratch))

void fill_voxels(const Crop& crop, const CropBuffers& buffers, int64_t begin, int64_t end) {
  with_type(buffers.out_type, [&](auto element) {
    convert(windowed(crop.window, crop.fill), element);
    std::fill(static_cast<decltype(element)*>(buffers.out) + begin, static_cast<decltype(element)*>(buffers.out) + end,
              element);
  });
}

void make_tables(const Crop& crop, const CropBuffers& buffers, int32_t begin, int32_t end, CropScratch& scratch) {
  make_taps(crop.axes[0], begin, end, scratch.x);
  make_taps(crop.axes[1], 0, buffers.out_shape[1], scratch.y);
  make_taps(crop.axes[2], 0, buffers.out_shape[2], scratch.z);
  const Taps &y = scratch.y, &z = scratch.z;
  if (y.begin == y.end || z.begin == z.end) return;
  scratch.row_of.assign(static_cast<size_t>(y.most - y.least + 1), 0);
  for (int32_t i = 0; i < y.end - y.begin; ++i) {
    for (int32_t j = 0; j < y.count[i]; ++j) scratch.row_of[y.at[i * y.stride + j] - y.least] = 1;
  }
  scratch.rows.clear();
  for (int32_t at = y.least; at <= y.most; ++at) {
    int32_t& row = scratch.row_of[at - y.least];
    if (row == 0) continue;
    row = static_cast<int32_t>(scratch.rows.size());
    scratch.rows.push_back(at);
  }
  const size_t pitch = static_cast<size_t>(whole_groups(z.most - z.least + 1));
  const size_t out_z = static_cast<size_t>(buffers.out_shape[2]);
  scratch.plane.resize(scratch.rows.size() * pitch);
  scratch.lines.resize(kLanes * pitch);
  scratch.turned.resize(kLanes * pitch);
  scratch.results.assign(kLanes * out_z, windowed(crop.window, crop.fill));
  scratch.block.resize(kLanes * std::min(out_z, static_cast<size_t>(kTurned)));
  scratch.converted.resize(scratch.block.size());
}

}  // namespace

void crop_slabs(const Crop& crop, const CropBuffers& buffers, int64_t n, int32_t begin, int32_t end,
                CropScratch& scratch) {
  const int64_t slab_voxels = int64_t{buffers.out_shape[1]} * buffers.out_shape[2];
  const int64_t origin = n * buffers.out_shape[0] * slab_voxels;
  if (crop.usable) make_tables(crop, buffers, begin, end, scratch);
  const Taps& x = scratch.x;
  if (!crop.usable || x.begin == x.end || scratch.y.begin == scratch.y.end || scratch.z.begin == scratch.z.end) {
    return fill_voxels(crop, buffers, origin + begin * slab_voxels, origin + end * slab_voxels);
  }
  fill_voxels(crop, buffers, origin + begin * slab_voxels, origin + x.begin * slab_voxels);
  fill_voxels(crop, buffers, origin + x.end * slab_voxels, origin + end * slab_voxels);
  with_type(buffers.type, [&](auto element) {
    using T = decltype(element);
    if constexpr (!std::is_same_v<T, double> && !std::is_same_v<T, BFloat16>) {
      const T* voxels = static_cast<const T*>(buffers.voxels);
      for (int32_t i = 0; i < x.end - x.begin; ++i) {
        combine_plane(voxels + crop.offset, voxels + buffers.count, crop.axes, i, scratch);
        slab(crop, buffers, origin + (x.begin + i) * slab_voxels, scratch);
      }
    }
  });
  if (buffers.stream) stream_fence();
}

}  // namespace gx::cpu
