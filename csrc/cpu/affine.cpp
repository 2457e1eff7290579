// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include "affine.h"

#include <algorithm>
#include <cstdlib>

#include "isa.h"
#include "lanes.h"

namespace gx::cpu {
namespace {

constexpr int kBlock = 64;  // neighbouring outputs of a row

// Outputs of a row.
struct Stretch {
  int64_t begin, end;

  GX_HD bool contains(int64_t k) const { return k >= begin && k < end; }
};

// Where a row of outputs lies.
struct Row {
  double start[3];
  Stretch inside;  // positions inside the volume along every axis
  Stretch near;    // holds all that do not take the fill
};

// The first k in [0, count) for which a monotone condition holds, or count; `guess` is close to it, or costs time.
template <typename F>
GX_HD int64_t first_where(int64_t count, double guess, const F& holds) {
  int64_t k = !(guess > 0.0) ? 0 : guess < static_cast<double>(count) ? static_cast<int64_t>(guess) : count;
  while (k > 0 && holds(k - 1)) --k;
  while (k < count && !holds(k)) ++k;
  return k;
}

// Cuts a stretch of a row to the outputs whose positions along an axis lie in [lo, hi].
GX_HD void cut(const AffineMatrix& matrix, int axis, double start, double lo, double hi, int64_t count,
               Stretch& stretch) {
  const double step = matrix.m[axis][2];
  const bool rises = step >= 0.0;
  const auto at = [&](int64_t k) { return matrix.position(axis, start, k); };
  const int64_t begin = first_where(count, ((rises ? lo : hi) - start) / step,
                                    [&](int64_t k) { return rises ? at(k) >= lo : at(k) <= hi; });
  const int64_t end = first_where(count, ((rises ? hi : lo) - start) / step,
                                  [&](int64_t k) { return rises ? at(k) > hi : at(k) < lo; });
  stretch.begin = std::max(stretch.begin, begin);
  stretch.end = std::max(stretch.begin, std::min(stretch.end, end));
}

template <typename T>
GX_HD Row make_row(const AffineVolume<T>& volume, int64_t i, int64_t j) {
  const int64_t count = volume.m[2];
  Row row = {{}, {0, count}, {0, count}};
  for (int a = 0; a < 3; ++a) {
    const AffineAxis& axis = volume.axis[a];
    const double start = row.start[a] = volume.matrix.start(a, i, j), last = axis.n - 1;
    cut(volume.matrix, a, start, 0.0, last, count, row.inside);
    if (axis.boundary == kGridConstant) {
      cut(volume.matrix, a, start, -axis.margin(), last + axis.margin(), count, row.near);
    }
  }
  if (volume.axis[0].boundary == kConstant) row.near = row.inside;  // the axes have one boundary
  return row;
}

// Any position, one output.
template <typename T, typename In>
GX_HD T sample_one(const AffineVolume<T>& volume, const In* data, const Row& row, int64_t k) {
  double x[3];
  for (int a = 0; a < 3; ++a) x[a] = volume.matrix.position(a, row.start[a], k);
  if (!fold(volume.axis, x)) return volume.fill;
  if (!volume.filtered) return linear_value(volume.axis, x, data, volume.stride, volume.fill);
  return cubic_value(volume.axis, x, static_cast<const T*>(volume.data), volume.stride[0], volume.stride[1]);
}

// The functions below do what sample_one does for kBlock outputs from k on; those past `count` repeat the last one.
// Those of orders 0 and 1 ask that all lie inside.

template <typename T, typename In>
GX_HD void nearest_block(const AffineVolume<T>& volume, const In* data, const Row& row, int64_t k, int64_t count,
                         T* out) {
  int32_t offset[kBlock] = {};
  for (int a = 0; a < 3; ++a) {
    const int32_t stride = static_cast<int32_t>(volume.stride[a]);
    const double start = row.start[a], step = volume.matrix.m[a][2];
    for (int l = 0; l < kBlock; ++l) {
      const int32_t at = static_cast<int32_t>(k) + static_cast<int32_t>(l < count ? l : count - 1);
      offset[l] += static_cast<int32_t>(start + step * static_cast<double>(at) + 0.5) * stride;
    }
  }
  for (int l = 0; l < kBlock; ++l) out[l] = static_cast<T>(widen(data[offset[l]]));
}

template <typename T, typename In>
GX_HD void linear_block(const AffineVolume<T>& volume, const In* data, const Row& row, int64_t k, int64_t count,
                        T* out) {
  int32_t offset[kBlock] = {}, next[3][kBlock];
  T low[3][kBlock], high[3][kBlock];
  for (int a = 0; a < 3; ++a) {
    const int32_t stride = static_cast<int32_t>(volume.stride[a]);
    const double start = row.start[a], step = volume.matrix.m[a][2];
    const bool whole = volume.axis[a].order == 0;  // one voxel: at 0
    for (int l = 0; l < kBlock; ++l) {
      const int32_t at = static_cast<int32_t>(k) + static_cast<int32_t>(l < count ? l : count - 1);
      const double x = start + step * static_cast<double>(at);
      const int32_t base = static_cast<int32_t>(x);
      const double t = whole ? 0.0 : x - static_cast<double>(base);
      low[a][l] = static_cast<T>(1.0 - t);
      high[a][l] = static_cast<T>(t);
      next[a][l] = high[a][l] == T(0) ? 0 : stride;  // what weighs nothing is not read
      offset[l] += base * stride;
    }
  }
  T plane[2][kBlock], lines[2][kBlock], first[kBlock], second[kBlock];
  for (int z = 0; z < 2; ++z) {
    for (int x = 0; x < 2; ++x) {
      for (int l = 0; l < kBlock; ++l) {
        int32_t at = offset[l] + (x ? next[0][l] : 0) + (z ? next[2][l] : 0);
        asm("" : "+r"(at));  // plain loads: gathers, which a compiler likes to make of this, take half as long again
        first[l] = static_cast<T>(widen(data[at]));
        second[l] = static_cast<T>(widen(data[at + next[1][l]]));
      }
      for (int l = 0; l < kBlock; ++l) {
        const T alone = low[1][l] * first[l], both = alone + high[1][l] * second[l];
        lines[x][l] = high[1][l] == T(0) ? alone : both;
      }
    }
    for (int l = 0; l < kBlock; ++l) {
      const T alone = low[0][l] * lines[0][l], both = alone + high[0][l] * lines[1][l];
      plane[z][l] = high[0][l] == T(0) ? alone : both;
    }
  }
  for (int l = 0; l < kBlock; ++l) {
    const T alone = low[2][l] * plane[0][l], both = alone + high[2][l] * plane[1][l];
    out[l] = high[2][l] == T(0) ? alone : both;
  }
}

// Four neighbours, which compilers do not find by themselves.
template <typename T>
struct Four {
  typedef T Lanes __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));
};

