// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Boxes cut out of volumes and resized (docs/resampling.md, "Boxes"): a block makes a tile of one sample. Sums are
// nested, x inside y inside z, and have the order of the CPU's however they are cut into pieces. Like transform.cuh this
// names nothing of torch or of CUDA's host API.
#pragma once

#include "../math/crop.h"
#include "volumes.cuh"

namespace gx::cuda {

constexpr int kCropThreads = 256;

template <typename In>
struct CropJob {
  CropSource source;
  const In* voxels;
  Target to;  // sides of one sample
  int32_t tile[3], tiles[3];

  int64_t blocks(int64_t samples) const { return samples * tiles[0] * tiles[1] * tiles[2]; }
};

template <typename In>
CropJob<In> make_crop_job(const CropSource& source, const void* voxels, void* out, Voxel out_type,
                          const int32_t (&tile)[3]) {
  CropJob<In> job = {source, static_cast<const In*>(voxels), Target(out, out_type, source.out), {}, {}};
  for (int d = 0; d < 3; ++d) {
    job.tile[d] = tile[d];
    job.tiles[d] = (source.out[d] + tile[d] - 1) / tile[d];
  }
  return job;
}

// The tile of a block.
struct CropBlock {
  int64_t sample;
  int32_t first[3], size[3];
};

template <typename In>
__device__ __forceinline__ CropBlock crop_block(const CropJob<In>& job) {
  CropBlock block;
  uint32_t rest = blockIdx.x;
  for (int d = 2; d >= 0; --d) {
    GX_PATH("digit", "kernel");
    const uint32_t tiles = static_cast<uint32_t>(job.tiles[d]);
    block.first[d] = static_cast<int32_t>(rest % tiles) * job.tile[d];
    block.size[d] = min_of(job.tile[d], job.to.m[d] - block.first[d]);
    rest /= tiles;
  }
  block.sample = rest;
  return block;
}

// Shared memory for a Crop, which has a constructor.
union SharedCrop {
  unsigned char bytes[sizeof(Crop)];
  double aligned;
};

GX_HD int32_t crop_clamped(int32_t at, int32_t n) { return max_of(min_of(at, n - 1), 0); }

// ---------------------------------------------------------------------------------------------------------------------
// At most two taps along each axis.

constexpr int32_t kPairSide = 64;    // of a tile along x and y
constexpr int32_t kPairSideZ = 32;   // and along z: the lanes of a warp
constexpr int32_t kPairTile = 4096;  // voxels of a tile

struct PairTile {
  int32_t side[3];
};

// Long along z, where voxels are neighbours in memory.
inline PairTile pair_tile(const int32_t (&out)[3]) {
  const int32_t z = min_of(out[2], kPairSideZ), y = min_of(out[1], kPairSide);
  return {{min_of(out[0], min_of(max_of(kPairTile / (z * y), 1), kPairSide)), y, z}};
}

struct alignas(16) CropPair {
  int64_t at[2];  // bytes from the volume's first voxel
  float weight[2];
  int32_t count;  // 0: outside
};

__device__ __forceinline__ CropPair crop_pair(const AxisSpec& axis, int32_t i, int64_t stride) {
  const CropTaps taps = crop_taps(axis, i);
  return {{crop_clamped(taps.first, axis.n) * stride, crop_clamped(taps.first + 1, axis.n) * stride},
          {static_cast<float>(taps.a), static_cast<float>(taps.b)},
          taps.count};
}

// The sum of a pair; of one tap, that alone. A choice, not a branch: the second one can be read in any case.
__device__ __forceinline__ float pair_sum(const CropPair& pair, float one, float other) {
  const float first = pair.weight[0] * one, both = first + pair.weight[1] * other;
  return pair.count < 2 ? first : both;
}

// A thread keeps its place along z, and the weights there, from line to line of the tile.
template <typename In>
__global__ void __launch_bounds__(kCropThreads, 4) crop_pairs_kernel(const __grid_constant__ CropJob<In> job) {
  __shared__ SharedCrop shared;
  __shared__ CropPair pairs[3][kPairSide];
  Crop& crop = *reinterpret_cast<Crop*>(shared.bytes);
  GX_PATH("kernel", "");
  const CropBlock block = crop_block(job);
  const int32_t thread = static_cast<int32_t>(threadIdx.x), d = thread / kPairSide, i = thread % kPairSide;
  if (thread == 0) {
    GX_PATH("crop", "kernel");
    crop = job.source(block.sample);
  }
  __syncthreads();
  const int32_t size = d == 0 ? block.size[0] : d == 1 ? block.size[1] : block.size[2];
  const int32_t first = d == 0 ? block.first[0] : d == 1 ? block.first[1] : block.first[2];
  if (crop.usable && d < 3 && i < size) {
    GX_PATH("taps", "kernel");
    const int64_t voxel = sizeof(In), row = voxel * crop.axes[2].n, plane = row * crop.axes[1].n;
    pairs[d][i] = crop_pair(crop.axes[d], first + i, d == 0 ? plane : d == 1 ? row : voxel);
  }
  __syncthreads();
  int32_t bits = 0;  // 2^bits threads a line
  while ((1 << bits) < block.size[2]) {
    GX_PATH("bit", "kernel");
    ++bits;
  }
  const int32_t z = thread & ((1 << bits) - 1), lines = kCropThreads >> bits;
  if (z >= block.size[2]) return;
  CropPair pz = {};
  if (crop.usable) {
    const CropPair& of_line = pairs[2][z];
    pz = {{of_line.at[0], of_line.at[1]}, {of_line.weight[0], of_line.weight[1]}, of_line.count};
  }
  const Range window = crop.window;
  const char* volume = reinterpret_cast<const char*>(job.voxels + crop.offset);
  const char *near = volume + pz.at[0], *far = volume + pz.at[1];
  int32_t x = 0, y = thread >> bits;
  const int64_t row = job.to.row.by, step = lines * row, wrap = job.to.plane.by - block.size[1] * row;
  int64_t to = block.sample * job.to.voxels() + block.first[0] * job.to.plane.by + (block.first[1] + y) * row +
               block.first[2] + z;
  while (true) {
    GX_PATH("voxel", "kernel");
    for (; y >= block.size[1]; y -= block.size[1]) {
      GX_PATH("next plane", "voxel");
      ++x;
      to += wrap;
    }
    if (x >= block.size[0]) return;
    float value = crop.fill;
    if (pz.count > 0 && pairs[0][x].count > 0 && pairs[1][y].count > 0) {
      GX_PATH("inside", "voxel");
      const CropPair &px = pairs[0][x], &py = pairs[1][y];
      float lines_of[2];
      In read[2][2][2];
      GX_UNROLL
      for (int b = 0; b < 2; ++b) {
        GX_UNROLL
        for (int a = 0; a < 2; ++a) {
          const int64_t line = px.at[a] + py.at[b];
          read[0][b][a] = *reinterpret_cast<const In*>(near + line);
          read[1][b][a] = *reinterpret_cast<const In*>(far + line);
        }
      }
      GX_UNROLL
      for (int k = 0; k < 2; ++k) {
        const auto along_x = [&](int b) {
          return pair_sum(px, static_cast<float>(widen(read[k][b][0])), static_cast<float>(widen(read[k][b][1])));
        };
        lines_of[k] = pair_sum(py, along_x(0), along_x(1));
      }
      value = pair_sum(pz, lines_of[0], lines_of[1]);
    }
    store(job.to, to, windowed(window, value));
    y += lines;
    to += step;
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Any number of taps: along x from global memory, then along y and z in shared memory, in pieces that fit it.

constexpr int32_t kLinesY = 16, kLinesZ = 32;                   // a tile is 1 x 16 x 32 outputs
constexpr int32_t kPieceX = 32, kPieceY = 32, kPieceZ = 64;     // taps along x and voxels along y and z of a piece
constexpr int32_t kPitchZ = kPieceZ + 1;                        // threads that walk along rows find 32 banks
constexpr int kPlaneValues = kPieceY * kPieceZ / kCropThreads;  // of a thread
constexpr int kLineValues = kLinesY * kPieceZ / kCropThreads;
constexpr int kTileValues = kLinesY * kLinesZ / kCropThreads;
static_assert(kPlaneValues * kCropThreads == kPieceY * kPieceZ && kCropThreads % kPieceZ == 0);
static_assert(kLineValues * kCropThreads == kLinesY * kPieceZ && kTileValues * kCropThreads == kLinesY * kLinesZ);

inline constexpr int32_t kLinesTile[3] = {1, kLinesY, kLinesZ};

struct SharedLines {
  SharedCrop crop;
  CropTaps x, y[kLinesY], z[kLinesZ];
  int32_t from[2], to[2];  // voxels along y and z that the tile needs; they may lie beyond the volume
  float weight_x[kPieceX], weight_y[kLinesY * kPieceY], weight_z[kLinesZ * kPitchZ];
  float plane[kPieceY * kPieceZ], lines[kLinesY * kPieceZ];
};

// Weights of the voxels [at, at + piece) for some outputs, zero where they have none.
__device__ __forceinline__ void fill_weights(const AxisSpec& axis, const CropTaps* taps, int32_t outputs, int32_t at,
                                             int32_t piece, int32_t pitch, int32_t thread, float* weights) {
  for (int32_t e = thread; e < outputs * piece; e += kCropThreads) {
    const int32_t output = e / piece, k = e - output * piece, j = at + k - taps[output].first;
    const bool inside = j >= 0 && j < taps[output].count;
    weights[output * pitch + k] = inside ? crop_weight(axis, taps[output], j) : 0.0f;
  }
}

// The part of an output's taps that lies in the piece from voxel `at` on.
struct TapPart {
  int32_t from, to;
};
__device__ __forceinline__ TapPart part_of(const CropTaps& taps, int32_t at, int32_t piece) {
  return {max_of(taps.first - at, 0), min_of(taps.first - at + taps.count, piece)};
}

__device__ __forceinline__ void needed_voxels(const CropTaps* taps, int32_t outputs, int32_t& from, int32_t& to) {
  from = 0x7fffffff;
  to = -0x7fffffff;
  for (int32_t i = 0; i < outputs; ++i) {
    if (taps[i].count == 0) continue;
    from = min_of(from, taps[i].first);
    to = max_of(to, taps[i].first + taps[i].count);
  }
}

// Sums begin with -0, to which any first product adds as itself; weights of zero are left out.
template <typename In>
__global__ void __launch_bounds__(kCropThreads, 2) crop_lines_kernel(const __grid_constant__ CropJob<In> job) {
  __shared__ SharedLines shared;
  Crop& crop = *reinterpret_cast<Crop*>(shared.crop.bytes);
  const CropBlock block = crop_block(job);
  const int32_t thread = static_cast<int32_t>(threadIdx.x);
  if (thread == 0) crop = job.source(block.sample);
  __syncthreads();
  const bool usable = crop.usable;
  if (usable) {
    if (thread < block.size[1]) shared.y[thread] = crop_taps(crop.axes[1], block.first[1] + thread);
    if (thread >= 32 && thread < 32 + block.size[2]) {
      shared.z[thread - 32] = crop_taps(crop.axes[2], block.first[2] + thread - 32);
    }
    if (thread == 64) shared.x = crop_taps(crop.axes[0], block.first[0]);
    __syncthreads();
    if (thread == 0) needed_voxels(shared.y, block.size[1], shared.from[0], shared.to[0]);
    if (thread == 32) needed_voxels(shared.z, block.size[2], shared.from[1], shared.to[1]);
    __syncthreads();
  }
  const bool inside = usable && shared.x.count > 0 && shared.from[0] < shared.to[0] && shared.from[1] < shared.to[1];
  float value[kTileValues];
  for (int k = 0; k < kTileValues; ++k) value[k] = -0.0f;
  if (inside) {
    const int32_t ny = crop.axes[1].n, nz = crop.axes[2].n;
    const int64_t plane = int64_t{ny} * nz;
    const In* volume = job.voxels + crop.offset;
    const int32_t column = thread % kPieceZ, row = thread / kPieceZ;
    constexpr int32_t kRows = kCropThreads / kPieceZ;
    for (int32_t at_z = shared.from[1]; at_z < shared.to[1]; at_z += kPieceZ) {
      const bool used_column = at_z + column < shared.to[1];
      const In* at_column = volume + crop_clamped(at_z + column, nz);
      float line[kLineValues];  // of output row + k * kRows along y
      for (int k = 0; k < kLineValues; ++k) line[k] = -0.0f;
      for (int32_t at_y = shared.from[0]; at_y < shared.to[0]; at_y += kPieceY) {
        float sum[kPlaneValues];  // of voxel at_y + row + k * kRows
        for (int k = 0; k < kPlaneValues; ++k) sum[k] = -0.0f;
        for (int32_t at_x = 0; at_x < shared.x.count; at_x += kPieceX) {
          const int32_t taps = min_of(shared.x.count - at_x, kPieceX);
          __syncthreads();  // the weights before are still in use
          if (thread < taps) shared.weight_x[thread] = crop_weight(crop.axes[0], shared.x, at_x + thread);
          __syncthreads();
          for (int32_t j = 0; j < taps; ++j) {
            const float weight = shared.weight_x[j];
            if (weight == 0.0f || !used_column) continue;
            const In* at = at_column + crop_clamped(shared.x.first + at_x + j, crop.axes[0].n) * plane;
            for (int k = 0; k < kPlaneValues; ++k) {
              const int32_t y = at_y + row + k * kRows;
              if (y < shared.to[0]) sum[k] = sum[k] + weight * widen(at[int64_t{crop_clamped(y, ny)} * nz]);
            }
          }
        }
        for (int k = 0; k < kPlaneValues; ++k) shared.plane[(row + k * kRows) * kPieceZ + column] = sum[k];
        fill_weights(crop.axes[1], shared.y, block.size[1], at_y, kPieceY, kPieceY, thread, shared.weight_y);
        __syncthreads();
        for (int k = 0; k < kLineValues; ++k) {
          const int32_t output = row + k * kRows;
          if (output >= block.size[1]) continue;
          const TapPart part = part_of(shared.y[output], at_y, kPieceY);
          for (int32_t j = part.from; j < part.to; ++j) {
            const float weight = shared.weight_y[output * kPieceY + j];
            if (weight != 0.0f) line[k] = line[k] + weight * shared.plane[j * kPieceZ + column];
          }
        }
      }
      for (int k = 0; k < kLineValues; ++k) shared.lines[(row + k * kRows) * kPieceZ + column] = line[k];
      fill_weights(crop.axes[2], shared.z, block.size[2], at_z, kPieceZ, kPitchZ, thread, shared.weight_z);
      __syncthreads();
      for (int k = 0; k < kTileValues; ++k) {
        const int32_t y = (thread + k * kCropThreads) / kLinesZ, z = thread % kLinesZ;
        if (z >= block.size[2]) continue;
        const TapPart part = part_of(shared.z[z], at_z, kPieceZ);
        for (int32_t j = part.from; j < part.to; ++j) {
          const float weight = shared.weight_z[z * kPitchZ + j];
          if (weight != 0.0f) value[k] = value[k] + weight * shared.lines[y * kPieceZ + j];
        }
      }
    }
  }
  for (int k = 0; k < kTileValues; ++k) {
    const int32_t y = (thread + k * kCropThreads) / kLinesZ, z = thread % kLinesZ;
    if (y >= block.size[1] || z >= block.size[2]) continue;
    const bool filled = !inside || shared.y[y].count == 0 || shared.z[z].count == 0;
    const int64_t to = block.sample * job.to.voxels() + block.first[0] * job.to.plane.by +
                       (block.first[1] + y) * job.to.row.by + block.first[2] + z;
    store(job.to, to, windowed(crop.window, filled ? crop.fill : value[k]));
  }
}

// All boxes in one launch, by a `Device` as in separable.h.
template <typename In, typename Device>
void run_crops(const CropSource& source, int64_t samples, const void* voxels, void* out, Voxel out_type,
               Device& device) {
  const bool pairs = source.order < 3 && !source.antialias;
  const PairTile tile = pair_tile(source.out);
  const CropJob<In> job = make_crop_job<In>(source, voxels, out, out_type, pairs ? tile.side : kLinesTile);
  device.launch(pairs ? crop_pairs_kernel<In> : crop_lines_kernel<In>, job.blocks(samples), kCropThreads, job);
}

}  // namespace gx::cuda
