# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Old names of what is public work, and warn with the new ones."""

from importlib import import_module
from pathlib import Path

import pytest

from genesis_ext.cli.pretrain import parse
from genesis_ext.data.loader import GenesisLoader
from genesis_ext.training import ValidationReport
from genesis_ext.training.pretraining.config import PretrainConfig
from tests.data_layer.stores import entry_of, write_store


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("genesis_ext", "give_back_memory", "genesis_ext.empty_cache"),
        ("genesis_ext.data", "ResidenceError", "genesis_ext.data.PlacementError"),
        ("genesis_ext.evaluation", "write_preview", "genesis_ext.figures.write_preview"),
        ("genesis_ext.training.pictures", "RestorationGrid", "genesis_ext.figures.RestorationGrid"),
        ("genesis_ext.training", "PretrainResult", "genesis_ext.training.RunResult"),
        ("genesis_ext.training.run_log", "RunLog", "genesis_ext.training.RunLog"),
        ("genesis_ext.training.config", "PretrainConfig", "genesis_ext.training.pretraining.config.PretrainConfig"),
        ("genesis_ext.training.config", "DataConfig", "genesis_ext.training.pretraining.groups.DataConfig"),
        ("genesis_ext.training.config", "RunConfig", "genesis_ext.training.engine.options.RunConfig"),
        (
            "genesis_ext.training.config_file",
            "read_config",
            "genesis_ext.training.pretraining.config_file.read_config",
        ),
        ("genesis_ext.training.engine.objective", "accuracy", "genesis_ext.evaluation.accuracy"),
        ("genesis_ext.training.presets", "PRESETS", "genesis_ext.training.pretraining.presets.PRESETS"),
        ("genesis_ext.training.probe", "probe_stores", "genesis_ext.evaluation.probe_stores"),
    ],
)
def test_an_old_name_is_the_new_one_and_warns(module: str, old: str, new: str) -> None:
    with pytest.warns(FutureWarning, match=rf"{module}\.{old} is now called {new}:") as told:
        found = getattr(import_module(module), old)
    home, _, name = new.rpartition(".")
    assert found is getattr(import_module(home), name)
    assert old not in getattr(import_module(module), "__all__", [])
    assert told[0].filename == __file__
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'never'"):
        import_module(module).never  # noqa: B018


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


def test_a_setting_is_known_by_its_old_name() -> None:
    with pytest.warns(FutureWarning, match="the setting residence is now called placement"):
        config = PretrainConfig.of(residence="disk")
    with pytest.warns(FutureWarning, match="the setting residence is now called placement"):
        assert PretrainConfig.from_dict({"data": {"residence": "disk"}}) == config
    with pytest.warns(FutureWarning, match="the option --residence is now called --placement"):
        args = parse(["--data", "x", "--out", "y", "--residence", "disk"])
    assert args.settings == config
    assert config.data.placement == "disk"
