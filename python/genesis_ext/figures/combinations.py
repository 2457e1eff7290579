# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Sheets of the twelve combinations of transformations, and of samples as training draws them."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext.figures.page import AMBER, Row, Sheet
from genesis_ext.figures.slices import THREE, panel_height, panel_width, planes_of, show_slices, slice_text
from genesis_ext.figures.subject import TRIED_IDS, Subject, painted, times
from genesis_ext.transforms import COMBINATIONS, Combination

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 4


def combinations_sheet(subject: Subject) -> Sheet:
    """Every combination that the config can draw, all with one curve, one set of windows and one of boxes."""
    shown = [c for c in COMBINATIONS if c.probability(subject.config) > 0.0]
    sample_id = _telling_id(subject)
    columns = min(_COLUMNS, len(shown))
    rows = math.ceil(len(shown) / columns)
    width, planes = panel_width(subject.shape[0]), planes_of(subject.flat)
    sheet = Sheet(
        f"{subject.name}: the combinations of transformations",
        f"A patch of {subject.size_text} (amber), and what the network gets in place of it; p: how often "
        f"{subject.label} draws that. All panels share the draws of sample id {int(sample_id)}, seed {subject.seed}, "
        f"without flips. {_draws_text(subject.draw(sample_id), shown)}{subject.orientation_text}",
        [1.4 * width] + [width] * columns,
        [Row(panel_height(subject.shape, subject.spacing_mm, width, planes))] * rows,
    )
    _show_place(subject, [row[0] for row in sheet.panels])
    panels = [ax for row in sheet.panels for ax in row[1:]]
    for ax, combination in zip(panels, shown, strict=False):
        plan = subject.draw(sample_id, **combination.rates)
        result, _ = ops.genesis_transform(subject.patch, plan)
        note = f"p = {combination.probability(subject.config):.3g}"
        if combination.paint != "none":
            note += f", {float(painted(plan).float().mean()):.0%} painted"
        title = "none: the original" if combination.name == "none" else combination.name
        show_slices(ax, result[0, 0], subject.spacing_mm, subject.middle, title, note, planes)
    return sheet


def samples_sheet(subject: Subject, count: int) -> Sheet:
    """Inputs above targets for sample ids 0 .. count - 1, drawn at the rates of the config, with flips."""
    plan = subject.draw(subject.ids(count), flip_rate=subject.config.flip_rate)
    inputs, targets = ops.genesis_transform(subject.patch.expand(count, -1, -1, -1, -1), plan)
    width, planes = panel_width(subject.shape[0]), planes_of(subject.flat)
    height = panel_height(subject.shape, subject.spacing_mm, width, planes)
    sheet = Sheet(
        f"{subject.name}: samples as they are drawn",
        f"Drawn by {subject.label}, seed {subject.seed}, sample ids from 0. The network gets the input and has to "
        f"restore the target; flips act on both. {subject.orientation_text}",
        [width] * count,
        [Row(height, label="input"), Row(height, titled=False, label="target")],
    )
    for i, drawn in enumerate(plan.to_dicts()):
        name = Combination(drawn["shuffle"], drawn["nonlinear"], drawn["paint"]).name
        share = f"{float(painted(plan[i]).float().mean()):.0%} painted" if drawn["paint"] != "none" else ""
        flips = "flipped along " + ", ".join("xyz"[axis] for axis in drawn["flips"]) if drawn["flips"] else ""
        at, spacing = subject.middle, subject.spacing_mm
        show_slices(sheet.panels[0][i], inputs[i, 0], spacing, at, f"{i}: {name}", share, planes)
        show_slices(sheet.panels[1][i], targets[i, 0], spacing, at, note=flips, planes=planes)
    return sheet


def _draws_text(plan: ops.Plan, shown: Sequence[Combination]) -> str:
    """What NL, LS, IN and OUT do in a plan of one sample."""
    text = ""
    if any(c.nonlinear for c in shown):
        x1, y1, x2, y2 = plan.control_points[0, 0].tolist()
        trend = "falling" if bool(plan.decreasing[0, 0]) else "rising"
        text += f"NL: a {trend} curve by the points ({x1:.2f}, {y1:.2f}), ({x2:.2f}, {y2:.2f}). "
    if any(c.shuffle for c in shown):
        numbers = plan.spec.numbers
        largest = times((numbers.max_window_x, numbers.max_window_y, numbers.max_window_z))
        text += f"LS: {numbers.num_windows:,} windows of at most {largest} voxels. "
    if any(c.paint != "none" for c in shown):
        text += "IN, OUT: boxes painted, or all but boxes. "
    return text


def _telling_id(subject: Subject) -> Tensor:
    """The sample id (1,) whose boxes and curve are most visible in the shown slices."""
    ids = subject.ids(TRIED_IDS)
    plan = subject.draw(ids)
    values = subject.patch.flatten().sort().values[:: max(1, subject.patch.numel() // 1024)]
    old = values.view(1, 1, -1, 1, 1).expand(len(ids), -1, -1, -1, -1)
    new = ops.bezier_map(old, plan.control_points[:, :1], plan.decreasing[:, :1])
    change = (new - old).abs().mean(dim=(1, 2, 3, 4))
    spread = new.std(dim=(1, 2, 3, 4), correction=0)
    contrast = torch.minimum(spread, values.std(correction=0))  # a curve may flatten everything
    boxes = torch.minimum(subject.shown_shares(ids, "in"), subject.shown_shares(ids, "out"))
    return ids[(boxes * change * contrast).argmax()].view(1)


def _show_place(subject: Subject, axes: "Sequence[Axes]") -> None:
    """Slices of the whole scan with the patch outlined: the axial one first, and as many as fit."""
    box = (*subject.start, *(at + side for at, side in zip(subject.start, subject.shape, strict=True)))
    x, y, z = (at + middle for at, middle in zip(subject.start, subject.middle, strict=True))
    for ax, plane in zip(axes, planes_of(subject.flat, THREE), strict=False):
        title = plane.name if plane.as_seen else f"the scan, {plane.name}"
        show_slices(
            ax, subject.scan, subject.spacing_mm, (x, y, z), title, slice_text(plane, (x, y, z), subject.scan.shape),
            (plane,), [(box, AMBER)], letters=True,
        )  # fmt: skip
