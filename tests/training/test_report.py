# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The report of a run: what it says, and how a browser shows it."""

import json
from html.parser import HTMLParser
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis_ext.data.prepare.run import prepare_cached
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.figures import save_picture
from genesis_ext.models import ModelRecord, NetworkSpec
from genesis_ext.training import PretrainConfig
from genesis_ext.training.engine.environment import write_environment
from genesis_ext.training.engine.run_folder import RunFolder
from genesis_ext.training.report import write_report
from tests.browser import look_at
from tests.data_layer.images import write_ct, write_mri

pytest.importorskip("matplotlib")

NASTY = "<script>document.title='broken'</script><img src=x onerror=alert(1)>&amp;\"'"
BASELINES = {"identity": 0.2, "constant": 0.04, "blur": 0.1}
HEADINGS = [
    "H1 Pre-training run <script>chest & co",
    "H2 Result",
    "H2 Curves",
    "H3 Loss, logarithmic",
    "H3 Accuracy",
    "H3 Learning rate",
    "H2 Restorations of validation patches",
    "H3 Under each combination of transformations",
    "H2 Time and memory",
    "H3 Samples a second",
    "H2 Network",
    "H2 Data",
    "H2 Settings",
    "H2 Versions",
    "H2 Warnings",
    "H2 Checkpoints, and how to go on",
    "H3 Fine-tune: load the weights into a network",
    "H3 Go on training, with the same data, to N steps in all",
]


def log(*entries: dict[str, Any]) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def training(step: int) -> dict[str, Any]:
    figures = {"loss": 1.0 / step, "lr": 1e-3, "accuracy_discriminator": 0.5, "accuracy_scale": min(1.0, step / 40)}
    measured = {"steps_per_s": 2.0, "samples_per_s": 12.0, "data_share": 0.125, "memory_gib": 1.5}
    return {"kind": "training", "step": step, **figures, **measured, "elapsed_s": 100.0 * step}


