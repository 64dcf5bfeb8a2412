try:
    from gifbench.builder import Geometry, Recipe, Rejected, SourceVideo
except ImportError:  # of 0.1.0
    from gifbench.build import Geometry, Recipe, Rejected, SourceVideo


class Tiny(Recipe):
    """Videos as they are, at half their size, if they are not too narrow."""

    name = "tiny"
    title = "Tiny"
    min_width: int = 40
    clips_per_shard: int = 2
    min_frames: int = 3

    def geometry(self, video: SourceVideo) -> Geometry:
        if video.info.width < self.min_width:
            raise Rejected("too_small", value=f"{video.info.width} pixels wide", limit=f"at least {self.min_width}")
        return Geometry(crop=None, width=video.info.width // 2, height=video.info.height // 2, filter="area")
