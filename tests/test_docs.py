# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The documents say what is: generated parts are up to date, examples run, and links lead somewhere."""

import importlib
import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import pytest

import genesis_ext
from benchmarks import files, report
from benchmarks.registry import OPERATORS
from genesis_ext.cli.main import COMMANDS, OWN_OPTIONS, build_parser
from genesis_ext.training.pretraining.presets import PRESETS
from genesis_ext.transforms import PROFILES, SCHEMES
from tests.data_layer.images import random_voxels, write_ct, write_nifti, write_series

ROOT = Path(__file__).parents[1]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
every_page = pytest.mark.parametrize("page", PAGES)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def files_of_the_examples(tmp_path, monkeypatch):
    """What the pages call their files, small, in a folder of their own where the examples run."""
    shape = (8, 9, 10)
    write_ct(tmp_path / "chest.nii.gz", shape)
    write_nifti(tmp_path / "chest_seg.nii.gz", random_voxels(shape, 0, 3).astype("uint8"))
    write_ct(tmp_path / "images" / "p1.nii.gz", shape)
    write_nifti(tmp_path / "labels" / "p1.nii.gz", random_voxels(shape, 0, 3).astype("uint8"))
    write_nifti(tmp_path / "predictions" / "p1.nii.gz", random_voxels(shape, 0, 3, seed=1).astype("uint8"))
    write_nifti(tmp_path / "heart.nii", random_voxels((*shape, 2), 0, 900))
    write_series(tmp_path / "study", random_voxels(shape, -1000, 900))
    for number in range(3):
        write_ct(tmp_path / f"scans/{number}.nii.gz", (20, 18, 16), seed=number)
    label = write_nifti(tmp_path / "scans_seg.nii.gz", random_voxels((20, 18, 16), 0, 3).astype("uint8"))
    rows = [f"{tmp_path}/scans/{number}.nii.gz,{label},patient{number}" for number in range(3)]
    (tmp_path / "labelled.csv").write_text("\n".join(["path,label,patient", *rows]))
    monkeypatch.setenv("GENESIS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


@every_page
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(page):
    for link in _LINK.findall(without_code(text_of(page))):
        if link.startswith("https://"):
            continue
        name, _, place = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), link
        if place:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert place in map(anchor, headings), link


def resolved(name: str) -> Any:
    """What a reader gets who imports the package and types the name."""
    found = genesis_ext
    for end in range(1, name.count(".") + 1):
        part = name.split(".")[end]
        if not hasattr(found, part):
            importlib.import_module(".".join(name.split(".")[: end + 1]))
        found = getattr(found, part)
    return found


@every_page
def test_every_dotted_name_leads_to_what_it_names(page):
    for name in set(re.findall(r"\bgenesis_ext(?:\.[A-Za-z_]\w*)+", text_of(page))):
        assert resolved(name) is not None, name


def test_a_name_that_a_function_hides_is_found():
    with pytest.raises(ModuleNotFoundError):
        resolved("genesis_ext.training.pretrain.pretrain")


@every_page
def test_every_source_file_that_is_named_is_there(page):
    for name in re.findall(r"`([a-z_]+/[\w/.]+\.(?:py|h|cpp|cu))`", text_of(page)):
        assert any((folder / name).exists() for folder in (ROOT, ROOT / "python" / "genesis_ext")), name


@every_page
def test_no_page_names_a_place_on_the_disk_of_whoever_wrote_it(page):
    assert not re.search(r"(?<![\w.])/(work|tmp|home|root|usr|opt)/", text_of(page))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page != "docs/operators.md" and _PYTHON.search(text_of(page))]
)
def test_python_examples_run(page, capsys, files_of_the_examples):
    for example in _PYTHON.findall(text_of(page)):
        exec(compile(example, page, "exec"), {})


def test_the_example_of_the_readme_has_fifteen_lines():
    (example,) = _PYTHON.findall(text_of("README.md"))
    assert len([line for line in example.splitlines() if line.strip()]) <= 15


def test_the_operators_page_is_what_the_docstrings_say():
    script = runpy.run_path(str(ROOT / "scripts" / "make_operator_docs.py"))
    assert text_of("docs/operators.md") == script["page"](), "run python scripts/make_operator_docs.py"


def test_the_table_of_formats_says_what_the_readers_say() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "make_reader_docs.py"))
    assert text_of("docs/data.md") == script["page"](), "run python scripts/make_reader_docs.py"


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_has_its_entry(operator):
    entry = text_of("docs/operators.md").partition(f"\n## {operator}\n")[2].partition("\n## ")[0]
    for part in (f"ops.{operator}(", "**Arguments**", "**Returns**", "**Raises**", "**Source**"):
        assert part in entry


def test_the_table_of_the_readme_is_the_newest_cpu_result():
    readme = text_of("README.md")
    newest = files.newest("cpu")
    assert newest is not None, "benchmarks/results must hold a measurement on a CPU"
    assert readme == report.embed(readme, report.essential(newest)), "run python -m benchmarks report --write"


def test_the_page_of_benchmarks_has_every_result_that_is_stored():
    assert text_of("docs/benchmarks.md") == report.page(report.latest()), "run python -m benchmarks report --write"


def test_the_two_commands_stand_at_the_top_of_the_readme_and_are_there():
    top = text_of("README.md").splitlines()[:6]
    makefile = text_of("Makefile")
    for target in ("demo", "test"):
        assert any(line.startswith(f"    make {target} ") for line in top)
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@every_page
def test_make_targets_that_are_named_are_there(page):
    targets = set(re.findall(r"(?:^    |`)make ([a-z]+)", text_of(page), re.MULTILINE))
    assert targets <= set(re.findall(r"^([a-z][a-z-]*):", text_of("Makefile"), re.MULTILINE))


def test_every_command_is_in_the_readme():
    assert {command for command in COMMANDS if f"`genesis {command}" in text_of("README.md")} == set(COMMANDS)


@every_page
def test_commands_that_are_shown_are_understood(page):
    parser = build_parser()
    for block in re.findall(r"^```sh\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["genesis"]:
                if words[1] in OWN_OPTIONS:
                    importlib.import_module(f"genesis_ext.cli.{words[1]}").parse(words[2:])
                else:
                    assert parser.parse_args(words[1:]).command == words[1]


def test_profiles_schemes_and_presets_are_described():
    method, training = text_of("docs/method.md"), text_of("docs/training.md")
    assert all(f"`{name}`" in method for name in (*PROFILES, *SCHEMES))
    assert all(f"| `{name}` |" in training for name in PRESETS)


def test_every_page_is_in_the_navigation_of_the_site():
    navigation = text_of("mkdocs.yml")
    pages = [
        path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md") if path.name != "README.md"
    ]
    assert all(re.search(rf"[ -] {re.escape(name)}$|: {re.escape(name)}$", navigation, re.MULTILINE) for name in pages)
    assert all(
        name in pages for name in re.findall(r"([\w/]+\.md)$", navigation.partition("not_in_nav")[0], re.MULTILINE)
    )


def test_the_licence_of_the_released_code_is_told():
    readme = text_of("README.md")
    assert "non-commercial licence" in readme
    assert "patent-pending" in readme


def test_nobody_is_told_that_the_cuda_kernels_have_run():
    measured = list((ROOT / "benchmarks" / "results").glob("*.json"))
    on_gpu = any('"device": "cuda"' in path.read_text(encoding="utf-8") for path in measured)
    assert on_gpu or "not yet run on a GPU" in text_of("README.md")
