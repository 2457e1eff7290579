# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Plans as text: rows of words to dicts and JSON, and back with every entry checked."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypedDict

import numpy as np
from numpy.typing import NDArray

from genesis_ext._types import Shape3
from genesis_ext.reference import draw_plan
from genesis_ext.reference.draw_plan import BOX_WORDS, CURVE_WORDS, HEAD_WORDS, Numbers, decode
from genesis_ext.reference.paint_boxes import KINDS

VERSION = 1
FILLS = ("noise", "constant")  # by number, as in a row


class Draw(TypedDict):
    """What was drawn for one sample; `Plan.to_dicts` says what each entry means."""

    sample_id: int
    seed: int
    flips: list[int]
    shuffle: bool
    nonlinear: bool
    paint: str
    fill: str
    boxes: list[list[int]]
    fills: list[float]
    control_points: list[list[float]]
    decreasing: list[bool]


def decode_rows(rows: NDArray[np.int32], numbers: Numbers) -> list[Draw]:
    """Read the rows (N, L) of a plan."""
    return [_readable(decode(row, numbers)) for row in rows]


def _readable(draw: draw_plan.Draw) -> Draw:
    return Draw(
        # As in the int64 tensor it came from.
        sample_id=draw.sample_id - 2**64 if draw.sample_id >= 2**63 else draw.sample_id,
        seed=draw.seed,
        flips=[axis for axis, flipped in enumerate(draw.flips) if flipped],
        shuffle=draw.shuffle,
        nonlinear=draw.nonlinear,
        paint=draw.paint,
        fill=FILLS[draw.constant],
        boxes=draw.boxes.tolist(),
        fills=draw.fills.tolist(),
        control_points=draw.control_points.tolist(),
        decreasing=draw.decreasing.tolist(),
    )


def to_text(draws: Sequence[Draw], shape: Sequence[int], rates: Mapping[str, float], numbers: Mapping[str, int]) -> str:
    """Write the document of a plan; the seed stands once where all samples share it, else as a list."""
    seeds = [draw["seed"] for draw in draws]
    document = {
        "version": VERSION,
        "seed": seeds[0] if len(set(seeds)) == 1 else seeds,
        "shape": list(shape),
        "config": {"rates": rates, "numbers": numbers},
        "draws": [{name: value for name, value in draw.items() if name != "seed"} for draw in draws],
    }
    # Lists of numbers on one line each: a box, a curve.
    return re.sub(r"\[([^][{}]*)\]", lambda match: f"[{' '.join(match[1].split())}]", json.dumps(document, indent=1))


