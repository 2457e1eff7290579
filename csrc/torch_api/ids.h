// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Whose random numbers are drawn: ids of the samples, and one seed.
#pragma once

#include "check.h"

namespace gx {

inline void check_ids_and_seed(const char* op, const Tensor& sample_id, const Tensor& seed) {
  check_dtype(op, "sample_id", sample_id, ScalarType::Long);
  check_sizes(op, "sample_id", "(N,)", sample_id, {-1});
  check_dtype(op, "seed", seed, ScalarType::Long);
  check_sizes(op, "seed", "(1,)", seed, {1});
  check_same_device(op, "seed", seed, sample_id);
}

}  // namespace gx
