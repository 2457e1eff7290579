// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

//   sample_id   int64 [N]
//   seed        int64 [1]
//   purpose     a number of `Purpose` (csrc/math/philox.h)
//   out         int64 [N, count, 4]: the words, in [0, 2^32), of the indices 0 .. count-1
#pragma once

#include "../../torch_api/batch.h"
#include "../../torch_api/ids.h"
#include "../../torch_api/result.h"

namespace gx {

struct WordsArguments {
  Tensor sample_id, seed;  // contiguous
  Purpose purpose;
  int64_t samples, count;
};

inline WordsArguments check_philox_words(const Tensor& sample_id, const Tensor& seed, int64_t purpose, int64_t count) {
  const char* op = "philox_words";
  check_ids_and_seed(op, sample_id, seed);
  GX_CHECK(purpose >= kFirstPurpose && purpose <= kLastPurpose, op, ": purpose must be in [", kFirstPurpose, ", ",
           kLastPurpose, "], the numbers that have a meaning, got ", purpose);
  const int64_t samples = sample_id.size(0);
  GX_CHECK(count >= 0 && count <= kMaxVoxels && (count == 0 || samples <= kMaxNoise / count), op,
           ": count must be in [0, ", kMaxVoxels, "] with at most 2^34 draws altogether, got ", count, " for ", samples,
           " samples");
  return {torch::stable::contiguous(sample_id), torch::stable::contiguous(seed),
          static_cast<Purpose>(static_cast<uint32_t>(purpose)), samples, count};
}

}  // namespace gx
