// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include "isa.h"

#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace gx::cpu {

namespace {

Isa detect() {
  Isa isa = Isa::kBaseline;
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) isa = Isa::kAvx2;
  if (isa == Isa::kAvx2 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    isa = Isa::kAvx512;
  }
#endif
  if (const char* wanted = std::getenv("GENESIS_ISA")) {
    for (const Isa lower : {Isa::kBaseline, Isa::kAvx2}) {
      if (lower < isa && std::strcmp(wanted, instruction_set_name(lower)) == 0) return lower;
    }
  }
  return isa;
}

}  // namespace

const char* instruction_set_name(Isa isa) {
  return isa == Isa::kAvx512 ? "avx512" : isa == Isa::kAvx2 ? "avx2" : "baseline";
}

Isa instruction_set() {
  static const Isa isa = detect();
  return isa;
}

}  // namespace gx::cpu
