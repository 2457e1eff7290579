# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Folders of label maps against each other: who is compared with whom, what is left out, what is refused."""

import json
import math
import pickle
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from genesis_ext.evaluation import EvaluationError, case_values, evaluate_segmentations
from genesis_ext.evaluation.overlap import iou_keras
from genesis_ext.evaluation.report import CASES, PAGE, SUMMARY, mean_result
from tests.data_layer.images import write_nifti

AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])
CLASSES = {"organ": (1,), "lesion": (2,)}
OVERLAPS = ("dice", "iou_foreground")


def maps(**values: int) -> NDArray[np.uint8]:
    """Boxes of 4 x 4 x 4 voxels side by side along x: the value of each, by its place."""
    label = np.zeros((12, 6, 6), np.uint8)
    for place, value in values.items():
        start = 4 * "abc".index(place)
        label[start : start + 4, 1:5, 1:5] = value
    return label


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Predictions and labels of three cases: equal; shifted; without the lesion on one side or both."""
    predictions, labels = tmp_path / "predictions", tmp_path / "labels"
    for case, predicted, labelled in (
        ("p1", maps(a=1, b=2), maps(a=1, b=2)),
        ("p2", np.roll(maps(a=1, b=2), 1, axis=1), maps(a=1, b=2)),
        ("p3", maps(a=1), maps(a=1, b=2)),
        ("p4", maps(a=1), maps(a=1)),
    ):
        write_nifti(predictions / f"{case}.nii.gz", predicted, AFFINE)
        write_nifti(labels / f"{case}.nii.gz", labelled, AFFINE)
    return predictions, labels


def test_every_case_and_class_has_its_numbers(folders: tuple[Path, Path], tmp_path: Path) -> None:
    found = evaluate_segmentations(*folders, CLASSES)
    organ = found.result("dice", "organ")
    assert (organ.value, organ.n, organ.left_out) == (pytest.approx((1 + 0.75 + 1 + 1) / 4), 4, {})
    lesion = found.result("hausdorff95_mm", "lesion")
    assert (lesion.value, lesion.n) == (pytest.approx(1.0), 2)  # 0 and the spacing along y
    assert lesion.left_out == {
        "the prediction lacks the class": ("p3",),
        "neither prediction nor label has the class": ("p4",),
    }
    assert found.result("dice", "lesion").n == 3  # of p3 it is 0
    paths = found.write(tmp_path / "out")
    assert [path.name for path in paths] == [CASES, SUMMARY, PAGE]
    dice = case_values(paths[0], "dice", "lesion")
    assert (dice["p1"], dice["p2"], dice["p3"], math.isnan(dice["p4"])) == (1.0, 0.75, 0.0, True)
    summary = json.loads(paths[1].read_text())
    assert summary["results"][0]["value"] == organ.value
    page = paths[2].read_text()
    assert "| organ | dice | 0.9375 | 0.125 | 0.8125 to 1 (bootstrap) | 4 |" in page
    left_out = "hausdorff95_mm, surface_distance_mm of lesion: the prediction lacks the class (1): p3"
    assert f"- {left_out}\n" in page
    assert "p3,lesion,0,0,0.425925926,,,0,0,64,the prediction lacks the class" in paths[0].read_text()


def test_regions_have_several_values_and_classes_are_by_default_the_values(folders: tuple[Path, Path]) -> None:
    regions = evaluate_segmentations(*folders, {"whole": (1, 2)}, ("dice",))
    assert [(r.group, r.metric) for r in regions.results] == [("whole", "dice")]
    assert regions.cases.rows[2][:3] == ("p3", "whole", pytest.approx(2 / 3))
    assert regions.cases.columns[2:] == ("dice", "voxels_predicted", "voxels_labelled", "remark")
    assert {r.group for r in evaluate_segmentations(*folders, metrics=OVERLAPS).results} == {"1", "2"}


def test_other_axes_in_the_file_are_no_other_grid(folders: tuple[Path, Path]) -> None:
    image = nibabel.load(folders[0] / "p1.nii.gz")
    turned = image.as_reoriented(nibabel.orientations.axcodes2ornt("PSL"))
    nibabel.save(turned, folders[0] / "p1.nii.gz")
    assert evaluate_segmentations(*folders, CLASSES, ("dice",)).cases.rows[0][2] == 1.0


class Pickling(Executor):
    """Does what it is asked at once, after a way through pickle, as processes have it."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        function, args, kwargs = pickle.loads(pickle.dumps((function, args, kwargs)))
        future.set_result(function(*args, **kwargs))
        return future


