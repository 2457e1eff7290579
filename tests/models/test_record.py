# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A file of weights says what it holds: it is built from that alone, and only what was trained is loaded."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genesis_ext.models import (
    ClassificationHead,
    EncoderClassifier,
    ModelRecord,
    NetworkSpec,
    TaskRecord,
    UNet3D,
    as_unet,
    export_weights,
    load_network,
    load_weights,
    read_record,
)
from genesis_ext.models.record import RECORD, checksum_of, trained_parts

TINY = NetworkSpec(arguments={"width": 2, "norm": "instance"})
ENCODER = ("down_tr64", "down_tr128", "down_tr256", "down_tr512")


def network(seed: int, spec: NetworkSpec = TINY) -> nn.Module:
    torch.manual_seed(seed)
    return spec.build()


def record(net: nn.Module, spec: NetworkSpec | None = TINY, **fields: Any) -> ModelRecord:
    filled = {"method": "genesis", "patch": (16, 16, 8), "modalities": ("ct",), "patients": ("a", "b")}
    filled |= {"normalization": {"ct_hu": (-1000.0, 1000.0)}, "spacing_mm": (1, 1, 2.5), "versions": {"torch": "2"}}
    return ModelRecord(spec, *trained_parts(net), **(filled | fields)).of(net.state_dict())


def checkpoint(folder: Path, net: nn.Module, written: ModelRecord | None, **content: Any) -> Path:
    kept = {} if written is None else {"record": written.to_dict()}
    torch.save({"epoch": 3, "state_dict": net.state_dict(), **kept, **content}, folder / "best.pt")
    return folder / "best.pt"


def equal(a: dict[str, Tensor], b: dict[str, Tensor], names: Any = None) -> bool:
    return all(torch.equal(a[name], b[name]) for name in names or (a.keys() | b.keys()))


def frozen_decoder(net: UNet3D) -> UNet3D:
    for parameter in net.decoder_parameters():
        parameter.requires_grad_(False)
    return net


def test_a_record_comes_back_from_plain_values() -> None:
    written = record(network(1))
    assert ModelRecord.from_dict(written.to_dict()) == written
    through_json = ModelRecord.from_dict(json.loads(json.dumps({**written.to_dict(), "of_a_later_version": 1})))
    assert replace(through_json, normalization=written.normalization) == written
    assert (through_json.spacing_mm, through_json.trained) == ((1.0, 1.0, 2.5), written.trained)
    for damaged in ({"network": 3}, {"network": {"name": "unet", "depth": 3}}, {"patch": "x"}, {"trained": None}):
        with pytest.raises(ValueError, match=r"no record of a network: "):
            ModelRecord.from_dict({**written.to_dict(), **damaged})
    with pytest.raises(ValueError, match=r"no record of a network: .*'trained'"):
        ModelRecord.from_dict({"network": None})


def test_the_network_of_a_checkpoint_is_built_from_its_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = network(1)
    path = checkpoint(tmp_path, source, record(source))
    loaded, read = load_network(path)
    assert read == record(source) == read_record(path)
    assert isinstance(loaded, UNet3D)
    assert equal(loaded.state_dict(), source.state_dict())
    x = torch.rand(1, 1, 16, 16, 8)
    assert torch.equal(loaded(x), source(x))
    assert "(epoch 3), pre-trained by method genesis\n  loaded  " in capsys.readouterr().out

    classes, _ = load_network(path, in_channels=2, out_channels=3, activation=None, report=None)
    assert float(classes(x.expand(-1, 2, -1, -1, -1)).detach().min()) < 0  # logits
    own = [
        name for name in source.state_dict() if not name.startswith("out_tr") and "down_tr64.ops.0.conv1" not in name
    ]
    assert equal(classes.state_dict(), source.state_dict(), own)


