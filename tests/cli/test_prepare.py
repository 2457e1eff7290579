# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from genesis_ext.cli import _progress
from genesis_ext.cli._progress import duration, line_of, plain_progress, showing_progress
from genesis_ext.cli.main import build_parser, main
from genesis_ext.cli.prepare import settings_of
from genesis_ext.data.prepare.intensity import IntensityWindow
from genesis_ext.data.prepare.outcome import Outcome
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.prepare.run import Step
from genesis_ext.data.sources.recipes import RECIPES
from genesis_ext.data.sources.source import Source
from genesis_ext.data.store.volume_store import VolumeStore
from tests.data_layer.images import random_voxels, write_ct, write_mri, write_nifti


def parsed(*arguments: str) -> PrepareSettings:
    return settings_of(build_parser().parse_args(["prepare", "scans", "--out", "o", *arguments]))


def prepare(*arguments: object) -> int:
    return main(["prepare", *map(str, arguments), "--workers", "0"])


def test_the_defaults_are_those_of_the_settings() -> None:
    assert parsed() == PrepareSettings()


def test_a_preset_of_pretrain_says_how_scans_are_prepared_for_it_unless_an_option_does() -> None:
    assert parsed("--preset", "genesis-chest-ct") == PrepareSettings(spacing_mm=None)
    assert parsed("--preset", "released", "--spacing", "2").spacing_mm == (2.0, 2.0, 2.0)
    universal = parsed("--preset", "universal")
    assert universal == PrepareSettings(window=IntensityWindow(mri=(0.0, 4000.0)))
    assert parsed("--preset", "universal", "--mri-percentiles", "1", "99").window.mri is None


