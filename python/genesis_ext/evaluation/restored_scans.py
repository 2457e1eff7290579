# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Whole scans under the twelve combinations of transformations, and how pre-trained networks restore them.

Source: Models Genesis, Figs. 9 to 14.
"""

import csv
import io
import itertools
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from genesis_ext._files import write_aside
from genesis_ext.data.nifti_output import write_on_grid_of
from genesis_ext.data.prepare.inverse import from_grid
from genesis_ext.data.sources.source import safe_name
from genesis_ext.data.volume import Modality, is_picture
from genesis_ext.evaluation.cases import Case, Outcome, find_cases, work_through
from genesis_ext.evaluation.inference import Tick, Windows, over_volume
from genesis_ext.evaluation.made_by import begin
from genesis_ext.evaluation.restoration import SSIM_SIDE, psnr, ssim
from genesis_ext.evaluation.stored_networks import BEST, StoredNetwork, prepare_channels, read_channels
from genesis_ext.figures.restorations import draw_scan
from genesis_ext.transforms import COMBINATIONS, Combination, GenesisTransform

ABOUT = "restoration.json"
"""By which networks and settings a folder of restorations was made."""

INPUT = "input"
"""Beside the networks: the scan as it was distorted."""

SIDE_BY_SIDE = Windows(overlap=0.0)
"""Windows that see one distorted patch each, as in training."""

Paths = Sequence[str | PathLike[str]] | str | PathLike[str]


def restore(
    runs: Paths,
    images: Paths,
    out: str | PathLike[str],
    *,
    windows: Windows | None = None,
    profile: str = "head",
    seed: int = 0,
    volumes: bool = False,
    modality: Modality | None = None,
    device: torch.device | str | None = None,
    report: Callable[[str], object] | None = print,
    tick: Tick | None = None,
) -> Outcome:
    """Distort scans by each of the twelve combinations, and let pre-trained networks restore them, side by side.

    A scan is prepared as those of the training, and cut into patches of the first network, side by side; each is
    distorted by a draw of its own, the same for all combinations and networks. Of every scan are written ``CASE.png``,
    an axial slice near its middle, a row a combination and a column a network; and ``CASE.csv`` with PSNR and SSIM
    against the prepared scan: PSNR of the whole, SSIM the mean over axial slices (none where one is under 11 voxels
    wide). What is there already is kept.

    Args:
        runs: as for ``predict``: pre-trained to restore, their scans prepared alike.
        images: as for ``find_sources``.
        out: folder of the results.
        windows: None for ``SIDE_BY_SIDE``.
        profile: of ``GenesisTransform``: sizes of windows and boxes.
        seed: of the draws.
        volumes: also write ``CASE_COMBINATION_COLUMN.nii.gz``: float32, 0 .. 1, on the grid of the file.
        modality, device, report, tick: as for ``predict``.

    Raises:
        FileNotFoundError, ImportError: as ``load_network``; MONAI and matplotlib are needed.
        ValueError: a run that cannot restore, or whose scans were prepared otherwise than those of the first; images
            that lead to nothing; or a folder of other networks or settings.
    """
    out, windows = Path(out), windows or SIDE_BY_SIDE
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    paths = [runs] if isinstance(runs, str | PathLike) else list(runs)
    networks = _named([_restorer(run, where) for run in paths])
    first = next(iter(networks.values()))
    transform = GenesisTransform(profile, seed=seed)
    cases = find_cases(images, ("",), modality)
    settings = {"overlap": windows.overlap, "flips": windows.flips, "modality": modality, "profile": profile}
    begin(out / ABOUT, list(networks.values()), settings | {"seed": seed, "volumes": volumes})
    trained = sorted({modality for network in networks.values() for modality in network.record.modalities})

    def answer(case: Case) -> Path:
        (volume,) = read_channels(case, trained)
        image, grid = prepare_channels([volume], first.settings)
        patches = _Patches(image[0], first.record.patch)
        table = [("combination", "network", "psnr_db", "ssim")]
        slices: dict[str, list[Tensor]] = {name: [] for name in (INPUT, *networks)}
        for combination in COMBINATIONS:
            distorted = patches.distorted(combination, transform)
            for column in slices:
                given = distorted
                if column != INPUT:
                    member = networks[column]
                    given = over_volume(member.network, distorted[None], member.record.patch, windows, where, tick)[0]
                given = given[tuple(map(slice, grid.shape))]
                table.append((combination.name, column, *_scores(given, image[0])))
                slices[column].append(given[:, :, patches.middle])
                if volumes and volume.original is not None:
                    on_file = from_grid(given, grid, volume.original, volume.name).numpy()
                    write_on_grid_of(volume, on_file, out / f"{case.name}_{combination.name}_{column}.nii.gz")
        page = draw_scan(
            {column: torch.stack(several) for column, several in slices.items()},
            {column: [f"{db} dB  {share}" for _, name, db, share in table if name == column] for column in slices},
            f"{case.name}: PSNR and SSIM under the twelve combinations",
            as_seen=is_picture(volume.modality),
        )
        picture = page.save(out / f"{case.name}.png")
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(table)
        write_aside(out / f"{case.name}.csv", lambda stream: stream.write(text.getvalue().encode()))
        return picture

    return work_through(cases, out, lambda name: (out / f"{name}.csv").exists(), answer, report)


class _Patches:
    """A scan cut into patches side by side, widened by zeros at its far ends to whole ones.

    scan: (X, Y, Z).   patch: two sides or three.

    Attributes:
        middle: along z of the patches in the middle of the scan.
    """

    def __init__(self, scan: Tensor, patch: Sequence[int]) -> None:
        sides = (*patch, 1)[:3]
        depth = scan.shape[2]
        self.middle = min(depth - 1, depth // 2 // sides[2] * sides[2] + sides[2] // 2)
        self._many = [-(-size // side) for size, side in zip(scan.shape, sides, strict=True)]
        gaps = [n * side - size for n, side, size in zip(self._many, sides, scan.shape, strict=True)]
        wide = functional.pad(scan, [n for gap in reversed(gaps) for n in (0, gap)])
        for axis, side in enumerate(sides):
            wide = wide.unfold(axis, side, side)
        self._patches = wide.reshape(-1, 1, *sides)

    def distorted(self, combination: Combination, transform: GenesisTransform) -> Tensor:
        """The widened scan, each patch distorted by a draw of its own, the same for every combination."""
        patches = combination.distort(transform, self._patches, torch.arange(len(self._patches)))
        sides = patches.shape[2:]
        rows = patches.reshape(*self._many, *sides).permute(0, 3, 1, 4, 2, 5)
        return rows.reshape([n * side for n, side in zip(self._many, sides, strict=True)])


def _restorer(run: str | PathLike[str], device: torch.device) -> StoredNetwork:
    network = StoredNetwork.load(run, device, "as stored")
    record, spec = network.record, network.record.network
    channels = (1, 1) if spec is None else (spec.in_channels, spec.out_channels)
    if record.task is not None or record.untrained or channels != (1, 1):
        raise ValueError(f"{network.path}: must hold a network that was pre-trained to restore images of one channel")
    return network


def _named(networks: Sequence[StoredNetwork]) -> dict[str, StoredNetwork]:
    """Networks by the names of their runs; a number goes behind one that is taken.

    Raises:
        ValueError: none, or scans were prepared for one otherwise than for the first.
    """
    if not networks:
        raise ValueError("restore: runs must hold at least one")
    found: dict[str, StoredNetwork] = {}
    for network in networks:
        if network.settings != networks[0].settings:
            raise ValueError(
                f"restore: scans must have been prepared alike for all networks, got {network.settings.to_dict()} in "
                f"{network.path} and {networks[0].settings.to_dict()} in {networks[0].path}"
            )
        path = network.path.resolve()
        plain = safe_name(path.parent.name if path.name == BEST else path.stem)
        free = (f"{plain}_{number}" if number > 1 else plain for number in itertools.count(1))
        found[next(name for name in free if name not in (INPUT, *found))] = network
    return found


def _scores(restored: Tensor, scan: Tensor) -> tuple[str, str]:
    """PSNR of (X, Y, Z) in dB, and the mean SSIM of axial slices."""
    ratio = float(psnr(restored[None, None], scan[None, None]))
    a, b = (volume.permute(2, 0, 1)[:, None] for volume in (restored, scan))
    likeness = f"{float(ssim(a, b).mean()):.3f}" if min(scan.shape[:2]) >= SSIM_SIDE else ""
    return f"{ratio:.2f}", likeness
