# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Whole runs: real files, the real transform, a tiny network."""

import errno
import fcntl
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import genesis_ext
from genesis_ext.data import FixedSamples, Sampling, StoreError, whole_regions
from genesis_ext.data.prepare.run import prepare_cached
from genesis_ext.data.sources.source import SourceError
from genesis_ext.models import UNet3D, load_weights
from genesis_ext.training import PretrainConfig, TrainingDivergedError, Validator, pretrain, write_config
from genesis_ext.training.engine import loop, run, signals
from genesis_ext.training.engine.checkpoint import best_loss_on_disk, read_checkpoint
from genesis_ext.training.engine.run_log import read_log
from genesis_ext.training.engine.step import take_step
from genesis_ext.training.pretraining.methods.genesis import Restoration
from tests.data_layer.images import write_ct, write_mri
from tests.training.doubles import Constant
from tests.training.runs import same

pytest.importorskip("matplotlib")
pytest.importorskip("tensorboard")

CONFIG = PretrainConfig.of(
    patch=(16, 16, 16),
    width=2,
    steps=10,
    batch_size=2,
    lr=1e-2,
    validate_every=4,
    validation_patches=2,
    checkpoint_every=5,
    log_every=5,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stores of scans go here."""
    monkeypatch.setenv("GENESIS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    write_ct(tmp_path / "scans/ct.nii.gz", (48, 20, 18))
    write_mri(tmp_path / "scans/mri.nii.gz", (18, 20, 40))
    return tmp_path / "scans"


def quiet(text: str) -> None:
    """Say nothing."""


def test_an_epoch_has_so_many_patches_of_each_volume_and_so_has_its_validation(
    tmp_path: Path,
) -> None:
    for number in range(6):
        write_ct(tmp_path / f"scans/p{number}.nii.gz", (18, 20, 18))
    said: list[str] = []
    config = CONFIG.but(patches_a_volume=3, batch_size=4)
    pretrain(config.but(steps=7), scans := tmp_path / "scans", out := tmp_path / "run", report=said.append)
    assert [text for text in said if text.endswith("an epoch is 3 steps, 3 patches of each of 5 volumes")]
    steps = [entry["step"] for entry in read_log(out / "log.jsonl") if entry["kind"] == "validation"]
    assert steps == [3, 6, 7]
    pretrain(config, scans, out, resume=True, report=quiet)
    assert [entry["step"] for entry in read_log(out / "log.jsonl") if entry["kind"] == "validation"] == [3, 6, 7, 9, 10]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_five_steps_and_five_resumed_are_ten_to_the_last_bit(scans: Path, tmp_path: Path, optimizer: Any) -> None:
    config = CONFIG.but(optimizer=optimizer, schedule="step")
    pretrain(config, scans, tmp_path / "whole", report=quiet)
    pretrain(config.but(steps=5), scans, tmp_path / "parts", report=quiet)
    said: list[str] = []
    pretrain(config, scans, tmp_path / "parts", resume=True, report=said.append)
    assert f"resumed {tmp_path / 'parts'} at step 5" in said
    whole, parts = (read_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    assert whole["progress"]["step"] == 10
    assert same(whole, parts)


def test_a_run_is_repeated_to_the_last_bit_and_a_seed_changes_it(scans: Path, tmp_path: Path) -> None:
    config = CONFIG.but(steps=3)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        pretrain(config.but(seed=seed), scans, tmp_path / name, report=quiet)
    a, b, c = (read_checkpoint(tmp_path / name / "last.pt")["state_dict"] for name in "abc")
    assert same(a, b)
    assert not same(a, c)


def test_the_checkpoints_load_into_the_network(scans: Path, tmp_path: Path) -> None:
    result = pretrain(CONFIG.but(steps=4), scans, tmp_path / "run", report=quiet)
    assert all(path.exists() for path in result.files.values())
    network = UNet3D(width=CONFIG.network.width)
    account = load_weights(network, tmp_path / "run/best.pt", report=None)
    assert not account.missing
    assert not account.unused
    assert account.epoch == 1
    assert best_loss_on_disk(tmp_path / "run/best.pt") == result.validation.loss


def test_a_resumed_run_must_keep_settings_and_data(scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    pretrain(CONFIG.but(steps=1), scans, out, report=quiet)
    with pytest.raises(ValueError, match=r"keep its settings, got lr: 0\.5, not 0\.01"):
        pretrain(CONFIG.but(lr=0.5), scans, out, resume=True, report=quiet)
    write_mri(scans / "more.nii.gz", (40, 20, 18))
    with pytest.raises(ValueError, match=r"keep its data, .*volumes that differ \(1\), the first: more mri 40x20x18"):
        pretrain(CONFIG, scans, out, resume=True, report=quiet)


def test_a_damaged_checkpoint_is_named(scans: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/last.pt").write_bytes(b"PK nothing")
    with pytest.raises(ValueError, match=r"last\.pt is damaged"):
        pretrain(CONFIG, scans, tmp_path / "run", resume=True, report=quiet)
    torch.save({"state_dict": {}}, tmp_path / "run/last.pt")
    with pytest.raises(ValueError, match="must be a checkpoint of format 3"):
        pretrain(CONFIG, scans, tmp_path / "run", resume=True, report=quiet)


def test_resume_starts_where_nothing_was_saved_and_says_so(scans: Path, tmp_path: Path) -> None:
    said: list[str] = []
    out = tmp_path / "run"
    out.mkdir()
    write_config(out / "config.yaml", CONFIG)  # of a run that was killed before its first checkpoint
    (out / "log.jsonl").write_text('{"kind": "training", "step": 1, "loss": 0.5}\n')
    pretrain(CONFIG.but(steps=1, log_every=1), scans, out, resume=True, report=said.append)
    assert f"nothing to resume in {out}: starting at step 0" in said
    assert read_checkpoint(out / "last.pt")["progress"]["step"] == 1
    assert len(losses(out)) == 1


def test_resume_clears_no_checkpoint_where_the_last_one_is_missing(scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    pretrain(CONFIG.but(steps=4, checkpoint_every=2, keep_every=2), scans, out, report=quiet)
    (out / "last.pt").unlink()
    held = r"holds previous\.pt, best\.pt, step_000002\.pt, step_000004\.pt, but no last\.pt"
    with pytest.raises(ValueError, match=f"{held}: --fall-back goes on from previous\\.pt"):
        pretrain(CONFIG.but(steps=4), scans, out, resume=True, report=quiet)
    said: list[str] = []
    pretrain(CONFIG.but(steps=4), scans, out, resume=True, fall_back=True, report=said.append)
    assert f"resumed {out} at step 2" in said
    for name in ("last.pt", "previous.pt"):
        (out / name).unlink()
    with pytest.raises(ValueError, match=r"best\.pt, .* and there is no previous\.pt: --overwrite begins anew"):
        pretrain(CONFIG.but(steps=4), scans, out, resume=True, fall_back=True, report=quiet)
    assert (out / "best.pt").exists()


@pytest.mark.parametrize("how", [{}, {"resume": True}, {"overwrite": True}], ids=str)
def test_a_second_run_does_not_come_into_the_folder_of_a_living_one(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: dict[str, bool]
) -> None:
    out, refused = tmp_path / "run", []

    def meanwhile(*args: Any) -> Any:
        with pytest.raises(ValueError, match=rf"{out}: another run trains there, process {os.getpid()} on ") as caught:
            pretrain(CONFIG.but(steps=1), scans, out, report=quiet, **how)  # type: ignore[arg-type]
        refused.append(caught)
        return take_step(*args)

    monkeypatch.setattr(loop, "take_step", meanwhile)
    pretrain(CONFIG.but(steps=2, log_every=1), scans, out, report=quiet)
    monkeypatch.undo()
    assert len(refused) == len(losses(out)) == 2
    assert pretrain(CONFIG.but(steps=1), scans, out, overwrite=True, report=quiet).finished  # nothing holds it any more


def test_a_run_goes_on_where_the_file_system_has_no_locks(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(file: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    store = prepare_cached(scans, report=quiet, spacing_mm=None)  # a store is not prepared without a lock
    monkeypatch.setattr(fcntl, "flock", no_locks)
    said: list[str] = []
    assert pretrain(CONFIG.but(steps=1), store.path, tmp_path / "run", report=said.append).finished
    assert f"warning: {tmp_path / 'run'} cannot be locked (No locks available): let no other run write there" in said


def test_the_time_limit_counts_from_the_call_and_a_step_is_always_taken(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_data = run.open_data

    def slow(*args: Any) -> Any:
        time.sleep(0.3)
        return open_data(*args)

    monkeypatch.setattr(run, "open_data", slow)
    result = pretrain(CONFIG, scans, tmp_path / "run", time_limit_s=0.3, report=quiet)
    assert (result.finished, result.stopped_by) == (False, None)
    assert read_checkpoint(tmp_path / "run/last.pt")["progress"]["step"] == 1
    for limit in (math.nan, 0.0):
        with pytest.raises(ValueError, match="time_limit_s must be above 0, got"):
            pretrain(CONFIG, scans, tmp_path / "other", time_limit_s=limit, report=quiet)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is used")
def test_that_no_gpu_is_used_is_said_unless_the_cpu_was_asked_for(scans: Path, tmp_path: Path) -> None:
    for device, times in (("auto", 1), ("cpu", 0)):
        said: list[str] = []
        pretrain(CONFIG.but(steps=1), scans, tmp_path / device, device=device, report=said.append)
        assert said.count("no GPU is used: device cpu") == times


def test_a_run_is_cleared_only_if_asked_and_other_files_never(scans: Path, tmp_path: Path) -> None:
    out, config = tmp_path / "run", CONFIG.but(steps=1)
    pretrain(config, scans, out, report=quiet)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"holds a run already \(last\.pt\): --resume goes on with it, --overwrite"):
        pretrain(config, scans, out, report=quiet)
    pretrain(config, scans, out, overwrite=True, report=quiet)
    assert (out / "notes.txt").read_text() == "mine"
    (tmp_path / "album/pictures").mkdir(parents=True)
    for more, given in (("config.yaml", {"overwrite": True}), ("last.pt", {"overwrite": True}), ("best.pt", {})):
        with pytest.raises(ValueError, match="folder of its own"):
            pretrain(config, scans, tmp_path / "album", report=quiet, **given)  # type: ignore[arg-type]
        assert not (tmp_path / "album/.lock").exists()
        (tmp_path / "album" / more).write_text("mine: too")


def test_a_run_is_not_cleared_for_one_that_cannot_start(scans: Path, tmp_path: Path) -> None:
    out, config = tmp_path / "run", CONFIG.but(steps=1)
    pretrain(config, scans, out, report=quiet)
    with pytest.raises(SourceError, match="no such file or folder"):
        pretrain(config, tmp_path / "mistyped", out, overwrite=True, report=quiet)
    with pytest.raises(ValueError, match="at least 8 voxels in each cell"):
        pretrain(config.but(method="jigsaw"), scans, out, overwrite=True, report=quiet)
    with pytest.raises(ValueError, match="at least two values to each norm"):
        pretrain(config.but(patch=(8, 8, 8), batch_size=1), scans, out, overwrite=True, report=quiet)
    with pytest.raises(ValueError, match="resume and overwrite must not both be set"):
        pretrain(config, scans, out, overwrite=True, resume=True, report=quiet)
    assert read_checkpoint(out / "last.pt")["progress"]["step"] == 1


def test_validation_scans_may_be_given_and_must_not_train(scans: Path, tmp_path: Path) -> None:
    held = write_ct(tmp_path / "held/ct.nii", (16, 16, 16), seed=5)
    config = CONFIG.but(steps=1, borders=True, lung_content=True)
    pretrain(config, scans / "ct.nii.gz", tmp_path / "run", validation_data=held, report=quiet)
    assert len(read_checkpoint(tmp_path / "run/last.pt")["data"]["volumes"]) == 2
    with pytest.raises(ValueError, match="ct must not both train and validate"):
        pretrain(config, scans, tmp_path / "other", validation_data=scans / "ct.nii.gz", report=quiet)


def test_a_store_trains_as_the_scans_it_was_made_of(scans: Path, tmp_path: Path) -> None:
    config = CONFIG.but(steps=2)
    store = prepare_cached(scans, report=quiet, spacing_mm=None)
    for name, data in (("scans", scans), ("store", store.path)):
        pretrain(config, data, tmp_path / name, report=quiet)
    a, b = (read_checkpoint(tmp_path / name / "last.pt") for name in ("scans", "store"))
    assert same(a, b)
    assert a["data"]["checksum"] == store.checksum


def test_settings_for_files_are_refused_for_a_store(scans: Path, tmp_path: Path) -> None:
    store = prepare_cached(scans, report=quiet)
    with pytest.raises(ValueError, match=r"is a store, .* spacing_mm, ct_window_hu must not be given"):
        pretrain(CONFIG.but(spacing_mm=2.0, ct_window_hu=(0.0, 9.0)), store.path, tmp_path / "run", report=quiet)


def test_an_unfinished_store_is_named(scans: Path, tmp_path: Path) -> None:
    store = prepare_cached(scans, report=quiet)
    (store.path / "index.json").unlink()
    with pytest.raises(StoreError, match=r"not finished: index\.json is missing"):
        pretrain(CONFIG, store.path, tmp_path / "run", report=quiet)


@pytest.mark.parametrize("placement", ["pinned", "disk"])
def test_a_run_with_shards_that_rotate_resumes_to_the_last_bit(scans: Path, tmp_path: Path, placement: Any) -> None:
    write_ct(scans / "b.nii.gz", (20, 30, 40), seed=1)
    write_ct(scans / "c.nii.gz", (20, 20, 20), seed=2)
    config = CONFIG.but(
        boxes="scales",
        lung_content=True,
        foreground=True,
        placement=placement,
        budget_gib=2 * 2**-14,  # the largest volume twice
        samples_a_volume=1,
        steps=6,
        checkpoint_every=3,
    )
    said: list[str] = []
    pretrain(config, scans, tmp_path / "whole", report=said.append)
    assert any("shards" in text for text in said)
    pretrain(config.but(steps=3), scans, tmp_path / "parts", report=quiet)
    pretrain(config, scans, tmp_path / "parts", resume=True, report=quiet)
    whole, parts = (read_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    assert same(whole, parts)


def test_an_unknown_device_is_refused(scans: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="device must be"):
        pretrain(CONFIG, scans, tmp_path / "run", device="gpu", report=quiet)


def test_importing_the_package_does_not_import_training() -> None:
    code = "import sys, genesis_ext; print([m for m in sys.modules if m.startswith('genesis_ext.training')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_real_scans_of_both_modalities_train(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("SimpleITK")
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in ("ct/chest_cip_ct64.nrrd", "mri/niivue_FLAIR.nrrd", "mri/abdomen_ts_example_mr_sm.nii.gz"):
        (folder / Path(name).name).symlink_to(shared / "data" / name)
    said: list[str] = []
    config = CONFIG.but(patch=(32, 32, 24), steps=2, lung_content=True)
    result = pretrain(config, folder, tmp_path / "run", report=said.append)
    assert len(read_checkpoint(result.out / "last.pt")["data"]["volumes"]) == 3
    assert any(text.startswith("left out abdomen_ts_example_mr_sm") for text in said)  # it has 20 slices


def test_on_the_chest_ct_a_constant_beats_the_identity_and_still_does_not_work(shared: Path) -> None:
    pytest.importorskip("SimpleITK")
    patch = (64, 64, 32)
    store = prepare_cached(shared / "data/ct/chest_ricord1a_419639.mhd", report=quiet, spacing_mm=None)
    transform = genesis_ext.GenesisTransform(profile="head", seed=0)
    fixed = FixedSamples(store, whole_regions(store.entries), 16, 4, Sampling(out_shape=patch, cube=patch), transform)
    constant = Constant(float(torch.cat([batch["target"] for batch in fixed]).mean()))
    report = Validator(list(fixed), Restoration(constant, "mse", 0.1), "mse")(constant)
    assert report.baselines["identity"] > 2 * report.baselines["constant"]
    assert report.loss == pytest.approx(report.baselines["constant"], rel=1e-4)
    assert not report.works


def losses(out: Path) -> list[float]:
    return [entry["loss"] for entry in read_log(out / "log.jsonl") if entry["kind"] == "training"]


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "universal", "boxes": "scales"},
        {"method": "universal", "boxes": "scales", "adversary": "reversal", "confusion": "flipped"},
        {"method": "universal", "boxes": "scales", "adversary": "off", "modalities": "mri"},
        {"method": "rotation"},
        {"method": "jigsaw", "patch": (24, 24, 24)},
        {"patch": (32, 32, 1), "width": 4, "batch_size": 4},
        {"loss": "masked", "norm": "instance", "upsample": "nearest", "bn_mode": "running"},
        {"precision": "bf16", "patch": (24, 24, 24), "clip": 0.5, "warmup": 2, "schedule": "cosine"},
        {"ema": 0.5, "accumulate": 2, "keep_every": 2, "schedule": "polynomial", "deterministic": True},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_every_method_trains_and_resumes_to_the_last_bit(tmp_path: Path, settings: dict[str, Any]) -> None:
    for number in range(2):
        write_ct(tmp_path / f"scans/ct{number}.nii.gz", (48, 40, 40), seed=number)
        write_mri(tmp_path / f"scans/mri{number}.nii.gz", (40, 48, 40), seed=number)
    config = CONFIG.but(**{"steps": 4, "checkpoint_every": 2, "validate_every": 2, "log_every": 1, **settings})
    whole = pretrain(config, tmp_path / "scans", tmp_path / "whole", report=quiet)
    (tmp_path / "parts").mkdir()
    shutil.copy(tmp_path / "whole/previous.pt", tmp_path / "parts/last.pt")  # of step 2
    parts = pretrain(config, tmp_path / "scans", tmp_path / "parts", resume=True, report=quiet)
    assert read_checkpoint(tmp_path / "whole/previous.pt")["progress"]["step"] == 2
    assert same(*(read_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts")))
    assert losses(whole.out)[2:] == losses(parts.out)
    assert whole.validation == parts.validation
    assert (whole.out / "report.html").exists()
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("loss", ["mse", "masked"])
def test_parts_of_a_batch_give_the_gradient_of_the_whole(scans: Path, tmp_path: Path, loss: str) -> None:
    config = CONFIG.but(steps=3, log_every=1, norm="instance", batch_size=4, loss=loss)
    pretrain(config, scans, tmp_path / "whole", report=quiet)
    pretrain(config.but(accumulate=3), scans, tmp_path / "parts", report=quiet)  # of 2, 1 and 1 samples
    assert losses(tmp_path / "parts") == pytest.approx(losses(tmp_path / "whole"), rel=1e-4)


def test_checkpoints_are_kept_and_the_best_one_holds_the_mean_of_the_weights(scans: Path, tmp_path: Path) -> None:
    result = pretrain(CONFIG.but(steps=4, keep_every=2, ema=0.9), scans, tmp_path / "run", report=quiet)
    assert sorted(path.name for path in result.out.glob("step_*.pt")) == ["step_000002.pt", "step_000004.pt"]
    last, best = (read_checkpoint(result.out / name) for name in ("last.pt", "best.pt"))
    mean = {name.removeprefix("module."): value for name, value in last["mean"].items() if name != "n_averaged"}
    assert not same(last["state_dict"], mean)
    assert same(best["state_dict"], mean)


def test_a_damaged_checkpoint_is_passed_over_if_asked(scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    pretrain(CONFIG, scans, out, report=quiet)
    whole = read_checkpoint(out / "last.pt")
    (out / "last.pt").write_bytes((out / "last.pt").read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"last\.pt is damaged .*--fall-back goes on from previous\.pt"):
        pretrain(CONFIG, scans, out, resume=True, report=quiet)
    said: list[str] = []
    pretrain(CONFIG, scans, out, resume=True, fall_back=True, report=said.append)
    assert f"resumed {out} at step 5" in said
    assert same(read_checkpoint(out / "last.pt"), whole)
    assert read_checkpoint(out / "previous.pt")["progress"]["step"] == 5  # not the damaged one


def test_a_run_that_diverges_goes_back_and_on_with_half_the_rates(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = iter(range(100))

    def once_not_finite(*arguments: Any) -> Any:
        figures = take_step(*arguments)
        return {**figures, "loss": figures["loss"] * math.nan} if next(steps) == 7 else figures

    monkeypatch.setattr(loop, "take_step", once_not_finite)
    config = CONFIG.but(log_every=1, schedule="constant")
    with pytest.raises(TrainingDivergedError, match="the loss is nan at step 8"):
        pretrain(config, scans, tmp_path / "stops", report=quiet)
    steps = iter(range(100))
    pretrain(config.but(on_trouble="rollback"), scans, tmp_path / "goes-on", report=quiet)
    last = read_checkpoint(tmp_path / "goes-on/last.pt")
    assert (last["progress"]["step"], last["progress"]["rollbacks"]) == (10, 1)
    entries = list(read_log(tmp_path / "goes-on/log.jsonl"))
    assert [entry["lr"] for entry in entries if entry["kind"] == "training"] == [0.01] * 5 + [0.005] * 5
    assert any("back to step 5" in entry["text"] for entry in entries if entry["kind"] == "message")


def test_a_run_whose_last_step_is_interrupted_is_done(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: Any) -> Any:
        signal.raise_signal(signal.SIGTERM)
        return take_step(*args)

    monkeypatch.setattr(loop, "take_step", interrupted)
    stopped = pretrain(CONFIG.but(steps=2), scans, tmp_path / "stopped", report=quiet)
    done = pretrain(CONFIG.but(steps=1), scans, tmp_path / "done", report=quiet)
    assert (stopped.finished, stopped.stopped_by) == (False, signal.SIGTERM)
    assert (done.finished, done.stopped_by) == (True, None)
    assert set(done.files) - set(stopped.files) == {"best checkpoint"}


def test_ctrl_c_ends_after_the_step_with_a_checkpoint_and_a_second_one_at_once(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    presses = 2  # of one key: torchrun passes on what its processes had from the terminal

    def pressed(*args: Any) -> Any:
        for _ in range(presses):
            signal.raise_signal(signal.SIGINT)
        return take_step(*args)

    monkeypatch.setattr(loop, "take_step", pressed)
    stopped = pretrain(CONFIG, scans, tmp_path / "run", report=quiet)
    assert (stopped.finished, stopped.stopped_by) == (False, signal.SIGINT)
    assert read_checkpoint(tmp_path / "run/last.pt")["progress"]["step"] == 1
    assert "asked to by SIGINT" in (tmp_path / "run/log.jsonl").read_text()
    assert capfd.readouterr().err.count("Ctrl-C again ends at once") == 1
    monkeypatch.setattr(signals, "_ONE_PRESS_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        pretrain(CONFIG, scans, tmp_path / "run", resume=True, report=quiet)
    assert read_checkpoint(tmp_path / "run/last.pt")["progress"]["step"] == 1


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"modalities": "xray"}, r"needs volumes of xray, and of xray none trains"),
        ({"method": "universal", "boxes": "scales"}, r"needs volumes of ct and mri, and of mri none"),
        ({"accumulate": 3}, "accumulate must be at most the samples of a process, got 3 parts of 2"),
        ({"precision": "fp16"}, "precision fp16 is for CUDA"),
        ({"cuda_graph": True}, "cuda_graph is for one process on a CUDA device, got 1 on cpu"),
    ],
)
def test_what_cannot_work_is_said_before_training(
    scans: Path, tmp_path: Path, settings: dict[str, Any], complaint: str
) -> None:
    (scans / "mri.nii.gz").unlink()
    with pytest.raises(ValueError, match=complaint):
        pretrain(CONFIG.but(**settings), scans, tmp_path / "run", report=quiet)
    assert not (tmp_path / "run/log.jsonl").exists()


def test_memory_that_is_not_enough_is_said_with_what_to_lower(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*arguments: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(loop, "take_step", out_of_memory)
    with pytest.raises(MemoryError, match=r"raise --accumulate \(now 1\), lower --batch-size \(now 2\)"):
        pretrain(CONFIG, scans, tmp_path / "run", report=quiet)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # of the compiler itself
def test_networks_are_compiled_if_asked(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    compile_module = nn.Module.compile

    def without_a_compiler(module: nn.Module) -> None:  # what is compiled, not by what
        compiled.append(type(module).__name__)
        compile_module(module, backend="eager")

    monkeypatch.setattr(nn.Module, "compile", without_a_compiler)
    for name, options in (("compiled", {"compile": True}), ("plain", {})):
        pretrain(CONFIG.but(steps=2, **options), scans, tmp_path / name, report=quiet)
    assert compiled == ["UNet3D"]
    assert same(*(read_checkpoint(tmp_path / name / "last.pt")["state_dict"] for name in ("compiled", "plain")))
