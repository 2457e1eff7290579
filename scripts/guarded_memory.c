// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// Memory in which a write past the end ends the process: preloaded by sweep_convolutions.py. Every aligned block, which
// is what torch and oneDNN ask for, ends where a page begins that can only be read: some kernels read further than they
// need and drop it. Both are filled with a large number, so that it shows where such values are used.
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

static const size_t kPage = 4096;
static const size_t kReserved = (size_t)1 << 40;  // addresses, never used twice; memory is taken as it is asked for
static char *begin, *next;

void __libc_free(void* p);

int posix_memalign(void** out, size_t alignment, size_t size) {
  if (!begin) {
    char* reserved = mmap(NULL, kReserved, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED) return ENOMEM;
    begin = next = reserved;
  }
  if (alignment > kPage) alignment = kPage;  // more is asked for speed, and would leave room behind the block
  const size_t used = (size + alignment - 1) / alignment * alignment;
  const size_t pages = (used + kPage - 1) / kPage * kPage;
  char* block = next;  // a page for the size, the pages, the page that can only be read
  if (pages + 2 * kPage > (size_t)(begin + kReserved - next)) return ENOMEM;
  next += pages + 2 * kPage;
  if (mprotect(block, pages + 2 * kPage, PROT_READ | PROT_WRITE)) return ENOMEM;
  memcpy(block, &pages, sizeof(pages));
  memset(block + kPage, 0x5a, pages + kPage);  // 1.5e16 as float32 and as bfloat16
  if (mprotect(block + kPage + pages, kPage, PROT_READ)) return ENOMEM;
  *out = block + kPage + pages - used;
  return 0;
}

void free(void* p) {
  if (!begin || (char*)p < begin || (char*)p >= begin + kReserved) {
    __libc_free(p);
    return;
  }
  char* block = (char*)((uintptr_t)p & ~(uintptr_t)(kPage - 1)) - kPage;
  size_t pages;
  memcpy(&pages, block, sizeof(pages));
  mprotect(block, pages + 2 * kPage, PROT_READ);
  madvise(block, pages + 2 * kPage, MADV_DONTNEED);
}
