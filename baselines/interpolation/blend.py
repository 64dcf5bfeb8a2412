"""The linear blend of the two GIF frames around a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gifbench import Frames, Pixels

from .fill_frame_gaps import Interpolator


class Blend(Interpolator):
    """Crossfades from each GIF frame to the next, also over a change of scene. The result is float and not rounded."""

    version = "1"
    needs_palettes = False
    holds_cuts = False

    def restore_between(
        self, pair: tuple[Any, Any], seen: tuple[Pixels, Pixels], shares: Sequence[float]
    ) -> Iterator[Frames]:
        """The weighted sum of both: (1, H, W, 3) float for each share."""
        for share in shares:
            yield ((1 - share) * pair[0] + share * pair[1])[None]
