"""The GIF as it is shown: the row that every method must beat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Literal

from gifbench import Frames, Gif, Pixels, last_shown, nearest_shown


class IdentityGif:
    """Gives back the GIF's own frames.

    `show="hold"` shows the last frame that began, as a player does; `"nearest"` the one nearest in time, as the paper's
    Table 2 does (halfway the earlier one).
    """

    version = "1"
    needs_palettes = False
    holds_cuts = False
    """Nothing is drawn between two frames, so that there is no cut to look for."""

    def __init__(self, *, show: Literal["hold", "nearest"] = "hold") -> None:
        self._choose = nearest_shown if show == "nearest" else last_shown
        self._until = 0.5 if show == "nearest" else 1.0

    def restore(self, gif: Gif, times: Sequence[Fraction]) -> Iterator[Pixels]:
        """One frame at a time, as it stands in the GIF."""
        for i in self._choose(gif.times, times):
            yield gif.frame(i)[None]

    def restore_between(
        self, pair: tuple[Any, Any], seen: tuple[Pixels, Pixels], shares: Sequence[float]
    ) -> Iterator[Frames]:
        """One of the two, (1, H, W, 3): so a color method is shown as the GIF would be."""
        for share in shares:
            yield pair[share > self._until][None]


class NearestGif(IdentityGif):
    """Gives back the GIF's own frames, for each time the one that began nearest to it; halfway the earlier one."""

    def __init__(self) -> None:
        super().__init__(show="nearest")
