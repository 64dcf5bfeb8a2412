"""The GIF frame that is nearest in time: the row "GIF" of the paper's Table 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from gifbench import Gif, Pixels, nearest_shown


class Nearest:
    """Gives back the GIF's own frames, for each time the one that began nearest to it; halfway the earlier one."""

    version = "1"
    description = "the GIF's frame nearest in time"
    licence = "MIT"

    def restore(self, gif: Gif, times: Sequence[Fraction]) -> Iterator[Pixels]:
        """One frame at a time, as it stands in the GIF."""
        for i in nearest_shown(gif.times, times):
            yield gif.frame(i)[None]
