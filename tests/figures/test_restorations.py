# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a run: what is put where, read back from the pixels and the tensors."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from genesis_ext.figures import RestorationGrid, save_loss_curve, save_restorations
from genesis_ext.figures.restorations import draw_scan
from genesis_ext.transforms import COMBINATIONS, GenesisTransform

pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")

ROWS = [combination.name for combination in COMBINATIONS]


def patches(count: int = 3, shape: tuple[int, int, int] = (24, 20, 12)) -> Tensor:
    """The later, the more contrast; another value in every corner."""
    x, y, z = torch.meshgrid(*(torch.linspace(0.0, 1.0, n) for n in shape), indexing="ij")
    return torch.stack([(k + 1) / count * (0.5 * x + 0.3 * y + 0.2 * z)[None] for k in range(count)])


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_the_rows_are_the_twelve_combinations_of_one_draw() -> None:
    grid = RestorationGrid(patches(), GenesisTransform(scheme="in-painting", flip_rate=1.0), count=2)
    assert grid.inputs.shape == (2, 12, 1, 24, 20, 12)
    for x, y in zip(grid.inputs, grid.targets, strict=True):
        row = dict(zip(ROWS, x, strict=True))
        assert torch.equal(row["none"], y)  # so nothing is flipped
        assert not torch.equal(row["LS"], y)
        painted = row["IN"] != y
        assert 0 < painted.float().mean() < 0.5
        # The boxes, the noise and the curve are the same: what paints last is, and the rest is that of the row without.
        assert torch.equal(row["NL+IN"], torch.where(painted, row["IN"], row["NL"]))
        assert torch.equal(row["NL+LS+IN"], torch.where(painted, row["IN"], row["NL+LS"]))
        kept = row["OUT"] == y
        assert torch.equal(row["LS+OUT"], torch.where(kept, row["LS"], row["OUT"]))


def test_patches_rich_in_contrast_and_unlike_each_other_are_taken() -> None:
    faint, rich = patches(2)
    targets = torch.stack([faint, rich, 0.99 * rich, 1 - rich])
    grids = [RestorationGrid(targets, GenesisTransform(seed=3), count=2) for _ in range(2)]
    assert torch.equal(grids[0].targets, targets[[1, 3]])
    assert torch.equal(grids[0].inputs, grids[1].inputs)


def test_a_grid_shows_input_restoration_target_and_difference() -> None:
    grid = RestorationGrid(patches(1, (16, 16, 8)), GenesisTransform(), count=1)
    seen: list[Tensor] = []

    def quarter(x: Tensor) -> Tensor:
        seen.append(x)
        return torch.full_like(x, 0.25)

    image = grid.draw(quarter, step=10)
    assert torch.equal(seen[0], grid.inputs[0])
    assert image.dtype == np.uint8
    side, gap, left, top = 96, 4, 16 + 9 * len("NL+LS+OUT"), 52
    for row in range(12):
        tiles = [
            image[top + row * (side + gap) :, left + column * (side + gap) :][:side:6, :side:6] for column in range(4)
        ]
        middle = [batch[0, :, :, 4].T.flip(0, 1) for batch in (grid.inputs[0, row], grid.targets[0])]
        assert np.array_equal(tiles[0][..., 0], np.rint(255 * middle[0].numpy()).astype(np.uint8))
        assert (tiles[1] == 64).all()
        assert np.array_equal(tiles[2][..., 1], np.rint(255 * middle[1].numpy()).astype(np.uint8))
        brightness = tiles[3].sum(axis=-1)[:10]  # above the number
        far, near = (middle[1][:10] - 0.25).abs() > 0.3, (middle[1][:10] - 0.25).abs() < 0.02
        assert brightness[far.numpy()].min() > brightness[near.numpy()].max()


def test_flat_patches_are_shown_as_they_are() -> None:
    flat = patches(2, (16, 16, 1))[..., 0]
    grid = RestorationGrid(flat, GenesisTransform(spatial_dims=2), count=2)
    assert grid.inputs.shape == (2, 12, 1, 16, 16)
    image = grid.draw(lambda x: x, step=0)
    left, top = 16 + 9 * len("NL+LS+OUT"), 52
    shown = image[top : top + 96 : 6, left : left + 96 : 6, 0]
    assert np.array_equal(shown, np.rint(255 * grid.targets[0, 0].T.flip(0, 1).numpy()).astype(np.uint8))


def test_restorations_have_a_column_for_each_patch(tmp_path: Path) -> None:
    x = patches(3, (16, 16, 8))
    path = tmp_path / "pictures/step.png"
    save_restorations(path, x, 0 * x, 1 - x, step=7)
    with Image.open(path) as image:
        page = np.asarray(image)
    left, top, pitch = 16 + 9 * len("restoration"), 34, 132
    for column in range(3):
        middle = x[column, 0, :, :, 4].T.flip(0, 1).numpy()
        shown = [page[top + row * pitch :, left + column * pitch :][:128:8, :128:8, 0] for row in range(3)]
        assert np.array_equal(shown[0], np.rint(255 * middle).astype(np.uint8))
        assert (shown[1] == 0).all()
        assert np.array_equal(shown[2], np.rint(255 * (1 - middle)).astype(np.uint8))
    assert [path.name for path in path.parent.iterdir()] == ["step.png"]


def test_values_that_are_not_finite_are_drawn(tmp_path: Path) -> None:
    x = torch.full((1, 1, 8, 8, 8), torch.nan)
    save_restorations(tmp_path / "step.png", x, x * torch.inf, x - torch.inf, step=1)
    assert size_of(tmp_path / "step.png")[0] > 128


def test_without_a_validation_there_is_no_loss_curve(tmp_path: Path) -> None:
    training = {"kind": "training", "step": 1, "loss": 0.5}
    save_loss_curve(tmp_path / "curve.png", [training])
    assert not (tmp_path / "curve.png").exists()
    validation = {"kind": "validation", "step": 1, "loss": 0.4, "identity": 0.9, "constant": 0.5, "blur": 0.6}
    save_loss_curve(tmp_path / "curve.png", [training, validation, {"kind": "message", "step": 1, "text": "fine"}])
    assert size_of(tmp_path / "curve.png")[0] > 500


@pytest.mark.parametrize("as_seen", [False, True])
def test_scans_have_a_row_a_combination_and_large_ones_are_drawn_smaller(as_seen: bool) -> None:
    slices = torch.zeros(12, 448, 336)  # half the size fits: 224 pixels wide and 168 high
    slices[:, :200, :100] = 1.0
    numbers = {"input": [""] * 12, "network": ["1 dB"] * 12}
    page = draw_scan({"input": slices, "network": 1 - slices}, numbers, "scan", as_seen).pixels()
    left, top, pitch = 16 + 9 * len("NL+LS+OUT"), 52, 172
    small = slices[0, ::2, ::2].T  # rows are y, and columns x
    shown = 255 * (small if as_seen else small.flip(0, 1)).numpy()
    for row in range(12):
        assert np.array_equal(page[top + row * pitch :, left:][:168, :224, 0], shown)
        beside = page[top + row * pitch :, left + 228 :][:140, :224, 0]  # above the number
        assert np.array_equal(beside, 255 - shown[:140])
