// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// What the native tests share: a check that counts, and a summary that is the exit status of the program.
#pragma once

#include <cstdint>
#include <cstdio>
#include <iostream>

namespace check {

constexpr int64_t kMostPrinted = 20;  // failures: a wrong function fails at millions of values

inline int64_t count = 0, failures = 0;

template <typename... Values>
void report(const char* file, int line, const char* condition, const Values&... values) {
  if (++failures > kMostPrinted) return;
  std::cerr.precision(9);
  std::cerr << file << ":" << line << ": " << condition << " fails";
  ((std::cerr << " " << values), ...);
  std::cerr << "\n";
}

// 0 if every check held.
inline int summary(const char* name) {
  std::printf("%s: %lld checks, %lld failed\n", name, static_cast<long long>(count), static_cast<long long>(failures));
  return failures == 0 && count > 0 ? 0 : 1;
}

}  // namespace check

// CHECK(condition, values...): what follows the condition is printed where it fails.
#define CHECK(condition, ...)                                                                   \
  do {                                                                                          \
    ++check::count;                                                                             \
    if (!(condition)) check::report(__FILE__, __LINE__, #condition __VA_OPT__(, ) __VA_ARGS__); \
  } while (false)
