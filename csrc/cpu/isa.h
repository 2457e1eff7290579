// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// One build for every x86-64: hot functions are compiled for three instruction sets and chosen at run time.
#pragma once

namespace gx::cpu {

enum class Isa { kBaseline = 0, kAvx2 = 1, kAvx512 = 2 };

// What the processor has; the environment variable GENESIS_ISA (baseline or avx2) lowers it. Read once.
Isa instruction_set();
const char* instruction_set_name(Isa isa);

// The instruction sets as types: a function with intrinsics is overloaded on them.
struct Baseline {};
struct Avx2 {};
struct Avx512 {};

// GX_DISPATCH_ISA(name, parameters, arguments) defines the function `name` that runs the always inlined `name_body`
// compiled for the processor's instruction set; GX_DISPATCH_TAGGED gives the body the instruction set's type before the
// other arguments. All arithmetic gives the same bits in each: nothing is contracted or reordered.
#define GX_UNPACK(...) __VA_ARGS__
#if defined(__x86_64__) && defined(__GNUC__)
#define GX_TARGET_AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#define GX_TARGET_AVX512 \
  __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")))
#define GX_DISPATCH(name, parameters, arguments, avx2_arguments, avx512_arguments, baseline_arguments) \
  GX_TARGET_AVX2 void name##_avx2 parameters { name##_body avx2_arguments; }                           \
  GX_TARGET_AVX512 void name##_avx512 parameters { name##_body avx512_arguments; }                     \
  void name##_baseline parameters { name##_body baseline_arguments; }                                  \
  void name parameters {                                                                               \
    switch (instruction_set()) {                                                                       \
      case Isa::kAvx512: return name##_avx512 arguments;                                               \
      case Isa::kAvx2: return name##_avx2 arguments;                                                   \
      case Isa::kBaseline: return name##_baseline arguments;                                           \
    }                                                                                                  \
  }
#else
#define GX_DISPATCH(name, parameters, arguments, avx2_arguments, avx512_arguments, baseline_arguments) \
  void name parameters { name##_body baseline_arguments; }
#endif
#define GX_DISPATCH_ISA(name, parameters, arguments) \
  GX_DISPATCH(name, parameters, arguments, arguments, arguments, arguments)
#define GX_DISPATCH_TAGGED(name, parameters, arguments)                                                    \
  GX_DISPATCH(name, parameters, arguments, (Avx2{}, GX_UNPACK arguments), (Avx512{}, GX_UNPACK arguments), \
              (Baseline{}, GX_UNPACK arguments))

}  // namespace gx::cpu
