# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis doctor` names what is there and what is not."""

import os
import subprocess
import sys
from importlib import metadata

import numpy
import pytest
import torch

from genesis_ext.cli import doctor
from genesis_ext.cli.main import main


def report(capsys):
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    return {line[2:22].strip(): line[23:] for line in lines if line.startswith("  ")}


def test_the_report_has_versions_devices_instruction_set_libraries_and_extras(capsys):
    entries = report(capsys)
    assert entries["genesis_ext"] == metadata.version("genesis_ext")
    assert entries["torch"].startswith(torch.__version__)
    assert entries["numpy"] == numpy.__version__
    assert entries["instruction set"].split()[0] in {"baseline", "avx2", "avx512"}
    assert entries["_ops.so"].startswith("loaded from ")
    assert entries["_host"] == "loaded"
    assert {"compiler", "cuda", "train", "dev"} <= set(entries)
    if torch.version.cuda is None:
        assert entries["_ops_cuda.so"] == "not loaded: this torch has no CUDA"
        assert entries["CUDA devices"] == "none (torch has no CUDA)"


@pytest.mark.parametrize(
    ("driver", "built", "line"),
    [
        (None, "13.0.88", "none found"),
        (13000, "13.0.88", "of CUDA 13.0"),
        (13010, "12.8.93", "of CUDA 13.1"),
        (12090, "12.4.1", "of CUDA 12.9"),
        (12020, "12.8.93", "of CUDA 12.2"),  # the runtime of one major version runs on every driver of it
        (12080, "", "of CUDA 12.8"),
        (
            12080,
            "13.0.88",
            "of CUDA 12.8, but the CUDA kernels were built by nvcc 13.0.88 and need one of CUDA 13: update the driver, "
            "or build with nvcc 12 (set CUDACXX to it)",
        ),
    ],
)
def test_a_driver_that_is_too_old_for_the_kernels_is_named_with_the_way_out(driver, built, line):
    assert doctor.driver_line(driver, built) == line


def test_the_report_has_the_driver(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "_driver_version", lambda: 11080)
    assert report(capsys)["driver"].startswith("of CUDA 11.8")


def test_the_environment_lowers_the_instruction_set():
    result = subprocess.run(
        [sys.executable, "-m", "genesis_ext.cli.main", "doctor"],
        env={**os.environ, "GENESIS_ISA": "baseline"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "baseline (GENESIS_ISA=baseline)" in result.stdout


def test_a_missing_extra_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(
        metadata, "requires", lambda _: ["numpy>=1", 'no-such-library>=1; extra == "train"', "numpy ; extra == 'dev'"]
    )
    assert dict(doctor._extras()) == {
        "train": "missing no-such-library: pip install 'genesis_ext[train]'",
        "dev": "installed",
    }


def test_requirements_are_grouped_by_extra():
    requirements = ["torch>=2.11", 'mkdocstrings[python]>=0.27; extra == "docs"', "monai>=1.4 ; extra == 'monai'"]
    assert doctor.extras(requirements) == {"docs": ["mkdocstrings"], "monai": ["monai"]}


def test_wrong_use_exits_with_2_and_help_with_0(capsys):
    for words, status in ((["doctor", "--no-such-option"], 2), ([], 2), (["doctor", "--help"], 0), (["--version"], 0)):
        with pytest.raises(SystemExit) as ending:
            main(words)
        assert ending.value.code == status
    assert "examples:" in capsys.readouterr().out


def test_a_failure_is_one_line_and_a_traceback_only_with_debug(monkeypatch, capsys):
    def fail(_args):
        raise ValueError("first line\nsecond line")

    monkeypatch.setattr(doctor, "run", fail)
    assert main(["doctor"]) == 1
    assert capsys.readouterr().err == "genesis doctor: error: first line second line\n"
    for words in (["--debug", "doctor"], ["doctor", "--debug"]):
        with pytest.raises(ValueError, match="first line"):
            main(words)


def test_an_interruption_is_one_line_and_status_130(monkeypatch, capsys):
    def interrupt(_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "run", interrupt)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "genesis doctor: interrupted\n"