def test_an_executor_gives_the_same_results(folders: tuple[Path, Path]) -> None:
    alone = evaluate_segmentations(*folders, metrics=OVERLAPS)
    shared_out = evaluate_segmentations(*folders, metrics=OVERLAPS, executor=Pickling())
    assert repr(shared_out) == repr(alone)  # NaN equals itself in text


def test_probabilities_are_turned_as_their_label_map_is(folders: tuple[Path, Path]) -> None:
    draws = np.random.default_rng(0)
    wanted = {}
    for case in ("p1", "p2", "p3", "p4"):
        image = nibabel.load(folders[0] / f"{case}.nii.gz").as_reoriented(nibabel.orientations.axcodes2ornt("PSL"))
        nibabel.save(image, folders[0] / f"{case}.nii.gz")
        values = draws.random((3, *image.shape), np.float32)
        np.savez(folders[0] / f"{case}.npz", probabilities=values, classes=["background", "organ", "lesion"])
        organ = nibabel.Nifti1Image(values[1], image.affine)
        turned = torch.from_numpy(nibabel.as_closest_canonical(organ).get_fdata())
        label = torch.from_numpy(np.asarray(nibabel.load(folders[1] / f"{case}.nii.gz").dataobj) == 1)
        wanted[case] = iou_keras(turned, label)
    found = evaluate_segmentations(*folders, {"organ": (1,), "lesion": (2,)}, ("iou_keras",), probabilities=True)
    assert {row[0]: row[2] for row in found.cases.rows if row[1] == "organ"} == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("values", "classes", "rule"),
    [
        (np.zeros((2, 12, 6, 6)), ["organ"], r"must be 1 classes on the grid of .*, got \(2, 12, 6, 6\)"),
        (np.zeros((1, 12, 6, 5)), ["organ"], r"must be 1 classes on the grid of .*, got \(1, 12, 6, 5\)"),
        (np.full((1, 12, 6, 6), 1.5), ["organ"], r"must lie in \[0, 1\], got 1\.5 to 1\.5"),
        (np.full((1, 12, 6, 6), np.nan), ["organ"], r"must lie in \[0, 1\], got nan to nan"),
        (np.zeros((1, 12, 6, 6)), ["lesion"], "must hold the class organ, got lesion"),
        (None, [], "must hold probabilities and classes"),
    ],
)
def test_probabilities_that_do_not_fit_are_refused(
    folders: tuple[Path, Path], values: NDArray[np.float64] | None, classes: list[str], rule: str
) -> None:
    for path in (*folders[0].glob("p[234].*"), *folders[1].glob("p[234].*")):
        path.unlink()
    if values is not None:
        np.savez(folders[0] / "p1.npz", probabilities=values, classes=classes)
    with pytest.raises(EvaluationError, match=rf"p1\.npz: .*{rule}"):
        evaluate_segmentations(*folders, {"organ": (1, 2)}, ("iou_keras",), probabilities=True)


def test_a_prediction_without_label_is_noted_and_does_not_count(folders: tuple[Path, Path]) -> None:
    write_nifti(folders[0] / "p9.nii.gz", maps(a=7), AFFINE)
    found = evaluate_segmentations(*folders, CLASSES, OVERLAPS)
    assert found.notes == ("Predictions without a label (1): p9.",)
    assert len(found.cases.rows) == 8