def test_every_option_arrives() -> None:
    given = "--spacing 0.5 1 2 --dtype float16 --ct-window -500 500 --mri-percentiles 1 99 --antialias "
    given += "--pad-to 64 64 32 --frames"
    assert parsed(*given.split()) == PrepareSettings(
        (0.5, 1.0, 2.0), "float16", IntensityWindow((-500, 500), None, (1, 99)), (64, 64, 32), True, True
    )
    assert parsed("--mri-window", "10", "3000").window == IntensityWindow(mri=(10, 3000))
    with pytest.raises(SystemExit):  # MRI is scaled in one way
        parsed("--mri-window", "10", "3000", "--mri-percentiles", "1", "99")
    assert parsed("--spacing", "native").spacing_mm is None
    assert parsed("--spacing", "2").spacing_mm == (2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (["--spacing", "1", "2"], "--spacing must be one number, three, or native, got 1 2"),
        (["--spacing", "fine"], "--spacing must be"),
        (["--spacing", "0"], "spacing_mm must lie in"),
        (["--ct-window", "5", "5"], "ct_hu must be (lo, hi) with lo < hi"),
        (["--mri-percentiles", "99", "1"], "mri_percentiles must be"),
        (["--workers", "-1"], "--workers must be at least 0, got -1"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_wrong_use(
    wrong: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prepare", str(tmp_path), "--out", str(tmp_path / "store"), *wrong]) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


def test_labels_are_found_by_the_names_of_the_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_ct(tmp_path / "images" / "a_0000.nii", (6, 5, 4))
    write_nifti(tmp_path / "labels" / "a.nii", random_voxels((6, 5, 4), 0, 3).astype("uint8"))
    arguments = (tmp_path / "images", "--labels", tmp_path / "labels", "--out", tmp_path / "store")
    assert prepare(*arguments, "--dry-run") == 0
    assert ", with label\n" in capsys.readouterr().out
    assert prepare(*arguments) == 0
    assert VolumeStore(tmp_path / "store").entries[0].label_source == str(tmp_path / "labels" / "a.nii")
    assert prepare(tmp_path / "images", "--labels", tmp_path / "none", "--out", tmp_path / "store") == 1
    assert "none: labels must be a folder, and there is none" in capsys.readouterr().err


def test_help_has_examples_and_every_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["prepare", "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert "examples:\n  genesis prepare" in shown
    assert all(f"  {recipe.name:<14}{recipe.layout}" in shown for recipe in RECIPES.values())


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    write_ct(tmp_path / "scans" / "a.nii.gz", (12, 10, 8))
    write_mri(tmp_path / "scans" / "b.nii", (9, 8, 7))
    (tmp_path / "scans" / "bad.nii").write_text("no image")
    return tmp_path / "scans"


def test_the_command_makes_a_store_and_tells_what_it_did(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    assert prepare(scans, "--out", store) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"skipped {scans / 'bad.nii'}: ")
    assert said[1].startswith("3 of 3 files, ")
    assert said[1].endswith(" MB/s, 0 s left")
    assert said[2].startswith("2 taken, 1 skipped in ")
    assert said[2].endswith("; 2 volumes of 2 patients")
    assert said[3].startswith("work: read ")
    assert said[4] == str(store / "report.csv")
    assert len(VolumeStore(store)) == 2
    assert prepare(scans, "--out", store) == 0
    assert "2 kept, 1 skipped in " in capsys.readouterr().out


def test_nothing_taken_is_status_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.nii").write_text("no image")
    assert prepare(tmp_path / "bad.nii", "--out", tmp_path / "store") == 1
    assert "nothing could be taken of 1 files: " in capsys.readouterr().err
    assert prepare(tmp_path / "none", "--out", tmp_path / "store") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "none: no such file or folder" in error


def test_other_settings_are_status_one_with_the_way_out(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare(scans, "--out", tmp_path / "store") == 0
    for more in ((), ("--dry-run",)):
        assert prepare(scans, "--out", tmp_path / "store", "--dtype", "uint8", *more) == 1
        assert "give --overwrite to prepare anew, or another folder" in capsys.readouterr().err
    assert prepare(scans, "--out", tmp_path / "store", "--dtype", "uint8", "--overwrite") == 0


def test_a_dry_run_tells_sizes_and_does_nothing(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_nifti(scans / "four.nii", random_voxels((6, 5, 4, 2), 0, 100))
    store = tmp_path / "store"
    arguments = (scans, "--out", store, "--spacing", "2", "--pad-to", "8", "1", "1")
    assert prepare(*arguments, "--dry-run") == 0
    said = capsys.readouterr().out
    assert f"take  {scans / 'a.nii.gz'}: 12x10x8 at 1x1x1 mm -> 8x5x4, 0.0 MB, patient a, no split\n" in said
    assert f"skip  {scans / 'bad.nii'}: " in said
    assert f"skip  {scans / 'four.nii'}: 4D, 2 frames of (6, 5, 4): --frames takes each as a volume" in said
    assert "2 volumes, 0.000 GB without labels, 0.000 GB to be written, " in said
    assert "CT is cut at -1000 and 1000 HU, MRI at its percentiles 0.5 and 99.5\n" in said
    assert not store.exists()
    assert prepare(*arguments, "--frames") == 0
    told = [entry.shape for entry in VolumeStore(store).entries]
    capsys.readouterr()
    assert prepare(*arguments, "--frames", "--dry-run") == 0
    said = capsys.readouterr().out
    assert f"keep  {scans / 'a.nii.gz'}" in said
    assert f"keep  {scans / 'four.nii'}: 6x5x4 at 1x1x1 mm x 2 -> 8x2x2" in said
    assert told == [(8, 5, 4), (8, 4, 4), (8, 2, 2), (8, 2, 2)]
    assert "4 volumes, " in said
    assert prepare(scans, "--out", tmp_path / "other", "--mri-window", "0", "4000", "--dry-run") == 0
    told_window = "MRI at 0 and 4000 (left out if more than 25% of its voxels lie above)\n"
    assert told_window in capsys.readouterr().out


def test_a_dry_run_tells_when_the_disk_is_too_small(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=100))
    assert prepare(scans, "--out", tmp_path / "deep" / "store", "--dry-run") == 0
    assert "is too small: choose another, --dtype uint8, or a larger --spacing" in capsys.readouterr().out


def test_a_recipe_and_splits_choose_the_sources(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, kind in ((1001, "ct"), (1017, "ct"), (1002, "mr")):
        write_ct(tmp_path / "set" / f"{kind}_train_{number}_image.nii.gz", (6, 6, 6))
    assert prepare(tmp_path / "set", "--recipe", "mmwhs", "--splits", "train", "--out", tmp_path / "store") == 0
    entries = VolumeStore(tmp_path / "store").entries
    assert [(e.name, e.modality, e.split) for e in entries] == [
        ("ct_train_1001", "ct", "train"),
        ("mr_train_1002", "mri", "train"),
    ]
    assert "note: " in capsys.readouterr().out  # of the labels that are not there


def step(done: int, bytes_done: int, status: Any = "taken", reason: str = "") -> Step:
    return Step(Outcome(Source(Path("a.nii"), "a", "a"), status, reason), done, 4, bytes_done, 400, 2.0)


def test_progress_tells_rate_and_time_left() -> None:
    assert line_of(step(1, 100)) == "1 of 4 files, 0.0 MB/s, 6 s left"
    assert line_of(step(1, 0)) == "1 of 4 files"
    assert [duration(s) for s in (0.2, 59, 61, 7500)] == ["0 s", "59 s", "1 min 1 s", "2 h 5 min"]


def test_plain_progress_says_trouble_at_once_and_the_rest_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    view = plain_progress()
    view(step(1, 100))
    view(step(2, 200, "skipped", "b.nii: truncated"))
    assert capsys.readouterr().out == "skipped b.nii: truncated\n"
    view(step(4, 400))
    assert capsys.readouterr().out == "4 of 4 files, 0.0 MB/s, 0 s left\n"


def test_a_terminal_gets_a_bar_where_rich_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rich")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    trouble = step(2, 200, "skipped", "[b].nii: truncated")
    with showing_progress() as view:
        view(trouble)
    said = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", capsys.readouterr().out)  # without colours
    assert "[b].nii: truncated" in said
    assert "2 of 4 files" in said
    monkeypatch.setattr(_progress, "require", lambda *names: (_ for _ in ()).throw(ImportError("no rich")))
    with showing_progress() as view:
        view(trouble)
    assert capsys.readouterr().out == "skipped [b].nii: truncated\n"


def test_names_that_are_no_text_do_no_harm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_ct(tmp_path / "in" / "a.nii.gz", (6, 6, 6))
    os.rename(tmp_path / "in" / "a.nii.gz", os.fsencode(tmp_path / "in") + b"/caf\xe9.nii.gz")
    (tmp_path / "in" / "\x1b[31mred.nii.gz").write_bytes(b"no image")
    assert main(["prepare", str(tmp_path / "in"), "--out", str(tmp_path / "store"), "--workers", "0"]) == 0
    assert b"caf\\udce9" in (tmp_path / "store" / "report.csv").read_bytes()
    assert main(["preview", str(tmp_path / "in" / "\x1b[31mred.nii.gz"), "--out", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err
    assert r"\x1b[31mred.nii.gz" in told.out and r"\x1b[31mred.nii.gz" in told.err
