# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Whether what a checkpoint learnt meets what it is to be used for: its input, and its patients."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from genesis_ext.models.record import ModelRecord

_CHANNEL = re.compile(r"_\d{4}$")


def check_fit(source: ModelRecord | None, target: ModelRecord) -> tuple[str, ...]:
    """Sentences on what differs between the input that a checkpoint was trained on and that of a run which uses it.

    Nothing is refused: fine-tuning may well get over it. Of fields that either leaves empty nothing is said, but for a
    checkpoint that does not say how it was trained.

    source: of the checkpoint; None if it has none.   target: as the run will describe itself.
    """
    if source is None or not source.method:
        return ("the checkpoint does not say on what it was trained: compare its input with this one yourself",)
    said: list[str] = []

    def differs(name: str, before: object, now: object, meaning: str) -> None:
        if before and now and _text(before) != _text(now):  # through JSON, tuples have become lists
            said.append(f"{name}: {_text(before)} in the checkpoint, {_text(now)} here: {meaning}")

    differs(
        "values", source.value_range, target.value_range, "the first layer meets numbers that it has not learnt to read"
    )
    if source.normalization and target.normalization:
        for key in sorted(source.normalization.keys() | target.normalization.keys()):
            kind, before, now = key.partition("_")[0], source.normalization.get(key), target.normalization.get(key)
            if _text(before) != _text(now) and (kind not in ("ct", "mri") or kind in target.modalities):
                said.append(
                    f"normalization, {key}: {_text(before)} in the checkpoint, {_text(now)} here: the same tissue has "
                    "another grey value"
                )
    if source.modalities and (new := sorted(set(target.modalities) - set(source.modalities))):
        said.append(
            f"modality: {', '.join(source.modalities)} in the checkpoint, and {', '.join(new)} here: the features have "
            "never met it"
        )
    if len(source.axes) == len(target.axes):
        differs("axes", source.axes, target.axes, "left and right, or up and down, are not where they were")
    differs("patch", source.patch, target.patch, "the network sees more, or less, around a voxel than it learnt to use")
    if target.patch and source.spacing_mm != target.spacing_mm:
        said.append(
            f"spacing: {_spacing(source)} in the checkpoint, {_spacing(target)} here: the same organ has another "
            "size in voxels"
        )
    if source.task is not None and target.task is not None:
        differs(
            "channels", source.task.channels, target.task.channels, "each kernel reads another image than it learnt"
        )
    if source.network is not None and target.network is not None:
        differs("network", source.network.name, target.network.name, "only weights of the same name are taken over")
        differs(
            "input channels",
            source.network.in_channels,
            target.network.in_channels,
            "the first convolution is averaged over them, and learns anew to tell them apart",
        )
        if source.network.name == target.network.name:
            before_arguments, now_arguments = source.network.arguments, target.network.arguments
            for key in sorted(before_arguments.keys() & now_arguments.keys()):
                differs(
                    f"network, {key}",
                    (before_arguments[key],),
                    (now_arguments[key],),
                    "the same weights do something else",
                )
    return tuple(said)


def overlap(record: ModelRecord, patients: Iterable[str]) -> tuple[str, ...]:
    """Those of the patients whose scans trained a checkpoint or chose its weights, sorted.

    ``case_0000``, as nnU-Net names the first channel of ``case``, is that patient, too; ``case_0001`` and ``case_0002``
    may be two patients, and count as such.
    """
    seen = {*record.patients, *record.validation_patients}
    cases = {_CHANNEL.sub("", name) for name in seen}
    return tuple(sorted(name for name in set(patients) if {name, _CHANNEL.sub("", name)} & seen or name in cases))


def check_overlap(
    record: ModelRecord | None, held_out: Mapping[str, Iterable[str]], *, allow_overlap: bool = False
) -> str:
    """Refuse to measure a checkpoint by patients that it has seen; a network knows them better than the next patient.

    Args:
        record: of the checkpoint; None if it has none.
        held_out: side of the split -> its patients, ``{"test": ("p7", "p9")}``.
        allow_overlap: do not refuse.

    Returns:
        A sentence for the report: on the overlap, or that the record names no patients. Empty if there is no overlap.

    Raises:
        ValueError: there is an overlap; the message names some of the patients. The same name in two data sets is
            taken for one patient.
    """
    if record is None or not record.patients:
        return "the checkpoint does not name its patients: whether it has seen those of the test is not known"
    said = []
    for side, patients in held_out.items():
        everyone = set(patients)
        if seen := overlap(record, everyone):
            more = f" and {len(seen) - 5} more" if len(seen) > 5 else ""
            said.append(f"{len(seen)} of {len(everyone)} {side} patients ({', '.join(seen[:5])}{more})")
    if not said:
        return ""
    sentence = f"the checkpoint has seen {' and '.join(said)}: results on them are too good"
    if allow_overlap:
        return sentence
    raise ValueError(
        f"{sentence}; patients of a test must be others than those that trained it: pre-train without these, "
        "choose another split, or let it through with allow_overlap"
    )


def _spacing(record: ModelRecord) -> str:
    return "that of each scan" if record.spacing_mm is None else f"{_text(record.spacing_mm)} mm"


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_text, value))})" if len(value) != 1 else _text(value[0])
    return f"{value:g}" if isinstance(value, float) else str(value)
