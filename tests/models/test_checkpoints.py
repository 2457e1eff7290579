# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Loading of the released layouts, of other heads and channels, and of files that are no weights."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from genesis_ext.models import UNet3D, load_weights


def network(seed: int = 0, **options: object) -> UNet3D:
    net = UNet3D(**{"width": 2, **options})  # type: ignore[arg-type]
    net.reset_parameters(torch.Generator().manual_seed(seed))
    return net


def released(net: UNet3D, prefix: str = "module.") -> dict[str, object]:
    state = {prefix + name: value for name, value in net.state_dict().items()}
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0, momentum=0.9).state_dict()
    return {"epoch": 12, "state_dict": state, "optimizer_state_dict": optimizer}


def save(content: object, folder: Path) -> Path:
    path = folder / "weights.pt"
    torch.save(content, path)
    return path


def equal(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.mark.parametrize("prefix", ["module.", "backbone.", "module.backbone.", ""])
def test_released_layouts_are_loaded_whole(prefix: str, tmp_path: Path) -> None:
    source, net = network(1), network(2)
    account = load_weights(net, save(released(source, prefix), tmp_path), report=None)
    assert equal(source, net)
    assert (len(account.loaded), account.epoch) == (106, 12)
    assert not (account.adapted or account.skipped or account.missing or account.unused)


def test_a_bare_state_dict_is_loaded(tmp_path: Path) -> None:
    source, net = network(1), network(2)
    account = load_weights(net, save(source.state_dict(), tmp_path), report=None)
    assert equal(source, net)
    assert account.epoch is None


def test_a_checkpoint_of_nnunet_is_loaded(tmp_path: Path) -> None:
    source, net = network(1), network(2)
    content = {"network_weights": source.state_dict(), "trainer_name": "nnUNetTrainer", "current_epoch": 3}
    account = load_weights(net, save(content, tmp_path), report=None)
    assert equal(source, net)
    assert (len(account.loaded), account.metadata) == (106, {})


def test_the_account_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(released(network(1)), tmp_path)
    account = load_weights(network(2, num_classes=2), path)
    printed = capsys.readouterr().out
    assert printed == f"{account}\n"
    assert str(path) in printed
    assert "out_tr.final_conv.bias: 1 class(es) in the file, 2 in the model" in printed


def test_a_head_for_other_classes_stays_as_it_was(tmp_path: Path) -> None:
    source, net = network(1), network(2, num_classes=3)
    head = net.out_tr.final_conv.weight.detach().clone()
    account = load_weights(net, save(released(source), tmp_path), report=None)
    assert torch.equal(net.out_tr.final_conv.weight, head)
    assert torch.equal(net.up_tr64.ops[1].conv1.weight, source.up_tr64.ops[1].conv1.weight)
    assert [name for name, _ in account.skipped] == ["out_tr.final_conv.bias", "out_tr.final_conv.weight"]
    assert len(account.loaded) == 104


@pytest.mark.parametrize(("stored", "wanted"), [(1, 3), (4, 1), (2, 3)])
def test_an_image_copied_to_all_channels_gives_the_same_response(stored: int, wanted: int, tmp_path: Path) -> None:
    source, net = network(1, in_channels=stored), network(2, in_channels=wanted)
    account = load_weights(net, save(released(source), tmp_path), report=None)
    image = torch.rand(1, 1, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected, adapted = (
            unet.down_tr64.ops[0].conv1(image.expand(-1, channels, -1, -1, -1))
            for unet, channels in ((source, stored), (net, wanted))
        )
    assert torch.allclose(adapted, expected, atol=1e-5)  # sums over channels run in another order
    assert [name for name, _ in account.adapted] == ["down_tr64.ops.0.conv1.weight"]
    assert len(account.loaded) == 105


def test_the_nearest_twin_takes_all_but_the_up_convs(tmp_path: Path) -> None:
    account = load_weights(network(2, upsample="nearest"), save(released(network(1)), tmp_path), report=None)
    assert sorted(account.unused) == sorted(f"up_tr{n}.up_conv.{p}" for n in (256, 128, 64) for p in ("weight", "bias"))
    assert len(account.loaded) == 100


def test_an_encoder_alone_leaves_the_decoder_as_it_was(tmp_path: Path) -> None:
    source, net, untouched = network(1), network(2), network(2)
    encoder = {name: value for name, value in source.state_dict().items() if name.startswith("down_")}
    account = load_weights(net, save(encoder, tmp_path), report=None)
    assert torch.equal(net.down_tr512.ops[1].conv1.weight, source.down_tr512.ops[1].conv1.weight)
    assert equal(net.up_tr64, untouched.up_tr64)
    assert len(account.loaded) + len(account.missing) == 106
    assert all(name.startswith(("up_", "out_")) for name in account.missing)
    assert "more" in str(account)  # long lists are cut


def test_a_wrapped_model_is_loaded_through_its_prefix(tmp_path: Path) -> None:
    source, net = network(1), network(2)
    account = load_weights(nn.DataParallel(net), save(released(source), tmp_path), report=None)
    assert equal(source, net)
    assert len(account.loaded) == 106


def test_weights_come_in_the_dtype_of_the_model(tmp_path: Path) -> None:
    net = network(2).to(torch.bfloat16)
    source = network(1)
    load_weights(net, save(released(source), tmp_path), report=None)
    assert torch.equal(net.down_tr64.ops[0].conv1.weight, source.down_tr64.ops[0].conv1.weight.bfloat16())


def test_another_width_is_an_error_that_leaves_the_model_untouched(tmp_path: Path) -> None:
    net, untouched = network(2), network(2)
    path = save(released(network(1, width=4)), tmp_path)
    with pytest.raises(ValueError, match=r"weights\.pt: down_tr64.*has shape \(4, 1, 3, 3, 3\), the model has \(2, 1"):
        load_weights(net, path)
    assert equal(net, untouched)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    source, net, untouched = network(1), network(2), network(2)
    with torch.no_grad():
        source.up_tr64.ops[0].conv1.bias[0] = float("nan")
    with pytest.raises(ValueError, match=r"weights\.pt: up_tr64\.ops\.0\.conv1\.bias must be finite"):
        load_weights(net, save(released(source), tmp_path))
    assert equal(net, untouched)


class Unsafe:
    """An object whose unpickling would run code."""


@pytest.mark.parametrize(
    "content",
    [Unsafe(), {"network_weights": Unsafe()}, [1, 2], {"epoch": 3}, {"state_dict": {}}, {"fc.weight": torch.zeros(2)}],
    ids=["object", "object inside", "list", "no tensors", "empty", "another network"],
)
def test_foreign_files_are_refused_by_name(content: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"load_weights: .*weights\.pt"):
        load_weights(network(), save(content, tmp_path))


def test_damaged_files_are_refused_by_name(tmp_path: Path) -> None:
    whole = save(released(network(1)), tmp_path).read_bytes()
    for damaged in (b"", b"no weights", whole[: len(whole) // 2], whole[:100]):
        path = tmp_path / "damaged.pt"
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"load_weights: .*damaged\.pt is not a file of weights, or is damaged"):
            load_weights(network(), path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"load_weights: .*nowhere\.pt not found"):
        load_weights(network(), tmp_path / "nowhere.pt")


def test_a_stored_tensor_is_not_shared_with_the_model(tmp_path: Path) -> None:
    net = network(2)
    before: Tensor = net.out_tr.final_conv.bias
    load_weights(net, save(released(network(1)), tmp_path), report=None)
    assert net.out_tr.final_conv.bias is before
