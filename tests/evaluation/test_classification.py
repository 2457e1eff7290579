# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn

from genesis_ext.evaluation import EvaluationError, evaluate_classifications
from genesis_ext.evaluation.ranking import auc


def write(folder: Path, predictions: str, labels: str) -> tuple[Path, Path]:
    (folder / "predictions.csv").write_text(predictions)
    (folder / "labels.csv").write_text(labels)
    return folder / "predictions.csv", folder / "labels.csv"


def three_classes(folder: Path, names: str = "abc", n: int = 40) -> tuple[tuple[Path, Path], np.ndarray, np.ndarray]:
    """Files of random softmax answers; the probabilities (n, 3) and the true classes (n,), of the first `names`."""
    draws = np.random.default_rng(0)
    truth = draws.integers(0, len(names), n)
    logits = draws.normal(size=(n, 3)) + np.eye(3)[truth]
    probability = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).round(6)
    rows = [f"p{i:02d},{','.join(map(str, row))}" for i, row in enumerate(probability)]
    labels = [f"p{i:02d};{names[k]}" for i, k in enumerate(truth)]
    return (
        write(folder, "\n".join(["case,a,b,c", *rows]), "\n".join(["Case;Class", *reversed(labels)])),
        probability,
        truth,
    )


def test_auc_and_its_error_by_their_definitions() -> None:
    draws = np.random.default_rng(1)
    positive = draws.random(30) < 0.4
    probability = (draws.random(30) + 0.3 * positive).round(1)  # with ties
    ours, others = probability[positive], probability[~positive]
    wins = np.array([[(x > y) + (x == y) / 2 for y in others] for x in ours])
    error = math.sqrt(wins.mean(axis=1).var(ddof=1) / len(ours) + wins.mean(axis=0).var(ddof=1) / len(others))
    found = auc(probability, positive)
    assert found[:2] == pytest.approx((wins.mean(), error))
    assert found[2:] == pytest.approx((wins.mean() - 1.959964 * error, min(1, wins.mean() + 1.959964 * error)))
    perfect = auc(positive.astype(float), positive)
    assert perfect == (1.0, 0.0, 1.0, 1.0)
    assert all(map(math.isnan, auc(probability, np.zeros(30, dtype=bool))))
    assert math.isnan(auc(np.array([0.1, 0.2, 0.3]), np.array([False, False, True])).low)


def test_several_classes_as_scikit_learn_has_them(tmp_path: Path) -> None:
    paths, probability, truth = three_classes(tmp_path)
    found = evaluate_classifications(*paths)
    predicted = probability.argmax(axis=1)
    assert [found.result("auc", name).value for name in "abc"] == pytest.approx(
        [sklearn.roc_auc_score(truth == k, probability[:, k]) for k in range(3)]
    )
    assert found.result("auc_mean").value == pytest.approx(
        sklearn.roc_auc_score(truth, probability, multi_class="ovr"), abs=1e-5
    )
    right = found.result("accuracy")
    assert right.value == sklearn.accuracy_score(truth, predicted)
    wilson = stats.binomtest(int(40 * right.value), 40).proportion_ci(method="wilson")
    assert (right.low, right.high) == (wilson.low, wilson.high)
    balanced = found.result("balanced_accuracy")
    assert balanced.value == pytest.approx(sklearn.balanced_accuracy_score(truth, predicted))
    assert balanced.low < balanced.value < balanced.high
    (confusions,) = found.tables.values()
    assert [row[1:] for row in confusions.rows] == list(map(tuple, sklearn.confusion_matrix(truth, predicted)))
    assert found.cases.rows[3][:3] == ("p03", "abc"[truth[3]], "abc"[predicted[3]])


def test_a_class_without_cases_is_named_and_not_averaged_away(tmp_path: Path) -> None:
    paths, probability, truth = three_classes(tmp_path, "ab")
    found = evaluate_classifications(*paths)
    rare, mean = found.result("auc", "c"), found.result("auc_mean")
    assert math.isnan(rare.value)
    assert rare.left_out == {"no case has the class": ()}
    assert mean.left_out == found.result("balanced_accuracy").left_out == {"no case has the class": ("c",)}
    wanted = [sklearn.roc_auc_score(truth == k, probability[:, k]) for k in range(2)]
    assert mean.value == pytest.approx(np.mean(wanted))
    assert "- auc of c: no case has the class\n" in found.markdown()
    assert "| c | auc |  |  |  | 0 |" in found.markdown()
    assert found.write(tmp_path / "out")[1].read_text().count("NaN") == 0


def test_two_classes_have_one_auc_and_froc_by_scan(tmp_path: Path) -> None:
    paths = write(
        tmp_path,
        "case,no,yes,predicted\na,.1,.9,yes\nb,.4,.6,yes\nc,.7,.3,no\nd,.8,.2,no\ne,.3,.7,yes\n",
        "case,class,scan,finding\na,yes,s1,n1\nb,no,s1,\nc,yes,s1,n1\nd,yes,s2,\ne,no,s2,\n",
    )
    found = evaluate_classifications(*paths)
    assert [(r.metric, r.group) for r in found.results if r.metric == "auc"] == [("auc", "yes")]
    assert found.result("auc", "yes").value == pytest.approx(2 / 6)
    # a and c are one finding, which a finds at once; that of s2 comes below both false candidates, at one a scan.
    assert [r.value for r in found.results if r.metric.startswith("sensitivity")] == [0.5, 0.5, 0.5, 1, 1, 1, 1]
    only = evaluate_classifications(*paths, metrics=["accuracy"])
    assert [r.metric for r in only.results] == ["accuracy"]


