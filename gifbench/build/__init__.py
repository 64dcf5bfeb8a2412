"""From raw videos to a dataset: manifests, recipes, faces, the resumable run."""

from gifbench.build.recipe import Recipe, SourceVideo
from gifbench.errors import Rejected
from gifbench.media.geometry import Geometry

__all__ = ["Geometry", "Recipe", "Rejected", "SourceVideo"]
