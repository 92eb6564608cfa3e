"""Recipes: from a dataset to the model with which its reconstruction starts."""

from ptychograd.models.recipes.crystal import bragg
from ptychograd.models.recipes.thin import far_field, near_field, thin_recipe

__all__ = ["bragg", "far_field", "near_field", "thin_recipe"]
