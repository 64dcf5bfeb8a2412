"""GIF-Moments: moments of YouTube videos that people made GIFs of (GIF2Video, CVPR 2019, section 5.1)."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from pydantic import Field

from gifbench import ManifestRow
from gifbench.builder import Filter, Geometry, Recipe, Rejected, SourceVideo


class GifMoments(Recipe):
    """Large, fluent, long enough; then the short side scaled to 360 and both sides cut to multiples of 12."""

    name = "gif-moments"
    title = "GIF-Moments"
    manifest = "gif-moments"
    released_stride = 10

    min_width: Annotated[int, Field(ge=1, description="a narrower video is rejected as too_small")] = 360
    min_height: Annotated[int, Field(ge=1, description="a lower video is rejected as too_small")] = 360
    min_fps: Annotated[float, Field(ge=0, description="a video of fewer frames a second is rejected as too_slow")] = 20
    min_frames: Annotated[int, Field(ge=1, description="a clip with fewer frames is rejected as too_short")] = 41
    short_side: Annotated[int, Field(ge=12, description="the shorter side of the result, in pixels")] = 360
    multiple: Annotated[int, Field(ge=1, description="both sides are floored to a multiple of this")] = 12
    filter: Annotated[
        Filter, Field(description="what resizes; four-neighbours is what made the released frames, and aliases")
    ] = "four-neighbours"

    def missing_span(self, row: ManifestRow) -> str:
        """The official list names videos and frame counts, and does not say where in a video a moment is."""
        if row.source != "youtube" or row.frames is None or not row.is_whole:
            return ""
        return f"which {row.frames} frames of {row.locator} are meant is not said: gifbench manifest import-video2gif"

    def geometry(self, video: SourceVideo) -> Geometry:
        """Keep a video that is large and fluent enough, and scale it; no side is cropped, as in the released frames."""
        width, height, fps = video.info.width, video.info.height, video.info.frame_rate
        if width < self.min_width or height < self.min_height:
            raise Rejected("too_small", value=f"{width}×{height}", limit=f"at least {self.min_width}×{self.min_height}")
        if fps < self.min_fps:
            raise Rejected("too_slow", value=f"{float(fps):.3f} fps", limit=f"at least {self.min_fps:g}")
        # Rounded first and floored then, as the released code does: sizes are to agree with the official list.
        scaled = (round(Fraction(side * self.short_side, min(width, height))) for side in (width, height))
        new_width, new_height = (side // self.multiple * self.multiple for side in scaled)
        return Geometry(crop=None, width=new_width, height=new_height, filter=self.filter)
