// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

#include "attack.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

extern "C" char __executable_start, __data_start, _end;  // of the linker

namespace {

constexpr uint32_t kWarp = 32;

// Who touched a byte last.
struct Touch {
  uint32_t launch = 0, block = 0, thread = 0, barriers = 0, warp_barriers = 0;
  bool atomic = false;
};

struct Byte {
  Touch written, read;
  bool many = false;  // other threads have read it too since the last barrier
};

struct Memory {
  uintptr_t begin = 0, end = 0;
  std::unique_ptr<Byte[]> bytes{};

  bool holds(uintptr_t at) const { return at >= begin && at < end; }
  Byte& operator[](uintptr_t at) {
    if (!bytes) bytes.reset(new Byte[end - begin]);
    return bytes[at - begin];
  }
};

template <typename T>
struct Malloc {  // so that the list of what operator new gave does not call it
  using value_type = T;
  Malloc() = default;
  template <typename U>
  Malloc(const Malloc<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(std::malloc(n * sizeof(T))); }
  void deallocate(T* at, size_t) { std::free(at); }
  bool operator==(const Malloc&) const { return true; }
};

struct State {
  bool on = false;
  uint32_t launch = 0, block = 0, thread = 0, barriers = 0;
  uint32_t warp_barriers[64] = {};
  Memory statics, stack, host_stack;
  std::map<uintptr_t, Memory, std::less<>, Malloc<std::pair<const uintptr_t, Memory>>> heap;
  Memory* last = nullptr;
};

State& state() {
  static State* made = new (std::malloc(sizeof(State))) State;  // never destroyed: memory is freed after everything
  return *made;
}

[[noreturn]] void fail(const char* what, uintptr_t at, size_t bytes, const void* pc) {
  Dl_info info = {};
  dladdr(pc, &info);
  char command[512];
  std::snprintf(command, sizeof(command), "addr2line -e /proc/%d/exe %#zx", static_cast<int>(getpid()),
                reinterpret_cast<uintptr_t>(pc) - 1 - reinterpret_cast<uintptr_t>(info.dli_fbase));
  char line[512] = "?";
  if (FILE* pipe = popen(command, "r")) {
    if (std::fgets(line, sizeof(line), pipe) == nullptr) line[0] = 0;
    pclose(pipe);
  }
  for (char* c = line; *c != 0; ++c) *c = *c == '\n' ? 0 : *c;
  std::fprintf(stderr, "%s: %s (%zu bytes at %#zx, block %u, thread %u)\n", line, what, bytes, at, state().block,
               state().thread);
  std::fflush(nullptr);
  _exit(1);
}

// Whether the thread that runs comes after `touch` by a barrier, or is the same.
bool ordered(const Touch& touch) {
  const State& s = state();
  if (touch.launch != s.launch) return true;
  if (touch.block != s.block) return false;
  if (touch.thread == s.thread || touch.barriers != s.barriers) return true;
  const uint32_t warp = s.thread / kWarp;
  return touch.thread / kWarp == warp && touch.warp_barriers != s.warp_barriers[warp];
}

// Whether no barrier lies between two of the same thread.
bool together(const Touch& a, const Touch& b) {
  return a.launch == b.launch && a.block == b.block && a.barriers == b.barriers && a.warp_barriers == b.warp_barriers;
}

void touch(Memory& memory, uintptr_t at, size_t bytes, bool writes, bool atomic, const void* pc) {
  const State& s = state();
  const bool shared = &memory == &s.statics;
  const Touch now = {s.launch, s.block, s.thread, s.barriers, s.warp_barriers[s.thread / kWarp], atomic};
  for (uintptr_t b = at; b < at + bytes; ++b) {
    Byte& byte = memory[b];
    const bool current = byte.written.launch == s.launch && byte.written.block == s.block;
    if (shared && !current) {  // of another block: another memory
      if (!writes || atomic) fail("a read of shared memory that was never written", at, bytes, pc);
      byte = {now, {}, false};
      continue;
    }
    if (!ordered(byte.written) && !(atomic && byte.written.atomic)) fail("a race with a write", at, bytes, pc);
    if (writes) {
      const bool alone = ordered(byte.read) && !(byte.many && together(byte.read, now));
      if (!alone && !(atomic && byte.read.atomic)) fail("a race with a read", at, bytes, pc);
      byte.written = now;
      if (atomic) byte.read = now;
    } else {
      byte.many = !ordered(byte.read) || (byte.many && together(byte.read, now));
      byte.read = now;
    }
  }
}

void access(uintptr_t at, size_t bytes, bool writes, bool aligned, bool atomic, const void* pc) {
  State& s = state();
  if (!s.on || s.stack.holds(at)) return;
  s.on = false;
  if (aligned && at % bytes != 0) fail("an access that is not aligned", at, bytes, pc);
  const uintptr_t last = at + bytes - 1;
  const bool constant = at >= reinterpret_cast<uintptr_t>(&__executable_start) && last < s.statics.begin;
  if (!((constant || s.host_stack.holds(at)) && !writes)) {
    Memory* memory = s.statics.holds(at) ? &s.statics : s.last != nullptr && s.last->holds(at) ? s.last : nullptr;
    if (memory == nullptr) {
      auto after = s.heap.upper_bound(at);
      if (after != s.heap.begin() && std::prev(after)->second.holds(at)) memory = s.last = &std::prev(after)->second;
    }
    if (memory == nullptr || !memory->holds(last)) fail("an access outside of all memory", at, bytes, pc);
    touch(*memory, at, bytes, writes, atomic, pc);
  }
  s.on = true;
}

void* listed(size_t bytes, size_t alignment) {
  constexpr size_t kGap = 64;  // so that two tensors are never neighbours
  const size_t size = (bytes + 2 * kGap + alignment - 1) / alignment * alignment + alignment;
  char* all = static_cast<char*>(std::aligned_alloc(alignment, size));
  if (all == nullptr) throw std::bad_alloc();
  char* given = all + (kGap + alignment - 1) / alignment * alignment;
  State& s = state();
  const bool before = s.on;
  s.on = false;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(given);
  s.heap[begin] = {begin, begin + bytes};
  s.on = before;
  return given;
}

void unlisted(void* at, size_t alignment) {
  if (at == nullptr) return;
  constexpr size_t kGap = 64;
  State& s = state();
  s.last = nullptr;
  s.heap.erase(reinterpret_cast<uintptr_t>(at));
  std::free(static_cast<char*>(at) - (kGap + alignment - 1) / alignment * alignment);
}

}  // namespace

