# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Which scans lie in the shared folder, and which label belongs to which."""

import json

import pytest

from tests.shared import shared_dir

VOLUME_OF_LABEL = {
    "abdomen_ts_example_ct_spine": "ct/abdomen_ts_example_ct.nii.gz",
    "abdomen_ts_example_ct_dicom_organs": "dicom/abdomen_ts_example_ct_dicom",
    "chest_cip_ct64_lungmap": "ct/chest_cip_ct64.nrrd",
    "chest_cip_ct64_wholelung": "ct/chest_cip_ct64.nrrd",
    "abdomen_ts_example_ct_sm_organs": "ct/abdomen_ts_example_ct_sm.nii.gz",
    "abdomen_ts_example_mr_sm_organs": "mri/abdomen_ts_example_mr_sm.nii.gz",
    "heart_aorta_ts_cropped_aorta": "ct/heart_aorta_ts_cropped.nii.gz",
    "ms_patient07_lesions": "mri/ms_patient07_FLAIR.nii.gz",
    "ms_patient19_lesions": "mri/ms_patient19_FLAIR.nii.gz",
}
"""By the name of the label's file without suffix."""


def manifest_files() -> list[str]:
    """The files that the manifest names, for one test each; one that is skipped where the folder is absent."""
    try:
        path = shared_dir() / "data" / "manifest.json"
    except (pytest.skip.Exception, pytest.fail.Exception):
        return ["the shared folder"]
    return [entry["file"] for entry in json.loads(path.read_text())]