template <typename T>
GX_HD const typename Four<T>::Lanes* four(const T* at) {
  return reinterpret_cast<const typename Four<T>::Lanes*>(at);
}

// kX: 4 taps along x, or 1 along the x of a turned slice.
template <int kX, typename T>
GX_HD void cubic_block(const AffineVolume<T>& volume, const Row& row, int64_t k, int64_t count, T* out) {
  double position[3][kBlock];
  for (int a = 0; a < 3; ++a) {
    const double start = row.start[a], step = volume.matrix.m[a][2];
    for (int l = 0; l < kBlock; ++l) {
      const int32_t at = static_cast<int32_t>(k) + static_cast<int32_t>(l < count ? l : count - 1);
      position[a][l] = start + step * static_cast<double>(at);
    }
  }
  bool filled[kBlock] = {};
  if (k < row.inside.begin || k + count > row.inside.end) {
    for (int l = 0; l < kBlock; ++l) {
      double x[3] = {position[0][l], position[1][l], position[2][l]};
      filled[l] = l >= count || !fold(volume.axis, x);
      for (int a = 0; a < 3; ++a) position[a][l] = filled[l] ? 0.0 : x[a];
    }
  }
  const T* data = static_cast<const T*>(volume.data);
  const int64_t stride_x = volume.stride[0], stride_y = volume.stride[1];
  const T scale = cubic_scale<T>(volume.axis);
  int32_t base[3][kBlock];
  T weight[3][4][kBlock];
  for (int a = kX == 1 ? 1 : 0; a < 3; ++a) {
    for (int l = 0; l < kBlock; ++l) {
      const double x = position[a][l];
      const int32_t whole = static_cast<int32_t>(x);
      base[a][l] = whole - (x < static_cast<double>(whole) ? 1 : 0);
      const double t = x - static_cast<double>(base[a][l]), u = 1.0 - t;  // as taps_at
      weight[a][0][l] = static_cast<T>(u * u * u);
      weight[a][1][l] = static_cast<T>(4.0 + t * t * (3.0 * t - 6.0));
      weight[a][2][l] = static_cast<T>(4.0 + u * u * (3.0 * u - 6.0));
      weight[a][3][l] = static_cast<T>(t * t * t);
    }
  }
  for (int l = 0; l < count; ++l) {
    const T* at = data + (base[1][l] - 1) * stride_y + (base[2][l] - 1);
    if constexpr (kX == 4) at += (base[0][l] - 1) * stride_x;
    typename Four<T>::Lanes plane = {};  // the four planes of z side by side
    for (int x = 0; x < kX; ++x) {
      const T* line = at + x * stride_x;
      typename Four<T>::Lanes sum = weight[1][0][l] * *four(line);
      for (int y = 1; y < 4; ++y) sum += weight[1][y][l] * *four(line + y * stride_y);
      const T w = kX == 1 ? T(1) : weight[0][x][l];
      plane = x > 0 ? plane + w * sum : w * sum;
    }
    T value = weight[2][0][l] * plane[0];
    for (int z = 1; z < 4; ++z) value += weight[2][z][l] * plane[z];
    out[l] = filled[l] ? volume.fill : value * scale;
  }
}

