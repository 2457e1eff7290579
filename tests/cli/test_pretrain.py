# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import signal
from pathlib import Path
from typing import Any

import pytest

from genesis_ext.cli.main import main
from genesis_ext.cli.pretrain import parse
from genesis_ext.training import PRESETS, PretrainConfig, write_config
from genesis_ext.training.engine import loop, signals
from genesis_ext.training.engine.checkpoint import read_checkpoint
from genesis_ext.training.engine.step import take_step
from genesis_ext.training.pretraining.sizes import size_of
from tests.data_layer.images import write_ct

TINY = ["--patch", "16", "16", "8", "--width", "2", "--batch-size", "2", "--validation-patches", "2"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stores of scans go here."""
    monkeypatch.setenv("GENESIS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def parsed(*arguments: str) -> PretrainConfig:
    return parse(["--data", "d", "--out", "o", *arguments]).settings


def test_the_defaults_of_the_options_are_those_of_the_config() -> None:
    assert parsed() == PretrainConfig()


@pytest.mark.parametrize("wrong", [["--patch", "7", "7", "7"], ["--steps", "0"], ["--profile", "nosuch"]], ids=str)
def test_a_wrong_setting_is_wrong_use(wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["pretrain", "--data", str(tmp_path), "--out", str(tmp_path / "run"), *wrong])
    assert caught.value.code == 2
    assert wrong[0].removeprefix("--") in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_every_setting_is_an_option_that_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["pretrain", "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for name in PretrainConfig().flat():
        assert f"--{name.replace('_', '-')}" in shown
    assert "HU that become 0 and 1" in shown
    assert "--no-borders" in shown
    assert all(name in shown for name in PRESETS)


def test_options_go_over_the_preset() -> None:
    config = parsed("--preset", "quick", "--patch", "16", "24", "8", "--lr", "0.1", "--ct-window-hu", "-500", "500")
    assert (config.data.patch, config.optim.lr, config.files.ct_window_hu) == ((16, 24, 8), 0.1, (-500.0, 500.0))
    assert config.network.width == PRESETS["quick"]["width"]
    assert not parsed("--preset", "released", "--no-borders").data.borders
    assert parsed("--spacing-mm", "1", "--boxes", "scales", "--scales", ".5", ".3", ".1").data.scales == (0.5, 0.3, 0.1)


def test_options_go_over_a_config_file_which_excludes_a_preset(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yaml"
    write_config(file, PretrainConfig.of(width=8, lr=0.5))
    config = parsed("--config", str(file), "--lr", "0.25")
    assert (config.network.width, config.optim.lr) == (8, 0.25)
    both = ["pretrain", "--data", "d", "--out", "o", "--config", str(file), "--preset", "quick"]
    assert main(both) == 2
    assert "--preset and --config must not both be given" in capsys.readouterr().err


def test_the_command_trains_and_resumes_with_the_stored_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan, out = write_ct(tmp_path / "ct.nii.gz", (40, 20, 10)), tmp_path / "run"
    assert main(["pretrain", "--data", str(scan), "--out", str(out), "--steps", "2", *TINY]) == 0
    said = capsys.readouterr().out
    assert "identity" in said
    assert "samples/s" in said
    assert f"best checkpoint: {out / 'best.pt'}" in said
    assert main(["pretrain", "--data", str(scan), "--out", str(out), "--resume", "--steps", "3"]) == 0
    assert read_checkpoint(out / "last.pt")["progress"]["step"] == 3


def test_the_same_command_goes_on_and_what_differs_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRESETS, "quick", {"lr": 5e-3, "patch": (16, 16, 8), "steps": 2, "checkpoint_every": 1})
    scan, out, file = write_ct(tmp_path / "ct.nii.gz", (40, 20, 10)), tmp_path / "run", tmp_path / "my.yaml"
    file.write_text("lr: 2e-2\nsteps: 3\n")
    command = ["pretrain", "--data", str(scan), "--out", str(out), "--preset", "quick", *TINY[4:], "--lr", "0.02"]
    assert main([*command, "--resume", "--minutes", "1e-9"]) == 0
    said = capsys.readouterr().out
    assert f"nothing to resume in {out}: starting at step 0" in said
    assert "the run is not finished: the same command with --resume goes on" in said
    for words, step in ((command, 2), ([*command[:5], "--config", str(file)], 3)):
        assert main([*words, "--resume"]) == 0
        assert f"resumed {out} at step {step - 1}" in capsys.readouterr().out
        assert read_checkpoint(out / "last.pt")["progress"]["step"] == step
    before = (out / "last.pt").read_bytes()
    for words, differences in (
        ([*command[:5], "--preset", "quick", "--resume"], ["lr: 0.005, not 0.02"]),
        ([*command, "--resume", "--seed", "3", "--width", "4"], ["width: 4, not 2", "seed: 3, not 0"]),
        ([*command[:5], "--preset", "released", "--resume"], ["lr: 1.0, not 0.02", "borders: True, not False"]),
    ):
        assert main(words) == 1
        complaint = capsys.readouterr().err
        assert complaint.count("\n") == 1
        assert all(difference in complaint for difference in ["a resumed run must keep its settings", *differences])
    file.write_text("warmup: 3\n")
    assert main([*command[:5], "--config", str(file), "--resume"]) == 2
    assert f"my.yaml is not what {out} was begun with: warmup must be below steps" in capsys.readouterr().err
    assert (out / "last.pt").read_bytes() == before


def test_ctrl_c_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*args: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return take_step(*args)

    monkeypatch.setattr(loop, "take_step", pressed)
    scan, out = write_ct(tmp_path / "ct.nii.gz", (40, 20, 10)), tmp_path / "run"
    command = ["pretrain", "--data", str(scan), "--out", str(out), "--steps", "9", *TINY]
    assert main(command) == 130
    assert "the run is not finished: the same command with --resume goes on" in capsys.readouterr().out
    monkeypatch.setattr(signals, "_ONE_PRESS_S", -1.0)
    monkeypatch.setattr(loop, "take_step", lambda *args: pressed(*args) and pressed(*args))
    assert main([*command, "--resume"]) == 130
    said = capsys.readouterr().err
    assert f"what was saved stays in {out}: the same command with --resume goes on" in said
    assert "genesis pretrain: interrupted" in said


def test_a_damaged_checkpoint_is_a_failure_not_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/last.pt").write_bytes(b"PK nothing")
    assert main(["pretrain", "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--resume"]) == 1
    assert "last.pt is damaged" in capsys.readouterr().err


def test_scans_are_prepared_into_the_cache_that_is_given(tmp_path: Path, cache: Path) -> None:
    scan, other = write_ct(tmp_path / "ct.nii.gz", (40, 20, 10)), tmp_path / "other"
    arguments = ["pretrain", "--data", str(scan), "--out", str(tmp_path / "run"), "--steps", "1", *TINY]
    assert main([*arguments, "--cache", str(other)]) == 0
    assert list(other.rglob("index.json"))
    assert not cache.exists()


def test_failures_are_one_line_and_status_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["pretrain", "--data", str(tmp_path / "none.nii"), "--out", str(tmp_path / "run"), *TINY])
    error = capsys.readouterr().err
    assert status == 1
    assert error.count("\n") == 1
    assert "none.nii: no such file or folder" in error


@pytest.mark.parametrize("wrong", [["--steps", "many"], ["--loss", "dice"], ["--patch", "8", "8"], ["--unknown"]])
def test_wrong_use_is_status_two(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["pretrain", "--data", "d", "--out", "o", *wrong])
    assert caught.value.code == 2


@pytest.mark.parametrize("wrong", [["--minutes", "nan"], ["--minutes", "0"], ["--steps", "0"]], ids=str)
@pytest.mark.parametrize("command", [["pretrain", "--data", "d"], ["demo"]], ids=str)
def test_no_time_and_no_steps_are_wrong_use(
    command: list[str], wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command, "--out", str(tmp_path / "run"), *wrong])
    assert caught.value.code == 2
    assert wrong[0].removeprefix("--") in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["pretrain", "demo"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert f"examples:\n  genesis {command}" in capsys.readouterr().out


def test_the_demo_runs_names_its_results_and_can_be_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = {**PRESETS["quick"], "width": 2, "batch_size": 2, "validation_patches": 2, "steps": 2}
    monkeypatch.setitem(PRESETS, "quick", tiny)
    (tmp_path / "run").mkdir()
    write_config(tmp_path / "run/config.yaml", PretrainConfig())
    assert main(["demo", "--out", str(tmp_path / "run")]) == 1
    assert "run holds a run already (config.yaml)" in capsys.readouterr().err  # of another command: not to be cleared
    for _ in range(2):
        status = main(["demo", "--out", str(tmp_path / "demo")])
        said = capsys.readouterr().out
        assert status == 1  # two steps restore nothing, and the demo does not hide it
        for name in ("pictures/step_000002.png", "loss_curve.png", "best.pt", "report.html"):
            assert str(tmp_path / "demo" / name) in said
            assert (tmp_path / "demo" / name).exists()


def test_presets_tell_how_long_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["pretrain", "--list-presets"])
    assert caught.value.code == 0
    rows = {words[0]: words[1:] for line in capsys.readouterr().out.splitlines() if (words := line.split())}
    assert rows.keys() >= PRESETS.keys()
    assert rows["genesis-chest-ct"][:3] == ["23,730,000", "6", "142,380,000"]
    whole = size_of(PretrainConfig())
    assert whole.flop / whole.samples == pytest.approx(733e9, rel=0.01)  # 244e9 a forward pass of 64x64x32
    assert size_of(PretrainConfig.of(method="rotation")).flop < 0.6 * whole.flop  # encodes alone
