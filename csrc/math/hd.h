// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// What lets one function be compiled for the host and for the device.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#define GX_HD __host__ __device__ __forceinline__
#else
// Always inlined, so that a caller compiled for AVX2 or AVX-512 vectorises what it calls.
#define GX_HD inline __attribute__((always_inline))
#endif

// Before a loop of constant length over small arrays: on a device these stay in registers only where it is unrolled.
#if defined(__CUDA_ARCH__)
#define GX_UNROLL _Pragma("unroll")
#else
#define GX_UNROLL
#endif

// Before a loop that must not be unrolled, so that it stays within the registers.
#if defined(__CUDA_ARCH__)
#define GX_ROLLED _Pragma("unroll 1")
#else
#define GX_ROLLED
#endif

// GX_PATH(name, parent) stands at the start of every loop's body and of every branch worth counting in a kernel; parent is
// the one around it. It is nothing, but for scripts/kernel_cost: there it leaves an instruction that marks the place in
// the machine code, and on a CPU it counts how often a warp comes by.
#if defined(GX_MARK_PATHS) && defined(__CUDA_ARCH__)
#define GX_PATH(name, parent) asm volatile("pmevent.mask %0;" ::"n"(static_cast<int>(::gx::path_number(name))))
#elif !defined(GX_PATH)
#define GX_PATH(name, parent)
#endif

namespace gx {

// The number of a place that GX_PATH names, of 16 bits.
constexpr uint32_t path_number(const char* name) {
  uint32_t hash = 2166136261u;
  for (; *name != 0; ++name) hash = (hash ^ static_cast<uint32_t>(*name)) * 16777619u;
  return (hash ^ (hash >> 16)) & 0xffffu;
}

template <typename To, typename From>
GX_HD To bit_cast(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof(To));
  return to;
}

// Reads a value from memory whose declared type is another one (fields of a plan row); aligned as T.
template <typename T>
GX_HD T load(const void* from) {
  T value;
  memcpy(&value, __builtin_assume_aligned(from, alignof(T)), sizeof(T));
  return value;
}

template <typename T>
GX_HD T min_of(T a, T b) {
  return b < a ? b : a;
}

template <typename T>
GX_HD T max_of(T a, T b) {
  return a < b ? b : a;
}

// In [0, 1]; NaN and -0 become 0.
GX_HD float saturated(float v) {
#if defined(__CUDA_ARCH__)
  return __saturatef(v);
#else
  return v > 0.0f ? min_of(v, 1.0f) : 0.0f;
#endif
}

}  // namespace gx
