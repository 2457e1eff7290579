// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Boxes cut out of volumes and resized on a CPU (docs/resampling.md, "Boxes"): for each output x the taps along x, then
// those along y, then those along z with the lines side by side.
#pragma once

#include <memory>

#include "../math/crop.h"
#include "lanes.h"

namespace gx::cpu {

// The buffer that holds all volumes, and the contiguous result (N, X, Y, Z).
struct CropBuffers {
  const void* voxels;
  Voxel type;
  int64_t count;  // of voxels
  void* out;
  Voxel out_type;
  int32_t out_shape[3];
  bool stream;  // write past the caches: the result is larger than they are
};

// Tables and buffers of a thread, kept from box to box.
struct CropScratch;
struct CropScratchDeleter {
  void operator()(CropScratch* scratch) const;
};
using CropScratchPtr = std::unique_ptr<CropScratch, CropScratchDeleter>;
CropScratchPtr make_crop_scratch();

// Outputs [begin, end) along x of sample n.
void crop_slabs(const Crop& crop, const CropBuffers& buffers, int64_t n, int32_t begin, int32_t end,
                CropScratch& scratch);

}  // namespace gx::cpu