// Offsets within the volume fit 32 bits.
template <typename T>
GX_HD bool offsets_fit(const AffineVolume<T>& volume) {
  int64_t reach = 0;
  for (int a = 0; a < 3; ++a) reach += (volume.axis[a].n - 1) * std::abs(volume.stride[a]);
  return reach < (int64_t{1} << 31);
}

enum class Path { kAny, kNearest, kLinear, kCubic, kCubicSlice };

template <typename T>
GX_HD Path path_of(const AffineVolume<T>& volume) {
  const AffineAxis(&axis)[3] = volume.axis;
  if (volume.filtered) {
    if (axis[1].order != 3 || axis[2].order != 3) return Path::kAny;
    return axis[0].order == 3 ? Path::kCubic : Path::kCubicSlice;
  }
  if (!offsets_fit(volume)) return Path::kAny;
  return axis[0].order + axis[1].order + axis[2].order == 0 ? Path::kNearest : Path::kLinear;
}

template <typename T, typename In>
GX_HD void typed_rows(const AffineVolume<T>& volume, Path path, int64_t begin, int64_t end) {
  const In* data = static_cast<const In*>(volume.data);
  const int64_t m = volume.m[2], size = size_of(volume.to_type);
  const bool cubic = path == Path::kCubic || path == Path::kCubicSlice;
  alignas(64) T values[kBlock];
  for (int64_t r = begin; r < end; ++r) {
    const Row row = make_row(volume, r / volume.m[1], r % volume.m[1]);
    const int64_t inside_begin = std::min(row.inside.begin, row.near.end);
    char* to = static_cast<char*>(volume.to) + r * m * size;
    for (int64_t k = 0; k < m;) {
      const bool near = row.near.contains(k);
      const bool block = near && (cubic || (path != Path::kAny && row.inside.contains(k)));
      const int64_t stop = !near              ? (k < row.near.begin ? row.near.begin : m)
                           : cubic            ? row.near.end
                           : block            ? row.inside.end
                           : k < inside_begin ? inside_begin
                                              : row.near.end;
      const int64_t count = std::min<int64_t>(kBlock, stop - k);
      if (!near) {
        std::fill_n(values, count, volume.fill);
      } else if (!block) {
        for (int64_t l = 0; l < count; ++l) values[l] = sample_one(volume, data, row, k + l);
      } else if (path == Path::kNearest) {
        nearest_block(volume, data, row, k, count, values);
      } else if (path == Path::kLinear) {
        linear_block(volume, data, row, k, count, values);
      } else if (path == Path::kCubic) {
        cubic_block<4>(volume, row, k, count, values);
      } else {
        cubic_block<1>(volume, row, k, count, values);
      }
      store_row(values, count, to + k * size, volume.to_type);
      k += count;
    }
  }
}