def validation(step: int, loss: float) -> dict[str, Any]:
    return {"kind": "validation", "step": step, "loss": loss, **BASELINES, "accuracy_scale": 0.5, "note": "said"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a finished run, with names that are no good HTML."""
    out = tmp_path / "<script>chest & co"
    (out / "pictures").mkdir(parents=True)
    config = {**PretrainConfig.of(steps=40, width=8).as_dict(), "note": NASTY}
    (out / "config.yaml").write_text(json.dumps(config))  # which is YAML
    volume = {
        "name": NASTY,
        "modality": "ct",
        "shape": [64, 65, 66],
        "spacing_mm": [1, 0.5, 2.5],
        "checksum": "ab" * 32,
    }
    environment = {
        "date": "2026-01-02T03:04:05+00:00",
        "versions": {"Python": "3.11.7", "torch": "2.13.0"},
        "commit": "0123456789ab-dirty",
        "device": {"type": "cpu", "name": "Some CPU", "threads": 2, "ranks": 1, "cuda": None},
        "data": [{"checksum": "cd" * 32, "volumes": [volume] * 3}],
    }
    (out / "environment.json").write_text(json.dumps(environment))
    entries = [training(step) for step in range(10, 50, 10)]
    entries += [validation(20, 0.05), validation(30, 0.02), validation(40, 0.03)]
    entries += [{"kind": "message", "step": 30, "text": f"warning: {NASTY}"}]
    entries += [{"kind": "message", "step": 40, "text": "stopped at step 40"}]
    (out / "log.jsonl").write_text(log(*entries))
    generator = np.random.default_rng(0)
    names = [*(f"step_{step:06d}" for step in (10, 20, 30, 40)), "combinations_000030", "combinations_000040"]
    for name in names:
        save_picture(out / f"pictures/{name}.png", generator.integers(0, 255, (60, 900, 3), dtype=np.uint8))
    state = {"weight": torch.zeros(3 << 18)}
    record = ModelRecord(NetworkSpec(arguments={"width": 8}), ("weight",), patients=(NASTY,)).of(state)
    for name in ("best.pt", "last.pt"):
        torch.save({"state_dict": state, "record": record.to_dict()}, out / name)
    return out


class Reader(HTMLParser):
    """Elements, and whether each is closed."""

    EMPTY = frozenset({"meta", "link", "img", "line", "circle", "polyline"})

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY:
            assert self.open.pop() == tag


@pytest.mark.parametrize("width", [400, 1200])
def test_a_browser_shows_all_of_it_and_asks_for_nothing_else(run: Path, width: int) -> None:
    seen = look_at(write_report(run), width)
    assert seen["title"] == "Pre-training run <script>chest & co"
    assert seen["language"] == "en"
    assert seen["headings"] == HEADINGS
    assert [image["wide"] for image in seen["images"]] == [900] * 4  # first, middle, last, and the last grid
    assert all(image["alt"] and image["shown"] <= width for image in seen["images"])
    assert len(seen["charts"]) == 4
    assert min(seen["charts"]) > 100
    assert seen["console"] == []
    assert seen["requests"] == []
    assert seen["scripts"] == 0
    assert seen["innerWidth"] == width
    assert seen["scrollWidth"] <= width
    assert f"warning: {NASTY}" in seen["text"]


def test_it_is_dark_where_the_reader_wants_it(run: Path) -> None:
    page = write_report(run)
    brightness = {
        scheme: sum(map(int, look_at(page, 800, scheme)["background"][4:-1].split(","))) for scheme in ("light", "dark")
    }
    assert brightness["light"] == 3 * 255
    assert brightness["dark"] < 100


def test_the_browser_sees_what_is_wrong_with_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        "<!DOCTYPE html><title>bad</title><div style='width: 900px'>wide</div><img src='data:image/png;base64,AAAA'>"
        "<img src='https://example.invalid/a.png'><script>console.error('oh')</script>"
    )
    seen = look_at(page, 400)
    assert seen["scrollWidth"] > 400
    assert [image["wide"] for image in seen["images"]] == [0, 0]
    assert any("oh" in line for line in seen["console"])
    assert seen["requests"] == ["https://example.invalid/a.png"]
    assert seen["scripts"] == 1


def test_no_text_becomes_an_element(run: Path) -> None:
    reader = Reader(write_report(run))
    assert reader.open == []
    tags = [tag for tag, _ in reader.elements]
    assert "script" not in tags
    assert tags.count("img") == 4
    addresses = [value for _, attrs in reader.elements for name, value in attrs.items() if name in ("src", "href")]
    assert all(str(address).startswith("data:") for address in addresses)
    assert not [name for _, attrs in reader.elements for name in attrs if name.startswith("on")]


def test_it_says_what_the_run_came_to(run: Path) -> None:
    text = write_report(run).read_text()
    for said in (
        "beats all three baselines: its last validation loss is 25.0 % below that of the best of them, the best const",
        "the network, best",  # at step 30
        "mean squared error",
        "40 of 40 steps",
        "1 h 6 min 40 s",
        "12.5 %",
        "1.50 GiB",
        "Some CPU",
        "3 volumes (3 CT)",
        "cd" * 32,
        "64 × 65 × 66",
        "0123456789ab-dirty",
        "load_network(",
        "--resume --steps N",
        "3.0 MiB",
    ):
        assert said in text
    assert "Not in this report" not in text
    assert [path.name for path in run.iterdir() if path.name.startswith(".")] == []


def test_it_says_when_the_baselines_are_not_beaten(run: Path) -> None:
    (run / "log.jsonl").write_text(log(training(10), validation(10, 0.0398)))
    text = write_report(run).read_text()
    assert "does not beat all three baselines: its last validation loss is 0.5 % below" in text
    assert "10 of 40 steps, not finished" in text


def test_settings_other_than_the_defaults_are_marked(run: Path) -> None:
    text = write_report(run).read_text()
    assert '<tr class=own><th scope="row">width</th><td>8</td><td>32</td></tr>' in text
    assert '<tr><th scope="row">loss</th><td>mse</td><td></td></tr>' in text


def test_what_is_missing_is_left_out_and_said(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(log({"kind": "training", "step": 1, "loss": None, "lr": 0.1}) + '{"kind": "tr')
    (tmp_path / "config.yaml").write_text('{"steps": ')
    reader = Reader(write_report(tmp_path))
    assert reader.open == []
    text = (tmp_path / "report.html").read_text()
    for said in (
        "config.yaml cannot be read",
        "environment.json is missing",
        "has no validation",
        "pictures/ is empty",
        "has no times",
        "best.pt is missing",
        "last.pt is missing",
    ):
        assert said in text
    assert "Learning rate" in text
    assert "Loss, logarithmic" not in text  # no finite one


def test_an_empty_folder_has_a_report_and_no_folder_none(tmp_path: Path) -> None:
    assert "log.jsonl has no training steps" in write_report(tmp_path).read_text()
    with pytest.raises(FileNotFoundError, match="is no folder of a run"):
        write_report(tmp_path / "mistyped")


def test_a_damaged_log_is_read_as_far_as_it_goes(run: Path) -> None:
    (run / "log.jsonl").write_text(log(training(10), validation(10, 0.03)) + "no JSON\n" + log(training(20)))
    text = write_report(run).read_text()
    assert "log.jsonl is damaged" in text
    assert "10 of 40 steps" in text


def test_the_environment_of_a_run_is_what_the_report_shows(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENESIS_CACHE", str(tmp_path / "cache"))
    write_ct(tmp_path / "scans/a.nii.gz", (20, 18, 16))
    write_mri(tmp_path / "scans/b.nii.gz", (16, 18, 20))
    store: VolumeStore = prepare_cached(tmp_path / "scans", report=lambda text: None, spacing_mm=None)
    write_environment(RunFolder(run), [store], torch.device("cpu"), ranks=2)
    environment = json.loads((run / "environment.json").read_text())
    assert environment["versions"]["torch"] == metadata.version("torch")
    assert environment["device"]["name"]
    text = write_report(run).read_text()
    ranks, commit = '<th scope="row">ranks</th><td>2</td>', f"<td>{environment['commit'] or 'not a checkout'}</td>"
    for said in ("2 volumes (1 CT, 1 MRI)", store.checksum, "20 × 18 × 16", ranks, commit):
        assert said in text
