"""The left half of each video, as long as it is long enough."""

from collections.abc import Mapping
from typing import ClassVar

from gifbench import ManifestRow
from gifbench.builder import Geometry, Recipe, Rejected, SourceVideo


class Halves(Recipe):
    """Half of the width; nothing else is changed."""

    name = "halves"
    title = "Left halves"
    manifest = "halves"
    released_stride = 3
    rules: ClassVar[Mapping[str, str]] = {"too_flat": "there is not enough of it to halve"}

    @classmethod
    def card_sections(cls, parameters: Mapping[str, str]) -> Mapping[str, str]:
        """A section of its own."""
        return {"Which half": f"The left one, in {parameters['colors']} colors."}

    def missing_span(self, row: ManifestRow) -> str:
        """A drawer of the cupboard is too long to be one clip."""
        return "a drawer needs a span: outside-pipeline cut" if row.is_whole and "drawer" in row.locator else ""

    def geometry(self, video: SourceVideo) -> Geometry:
        """The left half."""
        if video.info.height < 16:
            raise Rejected("too_flat", value=str(video.info.height), limit="at least 16")
        half = video.info.width // 2
        return Geometry(crop=(0, 0, half, video.info.height), width=half, height=video.info.height, filter="area")