template <typename T>
GX_HD void rows_body(const AffineVolume<T>& volume, int64_t begin, int64_t end) {
  const Path path = path_of(volume);
  if constexpr (sizeof(T) == 8) {
    typed_rows<T, double>(volume, path, begin, end);
  } else {
    switch (volume.type) {
      case Voxel::kUint8: return typed_rows<T, uint8_t>(volume, path, begin, end);
      case Voxel::kInt16: return typed_rows<T, int16_t>(volume, path, begin, end);
      case Voxel::kHalf: return typed_rows<T, Half>(volume, path, begin, end);
      case Voxel::kBFloat16: return typed_rows<T, BFloat16>(volume, path, begin, end);
      default: return typed_rows<T, float>(volume, path, begin, end);
    }
  }
}

GX_HD void rows_float_body(const AffineVolume<float>& volume, int64_t begin, int64_t end) {
  rows_body(volume, begin, end);
}
GX_HD void rows_double_body(const AffineVolume<double>& volume, int64_t begin, int64_t end) {
  rows_body(volume, begin, end);
}
GX_DISPATCH_ISA(rows_float, (const AffineVolume<float>& volume, int64_t begin, int64_t end), (volume, begin, end))
GX_DISPATCH_ISA(rows_double, (const AffineVolume<double>& volume, int64_t begin, int64_t end), (volume, begin, end))

}  // namespace

template <>
void affine_rows(const AffineVolume<float>& volume, int64_t begin, int64_t end) {
  rows_float(volume, begin, end);
}
template <>
void affine_rows(const AffineVolume<double>& volume, int64_t begin, int64_t end) {
  rows_double(volume, begin, end);
}

template <typename T>
void affine_scatter(const AffineVolume<T>& volume, const T* grad, T* to) {
  const auto add = [&](int64_t i, int64_t j, int64_t k, T value) {
    to[i * volume.stride[0] + j * volume.stride[1] + k * volume.stride[2]] += value;
  };
  for (int64_t i = 0; i < volume.m[0]; ++i) {
    for (int64_t j = 0; j < volume.m[1]; ++j) {
      for (int64_t k = 0; k < volume.m[2]; ++k, ++grad) {
        double x[3];
        for (int a = 0; a < 3; ++a) x[a] = volume.matrix.position(a, volume.matrix.start(a, i, j), k);
        if (!fold(volume.axis, x)) continue;
        if (volume.filtered) {
          scatter<true>(volume.axis, x, *grad, add);
        } else {
          scatter<false>(volume.axis, x, *grad, add);
        }
      }
    }
  }
}

template void affine_scatter<float>(const AffineVolume<float>&, const float*, float*);
template void affine_scatter<double>(const AffineVolume<double>&, const double*, double*);

}  // namespace gx::cpu
