#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
#
# Builds the CPU code with AddressSanitizer into a folder of its own and runs the property tests on it.
# usage: scripts/test_under_asan.sh [VENV]
set -euo pipefail
cd "$(dirname "$0")/.."
python="$PWD/${1:-.venv}/bin/python"
site="$PWD/build/asan-site"
compiler="${CXX:-c++}"

"$python" -m pip --disable-pip-version-check install --quiet --no-build-isolation --no-deps --upgrade --target "$site" \
  -Cbuild-dir=build/asan -Cinstall.strip=false \
  -Ccmake.define.GENESIS_CUDA=OFF -Ccmake.define.GENESIS_SANITIZE=address .

# The sanitizer must be loaded before Python, and the C++ library with it, or exceptions would not be intercepted.
# Python's own allocator would hide overruns of small buffers; leaks of the interpreter are not ours.
export LD_PRELOAD="$("$compiler" -print-file-name=libasan.so) $("$compiler" -print-file-name=libstdc++.so.6)"
export ASAN_OPTIONS=detect_leaks=0
export PYTHONMALLOC=malloc
export PYTHONPATH="$site"
exec "$python" -m pytest --quiet -p no:cacheprovider tests/ops/test_properties.py
