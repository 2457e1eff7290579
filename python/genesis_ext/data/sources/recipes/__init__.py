# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Recipes: the layouts in which datasets are distributed, one file each, to sources with modality, split and label.

Where a split was never published the recipe says which rule it follows instead; every rule is a pure function of the
names, so the split is the same on every machine.
"""

from genesis_ext.data.sources.recipes import (
    adni,
    brats2013,
    brats2018,
    chestxray8,
    lidc_idri,
    lits2017,
    luna16,
    mmwhs,
    msd_heart,
    universal_model,
)
from genesis_ext.data.sources.recipes._recipe import Recipe

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        luna16.RECIPE,
        lidc_idri.RECIPE,
        lits2017.RECIPE,
        lits2017.TASK_RECIPE,
        brats2018.RECIPE,
        brats2013.RECIPE,
        msd_heart.RECIPE,
        mmwhs.RECIPE,
        adni.RECIPE,
        chestxray8.RECIPE,
        universal_model.RECIPE,
    )
}

__all__ = ["RECIPES", "Recipe"]
