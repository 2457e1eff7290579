// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The functions of a CUDA torch that _ops_cuda.so needs and a CPU torch lacks. With them the library can be loaded and
// its registrations looked at; none is called without a GPU, so each ends the process.
#include <stdio.h>
#include <stdlib.h>

#define STUB(name)                                             \
  void name(void) {                                            \
    fputs(#name " was called without a CUDA torch\n", stderr); \
    abort();                                                   \
  }

STUB(aoti_torch_get_current_cuda_stream)
