"""From raw videos to a dataset: manifests, recipes, faces, the resumable run."""

from gifbench.build.geometry import Geometry
from gifbench.build.recipe import Recipe, SourceVideo
from gifbench.errors import Rejected

__all__ = ["Geometry", "Recipe", "Rejected", "SourceVideo"]
