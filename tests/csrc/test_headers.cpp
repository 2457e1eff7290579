// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// All headers of CPU and CUDA code, compiled together: fails to build where a name is given to two things.
#include "cuda_on_cpu.h"
// after it, since kernels need what it stands for
#include "all_headers.h"

int main() { return 0; }
