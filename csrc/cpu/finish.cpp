// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include "finish.h"

#include "words.h"

namespace gx::cpu {

namespace {

// The same steps as curve_row, each over all nodes of a piece.
GX_HD void build_table_body(const ControlPoints& points, CurveTable& table) {
  table.curve = make_curve(points);
  const Curve curve = table.curve;  // a copy: nothing that is stored to can change it
  table.rows.resize(static_cast<size_t>(curve.rows));
  table.distance.resize(static_cast<size_t>(kCurveNodes * curve.rows));
  table.root.resize(table.distance.size());
  double* d = table.distance.data();
  double* s = table.root.data();
  for (int row = 0; row < curve.rows; ++row) {
    for (int node = 0; node < kCurveNodes; ++node) d[kCurveNodes * row + node] = curve_node(curve, row, node);
  }
  for (int p = 0; p < 2; ++p) {
    const CurvePiece piece = curve.piece[p];
    const int begin = p == 0 ? 0 : kCurveNodes * curve.second, end = kCurveNodes * (p == 0 ? curve.second : curve.rows);
    for (int i = begin; i < end; ++i) s[i] = curve_solve_start(piece, d[i]);
    for (int step = 0; step < kNewtonSteps; ++step) {
      for (int i = begin; i < end; ++i) s[i] = curve_solve_step(piece, d[i], s[i]);
    }
    for (int i = begin; i < end; ++i) s[i] = curve_y(curve, piece, d[i] > 0.0 ? s[i] : 0.0);
  }
  for (int row = 0; row < curve.rows; ++row) {
    const double* f = s + kCurveNodes * row;
    table.rows[static_cast<size_t>(row)] = curve_fit(f[0], f[1], f[2], f[3]);
  }
}

using Float4 = float __attribute__((vector_size(16)));

// Four of the eight elements of a and b.
template <int k0, int k1, int k2, int k3>
GX_HD Float4 choose(Float4 a, Float4 b) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, k0, k1, k2, k3);
#else
  using Int4 = int32_t __attribute__((vector_size(16)));
  return __builtin_shuffle(a, b, Int4{k0, k1, k2, k3});
#endif
}

// Rows of the table as four arrays of coefficients: 16-byte loads and transposes of 4x4, twice as fast as hardware
// gathers.
GX_HD void gather_rows(Baseline, const CurveRow* rows, const int32_t* row, float* c0, float* c1, float* c2, float* c3) {
  for (int i = 0; i < kBlock; i += 4) {
    const Float4 a = load<Float4>(rows + row[i]), b = load<Float4>(rows + row[i + 1]);
    const Float4 c = load<Float4>(rows + row[i + 2]), d = load<Float4>(rows + row[i + 3]);
    const Float4 ab_lo = choose<0, 4, 1, 5>(a, b), ab_hi = choose<2, 6, 3, 7>(a, b);
    const Float4 cd_lo = choose<0, 4, 1, 5>(c, d), cd_hi = choose<2, 6, 3, 7>(c, d);
    const Float4 t0 = choose<0, 1, 4, 5>(ab_lo, cd_lo);
    const Float4 t1 = choose<2, 3, 6, 7>(ab_lo, cd_lo);
    const Float4 t2 = choose<0, 1, 4, 5>(ab_hi, cd_hi);
    const Float4 t3 = choose<2, 3, 6, 7>(ab_hi, cd_hi);
    memcpy(c0 + i, &t0, sizeof(t0));
    memcpy(c1 + i, &t1, sizeof(t1));
    memcpy(c2 + i, &t2, sizeof(t2));
    memcpy(c3 + i, &t3, sizeof(t3));
  }
}

#if defined(GX_TARGET_AVX2)
GX_HD void gather_rows(Avx2, const CurveRow* rows, const int32_t* row, float* c0, float* c1, float* c2, float* c3) {
  gather_rows(Baseline{}, rows, row, c0, c1, c2, c3);
}

