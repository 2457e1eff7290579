# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Result files: JSON with the machine, the copy bandwidth, and a list of entries."""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
_KEYS = {"machine", "quick", "copy_bytes_per_s", "results"}


def load(path: Path) -> dict[str, Any]:
    """Read a result file. OSError: it cannot be read. ValueError: it is not one."""
    try:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"not a result file: {error}") from error
    if not (isinstance(result, dict) and result.keys() >= _KEYS and all("level" in e for e in result["results"])):
        raise ValueError("not a result file of these benchmarks")
    return result


def write(path: Path, result: dict[str, Any]) -> None:
    """Write a result file."""
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def full_results(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """All results of full length in a folder: the newest first."""
    results = [load(path) for path in folder.glob("*.json")]
    fitting = [result for result in results if not result["quick"]]
    return sorted(fitting, key=lambda result: str(result["machine"]["date"]), reverse=True)


def newest(device: str, threads: int = 1, folder: Path = RESULTS) -> dict[str, Any] | None:
    """The latest result of full length on a kind of device ("cpu", "cuda"), on a CPU with so many threads."""
    for result in full_results(folder):
        machine = result["machine"]
        if machine["device"] == device and (device != "cpu" or machine["threads"] == threads):
            return result
    return None
