# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The fresh process of the start-up benchmark.

`python -m benchmarks.first_calls DEVICE` prints the seconds of the first and second call of each operator as JSON.
"""

import json
import sys

import torch

from .case import Setup
from .registry import OPERATORS
from .sizes import PATCH
from .timing import seconds_a_call


def first_calls(device: torch.device) -> dict[str, list[float]]:
    """Seconds of the first and of the second call of each operator, in this process."""
    seconds = {}
    for name, benchmark in OPERATORS.items():
        ours = benchmark.make(Setup(PATCH, 1, device)).contenders[0]
        seconds[name] = [seconds_a_call(ours.run, 0, 1, device) for _ in range(2)]
    return seconds


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(first_calls(torch.device(sys.argv[1]))))