def test_what_was_never_trained_is_neither_loaded_nor_exported(tmp_path: Path) -> None:
    source = frozen_decoder(network(1))  # type: ignore[arg-type]
    path = checkpoint(tmp_path, source, record(source, method="rotation"))
    assert read_record(path).trained == ENCODER  # type: ignore[union-attr]
    net = network(2)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    account = load_weights(net, path, report=None)
    assert {name.split(".")[0] for name in account.loaded} == set(ENCODER)
    assert {why for _, why in account.skipped} == {"never trained by method rotation"}
    skipped = [name for name, _ in account.skipped]
    assert len(account.loaded) + len(skipped) == len(before)
    assert equal(net.state_dict(), before, skipped)
    assert equal(net.state_dict(), source.state_dict(), account.loaded)

    with pytest.raises(ValueError, match=r"never trained \(up_tr256, .*, out_tr\), got 'nnunet': choose 'encoder'"):
        export_weights(path, tmp_path / "all.pt", "nnunet")
    export_weights(path, tmp_path / "encoder.safetensors", "encoder")
    encoder, read = load_network(tmp_path / "encoder.safetensors", report=None)
    assert equal(encoder.state_dict(), source.state_dict(), account.loaded)
    assert (read.method, read.network, read.trained) == ("rotation", TINY, ENCODER)
    assert read.checksum == checksum_of({name: source.state_dict()[name] for name in account.loaded})


@pytest.mark.parametrize(("layout", "name"), [("encoder_decoder", "w.safetensors"), ("released", "w.pt")])
def test_a_checkpoint_is_exported_with_its_record(layout: Any, name: str, tmp_path: Path) -> None:
    source = network(1)
    metadata = export_weights(checkpoint(tmp_path, source, record(source)), tmp_path / name, layout)
    assert metadata["record"]["patients"] == ["a", "b"]
    loaded, read = load_network(tmp_path / name, report=None)
    assert equal(loaded.state_dict(), source.state_dict())
    assert replace(read, normalization={}) == record(source, normalization={})
    assert load_weights(network(2), tmp_path / name, report=None).epoch == (3 if layout == "released" else None)


def test_other_weights_than_those_of_the_record_are_refused(tmp_path: Path) -> None:
    source = network(1)
    written = record(source)
    with torch.no_grad():
        source.out_tr.final_conv.bias += 1e-6  # type: ignore[operator, union-attr]
    with pytest.raises(ValueError, match=r"load_weights: .*best\.pt: the weights must be those of its record"):
        load_weights(network(2), checkpoint(tmp_path, source, written))


def test_the_checksum_sees_names_dtypes_shapes_and_values_alone() -> None:
    state = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(3)}
    same = {"module.b": torch.tensor(3), "module.a": torch.arange(6.0).view(2, 3).t().contiguous().t()}
    assert checksum_of(state) == checksum_of(same)
    others = [{**state, "a": state["a"].view(3, 2)}, {**state, "a": state["a"].double()}, {"c": state["a"]}, {}]
    others += [{**state, "b": torch.tensor(4)}, {"a": state["a"].bfloat16(), "b": state["b"]}]
    assert len({checksum_of(each) for each in (state, *others)}) == 1 + len(others)


def test_a_file_that_names_no_network_or_an_unknown_one_is_refused(tmp_path: Path) -> None:
    source = network(1)
    with pytest.raises(ValueError, match=r"best\.pt has no record: build the network and use load_weights"):
        load_network(checkpoint(tmp_path, source, None))
    with pytest.raises(ValueError, match=r"best\.pt holds a network that was handed in as an object: build the"):
        load_network(checkpoint(tmp_path, source, record(source, None)))
    with pytest.raises(ValueError, match=r"holds a antigravity\.Network: import antigravity first, if you trust it"):
        load_network(checkpoint(tmp_path, source, record(source, NetworkSpec("antigravity.Network"))))
    damaged = {**record(source).to_dict(), "patch": "x"}
    with pytest.raises(ValueError, match=r"load_weights: .*best\.pt: no record .*: patch must be integers, got 'x'"):
        load_weights(source, checkpoint(tmp_path, source, None, record=damaged))


@pytest.mark.parametrize("method", ["genesis", "rotation"])
def test_checkpoints_from_before_there_were_records_tell_by_their_settings(method: str, tmp_path: Path) -> None:
    """As format 3 was written first: the classifier at the encoder's end stands under "heads"."""
    source = network(1)
    heads = {"network": {"head.out.bias": torch.zeros(10)} if method == "rotation" else {}}
    settings = {"width": 2, "norm": "instance", "bn_mode": "batch", "upsample": "transpose", "sync_batch_norm": False}
    config = {"method": {"method": method}, "network": settings, "data": {"patch": (32, 32, 16)}}
    path = checkpoint(tmp_path, source, None, heads=heads, config=config, format=3)
    loaded, read = load_network(path, report=None)
    trained = [name for name in source.state_dict() if method == "genesis" or name.startswith("down_")]
    assert equal(loaded.state_dict(), source.state_dict(), trained)
    assert {name.split(".")[0] for name in trained} == set(read.trained)
    assert (read.method, read.patch, read.checksum) == (method, (32, 32, 16), "")


