# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Start-up, in fresh processes: what `import genesis_ext` takes beyond torch, and the first call of each operator."""

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import torch

from .case import OURS
from .timing import times

STARTUP = {
    "import": "import genesis_ext, once torch is there",
    "first_call": "the first call of each operator, on one patch",
}
"""What is measured -> what that is."""

# Not a module of this package, for that would import genesis_ext before the clock starts.
_IMPORTS = """\
import json, time
start = time.perf_counter()
import torch
between = time.perf_counter()
import genesis_ext
print(json.dumps({"torch": between - start, "genesis_ext": time.perf_counter() - between}))
"""


def measure(names: Collection[str], device: torch.device, processes: int) -> Iterator[dict[str, Any]]:
    """Name, setting and contenders of each thing that is measured; times are those of one import, of one call."""
    if "import" in names:
        imports = [_answer("-c", _IMPORTS) for _ in range(processes)]
        seconds = {name: [run[name] for run in imports] for name in ("genesis_ext", "torch")}
        yield _entry("import", "beyond torch", seconds["genesis_ext"], "torch", seconds["torch"], "import torch")
    if "first_call" in names:
        calls = [_answer("-m", f"{__package__}.first_calls", str(device)) for _ in range(processes)]
        for operator in calls[0]:
            first, second = ([run[operator][turn] for run in calls] for turn in (0, 1))
            yield _entry("first_call", operator, first, f"{OURS}, second call", second, "the same call once more")


def _entry(
    name: str, setting: str, ours: Sequence[float], other: str, others: Sequence[float], differs: str
) -> dict[str, Any]:
    first, second = times(ours), times(others)
    contenders = [
        {"name": OURS, "differs": "", "samples": 1, "calls": 1, **first, "times_ours": 1.0},
        {
            **{"name": other, "differs": differs, "samples": 1, "calls": 1, **second},
            "times_ours": second["median_s"] / first["median_s"],
        },
    ]
    return {"name": name, "setting": setting, "contenders": contenders}


def _answer(*arguments: str) -> Mapping[str, Any]:
    """What a fresh Python prints as JSON. CalledProcessError where it fails; its own words are on standard error."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, text=True, check=True, env=environment)
    answer: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])  # libraries may greet before
    return answer
