# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis bench` and `python -m benchmarks`: one command line, in an installed package and in a checkout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import genesis_ext
from benchmarks import command
from benchmarks.registry import LEVELS
from genesis_ext.cli.main import main
from tests.benchmarks.results import contender, entry, result

ROOT = Path(__file__).parents[2]


@pytest.fixture
def files(tmp_path):
    """Paths of two results: the second is twice as slow."""
    paths = []
    for name, median in (("before", 1.0), ("after", 2.0)):
        made = entry("store_to_batch", [contender("genesis_ext", median, iqr=0.0)], "pipelines")
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(result(made)))
    return [*map(str, paths)]


def test_the_list_names_every_level(capsys):
    assert main(["bench", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{level}: {', '.join(names)}" for level, names in LEVELS.items()]


def test_a_measurement_writes_a_result_and_tells_what_it_does(tmp_path, capsys):
    out = tmp_path / "result.json"
    assert main(["bench", "--quick", "--only", "paint_boxes", "--size", "20x12x10", "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert "[1/1] paint_boxes, 20x12x10, float32" in shown.err
    assert "Quick trial, no measurement" in shown.out
    assert [found["name"] for found in json.loads(out.read_text())["results"]] == ["paint_boxes"]


def test_libraries_that_are_missing_are_named_once_with_the_way_to_get_them(capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.machine.PEERS", ("no-such-library",))
    assert command.main(["--quick", "--only", "draw_plan"]) == 0
    lines = capsys.readouterr().err.splitlines()
    wanted = "left out, for they are not installed: no-such-library (pip install 'genesis_ext[bench]')"
    assert [line for line in lines if "no-such-library" in line] == [wanted]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--only", "nothing"], "--only: no nothing; there are draw_plan"),
        (["--only", "draw_plan", "--level", "scaling"], "--only: no draw_plan; there are batch_size"),
        (["--device", "cuda:99x"], "'cuda:99x' is no device"),
        (["--device", "meta"], "run on cpu and cuda"),
        (["--out", "no/such/folder/x.json"], "--out: no folder no/such/folder"),
        (["compare", "no.json", "no.json"], "no.json: "),
        (["model", "RESULT", "--store-gb", "1"], "--network"),
    ],
)
def test_wrong_use_is_told_in_one_line(words, complaint, files, capsys):
    assert main(["bench", *(files[0] if word == "RESULT" else word for word in words)]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert error.startswith("genesis bench: error: ")
    assert complaint in error


@pytest.mark.parametrize(
    "words",
    [
        ["--size", "64"],
        ["--threads", "0"],
        ["--threads", "2.5"],
        ["--level", "all"],
        ["--dtype", "float64"],
        ["compare", "one"],
        ["compare", "one", "two", "--threshold", "nan"],
        ["compare", "one", "two", "--threshold", "-1"],
        ["model", "one", "--store-gb", "inf"],
        ["model", "one", "--store-gb", "much"],
    ],
)
def test_arguments_that_cannot_be_are_refused(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["bench", *words])
    assert ended.value.code == 2


def test_comparison_ends_with_status_1_where_something_is_slower(files, capsys):
    assert main(["bench", "compare", *files]) == 1
    assert "store_to_batch" in capsys.readouterr().out
    assert main(["bench", "compare", *files, "--threshold", "150"]) == 0
    assert main(["bench", "compare", *reversed(files)]) == 0


def test_the_model_is_reckoned_from_a_result_and_what_is_given(files, capsys):
    given = ["--network", "1", "--device-gb", "10", "--store-gb", "5", "--gpus", "1", "8"]
    assert main(["bench", "model", files[0], *given]) == 0
    assert "| 8 | device | no limit | 4.00 | making |" in capsys.readouterr().out


def test_pictures_are_named(files, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result()))
    assert main(["bench", "plot", str(path), "--out", str(tmp_path / "pictures")]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "pictures" / "bezier_map.svg")]


def test_results_are_reported(files, capsys):
    assert main(["bench", "report", *files]) == 0
    assert capsys.readouterr().out.count("`store_to_batch`") == 2


def test_a_checkout_has_the_command_although_the_package_has_no_benchmarks_of_its_own(tmp_path):
    package = Path(genesis_ext.__file__).parent
    checkout = tmp_path / "python"
    checkout.mkdir()
    (checkout / "genesis_ext").symlink_to(package)
    (tmp_path / "benchmarks").symlink_to(ROOT / "benchmarks")
    code = "import sys; from genesis_ext.cli.main import main; sys.exit(main(['bench', '--list']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(checkout)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("operators: draw_plan")