void* operator new(size_t bytes) { return listed(bytes, 16); }
void* operator new(size_t bytes, std::align_val_t alignment) { return listed(bytes, static_cast<size_t>(alignment)); }
void operator delete(void* at) noexcept { unlisted(at, 16); }
void operator delete(void* at, size_t) noexcept { unlisted(at, 16); }
void operator delete(void* at, std::align_val_t a) noexcept { unlisted(at, static_cast<size_t>(a)); }
void operator delete(void* at, size_t, std::align_val_t a) noexcept { unlisted(at, static_cast<size_t>(a)); }

namespace attack {

void launch_begins() {
  State& s = state();
  ++s.launch;
  if (s.host_stack.end != 0) return;
  s.statics.begin = reinterpret_cast<uintptr_t>(&__data_start);
  s.statics.end = reinterpret_cast<uintptr_t>(&_end);
  pthread_attr_t attributes;
  void* lowest;
  size_t size;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &lowest, &size);
  pthread_attr_destroy(&attributes);
  s.host_stack.begin = reinterpret_cast<uintptr_t>(lowest);
  s.host_stack.end = s.host_stack.begin + size;
}

void block_begins(uint32_t block) { state().block = block; }
void block_barrier() { ++state().barriers; }
void warp_barrier(uint32_t warp) { ++state().warp_barriers[warp]; }

void thread_runs(uint32_t thread, const void* stack, size_t bytes) {
  State& s = state();
  s.thread = thread;
  s.stack.begin = reinterpret_cast<uintptr_t>(stack);
  s.stack.end = s.stack.begin + bytes;
  s.on = true;
}

void aside() { state().on = false; }

void atomic(const void* at, size_t bytes) {
  access(reinterpret_cast<uintptr_t>(at), bytes, true, true, true, __builtin_return_address(0));
}

Aside::Aside() : before_(state().on) { state().on = false; }
Aside::~Aside() { state().on = before_; }

}  // namespace attack

// What the compiler calls.
#define GX_HOOKS(size)                                                                               \
  void __tsan_read##size(void* at) {                                                                 \
    access(reinterpret_cast<uintptr_t>(at), size, false, true, false, __builtin_return_address(0));  \
  }                                                                                                  \
  void __tsan_write##size(void* at) {                                                                \
    access(reinterpret_cast<uintptr_t>(at), size, true, true, false, __builtin_return_address(0));   \
  }                                                                                                  \
  void __tsan_unaligned_read##size(void* at) {                                                       \
    access(reinterpret_cast<uintptr_t>(at), size, false, false, false, __builtin_return_address(0)); \
  }                                                                                                  \
  void __tsan_unaligned_write##size(void* at) {                                                      \
    access(reinterpret_cast<uintptr_t>(at), size, true, false, false, __builtin_return_address(0));  \
  }

extern "C" {
GX_HOOKS(1)
GX_HOOKS(2)
GX_HOOKS(4)
GX_HOOKS(8)
GX_HOOKS(16)
void __tsan_read_range(void* at, size_t bytes) {
  access(reinterpret_cast<uintptr_t>(at), bytes, false, false, false, __builtin_return_address(0));
}
void __tsan_write_range(void* at, size_t bytes) {
  access(reinterpret_cast<uintptr_t>(at), bytes, true, false, false, __builtin_return_address(0));
}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
uint8_t __tsan_atomic8_load(const volatile uint8_t* at, int) { return __atomic_load_n(at, __ATOMIC_SEQ_CST); }
uint32_t __tsan_atomic32_fetch_add(volatile uint32_t* at, uint32_t by, int) {
  return __atomic_fetch_add(at, by, __ATOMIC_SEQ_CST);
}
}
