// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

//   x           float [N, C, X, Y, Z], any strides; float64 too
//   key         int64 [N, 2]: seed, sample id
//   max_window  largest sides in voxels, at most those of the patch and 2^20 voxels together
//   order       0 last writer, 1 sequential;   permute   0 voxel, 1 axes
//   out         contiguous, like x
#pragma once

#include "../../torch_api/batch.h"

namespace gx {

struct LocalShuffleArguments {
  Batch batch;
  ShuffleSpec shuffle;
  ShuffleSource source;
  Tensor key;  // keeps alive what `source` points to
};

inline LocalShuffleArguments check_local_shuffle(const Tensor& x, const Tensor& key, int64_t num_windows,
                                                 const std::vector<int64_t>& max_window, int64_t order,
                                                 int64_t permute) {
  const char* op = "local_shuffle";
  LocalShuffleArguments arguments = {check_batch(op, x, true), {}, {}, key};
  arguments.shuffle = check_shuffle(op, arguments.batch.shape, num_windows, max_window, order, permute);
  arguments.source.keys = check_keys(op, arguments.batch, key, arguments.key);
  return arguments;
}

}  // namespace gx
