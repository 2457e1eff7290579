// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include "shuffle.h"

#include <array>
#include <type_traits>

#include "windows.h"
#include "words.h"  // and the intrinsics

namespace gx::cpu {

namespace {

// Claims [begin, begin + count): the bits that were free until now, lowest first. `Word` has at least count + 7 bits,
// and no more than needed: a wider store would be read back in part by the next row, which costs a stall.
template <typename Word>
GX_HD Word claim(uint8_t* bytes, int64_t begin, int32_t count) {
  uint8_t* at = bytes + (begin >> 3);
  const int shift = static_cast<int>(begin & 7);
  Word word;
  memcpy(&word, at, sizeof(word));
  const Word wanted = static_cast<Word>(((uint64_t{1} << count) - 1) << shift);
  const Word now = static_cast<Word>(word | wanted);
  memcpy(at, &now, sizeof(now));
  return static_cast<Word>((wanted & ~word) >> shift);
}

// Claims the free voxels of a window row by row: a bit a place.
template <typename Word>
GX_HD uint64_t* claim_rows(const Window& window, Shape shape, Bits& claimed, uint64_t* out) {
  constexpr int32_t kMost = 8 * sizeof(Word) - 7;  // voxels of a row that a word surely holds
  uint8_t* bytes = claimed.bytes();
  const int32_t size_y = window.y.size, size_z = window.z.size, rows = window.x.size * size_y;
  const int64_t next_plane = int64_t{shape.z} * (shape.y - size_y + 1);
  int64_t row = (int64_t{window.x.start} * shape.y + window.y.start) * shape.z + window.z.start;
  uint64_t word = 0;
  int32_t filled = 0, j = 0;
  for (int32_t r = 0; r < rows; ++r) {
    for (int32_t done = 0; done < size_z; done += kMost) {
      const int32_t width = min_of(size_z - done, kMost);
      const uint64_t free = claim<Word>(bytes, row + done, width);
      word |= free << filled;
      filled += width;
      if (filled >= 64) {
        *out++ = word;
        filled -= 64;
        word = free >> (width - filled);
      }
    }
    const bool plane_ends = ++j == size_y;
    row += plane_ends ? next_plane : shape.z;
    j = plane_ends ? 0 : j;
  }
  *out++ = word;
  return out;
}

#if defined(GX_TARGET_AVX2)
constexpr int32_t kVectorRows = 8;  // rows of 32 voxels in a vector

// The same where rows along z have 32 voxels: all rows of a plane at once.
GX_TARGET_AVX2 inline uint64_t* claim_planes(const Window& window, Shape shape, Bits& claimed, uint64_t* out) {
  const uint32_t row = (1u << window.z.size) - 1;
  const uint64_t bits_of_rows = row * uint64_t{0x0101010101010101};
  const __m256i inside =
      _mm256_cmpgt_epi32(_mm256_set1_epi32(window.y.size), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  const __m256i wanted = _mm256_and_si256(inside, _mm256_set1_epi32(static_cast<int32_t>(row << window.z.start)));
  const __m128i start = _mm_cvtsi32_si128(window.z.start);
  const int32_t places = window.y.size * window.z.size;
  uint8_t* at = claimed.bytes() + 4 * (int64_t{window.x.start} * shape.y + window.y.start);
  uint64_t word = 0;
  int32_t filled = 0;
  for (int32_t i = 0; i < window.x.size; ++i, at += 4 * int64_t{shape.y}) {
    const __m256i before = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), _mm256_or_si256(before, wanted));
    const __m256i free = _mm256_srl_epi32(_mm256_andnot_si256(before, wanted), start);
    const __m256i halves = _mm256_packus_epi32(free, free), bytes = _mm256_packus_epi16(halves, halves);
    const uint64_t low = static_cast<uint32_t>(_mm256_extract_epi32(bytes, 0));
    const uint64_t high = static_cast<uint32_t>(_mm256_extract_epi32(bytes, 4));
    const uint64_t plane = _pext_u64(low | high << 32, bits_of_rows);
    word |= plane << filled;
    filled += places;
    if (filled >= 64) {
      *out++ = word;
      filled -= 64;
      word = plane >> 1 >> (places - filled - 1);  // may be all 64
    }
  }
  *out++ = word;
  return out;
}

GX_HD bool have_vector_rows(const Window& window, Shape shape) {
  return shape.z == 32 && window.y.size <= kVectorRows && window.z.size <= 8;
}
#endif

template <typename I>
GX_HD uint64_t* claim_bits(I, const Window& window, Shape shape, Bits& claimed, uint64_t* out) {
#if defined(GX_TARGET_AVX2)
  if constexpr (!std::is_same_v<I, Baseline>) {
    if (have_vector_rows(window, shape)) return claim_planes(window, shape, claimed, out);
  }
#endif
  return window.z.size <= 9    ? claim_rows<uint16_t>(window, shape, claimed, out)
         : window.z.size <= 25 ? claim_rows<uint32_t>(window, shape, claimed, out)
                               : claim_rows<uint64_t>(window, shape, claimed, out);
}

// A window that claimed more voxels a row than this is copied.
constexpr int32_t kDense = 3;

// Claims a window's free voxels for later.
template <typename I>
GX_HD void claim_window(I isa, const Window& window, int32_t index, Shape shape, Bits& claimed, Claims& claims) {
  uint64_t* const begin = claims.bits.data() + claims.num_words;
  uint64_t* const end = claim_bits(isa, window, shape, claimed, begin);
  int32_t count = 0;
  for (const uint64_t* at = begin; at < end; ++at) count += __builtin_popcountll(*at);
  claims.windows[static_cast<size_t>(claims.num_windows)] = {window, index, count, claims.num_words};
  claims.num_windows += count > 0 ? 1 : 0;  // it stays if anything was free
  claims.num_words += count > 0 ? end - begin : 0;
}

template <typename T>
void grow(std::vector<T>& elements, int64_t needed) {
  if (static_cast<int64_t>(elements.size()) < needed) elements.resize(static_cast<size_t>(2 * needed));
}

// Who owns what is settled by then.
inline void order_windows(const ShuffleSpec& spec, Shape shape, Claims& claims) {
  const auto bucket_of = [&](const Claimed& voxels) {
    const Window& window = voxels.window;
    const Move move = !can_pack(spec, window)                                 ? kSingly
                      : voxels.count > kDense * window.x.size * window.y.size ? kCopied
                                                                              : kPacked;
    return static_cast<size_t>((window.x.start / kSlab * kNumMoves + move) * tiles_a_slab(shape) +
                               window.y.start / kTileRows);
  };
  const size_t count = static_cast<size_t>(claims.num_windows);
  std::vector<int32_t>& begin = claims.begin;
  begin.assign(static_cast<size_t>(slabs_of(shape) * kNumMoves * tiles_a_slab(shape)) + 1, 0);
  for (size_t w = 0; w < count; ++w) ++begin[bucket_of(claims.windows[w])];
  for (size_t bucket = 1; bucket < begin.size(); ++bucket) begin[bucket] += begin[bucket - 1];
  claims.order.resize(count);
  for (size_t w = count; w-- > 0;) {
    claims.order[static_cast<size_t>(--begin[bucket_of(claims.windows[w])])] = static_cast<int32_t>(w);
  }
}

template <typename I>
GX_HD void claim_windows_body(I isa, const Key& key, const ShuffleSpec& spec, Shape shape, const Box& bounds,
                              Bits& claimed, Claims& claims) {
  WindowBlock block;
  claims.num_windows = 0;
  claims.num_words = 0;
  for (int32_t end = spec.num_windows; end > 0; end -= kDrawBlock) {
    const int32_t first = end - kDrawBlock;  // may be negative: those are drawn and not used
    draw_windows(key, first, shape, spec.max_window, block);
    std::array<int32_t, kDrawBlock> meets, wanted;
    for (size_t i = 0; i < kDrawBlock; ++i) {
      meets[i] = (block.x[i] < bounds.x1) & (block.x[i] + block.size_x[i] > bounds.x0) & (block.y[i] < bounds.y1) &
                 (block.y[i] + block.size_y[i] > bounds.y0) & (block.z[i] < bounds.z1) &
                 (block.z[i] + block.size_z[i] > bounds.z0);
    }
    size_t num_wanted = 0;
    for (int i = kDrawBlock - 1; i >= max_of(0, -first); --i) {
      wanted[num_wanted] = i;
      num_wanted += static_cast<size_t>(meets[static_cast<size_t>(i)]);
    }
    grow(claims.windows, claims.num_windows + kDrawBlock + 1);
    for (size_t w = 0; w < num_wanted; ++w) {
      const Window window = block.window(wanted[w]);
      const int64_t n = int64_t{window.x.size} * window.y.size * window.z.size;
      grow(claims.bits, claims.num_words + n / 64 + 2);
      claim_window(isa, window, first + wanted[w], shape, claimed, claims);
    }
  }
  order_windows(spec, shape, claims);
}

}  // namespace

GX_DISPATCH_TAGGED(claim_windows,
                   (const Key& key, const ShuffleSpec& spec, Shape shape, const Box& bounds, Bits& claimed,
                    Claims& claims),
                   (key, spec, shape, bounds, claimed, claims))

}  // namespace gx::cpu
