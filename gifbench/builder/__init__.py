"""From raw videos to a dataset: manifests, recipes, faces, the resumable run."""

from gifbench.builder.recipe import Recipe, SourceVideo
from gifbench.errors import Rejected
from gifbench.media.geometry import Filter, Geometry

__all__ = ["Filter", "Geometry", "Recipe", "Rejected", "SourceVideo"]
