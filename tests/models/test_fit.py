# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the input of a run is that of its checkpoint, and whether its test patients are new to it."""

from dataclasses import replace
from typing import Any

import pytest

from genesis_ext.models import ModelRecord, NetworkSpec, TaskRecord, check_fit, check_overlap, overlap

SOURCE = ModelRecord(
    NetworkSpec(arguments={"width": 2, "bn_mode": "batch"}),
    ("down_tr64",),
    method="genesis",
    patch=(16, 16, 8),
    normalization={"ct_hu": (-1000.0, 1000.0), "mri": None, "mri_percentiles": (0.1, 99.9)},
    modalities=("ct",),
    spacing_mm=(1.0, 1.0, 1.0),
    patients=("a", "b", "c"),
    task=TaskRecord("classification", ("no", "yes"), channels=("T1",)),
    validation_patients=("d",),
)
SPEC = SOURCE.network


@pytest.mark.parametrize(
    ("change", "sentences"),
    [
        ({}, ()),
        ({"value_range": (-1.0, 1.0)}, (r"values: (0, 1) in the checkpoint, (-1, 1) here",)),
        (
            {"normalization": {**SOURCE.normalization, "ct_hu": (-200.0, 300.0)}},
            ("normalization, ct_hu: (-1000, 1000) in the checkpoint, (-200, 300) here",),
        ),
        ({"normalization": {**SOURCE.normalization, "mri_percentiles": (0.5, 99.5)}}, ()),  # all is CT
        ({"normalization": {**SOURCE.normalization, "ct_hu": [-1000, 1000]}}, ()),  # as JSON has it
        (
            {"modalities": ("ct", "mri"), "normalization": {**SOURCE.normalization, "mri_percentiles": (0.5, 99.5)}},
            (
                "normalization, mri_percentiles: (0.1, 99.9) in the checkpoint, (0.5, 99.5) here",
                "modality: ct in the checkpoint, and mri here",
            ),
        ),
        ({"axes": "LPS"}, ("axes: RAS in the checkpoint, LPS here",)),
        ({"patch": (32, 16, 8)}, ("patch: (16, 16, 8) in the checkpoint, (32, 16, 8) here",)),
        ({"spacing_mm": None}, ("spacing: (1, 1, 1) mm in the checkpoint, that of each scan here",)),
        ({"network": replace(SPEC, in_channels=2)}, ("input channels: 1 in the checkpoint, 2 here",)),  # type: ignore[type-var]
        (
            {"network": NetworkSpec(arguments={"width": 2, "bn_mode": "running"})},
            ("network, bn_mode: batch in the checkpoint, running here",),
        ),
        ({"network": NetworkSpec("PlainConvUNet")}, ("network: unet in the checkpoint, PlainConvUNet here",)),
        (
            {"task": TaskRecord("classification", ("no", "yes"), channels=("T2",))},
            ("channels: T1 in the checkpoint, T2 here",),
        ),
        ({"network": None, "modalities": (), "normalization": {}}, ()),
    ],
    ids=lambda value: ", ".join(value) or "nothing" if isinstance(value, dict) else "",
)
def test_what_differs_is_said_and_nothing_else(change: dict[str, Any], sentences: tuple[str, ...]) -> None:
    said = check_fit(SOURCE, replace(SOURCE, **change))
    assert len(said) == len(sentences)
    for whole, start in zip(said, sentences, strict=True):
        assert whole.startswith(f"{start}: ")


def test_a_checkpoint_that_says_nothing_of_its_input_is_not_compared() -> None:
    for source in (ModelRecord(SPEC, ("down_tr64",)), None):
        (said,) = check_fit(source, replace(SOURCE, value_range=(-1.0, 1.0)))
        assert "does not say on what it was trained" in said


def test_patients_that_trained_a_checkpoint_or_chose_its_weights_are_found() -> None:
    assert overlap(SOURCE, ["z", "d", "a", "x"]) == ("a", "d")
    assert check_overlap(SOURCE, {"test": ["x", "y"], "validation": ()}) == ""
    message = (
        r"has seen 2 of 3 test patients \(a, d\) and 1 of 1 validation patients \(b\): .*; patients of a test must"
    )
    held_out = {"test": ("a", "d", "x"), "validation": ("b",)}
    with pytest.raises(ValueError, match=message):
        check_overlap(SOURCE, held_out)
    allowed = check_overlap(SOURCE, held_out, allow_overlap=True)
    assert allowed.startswith("the checkpoint has seen 2 of 3 test patients (a, d) and 1 of 1 validation patients (b)")
    channels = replace(SOURCE, patients=("hip_001_0000", "case_0001"))
    assert overlap(channels, ["hip_001", "hip", "case_0002", "case_0001"]) == ("case_0001", "hip_001")
    assert overlap(replace(SOURCE, patients=("hip_001",)), ["hip_001_0000", "hip_002_0000"]) == ("hip_001_0000",)
    many = [f"p{number}" for number in range(9)]
    with pytest.raises(ValueError, match=r"9 of 9 test patients \(p0, p1, p2, p3, p4 and 4 more\)"):
        check_overlap(replace(SOURCE, patients=tuple(many)), {"test": iter(many)})


def test_a_checkpoint_without_patients_is_said_to_be_unchecked() -> None:
    for record in (replace(SOURCE, patients=(), validation_patients=()), None):
        assert "does not name its patients" in check_overlap(record, {"test": ("a",)})
