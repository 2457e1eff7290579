// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Results that are larger than the caches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "kept.h"

namespace gx::cpu {

constexpr size_t kLine = 64;  // bytes of a cache line
constexpr size_t kLargePage = size_t{1} << 21;

// Asks for 2 MiB pages where fresh memory has not been touched yet: in pages of 4 KiB, first touches and misses of the
// address cache cost as much as a whole transformation (docs/performance.md).
inline void advise_huge_pages([[maybe_unused]] void* data, [[maybe_unused]] size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + kLargePage - 1) & ~(kLargePage - 1);
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + bytes) & ~(kLargePage - 1);
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // advice: may be refused
#endif
}

// Memory that starts a cache line: vectors of 64 bytes that straddle two of them cost twice as much.
template <typename T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t count)
      : memory_(std::make_unique_for_overwrite<char[]>(count * sizeof(T) + kLine)),
        data_(reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(memory_.get()) + kLine - 1) / kLine * kLine)) {}
  T* data() const { return data_; }

 private:
  std::unique_ptr<char[]> memory_;
  T* data_ = nullptr;
};

// Memory for an intermediate result.
class Workspace {
 public:
  explicit Workspace(size_t bytes) : block_(take_block(bytes)) {
    if (block_.data == nullptr) throw std::bad_alloc();
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() { give_block(block_); }
  char* data() const { return static_cast<char*>(block_.data); }

 private:
  Block block_;
};

// Results of this many bytes and more bypass the caches: they would be evicted before anybody reads them.
constexpr size_t kStreamBytes = size_t{8} << 20;

// Copies past the caches whatever fills whole cache lines of `to`; end with stream_fence.
__attribute__((always_inline)) inline void stream_copy(void* to, const void* from, size_t bytes) {
#if defined(__SSE2__)
  const size_t before = (kLine - reinterpret_cast<uintptr_t>(to) % kLine) % kLine;
  if (before + kLine <= bytes) {
    const size_t whole = (bytes - before) / kLine * kLine;
    std::memcpy(to, from, before);
    const __m128i* source = reinterpret_cast<const __m128i*>(static_cast<const char*>(from) + before);
    __m128i* target = reinterpret_cast<__m128i*>(static_cast<char*>(to) + before);
    for (size_t i = 0; i < whole / 16; i += 4) {
      const __m128i a = _mm_loadu_si128(source + i), b = _mm_loadu_si128(source + i + 1);
      const __m128i c = _mm_loadu_si128(source + i + 2), d = _mm_loadu_si128(source + i + 3);
      _mm_stream_si128(target + i, a);
      _mm_stream_si128(target + i + 1, b);
      _mm_stream_si128(target + i + 2, c);
      _mm_stream_si128(target + i + 3, d);
    }
    to = static_cast<char*>(to) + before + whole;
    from = static_cast<const char*>(from) + before + whole;
    bytes -= before + whole;
  }
#endif
  std::memcpy(to, from, bytes);
}

inline void stream_fence() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace gx::cpu
