# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Sections of a fine-tuning alone: its metrics, what it started from, and how it answers samples."""

from genesis_ext.training.report.html import Html, bullets, paragraph, picture, section, table
from genesis_ext.training.report.run_record import RunRecord

_NO_WHOLE_SCANS = (
    "Of fixed patches, which decide on learning rate and best weights. They are no measure of whole scans: genesis "
    "predict and genesis evaluate are."
)


def metrics(run: RunRecord) -> Html | None:
    """The metrics of the best validation and the last one."""
    losses = [entry for entry in run.validation if entry.get("loss") is not None]
    if not run.is_tuning or not losses:
        return None
    best, last = min(losses, key=lambda entry: entry["loss"]), losses[-1]
    names = [name for name in run.other_metrics() if name in last and name in best]
    head = ("metric", f"best, step {best['step']:,}", f"last, step {last['step']:,}")
    rows = [(name.replace("_", " "), f"{best[name]:.4f}", f"{last[name]:.4f}") for name in names]
    return Html(table("Validation metrics", head, rows, numbers=(1, 2)) + paragraph(_NO_WHOLE_SCANS, "quiet"))


def start(run: RunRecord) -> Html | None:
    """What the network started from, who trained it and who is held back."""
    begun = run.environment.get("begun")
    if not run.is_tuning or not begun:
        return None
    source = begun["source"]
    rows = [("weights from", source["source"]), ("recognised as", source["kind"])]
    if "loaded" in source:
        counts = {name: len(source[name]) for name in ("adapted", "skipped", "missing", "unused")}
        rows += [("entries loaded", f"{source['loaded']:,}")]
        rows += [(f"entries {name}", f"{count:,}") for name, count in counts.items() if count]
    rows += [(f"patients, {side}", f"{count:,}") for side, count in begun["patients"].items() if count]
    remarks = [*source.get("remarks", ()), *begun["remarks"]]
    return section(
        "Start",
        table("The network and the patients", ("what", "value"), rows),
        *([bullets(remarks)] if remarks else []),
    )


def cases(run: RunRecord) -> Html | None:
    """Validation samples, from the one that was answered worst to the best."""
    if not run.cases:
        return None
    steps = [min(run.cases), max(run.cases)] if len(run.cases) > 1 else [max(run.cases)]
    drawn = [
        picture(
            run.cases[step],
            f"After {step:,} steps",
            f"Slices of validation samples after {step:,} steps: a column for the worst, the lower quarter, the median "
            "and the best, with image and, of a segmentation, the outlines of truth and answer",
        )
        for step in reversed(steps)
    ]
    return section("Cases", *drawn)
