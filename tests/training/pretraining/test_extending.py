# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Objects of one's own in a run. The objective is that of docs/extending.md, as a user may write it."""

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from genesis_ext import GenesisTransform
from genesis_ext.cli.pretrain import parse
from genesis_ext.models import UNet3D
from genesis_ext.training import PretrainConfig, pretrain, read_config
from genesis_ext.training.engine.checkpoint import read_checkpoint
from genesis_ext.training.engine.run_log import read_log
from genesis_ext.transforms import TransformConfig
from tests.data_layer.images import write_ct, write_mri
from tests.training.runs import environment, same

for library in ("matplotlib", "tensorboard"):
    pytest.importorskip(library)

PAGE = Path(__file__).parents[3] / "docs" / "extending.md"
CONFIG = PretrainConfig.of(
    patch=(16, 16, 16), width=2, steps=4, batch_size=4, validate_every=2, checkpoint_every=2, log_every=1
)


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENESIS_CACHE", str(tmp_path / "cache"))
    for number in range(3):
        write_ct(tmp_path / f"scans/{number}.nii.gz", (20, 18, 16), seed=number)
    write_mri(tmp_path / "scans/mri.nii.gz", (18, 20, 40))
    return tmp_path / "scans"


@pytest.fixture(scope="module")
def page() -> ModuleType:
    """The definitions of the page, as a module that a user might write."""
    module = ModuleType("views")
    exec(compile(example().partition("\nconfig = ")[0], "views", "exec"), module.__dict__)
    return module