def test_networks_of_other_libraries_keep_their_names_and_get_other_heads(tmp_path: Path) -> None:
    pytest.importorskip("monai", reason="MONAI is not installed: pip install 'genesis_ext[monai]'")
    spec = NetworkSpec("SegResNet", arguments={"init_filters": 8, "blocks_down": [1, 1], "blocks_up": [1]})
    source = network(1, spec)
    path = checkpoint(tmp_path, source, record(source, spec))
    loaded, _ = load_network(path, in_channels=2, out_channels=3, activation=None, report=None)
    changed = ("convInit.conv.weight", "conv_final.2.conv.weight", "conv_final.2.conv.bias")
    kept = [name for name in source.state_dict() if name not in changed]
    assert equal(loaded.state_dict(), source.state_dict(), kept)
    assert loaded.state_dict()[changed[1]].shape[0] == 3
    export_weights(path, tmp_path / "weights.safetensors")
    assert equal(load_network(tmp_path / "weights.safetensors", report=None)[0].state_dict(), source.state_dict())
    with pytest.raises(
        ValueError, match=r"model must be .* or be written whole with its record, got dict with entries"
    ):
        export_weights(path, tmp_path / "encoder.pt", "encoder")


@pytest.mark.parametrize("name", ["PlainConvUNet", "ResidualEncoderUNet"])
def test_networks_of_nnunet_start_nnunet(name: str, tmp_path: Path) -> None:
    reason = "dynamic-network-architectures is not installed: pip install --no-deps dynamic-network-architectures"
    library = pytest.importorskip("dynamic_network_architectures.architectures.unet", reason=reason)
    spec = NetworkSpec(name, arguments={"features_per_stage": [4, 8], "nonlin": "torch.nn.LeakyReLU"})
    source = network(1, spec)
    path = checkpoint(tmp_path, source, record(source, spec))
    metadata = export_weights(path, tmp_path / "weights.pth", "nnunet")
    stored = torch.load(tmp_path / "weights.pth", weights_only=True)["network_weights"]
    target = network(2, replace(spec, out_channels=4))
    assert isinstance(target, getattr(library, name))
    for entry, value in target.state_dict().items():  # what the loader of nnU-Net asserts
        assert ".seg_layers." in entry or stored[entry].shape == value.shape
    loaded, _ = load_network(tmp_path / "weights.pth", in_channels=3, out_channels=4, activation=None, report=None)
    assert loaded(torch.rand(1, 3, 8, 8, 8)).shape == (1, 4, 8, 8, 8)
    assert metadata["record"]["network"]["name"] == name
    torch.save({"network_weights": target.state_dict()}, tmp_path / "nnunet.pth")  # of its own, which has no record
    skipped = load_weights(network(3, spec), tmp_path / "nnunet.pth", report=None).skipped
    assert {entry.rpartition(".")[0] for entry, _ in skipped} == {"decoder.seg_layers.0"}


def test_a_classification_is_built_again_from_its_file(tmp_path: Path) -> None:
    task = TaskRecord("classification", ("benign", "malignant"), hidden=8)
    unet = as_unet(TINY.build(), "a test")
    classifier = EncoderClassifier(unet, ClassificationHead(unet.feature_channels[-1], 2, task.hidden))
    state = classifier.state_dict()
    written = ModelRecord(TINY, ("network", "head"), task=task).of(state)
    torch.save({"state_dict": state, RECORD: written.to_dict()}, tmp_path / "best.pt")
    built, read = load_network(tmp_path / "best.pt", report=None)
    assert read == written
    assert read.task == task
    assert all(torch.equal(built.state_dict()[name], value) for name, value in state.items())
    other, _ = load_network(tmp_path / "best.pt", out_channels=3, report=None)  # a new output, the rest as stored
    assert isinstance(other, EncoderClassifier)
    assert other.head.out.out_features == 3
    assert torch.equal(other.head.hidden.weight, classifier.head.hidden.weight)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"classes": ("one",)}, "at least 2 different names"),
        ({"classes": ("a", "a")}, "at least 2 different names"),
        ({"kind": "segmentation"}, "values must be given for each"),
        ({"kind": "detection"}, "kind must be"),
        ({"channels": ()}, "channels must hold at least one"),
    ],
)
def test_a_task_that_says_nothing_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        TaskRecord(**({"kind": "classification", "classes": ("a", "b")} | fields))
