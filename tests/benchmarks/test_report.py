# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Results become the tables that README and documentation show."""

import json

import pytest

from benchmarks import files, report
from tests.benchmarks.results import contender, entry, result, series


def rows(text, first_cell):
    lines = [line for line in text.splitlines() if line.startswith(f"| {first_cell}")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_row_holds_time_rate_share_memory_and_peers():
    assert rows(report.markdown(result()), "`bezier_map`") == [
        ["`bezier_map`", "64 x 64 x 32", "1.00 ms ± 50.0 µs", "131 M", "25%", "12.0 B/voxel", "numpy 50.0 ms (x 50)"]
    ]


def test_a_pipeline_tells_its_samples_a_second_too():
    ours = contender("genesis_ext", 0.0002)
    text = report.markdown(result(entry("store_to_batch", [ours], "pipelines")))
    assert "| 655 M (5,000 samples) |" in text


def test_settings_dtypes_and_all_others_are_named():
    made = entry(setting="order 3", dtype="int16")
    made["contenders"].append(contender("scipy", 0.002, 2.0, "slower"))
    (cells,) = rows(report.markdown(result(made)), "`bezier_map`")
    assert cells[:2] == ["`bezier_map` order 3", "64 x 64 x 32 int16"]
    assert cells[-1] == "numpy 50.0 ms (x 50)<br>scipy 2.00 ms (x 2.0)"


def test_the_report_says_on_what_it_was_measured_and_what_peers_do_otherwise():
    text = report.markdown(result())
    assert "a processor, avx2, 1 of 4 cores" in text
    assert "commit abc" in text
    assert "- `bezier_map`, numpy: works otherwise." in text


def test_a_quick_result_is_called_no_measurement():
    assert "Quick trial, no measurement" in report.markdown(result(quick=True))


def test_small_batches_have_the_time_of_a_call_and_what_is_launched():
    ours = contender("genesis_ext", 40e-6) | {"launches": 2}
    graph = contender("genesis_ext, CUDA graph", 20e-6, 0.5, "replayed")
    made = entry("transform_of_8", [ours, graph], "latency", setting="plan and transform", batch=8, unit="calls")
    (cells,) = rows(report.markdown(result(made)), "plan and transform")
    assert cells[2:] == ["8", "40.0 µs ± 2.00 µs", "2", "genesis_ext, CUDA graph 20.0 µs (x 0.50)"]


def test_a_series_is_a_table_of_throughput_against_its_first_point():
    text = report.markdown(result(*series("threads", "threads", {1: 1000.0, 2: 1800.0})))
    assert "`threads`, 64 x 64 x 32 float32:" in text
    assert rows(text, "1 ")[0][2:] == ["1,000", "x 1.00"]
    assert rows(text, "2 ")[0][2:] == ["1,800", "x 1.80"]


def test_start_up_has_its_table():
    beside = contender("torch", 1.0, 20.0, "import torch")
    made = entry("import", [contender("genesis_ext", 0.05), beside], "startup", setting="beyond torch")
    assert rows(report.markdown(result(made)), "import")[0][1:] == [
        "beyond torch",
        "50.0 ms ± 2.50 ms",
        "torch 1.00 s (x 20)",
    ]


def test_the_readme_has_one_row_for_each_operator_with_the_fastest_other_and_numpy():
    first = entry()
    first["contenders"] += [contender("monai", 0.004, 4.0, "x"), contender("genesis_ext, order 3", 0.002, 2.0, "y")]
    text = report.essential(result(first, entry(size=[160, 160, 160]), *series("threads", "threads", {1: 1.0})))
    (cells,) = rows(text, "`")
    assert cells[-1] == "monai 4.00 ms (x 4.0)<br>numpy 50.0 ms (x 50)"
    assert "64 x 64 x 32" in cells


def stored(folder, **results):
    for name, made in results.items():
        (folder / f"{name}.json").write_text(json.dumps(made))


def test_the_newest_full_result_of_a_device_and_of_so_many_threads_counts(tmp_path):
    stored(
        tmp_path,
        a=result(date="2026-01-01T00:00:00+00:00"),
        b=result(date="2026-02-01T00:00:00+00:00"),
        c=result(date="2026-03-01T00:00:00+00:00", quick=True),
        d=result(date="2026-04-01T00:00:00+00:00", device="cuda"),
        e=result(date="2026-05-01T00:00:00+00:00", threads=2),
    )
    found = [files.newest(*which, folder=tmp_path) for which in (("cpu",), ("cuda",), ("cpu", 2))]
    assert [made["machine"]["date"][:7] for made in found] == ["2026-02", "2026-04", "2026-05"]


def test_without_results_there_is_none(tmp_path):
    assert files.newest("cpu", folder=tmp_path) is None


def test_the_page_has_the_newest_result_of_every_device_and_number_of_threads(tmp_path, monkeypatch):
    stored(
        tmp_path,
        a=result(date="2026-01-01T00:00:00+00:00"),
        b=result(date="2026-02-01T00:00:00+00:00"),
        c=result(date="2026-01-01T00:00:00+00:00", threads=2),
        d=result(date="2026-01-01T00:00:00+00:00", device="cuda"),
    )
    monkeypatch.setattr(files.full_results, "__defaults__", (tmp_path,))
    headings = [line for line in report.page(report.latest()).splitlines() if line.startswith("## ")]
    assert headings == ["## CPU, 1 thread", "## CPU, 2 threads", "## a GPU", "## What the others do otherwise"]
    assert report.latest()[0]["machine"]["date"].startswith("2026-02")


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"machine": {}}', json.dumps(result() | {"results": [{}]})])
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match="not a result file"):
        files.load(tmp_path / "x.json")


def test_only_what_stands_between_the_marks_is_replaced():
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    assert report.embed(page, r"new \1") == f"before\n{report.BEGIN}\nnew \\1\n{report.END}\nafter\n"


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="benchmarks:begin"):
        report.embed("text", "table")
