# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Plans of FinetuneTransform as text, and what is said of wrong settings, batches and plans."""

import json

import pytest
import torch

from genesis_ext.data.batch import check_takes_labels, distorted
from genesis_ext.transforms import FinetunePlan, FinetuneTransform, FinetuneTransformConfig, make_finetune_config
from tests.cases import ids, same_bits, voxels

SHAPE = (4, 2, 8, 8, 6)
X, IDS = voxels(SHAPE).clamp(0, 1), ids(4)
LABEL = torch.arange(X[:, :1].numel()).view(4, 1, *SHAPE[2:])
TRANSFORM = FinetuneTransform(seed=-5, transpose_rate=0.5, shear_rate=0.5, curve_rate=0.5, intensity_per_channel=True)
PLAN = TRANSFORM.draw(IDS, SHAPE[2:], 2)


def edited(change):
    document = json.loads(PLAN.to_json())
    change(document)
    return json.dumps(document)


def test_a_plan_as_text_comes_back_and_does_the_same():
    back = FinetunePlan.from_json(PLAN.to_json())
    assert back.to_json() == PLAN.to_json()
    expected = TRANSFORM.with_target(X, IDS, LABEL)
    other = FinetuneTransform("none", order=1)  # what acts is said by the plan
    for plan in (PLAN, back):
        assert all(map(same_bits, other.replay(X, plan, LABEL), expected))
    assert all(map(same_bits, other.replay(X[1:3], back[1:3]), [part[1:3] for part in expected[:2]]))
    assert (len(back), len(back[2]), len(back[[0, 3]])) == (4, 1, 2)
    assert repr(back[2]).startswith("FinetunePlan(1 samples, spatial_shape=(8, 8, 6), acting=(")
    empty = TRANSFORM.draw([], SHAPE[2:])
    assert len(FinetunePlan.from_json(empty.to_json())) == 0


def test_an_edited_plan_does_what_it_says():
    def only_a_flip(document):
        neutral = json.loads(FinetuneTransform("none").draw([0], SHAPE[2:]).to_json())["draws"][0]
        document["draws"] = [neutral | {"flips": [False, True, False]}]

    plan = FinetunePlan.from_json(edited(only_a_flip))
    assert plan.acting == ("geometry",)
    for part in TRANSFORM.replay(X[:1], plan):
        assert same_bits(part, X[:1].flip(3))
    images = FinetuneTransform(seed=1, spatial_dims=2)
    plan = FinetunePlan.from_json(images.draw(IDS, (8, 6)).to_json())
    assert same_bits(images.replay(X[..., 0, :], plan)[0], images(X[..., 0, :], IDS))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(version=2), "version must be 1, the one this library writes, got 2"),
        (lambda d: d.pop("seed"), "the document must be an object with the entries version, seed, shape, draws"),
        (lambda d: d.update(shape=[8]), r"shape must be two or three sides of at least 1 voxel, got \[8\]"),
        (lambda d: d.update(seed=0.5), "seed must be a 64-bit integer, got 0.5"),
        (lambda d: d.update(draws={}), "draws must be a list with an entry a sample, got {}"),
        (lambda d: d["draws"][1].pop("gamma"), r"draws\[1\] must be an object with the entries sample_id, axes, "),
        (lambda d: d["draws"][2].update(gamma=[0.1, 1]), r"draws\[2\].gamma must be numbers in \[0.25, 3.984\] in the"),
        (lambda d: d["draws"][0].update(noise=[0.1]), r"draws\[1\].noise must be numbers in \[0, 1\] in the shape \(1"),
        (lambda d: d["draws"][0].update(flips=[0, 1, 0]), r"draws\[0\].flips must be true or false in the shape \(3,"),
        (lambda d: d["draws"][0].update(quarters=[0, 1.0, 0]), r"quarters must be integers in \[0, 3\] in the shape"),
        (
            lambda d: d["draws"][3].update(axes=[2, 1, 0]),
            r"draws\[3\].axes must be an order .* of \(8, 8, 6\), got \[2",
        ),
        (lambda d: d["draws"][3].update(axes=[0, 0, 1]), r"draws\[3\].axes must be an order of 0, 1, 2"),
        (lambda d: d["draws"][0].update(scale=float("nan")), r"draws\[0\].scale must be numbers in \[0.01562, 64\]"),
        (lambda d: d["draws"][0].update(control_points=[[0, 0, 1]] * 2), r"control_points must be .* \(2, 4\)"),
    ],
)
def test_a_wrong_entry_of_a_plan_is_named(change, said):
    with pytest.raises(ValueError, match=f"FinetunePlan.from_json: .*{said}"):
        FinetunePlan.from_json(edited(change))


