#!/bin/sh
# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
#
# Compiler launcher for CUDA files: runs the compiler as given and keeps what ptxas says about registers, stack and spills
# beside the object file (<object>.ptxas.txt, read by scripts/check_resources.py), so that it does not drown the build's log.
object=nvcc
previous=
for argument in "$@"; do
  [ "$previous" = -o ] && object=$argument
  previous=$argument
done

"$@" 2>"$object.stderr"
status=$?
grep -E '^ptxas info|bytes stack frame' "$object.stderr" >"$object.ptxas.txt"
grep -vE '^ptxas info|bytes stack frame' "$object.stderr" >&2
rm -f "$object.stderr"
exit $status
