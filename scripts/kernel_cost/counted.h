// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// A Device as in csrc/cuda/separable.h that prints, for every launch, how often warps come by the places that GX_PATH
// names: a line of JSON each. nvcc compiles the same programs for the machine code of the kernels that they launch.
#pragma once

#if !defined(__CUDACC__)
#define GX_MARK_PATHS
#include "csrc/cuda_on_cpu.h"
#include "dlfcn.h"
#endif

#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

namespace counted {

class Device {
 public:
  // `scale`: how much larger than what is run here is what is asked for.
  Device(const char* name, double scale) : name_(name), scale_(scale) {}

  void* memory(int64_t bytes) {
    memory_.emplace_back(static_cast<size_t>(bytes / 32 + 1));
    return memory_.back().data();
  }

  template <typename Job>
  void launch(void (*kernel)(Job), int64_t blocks, int threads, const Job& job) {
#if defined(__CUDACC__)
    kernel<<<static_cast<unsigned>(blocks), static_cast<unsigned>(threads)>>>(job);
#else
    cuda_on_cpu::launch(static_cast<uint32_t>(blocks), static_cast<uint32_t>(threads), [&] { kernel(job); });
    Dl_info symbol = {};
    if (dladdr(reinterpret_cast<void*>(kernel), &symbol) == 0 || symbol.dli_sname == nullptr) std::abort();
    const cuda_on_cpu::Paths::Result paths = cuda_on_cpu::paths().take();
    std::printf("{\"case\": \"%s\", \"kernel\": \"%s\", \"blocks\": %.0f, \"threads\": %d", name_, symbol.dli_sname,
                static_cast<double>(blocks) * scale_, threads);
    print("all", paths.all, scale_);
    print("slowest", paths.slowest, 1.0 / static_cast<double>(blocks));
    print("longest", paths.longest, 1.0);
    std::printf("}\n");
#endif
  }

 private:
#if !defined(__CUDACC__)
  static void print(const char* name, const cuda_on_cpu::Paths::Counts& counts, double scale) {
    std::printf(", \"%s\": {", name);
    const char* comma = "";
    for (const auto& [path, count] : counts) {
      std::printf("%s\"%s\": %.9g", comma, path.c_str(), static_cast<double>(count) * scale);
      comma = ", ";
    }
    std::printf("}");
  }
#endif

  struct alignas(32) Piece {
    char bytes[32];
  };

  const char* name_;
  double scale_;
  std::vector<std::vector<Piece>> memory_;
};

}  // namespace counted
