// SPDX-FileCopyrightText: 2026 The genesis_ext authors
// SPDX-License-Identifier: Apache-2.0

// The published vectors of tests/data/philox_kat.txt.
#pragma once

#include <fstream>
#include <sstream>
#include <string>

#include "check.h"
#include "math/philox.h"

namespace check {

// Calls philox(counter, key0, key1), which returns the four words, for every vector, and compares.
template <typename F>
void known_answers(const F& philox) {
  std::ifstream file(GENESIS_TEST_DATA "/philox_kat.txt");
  CHECK(file.is_open(), GENESIS_TEST_DATA "/philox_kat.txt");
  int vectors = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string generator;
    uint32_t w[10] = {};
    words >> generator >> std::hex;
    for (uint32_t& word : w) words >> word;
    CHECK(generator == "philox4x32-10" && !words.fail(), line);
    const gx::Words got = philox(gx::Words{w[0], w[1], w[2], w[3]}, w[4], w[5]);
    CHECK(got.w0 == w[6] && got.w1 == w[7] && got.w2 == w[8] && got.w3 == w[9], line);
    ++vectors;
  }
  CHECK(vectors >= 3, vectors);
}

}  // namespace check
