# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Each transformation alone, over its parameters (Models Genesis, supplement, Figs. 5 to 8)."""

from fractions import Fraction
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext._types import Shape3
from genesis_ext.figures.page import AMBER, BLUE, QUIET, Row, Sheet, describe
from genesis_ext.figures.slices import AXIAL, panel_height, panel_width, planes_of, show_slices
from genesis_ext.figures.subject import TRIED_IDS, Subject, evenly, painted, times
from genesis_ext.ops.local_shuffle import ORDERS, PERMUTES
from genesis_ext.ops.plan import MAX_WINDOW_VOXELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CURVES_DRAWN, _CURVES_SHOWN = 16, 4
_BINS = 48
_WINDOW_SCALES = (Fraction(1, 3), Fraction(2, 3), Fraction(1), Fraction(2), Fraction(4))
_MOST_STEPS = 6


def curves_sheet(subject: Subject) -> Sheet:
    """Curves above the patches that they give: rising in the upper half, falling in the lower (Fig. 5)."""
    ids, drawn = _spread_curves(subject)
    straight = drawn.new_tensor([[[1 / 3, 1 / 3, 2 / 3, 2 / 3]]])  # x(t) = y(t) = t
    points = torch.cat((straight, drawn))  # (curves, 1, 4)
    width, planes = panel_width(subject.shape[0]), planes_of(subject.flat, (AXIAL,))
    pair = [Row(width), Row(panel_height(subject.shape, subject.spacing_mm, width, planes), titled=False, notes=0)]
    sheet = Sheet(
        f"{subject.name}: non-linear transformation",
        "Above each patch its Bezier curve, new over old grey value (blue), with the two inner points that make it "
        f"(amber); grey: the patch's histogram, logarithmic. First the straight line and its inverse, then sample ids "
        f"{', '.join(map(str, ids))} of seed {subject.seed}, from dark to bright. {subject.orientation_text}",
        [width] * len(points),
        pair * 2,
    )
    for column in range(len(points)):
        for row, falling in ((0, False), (2, True)):
            curve = points[column : column + 1], torch.tensor([[falling]], device=points.device)
            name = ("falling" if falling else "rising") if column else ("the inverse" if falling else "the original")
            _show_curve(sheet.panels[row][column], subject.patch, *curve, name)
            result = ops.bezier_map(subject.patch, *curve)
            show_slices(sheet.panels[row + 1][column], result[0, 0], subject.spacing_mm, subject.middle, planes=planes)
    return sheet


def shuffling_sheet(subject: Subject) -> Sheet:
    """Windows from a third to four times the size in the config, under both rules for overlaps (Fig. 6)."""
    plan = subject.draw(subject.ids(1))
    numbers = plan.spec.numbers
    usual = (numbers.max_window_x, numbers.max_window_y, numbers.max_window_z)
    windows = _window_sizes(usual, subject.shape)
    permute = PERMUTES[numbers.permute]
    width, planes = panel_width(subject.shape[0]), planes_of(subject.flat)
    height = panel_height(subject.shape, subject.spacing_mm, width, planes)
    sheet = Sheet(
        f"{subject.name}: local pixel shuffling by window size",
        f"{numbers.num_windows:,} windows with sides from 1 to the numbers given; "
        f"{'all voxels of a window are' if permute == 'voxel' else 'each axis of a window is'} permuted. Upper row: "
        f"every window reads the original, the last one counts; lower row: windows act one after another. Amber: as in "
        f"{subject.label}. Moved: voxels with the value of another place; lost: values that are nowhere any more. "
        f"Sample id 0, seed {subject.seed}. {subject.orientation_text}",
        [width] * (len(windows) + 1),
        [Row(height, label=order.replace("_", " ")) for order in ORDERS],
    )
    # Every voxel by its number tells where values went; exact in float64.
    trace = torch.arange(subject.patch.numel(), dtype=torch.float64, device=plan.device).view(subject.patch.shape)
    for row, order in zip(sheet.panels, ORDERS, strict=True):
        show_slices(row[0], subject.patch[0, 0], subject.spacing_mm, subject.middle, "the original", planes=planes)
        for ax, window in zip(row[1:], windows, strict=True):
            result, source = (
                ops.local_shuffle(x, plan.key, numbers.num_windows, window, order, permute)
                for x in (subject.patch, trace)
            )
            show_slices(ax, result[0, 0], subject.spacing_mm, subject.middle, planes=planes)
            moved = float((source != trace).double().mean())
            lost = 1.0 - len(source.unique()) / source.numel()
            own = window == usual and order == ORDERS[numbers.order]
            describe(ax, times(window), f"{moved:.0%} moved, {lost:.0%} lost", AMBER if own else "black")
    return sheet


