# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Results become the table that the README shows."""

import json

import pytest

from benchmarks import report


def contender(name, median, times, differs=""):
    return {
        "name": name,
        "differs": differs,
        "samples": 2,
        "median_s": median,
        "iqr_s": median / 10,
        "items_per_s": 131_072 / median,
        "share_of_copy_bandwidth": 0.25,
        "peak_extra_bytes": 12 * 262_144,
        "times_ours": times,
    }


def result(date="2026-01-02T03:04:05+00:00", quick=False, device="cpu"):
    entry = {
        "operator": "bezier_map",
        "size": [64, 64, 32],
        "dtype": "float32",
        "unit": "voxels",
        "items": 131_072,
        "contenders": [contender("genesis_ext", 0.001, 1.0), contender("numpy", 0.05, 50.0, "works otherwise")],
    }
    machine = {
        "date": date,
        "commit": "abc",
        "cpu": "a processor",
        "cores": 4,
        "load": 0.0,
        "instruction_set": "avx2",
        "device": device,
        "threads": 1,
        "versions": {"torch": "2.13.0"},
    }
    return {"machine": machine, "quick": quick, "copy_bytes_per_s": 1e10, "results": [entry]}


def test_a_row_holds_time_rate_share_memory_and_peers():
    row = report.markdown(result()).splitlines()[2]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        "`bezier_map`",
        "64 x 64 x 32",
        "1.00 ms ± 50.0 µs",
        "131 M",
        "25%",
        "12.0 B/voxel",
        "numpy 50.0 ms (x 50)",
    ]


def test_a_pipeline_tells_its_samples_a_second_too():
    data = result()
    data["results"][0] |= {"operator": "store_to_batch", "pipeline": True}
    data["results"][0]["contenders"][0]["median_s"] = 0.0002
    assert "| 131 M (5,000 samples) |" in report.markdown(data).splitlines()[2]


def test_settings_dtypes_and_all_others_are_named():
    data = result()
    data["results"][0] |= {"setting": "order 3", "dtype": "int16"}
    data["results"][0]["contenders"].append(contender("scipy", 0.002, 2.0, "slower"))
    cells = [cell.strip() for cell in report.markdown(data).splitlines()[2].strip("|").split("|")]
    assert cells[:2] == ["`bezier_map` order 3", "64 x 64 x 32 int16"]
    assert cells[-1] == "numpy 50.0 ms (x 50)<br>scipy 2.00 ms (x 2.0)"


def test_the_report_says_on_what_it_was_measured_and_what_peers_do_otherwise():
    text = report.markdown(result())
    assert "a processor, avx2, 1 of 4 cores" in text
    assert "commit abc" in text
    assert "- `bezier_map`, numpy: works otherwise." in text


def test_a_quick_result_is_called_no_measurement():
    assert "Quick trial, no measurement" in report.markdown(result(quick=True))


def test_the_newest_full_result_of_a_device_counts(tmp_path):
    for name, stored in (
        ("a", result("2026-01-01T00:00:00+00:00")),
        ("b", result("2026-02-01T00:00:00+00:00")),
        ("c", result("2026-03-01T00:00:00+00:00", quick=True)),
        ("d", result("2026-04-01T00:00:00+00:00", device="cuda")),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps(stored))
    newest = report.newest("cpu", tmp_path)
    assert newest is not None
    assert newest["machine"]["date"].startswith("2026-02")


def test_without_results_there_is_none(tmp_path):
    assert report.newest("cpu", tmp_path) is None


def test_only_what_stands_between_the_marks_is_replaced():
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    assert report.embed(page, r"new \1") == f"before\n{report.BEGIN}\nnew \\1\n{report.END}\nafter\n"


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="benchmarks:begin"):
        report.embed("text", "table")
