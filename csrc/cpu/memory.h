// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Results that are larger than the caches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace gx::cpu {

constexpr size_t kLine = 64;  // bytes of a cache line

// Asks for 2 MiB pages where a fresh result has not been touched yet. Results of many MiB come new from the system with
// every call; in pages of 4 KiB, first touches and misses of the address cache cost as much as a whole transformation
// (docs/performance.md).
inline void advise_huge_pages([[maybe_unused]] void* data, [[maybe_unused]] size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr uintptr_t kPage = uintptr_t{1} << 21;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + kPage - 1) & ~(kPage - 1);
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + bytes) & ~(kPage - 1);
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

// Memory for an intermediate result. One block of at most kKeptBytes is kept from call to call, since clearing fresh pages
// takes the system a quarter of the time of resampling.
class Workspace {
 public:
  explicit Workspace(size_t bytes) : block_(take()) {
    if (block_.size >= bytes) return;
    block_ = {};  // freed before more is asked for
    block_ = {Buffer<char>(bytes), bytes};
    advise_huge_pages(block_.data.data(), bytes);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() {
    const std::lock_guard<std::mutex> guard(mutex());
    if (block_.size <= kKeptBytes && block_.size > kept().size) std::swap(kept(), block_);
  }
  char* data() const { return block_.data.data(); }

 private:
  static constexpr size_t kKeptBytes = size_t{256} << 20;
  struct Block {
    Buffer<char> data;
    size_t size = 0;
  };
  static std::mutex& mutex() {
    static std::mutex instance;
    return instance;
  }
  static Block& kept() {
    static Block instance;
    return instance;
  }
  static Block take() {
    const std::lock_guard<std::mutex> guard(mutex());
    return std::exchange(kept(), Block{});
  }
  Block block_;
};

// From how many bytes on a result is written past the caches: what is not read before it is out of them again needs no line fetched.
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