def painting_sheet(subject: Subject, kind: str) -> Sheet:
    """The boxes of one draw, added one after another; kind: "in" (Fig. 8) or "out" (Fig. 7)."""
    sample_id = _id_with_many_boxes(subject, kind)
    plan = subject.draw(sample_id, paint_rate=1.0, outpaint_rate=float(kind == "out"))
    boxes = plan.boxes[0, : int((plan.boxes[0, :, 3] > 0).sum())]
    steps = [1 + i for i in evenly(len(boxes), _MOST_STEPS)]
    constant = bool(plan.constant[0])
    where = "Inside of the boxes" if kind == "in" else "Outside of all boxes"
    fill = ("a constant" + (" a box" if kind == "in" else "")) if constant else "noise, a value a voxel"
    width, planes = panel_width(subject.shape[0]), planes_of(subject.flat)
    sheet = Sheet(
        f"{subject.name}: {kind}-painting, box after box",
        f"{where}: {fill}. The newest box in amber, dashed where it misses the slice. Drawn by {subject.label}, sample "
        f"id {int(sample_id)}, seed {subject.seed}. {subject.orientation_text}",
        [width] * (len(steps) + 1),
        [Row(panel_height(subject.shape, subject.spacing_mm, width, planes), notes=2)],
    )
    panels = sheet.panels[0]
    at = _through_most(boxes, subject) if kind == "in" else subject.middle
    show_slices(panels[0], subject.patch[0, 0], subject.spacing_mm, at, "the original", planes=planes)
    for ax, step in zip(panels[1:], steps, strict=True):
        some = boxes[None, :step].contiguous()
        share = float(painted(plan, some).float().mean())
        if constant:
            result = ops.paint_boxes(subject.patch, some, plan.kind, fill=plan.fill[:, :step].contiguous())
        else:
            result = ops.paint_boxes(subject.patch, some, plan.kind, key=plan.key)
        outlines = [(box, AMBER if i == step else BLUE) for i, box in enumerate(some[0].tolist(), start=1)]
        x0, y0, z0, x1, y1, z1 = boxes[step - 1].tolist()
        note = f"x {x0}–{x1}, y {y0}–{y1}, z {z0}–{z1}\n{share:.0%} painted"
        title = "1 box" if step == 1 else f"{step} boxes"
        show_slices(ax, result[0, 0], subject.spacing_mm, at, title, note, planes, outlines)
    return sheet


def _show_curve(ax: "Axes", patch: Tensor, points: Tensor, decreasing: Tensor, name: str) -> None:
    """A curve over the histogram of the patch; points: (1, 1, 4), decreasing: (1, 1)."""
    old = torch.linspace(0.0, 1.0, 257, dtype=torch.float64)
    new = ops.bezier_map(old.view(1, 1, -1, 1, 1), points.cpu(), decreasing.cpu()).flatten()
    x1, y1, x2, y2 = points.flatten().tolist()
    if bool(decreasing):  # y(1 - t): from (0, 1) to (1, 0), and the inner points swap their ordinates
        y1, y2 = y2, y1
    ends = (1.0, 0.0) if bool(decreasing) else (0.0, 1.0)
    counts = torch.histc(patch.float().cpu(), bins=_BINS, min=0.0, max=1.0).log1p()
    centres = (torch.arange(_BINS) + 0.5) / _BINS
    ax.set_axis_on()
    ax.bar(centres.numpy(), (0.5 * counts / counts.max()).numpy(), width=1 / _BINS, color="#dfe3e7")
    ax.plot((0.0, x1, x2, 1.0), (ends[0], y1, y2, ends[1]), color=QUIET, linewidth=0.7, linestyle=":")
    ax.plot((x1, x2), (y1, y2), "o", color=AMBER, markersize=3.5)
    ax.plot(old.numpy(), new.numpy(), color=BLUE, linewidth=1.6)
    ax.set(xlim=(0, 1), ylim=(0, 1), xticks=(), yticks=(), aspect="equal")
    describe(ax, name, f"({x1:.2f}, {y1:.2f}) ({x2:.2f}, {y2:.2f})")


def _spread_curves(subject: Subject) -> tuple[list[int], Tensor]:
    """Ids and control points (curves, 1, 4) of some early draws, ordered from dark to bright by their rising curve."""
    points = subject.draw(subject.ids(_CURVES_DRAWN)).control_points[:, :1]
    old = torch.linspace(0.0, 1.0, 65, device=points.device).view(1, 1, -1, 1, 1).expand(len(points), -1, -1, -1, -1)
    rising = torch.zeros((len(points), 1), dtype=torch.bool, device=points.device)
    brightness = ops.bezier_map(old, points, rising).mean(dim=(1, 2, 3, 4))
    ids = brightness.argsort(stable=True)[:: (_CURVES_DRAWN - 1) // (_CURVES_SHOWN - 1)]
    return ids.tolist(), points[ids]


def _window_sizes(usual: Shape3, shape: Shape3) -> list[Shape3]:
    """Multiples of the usual largest window that fit the patch and the limit of 2^20 voxels."""
    sizes: list[Shape3] = []
    for scale in _WINDOW_SCALES:
        x, y, z = (max(1, min(side, round(window * scale))) for window, side in zip(usual, shape, strict=True))
        if x * y * z <= MAX_WINDOW_VOXELS and (x, y, z) not in sizes:
            sizes.append((x, y, z))
    return sizes


def _id_with_many_boxes(subject: Subject, kind: str) -> Tensor:
    """The sample id (1,) with most boxes, counted as far as they are shown; of equals, where they show best."""
    ids = subject.ids(TRIED_IDS)
    plan = subject.draw(ids, paint_rate=1.0, outpaint_rate=float(kind == "out"))
    number = (plan.boxes[:, :, 3] > 0).sum(dim=1).clamp(max=_MOST_STEPS)
    return ids[(number + subject.shown_shares(ids, kind)).argmax()].view(1)


def _through_most(boxes: Tensor, subject: Subject) -> Shape3:
    """The voxel whose slices cross most boxes (B, 6); along each axis, the one nearest to the middle."""

    def best(axis: int) -> int:
        places = torch.arange(subject.shape[axis], device=boxes.device)[:, None]
        met = ((boxes[:, axis] <= places) & (places < boxes[:, axis + 3])).sum(dim=1).tolist()
        return max(range(len(met)), key=lambda i: (met[i], -abs(i - subject.middle[axis])))

    return best(0), best(1), best(2)
