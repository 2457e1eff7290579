# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""No convolution is trained whose gradients torch computes wrongly; the sweep that shows it is tested too."""

import copy
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from genesis_ext.models import Discriminator, UNet2D, UNet3D
from genesis_ext.training import PretrainConfig, pretrain
from genesis_ext.training.engine.framework_faults import lay_out, refusing_faults
from scripts.sweep_convolutions import KNOWN, Layer, build_guard, environment_of, layers, sweep
from tests.data_layer.images import write_ct

ROOT = Path(__file__).parents[3]
CPU = torch.device("cpu")

POINT, CUBE, DILATED = KNOWN["gathered voxels"], KNOWN["no kernel within the volume"], KNOWN["dilated"]
RIGHT = {
    "contiguous": replace(POINT, channels_last=False),
    "16 channels": replace(POINT, channels=(16, 8)),
    "not gathered": replace(POINT, stride=(1, 1)),
    "float32": replace(CUBE, dtype=torch.float32),
    "eight voxels": replace(KNOWN["no large kernel within the volume"], sides=(8, 8, 8)),
    "three voxels": replace(CUBE, sides=(3, 3, 3)),
    "not dilated": replace(DILATED, dilation=(1, 1)),
    "dilated float32": replace(DILATED, dtype=torch.float32),
}


