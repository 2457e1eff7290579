# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What networks start from: files of ours and published ones are recognised, and come whole or not at all."""

import json
from collections.abc import Mapping
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
    NameRules,
    NetworkSpec,
    Source,
    TaskRecord,
    build_network,
    initialize_from,
)
from genesis_ext.models.record import trained_parts
from tests.models import resnets

TINY = NetworkSpec(arguments={"width": 2})
CODE = "ran.txt"


class Unsafe:
    """An object whose unpickling runs code."""

    def __reduce__(self) -> Any:
        return exec, (f"open({CODE!r}, 'w')",)


def network(seed: int, spec: NetworkSpec = TINY) -> Any:
    torch.manual_seed(seed)
    return spec.build()


def save(content: object, path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    torch.save(content, path)
    return path


def checkpoint(net: nn.Module, path: Path, spec: NetworkSpec = TINY) -> Path:
    record = ModelRecord(spec, *trained_parts(net), method="genesis", patients=("a", "b")).of(net.state_dict())
    return save({"state_dict": net.state_dict(), "record": record.to_dict()}, path)


def published(state: Mapping[str, Tensor]) -> dict[str, object]:
    return {"epoch": 4, "state_dict": {f"module.{name}": value for name, value in state.items()}}


def same(net: nn.Module, state: Mapping[str, Tensor], prefix: str = "") -> bool:
    own = net.state_dict()
    return all(torch.equal(own[prefix + name], value) for name, value in state.items())


def test_scratch_leaves_the_fresh_weights(capsys: pytest.CaptureFixture[str]) -> None:
    net = network(1)
    start = initialize_from(net, "scratch")
    assert same(net, network(1).state_dict())
    assert (start.record, start.loaded_parts) == (None, ())
    assert start.to_dict() == {"source": "scratch", "kind": "fresh weights", "parts": "all"}
    assert capsys.readouterr().out == "scratch: fresh weights\n"


def test_a_run_starts_from_its_best_weights_or_else_from_its_last(tmp_path: Path) -> None:
    first, second = network(1), network(2)
    with pytest.raises(FileNotFoundError, match=r"must be a file, or the folder of a run with best\.pt or last\.pt"):
        initialize_from(first, tmp_path)
    for name, source in (("last.pt", first), ("best.pt", second)):
        checkpoint(source, tmp_path / name)
        net = network(3, replace(TINY, out_channels=3))
        start = initialize_from(net, tmp_path, report=None)
        assert (start.source, start.share) == (str(tmp_path / name), 1.0)
        assert start.record is not None and start.record.patients == ("a", "b")
        assert start.checksum == start.record.checksum
        assert torch.equal(net.up_tr64.ops[1].conv1.weight, source.up_tr64.ops[1].conv1.weight)
        assert "out_tr" not in start.loaded_parts and "up_tr64" in start.loaded_parts
        assert json.loads(json.dumps(start.to_dict()))["loaded"] == 104


def test_the_released_weights_build_and_fill_their_network(shared: Path, tmp_path: Path) -> None:
    entries = json.loads((shared / "golden" / "unet3d_state_dict.json").read_text())["entries"]
    state = resnets.weights({name: tuple(shape) for name, shape, _ in entries})
    source = Source.read(save(published(state), tmp_path / "Genesis_Chest_CT.pt"))
    assert source.network == NetworkSpec(arguments={"width": 32, "norm": "batch", "upsample": "transpose"})
    net = source.network.build()
    said: list[str] = []
    start = initialize_from(net, source, report=said.append)
    assert same(net, state)
    assert start.account is not None and (len(start.account.loaded), start.account.epoch) == (106, 4)
    assert "recognised as the layout of Models Genesis and the Universal Model" in said[0]
    assert "used to this input: Models Genesis: CT, cut at -1000 and 1000 HU" in said[0]


@pytest.mark.parametrize("depth", resnets.BLOCKS)
def test_medicalnet_is_recognised_by_names_and_shapes(depth: int, tmp_path: Path) -> None:
    sizes = resnets.shapes(depth, 3, 1, padded=depth in resnets.PADDED)
    state = {name: torch.zeros(()).expand(shape) for name, shape in sizes.items()}  # one number a file
    source = Source.read(save(published(state), tmp_path / f"resnet_{depth}.pth"))
    shortcuts = "padding" if depth in resnets.PADDED else "projection"
    arguments = {"depth": depth, "width": 64, "dilated": True, "shortcuts": shortcuts}
    assert source.network == NetworkSpec("ResNetUNet", arguments=arguments)
    assert source.kind == f"the names of MedicalNet's ResNet-{depth}"
    assert "standard deviation" in source.input


@pytest.mark.parametrize("depth", [10, 18, 50])
def test_medicalnet_builds_and_fills_its_encoder(depth: int, tmp_path: Path) -> None:
    state = resnets.weights(resnets.shapes(depth, 3, 1, 4, padded=depth in resnets.PADDED))
    head = {"conv_seg.0.weight": torch.zeros(8, 32, 2, 2, 2)}
    source = Source.read(save(published(state | head), tmp_path / f"resnet_{depth}_23dataset.pth"))
    assert source.network is not None
    net = network(1, replace(source.network, out_channels=3, activation=None)).eval()
    decoder = [p.clone() for p in net.decoder_parameters()]
    start = initialize_from(net, source, report=None)
    assert same(net.encoder, state)
    assert all(torch.equal(a, b) for a, b in zip(decoder, net.decoder_parameters(), strict=True))
    assert (start.share, start.loaded_parts) == (1.0, ("encoder",))
    assert start.account is not None and start.account.unused == ("conv_seg.0.weight",)
    x = torch.rand(1, 1, 16, 16, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found, expected = net.encode(x), resnets.features(state, x, dilated=True)
    for a, b in zip(found, (expected[0], expected[1], expected[-1]), strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-4 * float(b.abs().max()))  # sums in another order


def test_imagenet_fills_the_encoder_of_the_2d_network(tmp_path: Path) -> None:
    sizes = resnets.shapes(18, 2, in_channels=3, width=8)
    state = resnets.weights(sizes | {"fc.weight": (1000, 64), "fc.bias": (1000,)})
    source = Source.read(save(state, tmp_path / "resnet18-f37072fd.pth"))
    assert source.network == NetworkSpec("unet", 2, in_channels=3, arguments={"width": 8})
    for channels in (1, 4):
        net = network(1, replace(source.network, in_channels=channels)).eval()
        start = initialize_from(net, source, "encoder", report=None)
        assert start.account is not None and start.account.unused == ("fc.weight", "fc.bias")
        assert [name for name, _ in start.account.adapted] == ["encoder.conv1.weight"]
        grey = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            found = net.encode(grey.expand(-1, channels, -1, -1))
            expected = resnets.features(state, grey.expand(-1, 3, -1, -1), dilated=False)
        for a, b in zip(found, expected, strict=True):
            assert torch.allclose(a, b, rtol=1e-4, atol=1e-4 * float(b.abs().max()))
    deeper = save(resnets.weights(resnets.shapes(50, 2, 3, width=4)), tmp_path / "resnet50.pth")
    arguments = {"depth": 50, "width": 4, "dilated": False, "shortcuts": "projection"}
    assert Source.read(deeper).network == NetworkSpec("ResNetUNet", 2, 3, arguments=arguments)
    flat = {name: (2, 2) for name in sizes}
    for unknown in (resnets.shapes(10, 3, 3, 4), flat, {"down_tr64.ops.0.conv1.weight": (2,)}):
        assert Source.read(save(resnets.weights(unknown), tmp_path / "other.pth")).network is None


@pytest.mark.parametrize("spec", [TINY, NetworkSpec("PlainConvUNet", arguments={"width": 2, "n_stages": 3})], ids=str)
def test_the_encoder_alone_leaves_all_else_as_it_was_drawn(spec: NetworkSpec, tmp_path: Path) -> None:
    if spec.name != "unet":
        reason = "dynamic-network-architectures is not installed: pip install --no-deps dynamic-network-architectures"
        pytest.importorskip("dynamic_network_architectures.architectures.unet", reason=reason)
    source, net, fresh = network(1, spec), network(2, spec), network(2, spec)
    source(torch.rand(2, 1, 16, 16, 16))  # moves the statistics of norms, where they are kept
    start = initialize_from(net, checkpoint(source, tmp_path / "best.pt", spec), "encoder", report=None)
    decoder = {id(value) for value in net.decoder_parameters()}
    for (name, value), drawn in zip(net.state_dict(keep_vars=True).items(), fresh.state_dict().values(), strict=True):
        inside = id(value) not in decoder and name.startswith(("down_tr", "encoder.", "decoder.encoder."))
        assert torch.equal(value, source.state_dict()[name] if inside else drawn), name
    assert start.share == 1.0


def test_a_decoder_that_was_never_trained_stays_as_it_was_drawn(tmp_path: Path) -> None:
    source, net, fresh = network(1), network(2), network(2)
    for parameter in source.decoder_parameters():
        parameter.requires_grad_(False)
    start = initialize_from(net, checkpoint(source, tmp_path / "best.pt"), report=None)
    assert same(net.down_tr512, source.down_tr512.state_dict())
    assert same(net.up_tr64, fresh.up_tr64.state_dict())
    assert all(part.startswith("down_tr") for part in start.loaded_parts)


def test_of_a_classification_the_encoder_is_taken(tmp_path: Path) -> None:
    unet = network(1)
    classifier = EncoderClassifier(unet, ClassificationHead(unet.feature_channels[-1], 2, hidden=8))
    task = TaskRecord("classification", ("no", "yes"), hidden=8)
    record = ModelRecord(TINY, *trained_parts(classifier), method="finetune", task=task).of(classifier.state_dict())
    path = save({"state_dict": classifier.state_dict(), "record": record.to_dict()}, tmp_path / "best.pt")
    net, fresh = network(2), network(2)
    start = initialize_from(net, path, report=None)
    assert same(net.down_tr64, unet.down_tr64.state_dict())
    assert same(net.up_tr64, fresh.up_tr64.state_dict())
    assert (start.share, start.account.unused) == (1.0, ())  # type: ignore[union-attr]


@pytest.mark.parametrize(("suffix", "under"), [(".yaml", "model.net"), (".json", "")])
def test_any_state_dict_is_read_by_a_mapping(suffix: str, under: str, tmp_path: Path) -> None:
    source, net = network(1), network(2, replace(TINY, in_channels=2))
    foreign = {
        "student." + name.replace("down_tr", "stage").replace("bn1", "norm"): value
        for name, value in source.state_dict().items()
        if name.startswith("down_tr")
    }
    foreign["student.head.weight"] = torch.zeros(3)
    foreign["teacher.stage64.ops.0.conv1.weight"] = torch.zeros(3)
    path = save({"model": {"net": foreign}, "step": 3} if under else foreign, tmp_path / "foreign.ckpt")
    rules = {"strip": ["student."], "drop": ["^head", "^teacher"], "rename": [["^stage(\\d+)", "down_tr\\1"]]}
    rules["rename"].append(["norm\\.", "bn1."])
    mapping = tmp_path / f"rules{suffix}"
    mapping.write_text(json.dumps({"under": under, **rules}))  # JSON is YAML, too
    start = initialize_from(net, path, "encoder", mapping=mapping, report=None)
    assert same(net.down_tr512, source.down_tr512.state_dict())
    assert start.share == 1.0
    assert start.account is not None and start.account.unused == ()
    assert [name for name, _ in start.account.adapted] == ["down_tr64.ops.0.conv1.weight"]
    again = Source.read(path, NameRules.read(mapping))
    assert again.file.tensors.keys() == {name for name in source.state_dict() if name.startswith("down_tr")}


def test_a_mapping_keeps_the_patients_of_a_record_and_leaves_out_what_was_never_trained(tmp_path: Path) -> None:
    net = network(1)
    for parameter in net.decoder_parameters():
        parameter.requires_grad_(False)
    path = checkpoint(net, tmp_path / "best.pt")
    source = Source.read(path, NameRules(rename=(("^down_tr", "encoder."),)))
    assert source.record is not None and source.record.patients == ("a", "b")
    assert source.file.tensors.keys() == {n.replace("down_tr", "encoder.") for n in net.state_dict() if "down" in n}


def resnet(depth: int, **arguments: Any) -> NetworkSpec:
    return NetworkSpec("ResNetUNet", arguments={"depth": depth, "width": 4, **arguments})


@pytest.mark.parametrize(
    ("spec", "sizes", "message"),
    [
        (resnet(18), resnets.shapes(18, 3, 1, 4, padded=True), r"not filled: encoder\.layer2\.0\.downsample"),
        (resnet(10), resnets.shapes(18, 3, 1, 4), r"only in the file: encoder\.layer1\.1\.bn1\.bias, .* and \d+ more"),
        (
            resnet(18),
            resnets.shapes(10, 3, 1, 4),
            r"ResNet-10\) must fill 1 of the encoder of ResNetUNet, got",
        ),
        (resnet(50), resnets.shapes(34, 3, 1, 4), r"encoder\.layer1\.0\.conv1\.weight has shape \(4, 4, 3, 3, 3\)"),
        (resnet(10), resnets.shapes(10, 2, 1, 4), r"has shape \(4, 1, 7, 7\), the model has \(4, 1, 7, 7, 7\)"),
        (resnet(10), resnets.shapes(10, 3, 1, 8), r"shape \(8, 1, .*same dimensions, width and depth"),
        (TINY, resnets.shapes(10, 3, 1, 4), r"must hold weights of UNet3D, got entries such as encoder\.bn1\.bias"),
    ],
    ids=["shortcuts", "deeper file", "deeper network", "bottlenecks", "dimensions", "width", "another network"],
)
def test_a_file_of_another_encoder_is_refused_and_changes_nothing(
    spec: NetworkSpec, sizes: dict[str, tuple[int, ...]], message: str, tmp_path: Path
) -> None:
    path = save(published(resnets.weights(sizes)), tmp_path / "weights.pth")
    net = network(1, spec)
    with pytest.raises(ValueError, match=rf"weights\.pth.*{message}"):
        initialize_from(net, path)
    assert same(net, network(1, spec).state_dict())


def test_part_of_an_encoder_is_taken_where_that_is_asked_for(tmp_path: Path) -> None:
    source, net = network(1), network(2)
    state = {name: value for name, value in source.state_dict().items() if not name.startswith("down_tr512")}
    path = save(published(state), tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"fill 1 of the encoder of UNet3D, got 0\.2") as caught:
        initialize_from(net, path)
    assert "not filled: down_tr512.ops.0.bn1.bias" in str(caught.value)
    start = initialize_from(net, path, at_least=0.2, report=None)
    encoder = {n: v.numel() for n, v in source.state_dict().items() if n.startswith("down_tr") and v.ndim}
    lacking = sum(size for name, size in encoder.items() if name.startswith("down_tr512"))
    assert start.share == pytest.approx(1 - lacking / sum(encoder.values()))
    with pytest.raises(ValueError, match=r"at_least must lie in \(0, 1\], got 0"):
        initialize_from(net, path, at_least=0)


def test_norms_without_statistics_are_another_encoder(tmp_path: Path) -> None:
    net = network(1, NetworkSpec(arguments={"width": 2, "norm": "instance"}))
    with pytest.raises(ValueError, match=r"only in the file: down_tr128\.ops\.0\.bn1\.running_mean"):
        initialize_from(net, checkpoint(network(2), tmp_path / "best.pt"))


def test_a_network_that_does_not_tell_its_encoder_comes_whole(tmp_path: Path) -> None:
    spec = NetworkSpec("SegResNet", arguments={"init_filters": 8, "blocks_down": [1, 1], "blocks_up": [1]})
    source, net = network(1, spec), network(2, replace(spec, out_channels=3))
    path = checkpoint(source, tmp_path / "best.pt", spec)
    with pytest.raises(ValueError, match=r"parts must be 'all' for SegResNet, which is not UNetLike"):
        initialize_from(net, path, "encoder")
    start = initialize_from(net, path, report=None)
    assert same(net.down_layers, source.down_layers.state_dict())
    assert start.share == 1.0
    shorter = {name: value for name, value in source.state_dict().items() if not name.startswith("up_")}
    with pytest.raises(ValueError, match=r"not filled: up_layers\.0"):
        initialize_from(network(2, spec), save(shorter, tmp_path / "shorter.pt"))


def test_another_stride_is_said(tmp_path: Path) -> None:
    path = save(published(resnets.weights(resnets.shapes(10, 3, 1, 4))), tmp_path / "weights.pth")
    start = initialize_from(network(1, resnet(10, dilated=False)), path, report=None)
    assert "goes down to 1/32 of the side, that of the file to 1/8" in start.remarks[-1]
    assert len(initialize_from(network(1, resnet(10)), path, report=None).remarks) == 1


def test_files_that_are_no_weights_are_refused_and_run_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    net = build_network(width=2)
    whole = save(network(1).state_dict(), tmp_path / "whole.pt").read_bytes()
    (tmp_path / "damaged.pt").write_bytes(whole[: len(whole) // 2])
    save({"state_dict": network(1).state_dict(), "hook": Unsafe()}, tmp_path / "code.pt")
    for name in ("damaged.pt", "code.pt"):
        with pytest.raises(ValueError, match=rf"{name} is not a file of weights, or is damaged"):
            initialize_from(net, tmp_path / name)
    assert not (tmp_path / CODE).exists()
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pt not found"):
        initialize_from(net, tmp_path / "nowhere.pt")
    with pytest.raises(ValueError, match=r"must hold tensors, under 'model\.net', got none; it has down_tr64"):
        initialize_from(net, tmp_path / "whole.pt", mapping=NameRules(under="model.net"))
    with pytest.raises(ValueError, match=r"mapping: .*whole\.pt: the rules must leave some weights, got none of 106"):
        initialize_from(net, tmp_path / "whole.pt", mapping=NameRules(drop=(".",)))
    with pytest.raises(ValueError, match=r"parts must be one of 'all', 'encoder', got 'decoder'"):
        initialize_from(net, tmp_path / "whole.pt", "decoder")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="mapping must be None for scratch"):
        initialize_from(net, "scratch", mapping=NameRules())
