# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Results made up for the tests."""


def contender(name, median, times=1.0, differs="", iqr=None):
    return {
        "name": name,
        "differs": differs,
        "samples": 2,
        "calls": 3,
        "rounds": 9,
        "median_s": median,
        "iqr_s": median / 10 if iqr is None else iqr,
        "items_per_s": 131_072 / median,
        "share_of_copy_bandwidth": 0.25,
        "peak_extra_bytes": 12 * 262_144,
        "times_ours": times,
    }


def entry(name="bezier_map", contenders=(), level="operators", **changes):
    made = {
        "level": level,
        "name": name,
        "setting": "",
        "size": [64, 64, 32],
        "batch": 2,
        "threads": 1,
        "dtype": "float32",
        "unit": "voxels",
        "items": 131_072,
        "least_bytes": 1,
        "contenders": list(contenders)
        or [contender("genesis_ext", 0.001), contender("numpy", 0.05, 50.0, "works otherwise")],
    }
    return made | changes


def result(*entries, date="2026-01-02T03:04:05+00:00", quick=False, device="cpu", threads=1):
    machine = {
        "date": date,
        "commit": "abc",
        "cpu": "a processor",
        "cores": 4,
        "load": 0.0,
        "instruction_set": "avx2",
        "device": device,
        "threads": threads,
        "versions": {"torch": "2.13.0"},
    }
    if device == "cuda":
        machine |= {"gpu": "a GPU", "cuda": "13.0", "gpu_bytes": 100e9}
    return {"machine": machine, "quick": quick, "copy_bytes_per_s": 1e10, "results": list(entries) or [entry()]}


def series(name, axis, rates, **changes):
    """Entries of a series: value of the axis -> samples/s."""
    return [
        entry(name, [contender("genesis_ext", 1 / rate)], "scaling", point={"axis": axis, "value": value}, **changes)
        for value, rate in rates.items()
    ]
