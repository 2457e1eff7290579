# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Old names of what is public work, and warn with the new ones."""

from importlib import import_module
from pathlib import Path

import pytest

from genesis_ext.data.loader import GenesisLoader
from genesis_ext.training import ValidationReport
from tests.data_layer.stores import entry_of, write_store


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("genesis_ext", "give_back_memory", "empty_cache"),
        ("genesis_ext.data", "ResidenceError", "PlacementError"),
    ],
)
def test_an_old_name_is_the_new_one_and_warns(module: str, old: str, new: str) -> None:
    with pytest.warns(FutureWarning, match=rf"{module}\.{old} is now called {module}\.{new}") as told:
        found = getattr(import_module(module), old)
    assert found is getattr(import_module(module), new)
    assert old not in import_module(module).__all__
    assert told[0].filename == __file__
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'never'"):
        import_module(module).never  # noqa: B018


def test_logs_are_found_where_they_were() -> None:
    with pytest.warns(FutureWarning, match=r"run_log\.RunLog is now called genesis_ext\.training\.RunLog") as told:
        from genesis_ext.training.run_log import RunLog
    assert RunLog is import_module("genesis_ext.training").RunLog
    assert told[0].filename == __file__
    with pytest.raises(AttributeError, match="no attribute 'never'"):
        import_module("genesis_ext.training.run_log").never  # noqa: B018


def test_a_validation_has_its_metrics_by_their_old_name() -> None:
    report = ValidationReport({"loss": 0.5})
    with pytest.warns(
        FutureWarning, match=r"ValidationReport\.figures is now called ValidationReport\.metrics"
    ) as told:
        assert report.figures is report.metrics
    assert told[0].filename == __file__


def test_the_loader_knows_residence_by_its_old_name(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", [entry_of(f"c{i}", (16, 16, 16)) for i in range(6)])
    with pytest.warns(FutureWarning, match="residence of GenesisLoader is now called placement") as told:
        loader = GenesisLoader(store, 2, residence="disk", budget=20_000, report=str)
    assert told[0].filename == __file__
    with loader, pytest.warns(FutureWarning, match=r"GenesisLoader\.placement"):
        assert loader.residence is loader.placement
        assert len(loader.placement.layout.shards) > 1
