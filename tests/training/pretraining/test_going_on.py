# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a run leaves is used as its report says: every piece of code that a report prints is run, for every preset."""

import re
import shlex
import sys
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genesis_ext.cli.main import main
from genesis_ext.data import VolumeStore
from genesis_ext.data.prepare.run import prepare_cached
from genesis_ext.models import ModelRecord, UNetLike, export_weights, load_network, load_weights
from genesis_ext.models.record import checksum_of
from genesis_ext.training import PRESETS, PretrainConfig, pretrain
from genesis_ext.training.engine.checkpoint import read_checkpoint
from tests.data_layer.images import write_ct, write_mri

pytest.importorskip("matplotlib")
pytest.importorskip("tensorboard")

TINY = {
    "patch": (16, 16, 16),
    "width": 2,
    "steps": 1,
    "batch_size": 2,
    "validate_every": 1,
    "validation_patches": 2,
    "checkpoint_every": 1,
    "log_every": 1,
    "warmup": 0,
    "borders": False,
    "lung_content": False,
    "precision": "fp32",
    "mri_window": None,
}


def quiet(text: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two CT and two MRI, of a patient each."""
    folder = tmp_path_factory.mktemp("data")
    for name, write in (("a", write_ct), ("b", write_ct), ("c", write_mri), ("d", write_mri)):
        write(folder / f"scans/{name}.nii.gz", (48, 40, 36))
    return prepare_cached(folder / "scans", folder, quiet, spacing_mm=None, antialias=True).path


def snippets(out: Path) -> list[str]:
    """The code in a report, as a browser shows it."""
    return [
        unescape(code) for code in re.findall(r"<pre><code>(.*?)</code></pre>", (out / "report.html").read_text(), re.S)
    ]


def run_all(out: Path, **names: Any) -> dict[str, Any]:
    """Run what a report prints; what the Python parts leave. Words in capitals are for the reader to fill in."""
    namespace = dict(names)
    for code in snippets(out):
        if code.startswith("genesis "):
            words = [str(names.get(word, word)) for word in shlex.split(code)[1:]]
            assert main(words) == 0
        else:
            exec(code, namespace)
    return namespace


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_gone_on_with_as_its_report_says(preset: str, store: Path, tmp_path: Path) -> None:
    special: dict[str, dict[str, Any]] = {
        "genesis-2d": {"patch": (32, 32, 1), "width": 4},
        "genesis-local-shuffling": {"patch": (24, 16, 16)},  # windows of more than one voxel
        "jigsaw": {"patch": (24, 24, 24)},  # tiles of eight
        "universal-paper": {"share": {}},  # of the volumes of its data sets
    }
    config = PretrainConfig.of(**{**PRESETS[preset], **TINY, **special.get(preset, {})})
    out = tmp_path / "a run"
    pretrain(config, store, out, report=quiet)
    before = read_checkpoint(out / "best.pt")
    left = run_all(out, DATA=store, N=2)
    network, record = left["network"], left["record"]
    assert record == ModelRecord.from_dict(before["record"])
    assert record.method == config.method.method
    assert record.checksum == checksum_of(before["state_dict"])
    loaded = [name for name in before["state_dict"] if record.was_trained(name) and not name.startswith("out_tr.")]
    assert all(torch.equal(network.state_dict()[name], before["state_dict"][name]) for name in loaded)
    assert network(torch.rand(2, 1, *config.data.patch_shape)).shape == (2, 2, *config.data.patch_shape)
    only_encoder = record.method in ("rotation", "jigsaw")
    assert any(not name.startswith(("down_tr", "encoder.")) for name in loaded) is not only_encoder
    assert bool(record.untrained) is only_encoder
    lasts = config.optim.schedule == "cosine"  # its rates end with the last step
    assert read_checkpoint(out / "last.pt")["progress"]["step"] == (1 if lasts else 2)


def test_a_record_says_what_the_network_has_seen(store: Path, tmp_path: Path) -> None:
    pretrain(
        PretrainConfig.of(**{**TINY, "modalities": "ct", "norm": "instance"}), store, tmp_path / "run", report=quiet
    )
    _, record = load_network(tmp_path / "run/best.pt", report=None)
    entries = VolumeStore(store).entries
    assert {*record.patients, *record.validation_patients} == {e.patient for e in entries if e.modality == "ct"}
    assert not {*record.patients} & {*record.validation_patients}
    assert (record.modalities, record.patch, record.axes) == (("ct",), (16, 16, 16), "RAS")
    assert record.normalization["ct_hu"] == [-1000.0, 1000.0]
    assert (record.value_range, record.spacing_mm, record.antialias) == ((0.0, 1.0), None, True)
    assert record.versions["torch"] == torch.__version__
    assert dict(record.network.arguments) == {  # type: ignore[union-attr]
        "width": 2, "norm": "instance", "bn_mode": "batch", "upsample": "transpose",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("PlainConvUNet", "genesis"),
        ("PlainConvUNet", "jigsaw"),
        ("ResidualEncoderUNet", "universal"),
        ("ResidualEncoderUNet", "rotation"),
    ],
)
def test_networks_of_nnunet_are_trained_by_every_method_and_start_nnunet(
    name: str, method: str, store: Path, tmp_path: Path
) -> None:
    reason = "dynamic-network-architectures is not installed: pip install --no-deps dynamic-network-architectures"
    pytest.importorskip("dynamic_network_architectures", reason=reason)
    arguments = {"n_stages": 3, "strides": [1, 2, 2]}
    values = {**TINY, "method": method, "network": name, "network_arguments": arguments, "boxes": "scales"}
    config = PretrainConfig.of(**{**values, "patch": (24, 24, 24)})
    pretrain(config, store, tmp_path / "run", report=quiet)
    left = run_all(tmp_path / "run", DATA=store, N=2)
    network, record = left["network"], left["record"]
    assert (type(network).__name__, isinstance(network, UNetLike)) == (name, True)
    assert record.untrained == (("decoder",) if method in ("rotation", "jigsaw") else ())
    layout: Any = "encoder" if record.untrained else "nnunet"
    export_weights(tmp_path / "run/best.pt", tmp_path / "start.pth", layout)
    account = load_weights(record.network.build(), tmp_path / "start.pth", report=None)
    assert any(entry.startswith("encoder.") for entry in account.loaded)
    assert not account.unused


def test_another_network_restores_and_is_told_what_it_cannot(store: Path, tmp_path: Path) -> None:
    pytest.importorskip("monai", reason="MONAI is not installed: pip install 'genesis_ext[monai]'")
    arguments = {"init_filters": 8, "blocks_down": [1, 1], "blocks_up": [1]}
    config = PretrainConfig.of(**{**TINY, "network": "SegResNet", "network_arguments": arguments})
    said: list[str] = []
    pretrain(config, store, tmp_path / "run", report=said.append)
    assert "not used by SegResNet, which takes network_arguments: width" in said
    run_all(tmp_path / "run", DATA=store, N=2)
    with pytest.raises(
        ValueError, match="method jigsaw needs the features of the network's encoder, and SegResNet has"
    ):
        pretrain(config.but(method="jigsaw"), store, tmp_path / "jigsaw", report=quiet)


class Plain(nn.Module):
    """The least that restores."""

    def __init__(self, out_channels: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return y


def test_a_class_of_one_s_own_is_named_and_an_object_is_asked_for(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = type(sys)("my_networks")
    module.Plain = Plain  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_networks", module)
    named, handed = tmp_path / "named", tmp_path / "it's handed in"
    pretrain(PretrainConfig.of(**{**TINY, "network": "my_networks.Plain", "width": 32}), store, named, report=quiet)
    assert isinstance(run_all(named, DATA=store, N=2)["network"], Plain)
    monkeypatch.delitem(sys.modules, "my_networks")
    with pytest.raises(ValueError, match=r"holds a my_networks\.Plain: import my_networks first, if you trust it"):
        load_network(named / "best.pt")

    pretrain(PretrainConfig.of(**TINY), store, handed, validation_data=None, network=Plain(), report=quiet)
    saved = read_checkpoint(handed / "best.pt")["state_dict"]
    given = Plain()
    run_all(handed, DATA=store, N=2, NETWORK=given)
    assert read_checkpoint(handed / "last.pt")["progress"]["step"] == 2
    again = Plain()
    load_weights(again, handed / "best.pt", report=None)
    assert saved.keys() == again.state_dict().keys()


def test_a_run_on_two_stores_goes_on_with_both(store: Path, tmp_path: Path) -> None:
    write_ct(tmp_path / "scans/e.nii.gz", (40, 40, 36))
    other = prepare_cached(tmp_path / "scans", tmp_path, quiet, spacing_mm=None).path
    pretrain(PretrainConfig.of(**TINY), store, tmp_path / "run", other, report=quiet)
    run_all(tmp_path / "run", DATA=store, VALIDATION_DATA=other, N=2)


@pytest.mark.parametrize(
    ("values", "network", "said"),
    [
        ({"network": "PlainConvUNet", "patch": (24, 16, 16)}, None, r"patch must be multiples of 16 for this network"),
        ({}, Plain(2), r"the network must restore \(2, 1, 16, 16, 16\), got \(2, 2, 16, 16, 16\)"),
    ],
    ids=["stride", "channels"],
)
def test_a_network_that_does_not_fit_is_refused_at_the_start(
    values: dict[str, Any], network: nn.Module | None, said: str, store: Path, tmp_path: Path
) -> None:
    if "network" in values:
        pytest.importorskip("dynamic_network_architectures")
    with pytest.raises(ValueError, match=said):
        pretrain(PretrainConfig.of(**{**TINY, **values}), store, tmp_path / "run", network=network, report=quiet)
    assert not (tmp_path / "run/last.pt").exists()
