# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import torch

from genesis_ext.evaluation import balanced_accuracy


def test_balanced_accuracy_is_the_mean_of_those_of_the_classes() -> None:
    labels = torch.tensor([0, 0, 0, 0, 1, 1])
    assert balanced_accuracy(torch.tensor([-1.0, -1, -1, 1, 1, -1]), labels) == (0.75 + 0.5) / 2
    assert balanced_accuracy(torch.full((6,), -1.0), labels) == 0.5
