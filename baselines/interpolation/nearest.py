"""The GIF frame that is nearest in time: the row "GIF" of the paper's Table 2."""

from __future__ import annotations

from ..identity import Shown


class Nearest(Shown):
    """Gives back the GIF's own frames, for each time the one that began nearest to it; halfway the earlier one."""

    description = "the GIF's frame nearest in time"

    def __init__(self) -> None:
        super().__init__(show="nearest")