def test_all_that_cannot_be_compared_is_named_before_anything_is_computed(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    predictions, labels = folders
    (predictions / "p1.nii.gz").unlink()
    (predictions / "p2.nii.gz").write_bytes(b"damaged")
    shifted = AFFINE.copy()
    shifted[2, 3] = 1.5
    write_nifti(predictions / "p3.nii.gz", maps(a=1), shifted)
    write_nifti(predictions / "p4.nii.gz", maps(a=1)[:11], AFFINE)
    monkeypatch.setattr("genesis_ext.evaluation.segmentation.evaluate_masks", None)
    with pytest.raises(EvaluationError) as error:
        evaluate_segmentations(predictions, labels, CLASSES)
    assert f"{labels / 'p1'}: has no prediction in {predictions}" in str(error.value)
    assert f"{predictions / 'p2.nii.gz'}: " in str(error.value)
    assert (
        f"{predictions / 'p3.nii.gz'}: must lie on the grid of its label, got 12 x 6 x 6 voxels of 1 x 2 x 3 mm, the "
        f"first at (0, 0, 1.5) mm, but {labels / 'p3.nii.gz'} has 12 x 6 x 6 voxels of 1 x 2 x 3 mm, the first at "
        "(0, 0, 0) mm; resample it first" in str(error.value)
    )
    assert "p4.nii.gz: must lie on the grid of its label, got 11 x 6 x 6 voxels" in str(error.value)


@pytest.mark.parametrize("side", [0, 1])
def test_a_value_of_no_class_is_refused_on_either_side(folders: tuple[Path, Path], side: int) -> None:
    path = write_nifti(folders[side] / "p2.nii.gz", maps(a=1, c=3), AFFINE)
    with pytest.raises(EvaluationError) as error:
        evaluate_segmentations(*folders, CLASSES)
    assert str(error.value) == f"{path}: values must be 0 or of the classes organ (1), lesion (2), got 3"
    write_nifti(path, maps(a=1).astype(np.float32) / 2, AFFINE)
    with pytest.raises(EvaluationError, match=r"p2\.nii\.gz: label values must be whole numbers, got fractions"):
        evaluate_segmentations(*folders, CLASSES)


def test_folders_that_hold_nothing_to_compare_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"nowhere: must be a folder of label maps, and there is none"):
        evaluate_segmentations(folders[0], tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match="empty: must hold label maps, found none"):
        evaluate_segmentations(tmp_path / "empty", folders[1])
    write_nifti(folders[1] / "p1.nii", maps(a=1), AFFINE)
    with pytest.raises(EvaluationError, match=r"must have one file a case, got p1\.nii, p1\.nii\.gz"):
        evaluate_segmentations(*folders)
    for case in ("p1", "p2", "p3", "p4"):
        write_nifti(folders[1] / f"{case}.nii.gz", maps(), AFFINE)
    (folders[1] / "p1.nii").unlink()
    with pytest.raises(EvaluationError, match="all labels are empty: say which classes there are"):
        evaluate_segmentations(*folders)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"classes": {}}, "classes must name one class at least, got none"),
        ({"classes": {"all": (0, 1)}}, "classes must not hold 0, the background, got it in all"),
        ({"classes": {"a": (40_000,)}}, "classes must have a name and whole numbers of at most 32767 each"),
        ({"classes": {"a": ()}}, "classes must have a name and whole numbers"),
        ({"metrics": ("dice", "volume")}, "metrics must be of dice, .*, got 'volume'"),
        ({"metrics": ("dice", "dice")}, "metrics must be named once each, got dice, dice"),
        ({"metrics": ()}, "metrics must name one of dice"),
        ({"metrics": ("dice",), "probabilities": True}, "probabilities are for iou_keras, got the metrics dice"),
        ({"tolerance_mm": math.nan}, "tolerance_mm must be a finite number of at least 0, got nan"),
    ],
)
def test_settings_that_break_their_rules_are_refused(
    folders: tuple[Path, Path], options: dict[str, object], rule: str
) -> None:
    with pytest.raises(ValueError, match=rule):
        evaluate_segmentations(*folders, **options)


def test_a_mean_of_nothing_is_not_a_number_and_says_who_is_missing() -> None:
    found = mean_result("dice", "a", {"x": math.nan, "y": math.nan}, {"x": "one", "y": "one"})
    assert math.isnan(found.value)
    assert (found.n, found.left_out) == (0, {"one": ("x", "y")})


def test_values_of_cases_need_a_class_where_there_are_several(folders: tuple[Path, Path], tmp_path: Path) -> None:
    cases = evaluate_segmentations(*folders, CLASSES, ("dice",)).write(tmp_path)[0]
    with pytest.raises(EvaluationError, match=r"must have one row a case of class '', got 8: choose a class"):
        case_values(cases, "dice")
    with pytest.raises(EvaluationError, match="must have a column auc, got case, class, dice"):
        case_values(cases, "auc", "organ")


def test_real_labels_moved_by_a_voxel(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "hippocampus" / "labelsTr"
    paths = sorted(folder.glob("*.nii.gz"))[:2]
    for path in paths:
        image = nibabel.load(path)
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / "labels" / path.name).write_bytes(path.read_bytes())
        write_nifti(tmp_path / "moved" / path.name, np.roll(np.asarray(image.dataobj), 1, axis=2), image.affine)
    same = evaluate_segmentations(tmp_path / "labels", tmp_path / "labels")
    assert {(r.metric, r.value) for r in same.results if r.metric.startswith(("dice", "haus"))} == {
        ("dice", 1.0),
        ("hausdorff95_mm", 0.0),
    }
    moved = evaluate_segmentations(tmp_path / "moved", tmp_path / "labels")
    assert all(0.7 < r.value < 0.95 for r in moved.results if r.metric == "dice")
    assert all(r.value == 1.0 for r in moved.results if r.metric == "hausdorff95_mm")