def parse(text: str) -> dict[str, Any]:
    """Read a document, with its version and the names of its parts checked."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"Plan.from_json: text must be JSON, got an error at {error}") from None
    if not isinstance(document, dict) or document.get("version") != VERSION:
        version = document.get("version") if isinstance(document, dict) else None
        _fail("version", f"be {VERSION}, the one this library writes", version)
    _keys(document, "the document", ("version", "seed", "shape", "config", "draws"))
    _keys(document["config"], "config", ("rates", "numbers"))
    return document


def shape(value: Any) -> tuple[int, ...]:
    """Check the entry `shape`."""
    return tuple(_list(value, "shape", _integer))


def named_numbers(value: Any, where: str, names: Sequence[str]) -> dict[str, float]:
    """Check an object that has a number under each of these names."""
    _keys(value, where, names)
    return {name: _number(value[name], f"{where}.{name}") for name in names}


def named_integers(value: Any, where: str, names: Sequence[str]) -> dict[str, int]:
    """Check an object that has an integer under each of these names."""
    _keys(value, where, names)
    return {name: _integer(value[name], f"{where}.{name}") for name in names}


def encode_rows(document: Mapping[str, Any], shape3: Shape3, curves: int, max_boxes: int) -> NDArray[np.int32]:
    """Make the rows of a parsed document: the same words that were written."""
    draws, seeds = document["draws"], document["seed"]
    if not isinstance(draws, list):
        _fail("draws", "be a list with an entry a sample", draws)
    if not isinstance(seeds, list):
        seeds = [seeds] * len(draws)
    if len(seeds) != len(draws):
        _fail("seed", f"be one number or one for each of {len(draws)} draws", seeds)
    rows = np.zeros((len(draws), HEAD_WORDS + CURVE_WORDS * curves + BOX_WORDS * max_boxes), np.int32)
    names = tuple(name for name in Draw.__annotations__ if name != "seed")
    for i, (draw, seed) in enumerate(zip(draws, seeds, strict=True)):
        where = f"draws[{i}]"
        _keys(draw, where, names)
        _encode(draw, _word64(seed, "seed"), rows[i], where, shape3, curves, max_boxes)
    return rows


def _encode(
    draw: Mapping[str, Any],
    seed: int,
    row: NDArray[np.int32],
    where: str,
    shape3: Shape3,
    curves: int,
    max_boxes: int,
) -> None:
    split = HEAD_WORDS + CURVE_WORDS * curves
    flips = _list(draw["flips"], f"{where}.flips", _integer)
    if not set(flips) <= {0, 1, 2} or len(set(flips)) != len(flips):
        _fail(f"{where}.flips", "name axes out of 0, 1, 2, each once", flips)
    paint = _code(draw["paint"], f"{where}.paint", KINDS)
    fill = _code(draw["fill"], f"{where}.fill", FILLS)
    boxes = _list(draw["boxes"], f"{where}.boxes", lambda box, at: _box(box, at, shape3))
    fills = _list(draw["fills"], f"{where}.fills", _fraction)
    points = _list(draw["control_points"], f"{where}.control_points", _points)
    decreasing = _list(draw["decreasing"], f"{where}.decreasing", _bool)
    if len(boxes) > (max_boxes if paint else 0):
        _fail(f"{where}.boxes", f"be at most {max_boxes} (see config.numbers), and none where paint is 'none'", boxes)
    if len(fills) != len(boxes):
        _fail(f"{where}.fills", f"be one number for each of {len(boxes)} boxes", fills)
    if fill and not paint:
        _fail(f"{where}.fill", "be 'noise' where nothing is painted", draw["fill"])
    if len(points) != curves or len(decreasing) != curves:
        _fail(f"{where}.control_points and decreasing", f"be one for each of {curves} curves", draw["control_points"])
    row[0] = sum(1 << axis for axis in flips)
    row[1] = _bool(draw["shuffle"], f"{where}.shuffle")
    row[2] = _bool(draw["nonlinear"], f"{where}.nonlinear")
    row[3:5] = paint, len(boxes)
    row[5:9] = np.array([seed, _word64(draw["sample_id"], f"{where}.sample_id")], np.uint64).view(np.int32)
    row[9] = fill
    curve_words = row[HEAD_WORDS:split].reshape(curves, CURVE_WORDS)
    curve_words[:, :4] = np.array(points, np.float32).view(np.int32)
    curve_words[:, 4] = decreasing
    box_words = row[split:].reshape(-1, BOX_WORDS)[: len(boxes)]
    box_words[:, :6] = np.array(boxes, np.int32).reshape(-1, 6)
    box_words[:, 6] = np.array(fills, np.float32).view(np.int32)


def _fail(where: str, rule: str, value: object) -> NoReturn:
    raise ValueError(f"Plan.from_json: {where} must {rule}, got {value!r}")


def _keys(value: Any, where: str, names: Sequence[str]) -> None:
    if not isinstance(value, dict):
        _fail(where, "be an object", value)
    if set(value) != set(names):
        missing, unknown = sorted(set(names) - set(value)), sorted(set(value) - set(names))
        raise ValueError(
            f"Plan.from_json: {where} must have the entries {', '.join(names)}, got "
            f"{f'no {missing}' if missing else ''}{' and ' if missing and unknown else ''}"
            f"{f'unknown {unknown}' if unknown else ''}"
        )


def _list(value: Any, where: str, item: Callable[[Any, str], Any]) -> list[Any]:
    if not isinstance(value, list):
        _fail(where, "be a list", value)
    return [item(entry, f"{where}[{i}]") for i, entry in enumerate(value)]


def _integer(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**31) <= value < 2**31:
        _fail(where, "be a 32-bit integer", value)
    return value


def _word64(value: Any, where: str) -> int:
    """The bits of a 64-bit number, written signed or unsigned."""
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**64:
        _fail(where, "be a 64-bit integer", value)
    return value % 2**64


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _fail(where, "be a number", value)
    return float(value)


def _fraction(value: Any, where: str) -> float:
    if not 0.0 <= (number := _number(value, where)) <= 1.0:
        _fail(where, "lie in [0, 1]", value)
    return number


def _bool(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        _fail(where, "be true or false", value)
    return value


def _code(value: Any, where: str, codes: tuple[str, ...]) -> int:
    if value not in codes:
        _fail(where, f"be one of {', '.join(map(repr, codes))}", value)
    return codes.index(value)


def _points(value: Any, where: str) -> list[float]:
    points = _list(value, where, _fraction)
    if len(points) != 4:
        _fail(where, "be [x1, y1, x2, y2]", value)
    return points


def _box(value: Any, where: str, shape3: Shape3) -> list[int]:
    box = _list(value, where, _integer)
    if len(box) != 6 or not all(0 <= box[i] < box[i + 3] <= shape3[i] for i in range(3)):
        _fail(where, f"be [x0, y0, z0, x1, y1, z1], half-open and inside the patch {shape3}", value)
    return box