def example() -> str:
    (text,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(text)


def quiet(text: str) -> None:
    """Say nothing."""


def test_an_objective_of_one_s_own_trains_and_resumes_to_the_last_bit(
    scans: Path, tmp_path: Path, page: ModuleType
) -> None:
    def run(name: str, config: PretrainConfig = CONFIG, **changes: Any) -> Any:
        given = {"transform": page.TwoViews(seed=0), "objective": page.Agreement, "resume": True, **changes}
        return pretrain(config, scans, tmp_path / name, report=quiet, **given)

    whole = run("whole")
    run("parts", CONFIG.but(steps=2))
    assert run("parts").validation == whole.validation
    last, other = (read_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    assert same(last, other)
    assert list(last["heads"]["network"]) == ["head.weight", "head.bias"]  # what is kept is there once
    assert whole.validation.baselines == {"chance": pytest.approx(torch.tensor(4.0).log().item())}
    entries = [entry for entry in read_log(whole.out / "log.jsonl") if entry["kind"] == "training"]
    assert all("accuracy" in entry for entry in entries)
    text = (whole.out / "report.html").read_text()
    assert "objective views.Agreement" in text and "TwoViews(" in text
    assert re.search(
        r"The network (beats|does not beat) one who guesses: .* % (below|above) that of one who guesses\.", text
    )
    assert not (whole.out / "pictures").exists()
    for changes, complaint in (
        ({"objective": None}, "keep its objective, got none of one's own, not views.Agreement"),
        ({"transform": page.TwoViews(seed=1)}, r"(?s)keep its transform, got .*seed=2.*, not .*seed=0"),
        ({"network": UNet3D(width=2)}, "keep its network, got genesis_ext.models.unet3d.UNet3D, not none of one's own"),
    ):
        with pytest.raises(ValueError, match=complaint):
            run("parts", **changes)


def test_the_example_runs_in_two_processes(scans: Path, tmp_path: Path) -> None:
    (tmp_path / "views.py").write_text(example())
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "views.py"]
    done = subprocess.run(
        words, cwd=tmp_path, env=environment(tmp_path / "cache"), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert read_checkpoint(tmp_path / "runs/views/last.pt")["progress"]["step"] == 4


def test_a_network_of_one_s_own_is_trained_in_place(scans: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 1, 1))
    before = [parameter.detach().clone() for parameter in network.parameters()]
    result = pretrain(CONFIG, scans, tmp_path / "run", report=quiet, network=network)
    assert not any(map(torch.equal, before, network.parameters()))
    assert same(read_checkpoint(result.out / "last.pt")["state_dict"], network.state_dict())
    for method in ({"method": "rotation"}, {"method": "universal", "boxes": "scales"}):
        with pytest.raises(ValueError, match=f"method {method['method']} needs .* and Sequential has no"):
            pretrain(CONFIG.but(**method), scans, tmp_path / "other", report=quiet, network=network)


def test_objects_that_do_not_fit_are_named(scans: Path, tmp_path: Path, page: ModuleType) -> None:
    class NoRates(page.Agreement):  # type: ignore[misc, name-defined]
        def __init__(self, network: nn.Module, config: PretrainConfig) -> None:
            super().__init__(network, config)
            self.learning_rates = {}

    for given, error, complaint in (
        ({"network": "unet"}, TypeError, "network must be a module, got str"),
        ({"transform": TransformConfig()}, TypeError, "transform must be a function, .*, got TransformConfig"),
        ({"objective": lambda network, config: network}, TypeError, "must have .*, got UNet3D without network"),
        ({"objective": NoRates}, ValueError, r"a learning rate for each, got \['network'\] and \[\]"),
    ):
        with pytest.raises(error, match=complaint):
            pretrain(CONFIG, scans, tmp_path / "run", report=quiet, **given)  # type: ignore[arg-type]
    assert not (tmp_path / "run/log.jsonl").exists()


def test_a_checkpoint_from_before_there_were_objects_resumes(scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    pretrain(CONFIG.but(steps=1), scans, out, report=quiet)
    content = read_checkpoint(out / "last.pt")
    del content["objects"]
    torch.save(content, out / "last.pt")
    assert pretrain(CONFIG.but(steps=2), scans, out, resume=True, report=quiet).finished


def test_a_transform_may_be_a_function(scans: Path, tmp_path: Path) -> None:
    def noisy(patches: torch.Tensor, sample_id: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return patches + 0.1 * (sample_id % 3).view(-1, 1, 1, 1, 1), patches

    result = pretrain(CONFIG.but(steps=1), scans, tmp_path / "run", report=quiet, transform=noisy)
    described = read_checkpoint(result.out / "last.pt")["objects"]
    assert described["transform"].endswith("test_a_transform_may_be_a_function.<locals>.noisy")
    assert [path.name for path in (result.out / "pictures").iterdir()] == ["step_000001.png"]


def test_rates_of_one_s_own_are_written_whole_and_resume_from_python_and_the_command_line(
    scans: Path, tmp_path: Path
) -> None:
    out, own = tmp_path / "run", TransformConfig(shuffle_rate=0.25, max_window=(3, 4, 5), nonlinear_rate=0.5)
    config = CONFIG.but(profile=own, scheme="distortion")
    pretrain(config, scans, tmp_path / "whole", report=quiet)
    pretrain(config.but(steps=2), scans, out, report=quiet)
    assert read_config(out / "config.yaml") == config.but(steps=2)
    words = ["--data", str(scans), "--out", str(out)]
    assert parse([*words, "--config", str(out / "config.yaml"), "--steps", "4"]).settings == config
    assert parse([*words, "--resume", "--steps", "4"]).settings == config
    assert (
        parse([*words, "--config", str(out / "config.yaml"), "--profile", "paper"]).settings.method.profile == "paper"
    )
    pretrain(config, scans, out, resume=True, report=quiet)
    assert same(*(read_checkpoint(path / "last.pt") for path in (tmp_path / "whole", out)))
    text = (out / "report.html").read_text()
    assert "transformations: rates of one&#x27;s own, scheme distortion" in text
    other = TransformConfig(shuffle_rate=0.5, max_window=(3, 4, 5), nonlinear_rate=0.5)
    for profile, complaint in (
        (other, r"profile.shuffle_rate: 0.5, not 0.25"),
        ("head", "profile: 'head', not rates of"),
    ):
        with pytest.raises(ValueError, match=f"keep its settings, got {complaint}"):
            pretrain(config.but(profile=profile), scans, out, resume=True, report=quiet)
    with pytest.raises(ValueError, match="unknown settings in profile: shufle_rate"):
        PretrainConfig.from_dict({"profile": {"shufle_rate": 0.5}})
    assert GenesisTransform(own).config == own