@pytest.fixture(scope="module", params=["AVX2", "DEFAULT"])
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What went wrong with each of the layers, by its name, under an instruction set."""
    code = (
        "import json, sys, torch; torch.set_num_threads(1)\n"
        "from scripts.sweep_convolutions import run\n"
        "from tests.training.engine.test_framework_faults import KNOWN, RIGHT\n"
        "print(json.dumps({name: run([layer])[0] for name, layer in (KNOWN | RIGHT).items()}))"
    )
    environment = environment_of(request.param, build_guard(tmp_path_factory.mktemp("guard")))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_what_differs_in_the_cause_alone_from_what_is_wrong_is_admitted_and_right(outcomes: dict[str, str]) -> None:
    assert not [name for name in RIGHT if RIGHT[name].refused]
    assert {name: outcomes[name] for name in RIGHT} == dict.fromkeys(RIGHT, "")


def test_what_was_seen_to_be_wrong_is_refused_and_seen_where_torch_has_the_fault(outcomes: dict[str, str]) -> None:
    assert [name for name in KNOWN if not KNOWN[name].refused] == []
    assert replace(CUBE, transposed=True).refused  # by its output
    if not any(outcomes[name] for name in KNOWN):
        pytest.skip(
            f"torch {torch.__version__} computes all of them right on this CPU: mended, or faulty on others alone"
        )


def test_the_sweep_runs_as_a_command() -> None:
    command = [sys.executable, "scripts/sweep_convolutions.py", "--isa", "AVX2", "--layers", "25"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 of 25 admitted layers wrong" in done.stdout


@dataclass(frozen=True)
class Stub(Layer):
    """Goes wrong as told."""

    fate: str = ""

    def wrong(self) -> str:
        _tried.append(self.fate)
        if self.fate == "dies" or (self.fate == "dies in company" and len(_tried) > 1):
            os.kill(os.getpid(), signal.SIGSEGV)
        return self.fate.removeprefix("dies in company")


_tried: list[str] = []  # in one process: that of the tests tries none


def stubs(*fates: str) -> list[Stub]:
    return [Stub(**vars(POINT), fate=fate) for fate in fates]


def test_the_sweep_names_each_layer_that_is_wrong_or_ends_its_process() -> None:
    found = sweep(stubs("", "weights", "", "dies", "", "dies"), 4)
    assert [(layer.fate, how) for layer, how in found] == [  # type: ignore[attr-defined]
        ("weights", "weights"),
        ("dies", "process died: SIGSEGV"),
        ("dies", "process died: SIGSEGV"),
    ]
    found = sweep(stubs("", "dies in company", ""), 3)
    assert [how for _, how in found] == ["process died: SIGSEGV, after the 1 before it"]


def test_a_gradient_that_is_a_little_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    compute = Layer.compute

    def off(layer: Layer, x: Tensor, weight: Tensor, gradient: Tensor) -> list[Tensor]:
        values = compute(layer, x, weight, gradient)
        if x.dtype == torch.float32:
            values[2][..., -1] *= 1.01
        return values

    layer = RIGHT["contiguous"]
    assert layer.wrong() == ""
    monkeypatch.setattr(Layer, "compute", off)
    assert layer.wrong() == "weights"


def test_layers_are_drawn_the_same_again_and_of_every_kind() -> None:
    drawn = [layer for layer, _ in zip(layers(0), range(400), strict=False)]
    assert drawn == [layer for layer, _ in zip(layers(0), range(400), strict=False)]
    for name in ("dtype", "channels_last", "transposed"):
        assert {getattr(layer, name) for layer in drawn} >= {getattr(POINT, name)}
        assert len({getattr(layer, name) for layer in drawn}) == 2


@pytest.mark.parametrize(
    ("network", "sides", "channels_last"),
    [
        (lambda: UNet3D(width=2), (16, 16, 16), True),
        (lambda: UNet2D(width=4), (64, 64), False),
        (lambda: UNet2D(width=16), (64, 64), True),
        (lambda: nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 1, stride=2)), (64, 64), False),
    ],
    ids=["UNet3D", "UNet2D", "UNet2D of 16", "one of the user's own"],
)
def test_a_network_is_laid_out_so_that_it_is_admitted_and_its_gradients_are_right(
    network: Any, sides: tuple[int, ...], channels_last: bool
) -> None:
    torch.manual_seed(0)
    given = network()
    plain = copy.deepcopy(given).double()
    lay_out(given, CPU)
    assert any(not p.is_contiguous() for p in given.parameters()) == channels_last
    x = torch.rand(2, 1, *sides)
    with refusing_faults():
        given(x)
    for part, values in ((given, x), (plain, x.double())):
        part(values).square().mean().backward()
    for (name, a), b in zip(given.named_parameters(), plain.parameters(), strict=True):
        # Norms of a few values magnify rounding; biases before a norm have the gradient 0.
        assert float((a.grad.double() - b.grad).abs().max()) <= 0.05 * max(1e-4, float(b.grad.abs().max())), name


def test_on_cuda_the_layout_stays_channels_last() -> None:
    network = UNet2D(width=4)
    lay_out(network, torch.device("cuda"))
    assert network.encoder.layer1[0].conv1.weight.is_contiguous(memory_format=torch.channels_last)


def test_functions_layouts_and_dtypes_are_seen_as_they_come() -> None:
    x, weight = torch.rand(1, 3, 8, 8), torch.rand(3, 3, 1, 1)
    last = x.to(memory_format=torch.channels_last)
    with refusing_faults():
        functional.conv2d(x, weight, stride=2)
    for mode in (torch.no_grad(), torch.inference_mode()):
        with (
            mode,
            refusing_faults(),
            pytest.raises(ValueError, match=r"weights 3x3x1x1, .* laid out channels last on a CPU"),
        ):
            functional.conv2d(last, weight, stride=2)
    network = nn.Conv3d(1, 2, 3, padding=1)
    network.compile()
    cube = torch.rand(1, 1, 4, 2, 4)
    with refusing_faults():
        network(cube)
    with (
        refusing_faults(),
        torch.autocast("cpu", torch.bfloat16),
        pytest.raises(
            ValueError, match=r"in bfloat16 on a CPU, .* within the 2 voxels of axis 2: choose precision fp32"
        ),
    ):
        network(cube)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_the_discriminator_is_admitted(norm: Any) -> None:
    network = UNet3D(width=2)
    discriminator = Discriminator(network.feature_channels, norm=norm)
    with refusing_faults():
        discriminator(network.encode(torch.rand(2, 1, 16, 16, 16)))


def test_a_run_that_torch_would_compute_wrongly_is_refused_before_it_clears_anything(tmp_path: Path) -> None:
    write_ct(tmp_path / "scans/ct.nii.gz", (48, 20, 18))
    config = PretrainConfig.of(patch=(16, 16, 16), width=2, steps=1, batch_size=2, validation_patches=2)
    options: dict[str, Any] = {"cache": tmp_path / "cache", "report": lambda text: None}
    pretrain(config, tmp_path / "scans", tmp_path / "run", **options)
    with pytest.raises(ValueError, match=r"must not be trained in bfloat16 on a CPU, .* choose precision fp32"):
        pretrain(config.but(precision="bf16"), tmp_path / "scans", tmp_path / "run", overwrite=True, **options)
    assert (tmp_path / "run/last.pt").exists()
