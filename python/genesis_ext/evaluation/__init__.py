# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""How good a network is: metrics, and protocols that measure it on data of its own, one a file."""

from genesis_ext._renamed import old_names
from genesis_ext.evaluation.candidates import predict_candidates
from genesis_ext.evaluation.cases import Outcome
from genesis_ext.evaluation.classification import evaluate_classifications
from genesis_ext.evaluation.detection import evaluate_detections
from genesis_ext.evaluation.inference import Windows
from genesis_ext.evaluation.metrics import accuracy, balanced_accuracy
from genesis_ext.evaluation.prediction import predict
from genesis_ext.evaluation.probe import ProbeReport, probe_modality, probe_stores
from genesis_ext.evaluation.report import EvaluationError, EvaluationReport, case_values
from genesis_ext.evaluation.restored_scans import restore
from genesis_ext.evaluation.segmentation import evaluate_masks, evaluate_segmentations

__all__ = [
    "EvaluationError",
    "EvaluationReport",
    "Outcome",
    "ProbeReport",
    "Windows",
    "accuracy",
    "balanced_accuracy",
    "case_values",
    "evaluate_classifications",
    "evaluate_detections",
    "evaluate_masks",
    "evaluate_segmentations",
    "predict",
    "predict_candidates",
    "probe_modality",
    "probe_stores",
    "restore",
]

_FIGURES = ("Subject", "richest_patch", "write_preview", "write_store_preview")
__getattr__ = old_names(__name__, {name: f"genesis_ext.figures.{name}" for name in _FIGURES})