def test_classes_that_hold_together(tmp_path: Path) -> None:
    answers = {"a": (0.9, 0.8), "b": (0.7, 0.1), "c": (0.2, 0.6), "d": (0.4, 0.3)}
    truth = {"a": "mass|fluid", "b": "mass", "c": "-", "d": "fluid"}
    paths = write(
        tmp_path,
        "case,mass,fluid\n" + "".join(f"{case},{x},{y}\n" for case, (x, y) in answers.items()),
        "case,class\n" + "".join(f"{case},{name}\n" for case, name in truth.items()),
    )
    found = evaluate_classifications(*paths)
    assert (found.result("auc", "mass").value, found.result("auc", "fluid").value) == (1.0, 0.75)
    assert (found.result("accuracy", "mass").value, found.result("accuracy", "fluid").value) == (1.0, 0.5)
    assert found.result("balanced_accuracy", "fluid").value == 0.5
    (table,) = found.tables.values()
    assert table.rows == (("mass", 2, 0, 0, 2), ("fluid", 1, 1, 1, 1))
    assert [row[1:3] for row in found.cases.rows] == [
        ("mass|fluid", "mass|fluid"), ("mass", "mass"), ("-", "fluid"), ("fluid", "-"),
    ]  # fmt: skip


@pytest.mark.parametrize(("yes", "no"), [("1", "0"), ("nodule", "-")])
def test_a_single_class_holds_or_not(tmp_path: Path, yes: str, no: str) -> None:
    paths = write(tmp_path, "case,nodule\na,.9\nb,.2\nc,.6\nd,.1\n", f"case,class\na,{yes}\nb,{no}\nc,{no}\nd,{yes}\n")
    found = evaluate_classifications(*paths)
    assert found.result("auc", "nodule").value == 0.5
    assert found.result("accuracy", "nodule").value == 0.5


def test_cases_without_a_class_do_not_count_and_are_named(tmp_path: Path) -> None:
    paths = write(tmp_path, "case,x,y\na,.9,.1\nb,.2,.8\nc,.6,.4\nd,1,0\n", "case,class\na,x\nb,y\nc,\n")
    found = evaluate_classifications(*paths)
    assert found.result("accuracy").n == 2
    assert found.notes == ("Predictions without a class (2): c, d.",)


@pytest.mark.parametrize(
    ("predictions", "labels", "rule"),
    [
        ("case,x,y\na,1,0\n", "case,class\na,x\nb,y\n", r"labels\.csv: line 3: b has no prediction$"),
        ("case,x,y\na,1,0\na,0,1\n", "case,class\na,x\n", "line 3: case must be there once, got 'a' again"),
        ("case,x,y\na,1,0\n", "case,class\na,z\n", "line 2: class must be of the predictions' x, y, got 'z'"),
        ("case,x,y\na,1.2,\n", "case,class\na,x\n", r"x must be a probability in \[0, 1\], got '1\.2'; .* got ''"),
        ("case,predicted\na,x\n", "case,class\na,x\n", "must have a column of probabilities a class beside case"),
        ("name,x,y\na,1,0\n", "case,class\na,x\n", r"predictions\.csv: must have a column case, got name, x, y"),
        ("case,x,y\na,1,0\n", "case,label\na,x\n", "must have the columns case and class, got case, label"),
        ("case,x,y\na,1,0\n", "case,class\na,\n", "must name the class of one case at least"),
        ("case,x,y\na,1,0\n", "case,class,scan\na,x,\n", "line 2: scan must not be empty"),
        ("case,x,y\na,1\n", "case,class\na,x\n", "line 2: must have 3 cells"),
    ],
)
def test_rows_that_break_a_rule_are_named(tmp_path: Path, predictions: str, labels: str, rule: str) -> None:
    with pytest.raises(EvaluationError, match=rule):
        evaluate_classifications(*write(tmp_path, predictions, labels))


def test_froc_needs_scans_and_two_classes(tmp_path: Path) -> None:
    paths = three_classes(tmp_path)[0]
    with pytest.raises(EvaluationError, match="must have at most two classes and a column scan, got 3 classes and no"):
        evaluate_classifications(*paths, metrics=["froc"])
    with pytest.raises(ValueError, match="metrics must be of auc, accuracy, balanced_accuracy, froc, got 'dice'"):
        evaluate_classifications(*paths, metrics=["dice"])


def test_a_table_without_positives_has_no_froc_and_says_so(tmp_path: Path) -> None:
    paths = write(tmp_path, "case,no,yes\na,1,0\nb,0,1\n", "case,class,scan\na,no,s\nb,no,s\n")
    cpm = evaluate_classifications(*paths).result("cpm")
    assert math.isnan(cpm.value)
    assert cpm.left_out == {"there are no findings": ()}
