"""What became of a manifest row, and the closed list of reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from gifbench.dataset.shards import IndexRow
from gifbench.errors import GifbenchError, Rejected

State = Literal["built", "rejected", "failed"]

REASONS: Mapping[str, str] = {
    # A rule of the recipe refuses the clip: the same source gives the same answer.
    "too_small": "the picture is smaller than the recipe wants",
    "too_slow": "fewer frames a second than the recipe wants",
    "too_short": "fewer frames than the recipe wants",
    "no_face": "no face was found in any frame",
    "face_lost": "the face is missing from too many frames",
    "rejected": "a rule of one's own recipe",
    # The source cannot be used.
    "not_found": "the source file is not there",
    "corrupt": "the source cannot be decoded, or not to the end of the span",
    "no_video": "the source has no picture stream",
    "span_outside": "the span reaches beyond the source",
    "too_large": "the source is over a stated limit",
    "unsupported": "this kind of source cannot be read yet",
    # Ours.
    "crashed": "the worker died while it made this clip",
    "internal": "an error of gifbench's own, or of a library",
}
"""Why a clip is not built. The list is closed: a reason that is not here is recorded as `rejected` or `internal`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a manifest row.

    `reason` is a key of `REASONS` ("" for a built clip), `detail` the value that a rule saw or the error's own text,
    `attempts` how often it was tried, `seconds` what the last try took. A built clip has its index row, whose offsets
    count from the start of its group until the group is in a shard.
    """

    clip_id: str
    state: State
    reason: str = ""
    detail: str = ""
    attempts: int = 1
    seconds: float = 0.0
    row: IndexRow | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The outcome as the journal and the outcomes table hold it, without the index row."""
        return {name: getattr(self, name) for name in OUTCOMES_SCHEMA.names}


OUTCOMES_SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("attempts", pa.int32()),
        ("seconds", pa.float64()),
    ]
)


def outcome_of(error: Exception, clip_id: str) -> Outcome:
    """The outcome of a clip whose making raised `error`."""
    if isinstance(error, Rejected):
        reason = error.rule if error.rule in REASONS else "rejected"
        return Outcome(clip_id, "rejected", reason, f"{error.value} (wanted {error.limit})")
    if isinstance(error, GifbenchError) and error.code in REASONS:
        return Outcome(clip_id, "failed", error.code, str(error))
    return Outcome(clip_id, "failed", "internal", f"{type(error).__name__}: {error}")
