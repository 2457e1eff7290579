# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Every layout is written whole, says where it is from, and comes back."""

import json
import struct
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import genesis_ext
from genesis_ext.models import UNet, UNet2D, UNet3D, export_weights, load_weights

FILES = [
    ("encoder", "weights.pt"),
    ("encoder", "weights.safetensors"),
    ("encoder_decoder", "weights.pt"),
    ("encoder_decoder", "weights.safetensors"),
    ("released", "weights.pt"),
    ("nnunet", "weights.pth"),
]
every_file = pytest.mark.parametrize(("layout", "name"), FILES)


def network(seed: int, kind: type[UNet] = UNet3D, **options: object) -> UNet:
    net = kind(**{"width": 4, **options})  # type: ignore[call-arg]
    net.reset_parameters(torch.Generator().manual_seed(seed))
    return net


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def part(net: nn.Module, layout: str) -> dict[str, Tensor]:
    state = net.state_dict()
    encoders = ("down_tr", "encoder.")
    return {name: v for name, v in state.items() if layout != "encoder" or name.startswith(encoders)}


@every_file
@pytest.mark.parametrize("kind", [UNet3D, UNet2D])
def test_every_layout_comes_back(kind: type[UNet], layout: str, name: str, tmp_path: Path) -> None:
    source, net = network(1, kind), network(2, kind)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    export_weights(source, tmp_path / name, layout)  # type: ignore[arg-type]
    account = load_weights(net, tmp_path / name, report=None)

    written = part(source, layout)
    assert account.loaded == tuple(written)
    assert account.missing == tuple(name for name in before if name not in written)
    assert not (account.adapted or account.skipped or account.unused)
    assert equal(net.state_dict(), {**before, **written})
    assert (account.missing == ()) == (layout != "encoder")


def test_the_encoder_alone_leaves_decoder_and_head_named_as_missing(tmp_path: Path) -> None:
    export_weights(network(1), tmp_path / "encoder.pt", "encoder")
    account = load_weights(network(2), tmp_path / "encoder.pt", report=None)
    assert {name.split(".")[0] for name in account.loaded} == {"down_tr64", "down_tr128", "down_tr256", "down_tr512"}
    assert {name.split(".")[0] for name in account.missing} == {"up_tr256", "up_tr128", "up_tr64", "out_tr"}


@every_file
def test_a_file_says_where_it_is_from(layout: str, name: str, tmp_path: Path) -> None:
    config = {"width": 4, "patch": (8, 8, 16), "note": "a ≤ b"}
    metadata = export_weights(
        network(1),
        tmp_path / name,
        layout,  # type: ignore[arg-type]
        config=config,
        source_checksum="0123abcd",
    )
    assert metadata == {
        "version": genesis_ext.__version__,
        "layout": layout,
        "config": {"width": 4, "patch": [8, 8, 16], "note": "a ≤ b"},
        "source_checksum": "0123abcd",
    }
    assert load_weights(network(2), tmp_path / name, report=None).metadata == metadata


def test_what_is_not_known_is_not_said(tmp_path: Path) -> None:
    assert set(export_weights(network(1), tmp_path / "weights.pt")) == {"version", "layout"}


def test_the_released_layout_is_that_of_the_released_files(tmp_path: Path) -> None:
    source = network(1)
    export_weights(source, tmp_path / "weights.pt", "released", epoch=42)
    content = torch.load(tmp_path / "weights.pt", weights_only=True)
    assert {"epoch", "state_dict", "optimizer_state_dict"} <= content.keys()
    assert content["epoch"] == 42
    # Code written for the released weights strips the prefix and loads strictly.
    bare = {name.replace("module.", ""): value for name, value in content["state_dict"].items()}
    assert all(name.startswith("module.") for name in content["state_dict"])
    network(2).load_state_dict(bare)
    assert load_weights(network(2), tmp_path / "weights.pt", report=None).epoch == 42


def test_the_nnunet_layout_holds_what_its_loader_asserts(tmp_path: Path) -> None:
    export_weights(network(1), tmp_path / "weights.pth", "nnunet")
    stored = torch.load(tmp_path / "weights.pth", weights_only=True)["network_weights"]
    for name, value in network(2).state_dict().items():
        if ".seg_layers." not in name:
            assert name in stored
            assert stored[name].shape == value.shape