def test_what_is_no_json_is_said():
    with pytest.raises(ValueError, match="text must be JSON, got an error at"):
        FinetunePlan.from_json("{")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"profile": "nn"}, "profile must be one of nnunet, universal-model, none, got 'nn'"),
        ({"profile": 3}, "profile must be a name or a FinetuneTransformConfig, got int"),
        ({"flip_rat": 0.5}, "changes must be of flip_rate, .*, got flip_rat"),
        ({"flip_rate": 1.5}, r"flip_rate must lie in \[0, 1\], got 1.5"),
        ({"flip_axes": (0, 3)}, r"flip_axes must be axes out of 0, 1, 2, each once, got \(0, 3\)"),
        ({"flip_axes": (2,), "spatial_dims": 2}, r"flip_axes must name axes of 2-dimensional patches, got \(2,\)"),
        ({"scale": (1.4, 0.7)}, r"scale must rise within \[0.01562, 64\], got \(1.4, 0.7\)"),
        ({"blur_sigma": (0.5, 1.5)}, r"blur_sigma must rise within \[0, 1\], got \(0.5, 1.5\)"),
        ({"gamma": (0.1, 1.5)}, r"gamma must rise within \[0.25, 3.984\], got \(0.1, 1.5\)"),
        ({"rotation_degrees": (0, 0, 200)}, r"rotation_degrees must lie in \[0, 180\], got \(0.0, 0.0, 200.0\)"),
        ({"shear": 1.0}, r"shear must lie in \[0, 1\), got 1.0"),
        ({"noise_std": 0.1}, "noise_std must be two finite numbers, got 0.1"),
        ({"seed": "one"}, "FinetuneTransform: seed must be an int or a .* tensor, got 'one'"),
        ({"value_range": "mean"}, r"FinetuneTransform: value_range must be \(lo, hi\), .* got 'mean'"),
        ({"spatial_dims": 4}, "FinetuneTransform: spatial_dims must be 3 or 2, got 4"),
        ({"order": 2}, "FinetuneTransform: order must be 0, 1 or 3, got 2"),
        ({"fill": "black"}, "FinetuneTransform: fill must be a number, got 'black'"),
        ({"out_shape": (4, 4)}, "FinetuneTransform: out_shape must be 3 integers"),
        ({"spacing": (1, 0, 1)}, r"FinetuneTransform: spacing must be 3 positive numbers, got \(1, 0, 1\)"),
    ],
)
def test_a_wrong_setting_is_refused_in_words(arguments, said):
    with pytest.raises((TypeError, ValueError), match=said):
        FinetuneTransform(**arguments)


def test_a_wrong_batch_label_or_plan_is_refused_in_words():
    transform = FinetuneTransform(label_fill=-1)
    with pytest.raises(TypeError, match=r"FinetuneTransform: x must be a floating-point tensor, got torch.int64"):
        transform(LABEL, IDS)
    with pytest.raises(ValueError, match=r"one patch \(C, X, Y, Z\) becomes a batch by x\[None\]"):
        transform(X[0], IDS)
    with pytest.raises(ValueError, match=r"spatial shape of the batch \(4, 2, 8, 8, 6\), got \(4, 8, 8, 6\)"):
        transform(X, IDS, LABEL[:, 0])
    with pytest.raises(TypeError, match="label must be a tensor, got list"):
        transform(X, IDS, [0])
    with pytest.raises(
        ValueError, match=r"label must be able to hold label_fill -1, got torch.uint8 \[4, 1, 8, 8, 6\]"
    ):
        transform(X, IDS, LABEL.to(torch.uint8))
    with pytest.raises(ValueError, match=r"plan must be for a batch \(4, 2, 8, 8, 6\), got one for 3 samples of"):
        transform(X, IDS[:3])
    with pytest.raises(ValueError, match=r"got one for 4 samples of \(8, 8, 6\) and 2 groups of channels"):
        transform.replay(X.repeat(1, 2, 1, 1, 1), PLAN)
    for limits in (torch.zeros(1, 2), torch.zeros(4, 3, 2), torch.zeros(4, 2).double()):
        with pytest.raises(ValueError, match=r"value_range must be float32 \(N, 2\) or \(N, C, 2\) beside a batch"):
            FinetuneTransform(value_range=limits)(X, IDS)
    with pytest.raises(ValueError, match="spatial_shape must be 3 sides, as spatial_dims says, got"):
        transform.draw(IDS, (8, 8))
    with pytest.raises(ValueError, match=r"must be on the device of the transform, meta, got cpu; move .*\.to\("):
        FinetuneTransform().to("meta")(X, IDS)


def test_a_config_may_be_handed_in_and_changed():
    config = FinetuneTransformConfig(flip_rate=0, rotation_degrees=[10, 20, 30])
    assert config.degrees == (10.0, 20.0, 30.0)
    assert make_finetune_config(config, gamma_rate=1.0).gamma_rate == 1
    assert same_bits(
        FinetuneTransform(config)(X, IDS), FinetuneTransform(flip_rate=0.0, rotation_degrees=(10, 20, 30))(X, IDS)
    )


def test_it_prints_what_it_is():
    transform = FinetuneTransform("none", 7, spacing=(1, 1, 3), out_shape=(4, 4, 4), flip_rate=0.5)
    assert repr(transform) == (
        "FinetuneTransform(profile='none', seed=7, value_range=(0.0, 1.0), order=1, fill=0, label_fill=0, "
        "out_shape=(4, 4, 4), spacing=(1.0, 1.0, 3.0), flip_rate=0.5)"
    )
    assert "spatial_dims=2" in repr(FinetuneTransform(spatial_dims=2))


@pytest.mark.parametrize("given", [TRANSFORM, TRANSFORM.with_target])
def test_a_loader_takes_it_with_labels_and_without(given):
    check_takes_labels("GenesisLoader", given)
    batch = {"cut": X[:2], "sample_id": IDS[:2]}  # two, which could be taken apart as input and target
    changed, target, label = TRANSFORM.with_target(X[:2], IDS[:2], LABEL[:2])
    got = distorted(batch, given)
    assert same_bits(got["input"], changed) and same_bits(got["target"], target)
    got = distorted(batch | {"label": LABEL[:2], "ignore": torch.zeros(2).long()}, given)
    assert same_bits(got["input"], changed) and same_bits(got["target"], target)
    assert torch.equal(got["label"], label) and torch.equal(got["mask"], label != 0)
    assert all(map(same_bits, TRANSFORM(X[:2], IDS[:2], LABEL[:2]), (changed, label)))
