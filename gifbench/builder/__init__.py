"""From raw videos to a dataset: recipes, and builds that go on where they stopped."""

from gifbench.builder.recipe import Recipe, SourceVideo
from gifbench.errors import Rejected
from gifbench.media.crop_and_resize import Filter, Geometry

__all__ = ["Filter", "Geometry", "Recipe", "Rejected", "SourceVideo"]