def test_a_safetensors_file_is_as_its_format_says(tmp_path: Path) -> None:
    source, path = network(1), tmp_path / "weights.safetensors"
    export_weights(source, path, "encoder", config={"width": 4})
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    assert json.loads(header.pop("__metadata__")["genesis_ext"])["config"] == {"width": 4}
    assert set(header) == set(part(source, "encoder"))
    entry = header["down_tr64.ops.0.conv1.weight"]
    assert (entry["dtype"], entry["shape"]) == ("F32", [4, 1, 3, 3, 3])
    start, end = (8 + length + offset for offset in entry["data_offsets"])
    values = torch.frombuffer(bytearray(raw[start:end]), dtype=torch.float32)
    assert torch.equal(values, source.state_dict()["down_tr64.ops.0.conv1.weight"].flatten())


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_wrappers_strides_and_dtypes_do_not_show(name: str, tmp_path: Path) -> None:
    source = network(1).to(torch.bfloat16)
    source.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    export_weights(torch.compile(nn.DataParallel(source)), tmp_path / name)  # type: ignore[arg-type]
    net = network(2).to(torch.bfloat16)
    account = load_weights(net, tmp_path / name, report=None)
    assert len(account.loaded) == 106
    assert equal(net.state_dict(), source.state_dict())


def test_files_hold_no_more_than_the_tensors(tmp_path: Path) -> None:
    shared = torch.zeros(1_000_000)
    state = {"encoder.conv1.weight": shared[:10], "encoder.bn1.weight": shared[5:15]}
    export_weights(state, tmp_path / "weights.pt")
    export_weights(state, tmp_path / "weights.safetensors")
    assert all(path.stat().st_size < 10_000 for path in tmp_path.iterdir())


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_a_state_dict_gives_the_same_file_as_its_network(name: str, tmp_path: Path) -> None:
    net = network(1)
    export_weights(net, tmp_path / name)
    first = (tmp_path / name).read_bytes()
    export_weights({f"module.{key}": value for key, value in net.state_dict().items()}, tmp_path / name)
    assert (tmp_path / name).read_bytes() == first


def test_a_run_s_checkpoint_can_be_exported_from_its_state_dict(tmp_path: Path) -> None:
    source = network(1)
    torch.save({"state_dict": source.state_dict(), "progress": {"step": 3}}, tmp_path / "last.pt")
    stored = torch.load(tmp_path / "last.pt", weights_only=True)["state_dict"]
    export_weights(stored, tmp_path / "weights.safetensors", "encoder")
    net = network(2)
    load_weights(net, tmp_path / "weights.safetensors", report=None)
    assert equal(part(net, "encoder"), part(source, "encoder"))


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_a_failed_write_leaves_the_old_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / name
    export_weights(network(1), path)
    before = path.read_bytes()

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        export_weights(network(2), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("layout", ["released", "nnunet"])
def test_a_layout_that_safetensors_cannot_hold_is_refused(layout: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"layout '{layout}' must go into a .pt file, got weights.safetensors"):
        export_weights(network(1), tmp_path / "weights.safetensors", layout)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("model", [nn.Linear(2, 2), {"fc.weight": torch.zeros(2)}, {}], ids=["module", "dict", "empty"])
def test_what_is_no_network_is_refused(model: nn.Module | dict[str, Tensor], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="export_weights: model must be a UNet3D, a UNet2D or the state dict of one"):
        export_weights(model, tmp_path / "weights.pt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("config", [{"rate": float("nan")}, {"place": Path("x")}])
def test_a_config_that_json_cannot_hold_is_refused(config: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="export_weights: config must hold plain values only"):
        export_weights(network(1), tmp_path / "weights.pt", config=config)


def test_an_unknown_layout_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="layout must be one of 'encoder', 'encoder_decoder', 'released', 'nnunet'"):
        export_weights(network(1), tmp_path / "weights.pt", "keras")  # type: ignore[arg-type]


@pytest.mark.parametrize("module", ["safetensors", "safetensors.torch"])
def test_without_safetensors_the_extra_is_named(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.safetensors"
    export_weights(network(1), path)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"safetensors is needed to (read|write) weights.safetensors: pip install"):
        if module == "safetensors":
            load_weights(network(2), path)
        else:
            export_weights(network(1), path)


def test_damaged_safetensors_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    export_weights(network(1), path)
    whole = path.read_bytes()
    for damaged in (b"", b"no weights", whole[: len(whole) // 2], b"\xff" * 8 + whole[8:]):
        path.write_bytes(damaged)
        with pytest.raises(
            ValueError, match=r"load_weights: .*weights\.safetensors is not a file of weights, or is dam"
        ):
            load_weights(network(2), path)