// The same with four tiles side by side.
GX_TARGET_AVX512 inline void gather_rows(Avx512, const CurveRow* rows, const int32_t* row, float* c0, float* c1,
                                         float* c2, float* c3) {
  for (int i = 0; i < kBlock; i += 16) {
    __m512 r[4];
    for (int k = 0; k < 4; ++k) {
      r[k] = _mm512_castps128_ps512(_mm_load_ps(&rows[row[i + k]].c0));
      r[k] = _mm512_insertf32x4(r[k], _mm_load_ps(&rows[row[i + 4 + k]].c0), 1);
      r[k] = _mm512_insertf32x4(r[k], _mm_load_ps(&rows[row[i + 8 + k]].c0), 2);
      r[k] = _mm512_insertf32x4(r[k], _mm_load_ps(&rows[row[i + 12 + k]].c0), 3);
    }
    const __m512d ab_lo = _mm512_castps_pd(_mm512_unpacklo_ps(r[0], r[1]));
    const __m512d ab_hi = _mm512_castps_pd(_mm512_unpackhi_ps(r[0], r[1]));
    const __m512d cd_lo = _mm512_castps_pd(_mm512_unpacklo_ps(r[2], r[3]));
    const __m512d cd_hi = _mm512_castps_pd(_mm512_unpackhi_ps(r[2], r[3]));
    _mm512_store_ps(c0 + i, _mm512_castpd_ps(_mm512_unpacklo_pd(ab_lo, cd_lo)));
    _mm512_store_ps(c1 + i, _mm512_castpd_ps(_mm512_unpackhi_pd(ab_lo, cd_lo)));
    _mm512_store_ps(c2 + i, _mm512_castpd_ps(_mm512_unpacklo_pd(ab_hi, cd_hi)));
    _mm512_store_ps(c3 + i, _mm512_castpd_ps(_mm512_unpackhi_pd(ab_hi, cd_hi)));
  }
}
#endif

// apply_curve of math/sample.h on a block: the same steps, each over all voxels.
template <bool kClamp, bool kDecreasing, typename I>
GX_HD void curve_steps(I isa, const CurveTable& table, const Range& range, float* values) {
  const CurveLookup look = table.curve.lookup;  // copies: nothing that is stored to can change them
  const Range from = range;
  alignas(64) float v[kBlock], u[kBlock], c0[kBlock], c1[kBlock], c2[kBlock], c3[kBlock];
  alignas(64) int32_t row[kBlock];
  for (int i = 0; i < kBlock; ++i) {
    v[i] = to_unit(from, kClamp, values[i]);
    const CurvePlace place = curve_place(look, in_unit(v[i]) ? v[i] : 0.0f);
    row[i] = place.row;
    u[i] = place.u;
  }
  gather_rows(isa, table.rows.data(), row, c0, c1, c2, c3);
  for (int i = 0; i < kBlock; ++i) {
    values[i] = from_unit(from, kDecreasing, v[i], curve_polynomial(c0[i], c1[i], c2[i], c3[i], u[i]));
  }
}

template <typename I>
GX_HD void curve_clamped_body(I isa, const CurveTable& table, const Range& range, float* values) {
  table.curve.decreasing ? curve_steps<true, true>(isa, table, range, values)
                         : curve_steps<true, false>(isa, table, range, values);
}

template <typename I>
GX_HD void curve_open_body(I isa, const CurveTable& table, const Range& range, float* values) {
  table.curve.decreasing ? curve_steps<false, true>(isa, table, range, values)
                         : curve_steps<false, false>(isa, table, range, values);
}

GX_DISPATCH_TAGGED(curve_clamped, (const CurveTable& table, const Range& range, float* values), (table, range, values))
GX_DISPATCH_TAGGED(curve_open, (const CurveTable& table, const Range& range, float* values), (table, range, values))

// Noise of whole groups of 32 voxels, in [0,1): eight calls a group (docs/determinism.md).
template <int kGroups, typename I>
GX_HD void noise_groups(I isa, const Key& key, int64_t group, float* out) {
  WordLanes<8 * kGroups> words;
  philox_lanes(isa, key, Purpose::kNoise, static_cast<uint32_t>(group * 8), words);
  for (int g = 0; g < kGroups; ++g) {
    for (int i = 0; i < 8; ++i) out[32 * g + i] = uniform(words.w0[8 * g + i]);
    for (int i = 0; i < 8; ++i) out[32 * g + 8 + i] = uniform(words.w1[8 * g + i]);
    for (int i = 0; i < 8; ++i) out[32 * g + 16 + i] = uniform(words.w2[8 * g + i]);
    for (int i = 0; i < 8; ++i) out[32 * g + 24 + i] = uniform(words.w3[8 * g + i]);
  }
}

template <typename I>
GX_HD void noise_block_body(I isa, const Key& key, int64_t first, float* out) {
  if ((first & 31) == 0) {
    noise_groups<kBlock / 32>(isa, key, first >> 5, out);
  } else {
    noise_groups<kNoiseBlock / 32>(isa, key, first >> 5, out);
  }
}

}  // namespace

GX_DISPATCH_ISA(build_table, (const ControlPoints& points, CurveTable& table), (points, table))
GX_DISPATCH_TAGGED(noise_block, (const Key& key, int64_t first, float* out), (key, first, out))

void curve_block(const CurveTable& table, const Range& range, bool clamp, float* values) {
  clamp ? curve_clamped(table, range, values) : curve_open(table, range, values);
}

void curve_block(const CurveTable& table, const Range& range, bool clamp, double* values) {
  for (int i = 0; i < kBlock; ++i) values[i] = apply_curve_exact(table.curve, range, clamp, values[i]);
}

}  // namespace gx::cpu
