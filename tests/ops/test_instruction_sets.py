# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""One build for every processor: all instruction sets give the same bits."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from tests.cases import CASES, NAMES, SHAPES, call, voxels

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "from tests.ops.test_instruction_sets import digest; print(digest())"


def digest() -> str:
    """Hash all outputs of all operators at sizes that fill vectors, and at sizes that do not."""
    sha = hashlib.sha256()
    for op, variant in NAMES:
        for shape in (SHAPES["a patch"], SHAPES["three channels"], (1, 1, 9, 5, 64)):
            x = voxels(shape).nan_to_num(0.5, 2.0, -1.0)  # the payload of a NaN is no promise
            for out in call(op, CASES[op][variant](x)):
                sha.update(out.numpy().tobytes())
    return sha.hexdigest()


def test_all_instruction_sets_give_the_same_bits():
    here = digest()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    for name in ("baseline", "avx2", "avx512"):  # one that the processor lacks falls back to the best it has
        child = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=environment | {"GENESIS_ISA": name},
            capture_output=True,
            text=True,
            check=True,
        )
        assert child.stdout.strip() == here, name
