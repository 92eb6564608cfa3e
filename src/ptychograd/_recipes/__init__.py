"""Recipes: from a dataset to the model with which its reconstruction starts."""

from ptychograd._recipes.crystal import bragg
from ptychograd._recipes.thin import far_field, near_field

__all__ = ["bragg", "far_field", "near_field"]
