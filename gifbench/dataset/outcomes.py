"""What became of a manifest row, and the list of reasons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from gifbench.dataset.index_validation import checked_row
from gifbench.dataset.shards import IndexRow
from gifbench.errors import GifbenchError, Rejected

State = Literal["built", "rejected", "failed"]

Kind = Literal["permanent", "transient", "fixable"]
"""Whether trying again can help: never, later, or after gifbench, its tools or the folders here have changed."""

_LIST: tuple[tuple[str, Kind, str], ...] = (
    # A rule of the recipe refuses the clip: the same source gives the same answer.
    ("too_small", "permanent", "the picture is smaller than the recipe wants"),
    ("too_slow", "permanent", "fewer frames a second than the recipe wants"),
    ("too_short", "permanent", "fewer frames than the recipe wants"),
    ("removed", "permanent", "it was taken out of the dataset: gifbench remove"),
    ("rejected", "permanent", "a rule of the recipe that has no name"),
    # The source cannot be used.
    ("corrupt", "permanent", "the source cannot be decoded, or not to the end of the span"),
    ("no_video", "permanent", "the source has no picture stream"),
    ("span_outside", "permanent", "the span reaches beyond the source"),
    ("too_large", "permanent", "the source is over a stated limit"),
    ("not_found", "fixable", "the source file is not there"),
    ("not_fetched", "fixable", "the source is not in the store yet: gifbench fetch"),
    ("no_span", "fixable", "the manifest does not say which part of the video is meant"),
    ("unmatched", "fixable", "which file of the folder is meant is not certain"),
    ("refused", "fixable", "the locator leads to a private address or out of its folder; --trust-manifest follows it"),
    # It cannot be fetched.
    ("unavailable", "permanent", "it was deleted, or never was"),
    ("private", "permanent", "its owner shows it to invited people only"),
    ("geo_blocked", "permanent", "it is not shown in this country"),
    ("login_required", "permanent", "sign-in required"),
    ("no_matching_format", "permanent", "it is offered in no format that fits"),
    ("not_yet_available", "transient", "it is live, or has not begun"),
    ("unconfirmed", "transient", "most answers of the service were the same, and none of them is believed"),
    ("rate_limited", "transient", "the service asked to slow down; says nothing about the source"),
    ("bot_check", "transient", "the service wants proof of a person; says nothing about the source"),
    ("forbidden", "transient", "the server refuses access for now"),
    ("server_error", "transient", "the server answered with a fault of its own"),
    ("network", "transient", "no connection, or it broke"),
    ("timeout", "transient", "the server stopped answering"),
    ("truncated", "transient", "fewer or more bytes came than were announced"),
    # Ours.
    ("tool", "fixable", "yt-dlp does not understand the site's answer; a newer one probably does"),
    ("crashed", "fixable", "the worker died while it made this clip"),
    ("internal", "fixable", "an error of gifbench's own, or of a library"),
)

REASONS: Mapping[str, str] = {reason: text for reason, _, text in _LIST}
"""Why a clip is not built. An error that is not here is recorded as `internal`; a recipe's own rules keep their names,
which `Recipe.rules` explains.
"""

KINDS: Mapping[str, Kind] = {reason: kind for reason, kind, _ in _LIST}
"""Whether trying again can help, for each reason."""


_RULE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_RENAMED = {"gone": "unavailable", "not_yet": "not_yet_available", "no_format": "no_matching_format"}


def current_reason(reason: str) -> str:
    """A reason as it is called now; datasets, stores and scripts of gifbench 0.1 have three by other names."""
    return _RENAMED.get(reason, reason)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a manifest row.

    `reason` is a key of `REASONS` or of a recipe's `rules` ("" for a built clip), `detail` the value that a rule saw or
    the error's own text, `attempts` how often it was tried, `seconds` what the last try took, `source_sha256` the bytes
    of a source that cannot be used, whose outcome holds until they change. A built clip has its
    index row, whose offsets count from the start of its group until the group is in a shard.
    """

    clip_id: str
    state: State
    reason: str = ""
    detail: str = ""
    attempts: int = 1
    seconds: float = 0.0
    look: str = field(default="", compare=False)
    source_sha256: str = ""
    row: IndexRow | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The outcome as the journal and the outcomes table hold it, without the index row."""
        return {name: getattr(self, name) for name in OUTCOMES_SCHEMA.names}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Outcome:
        """The outcome that `to_dict` gave, with its index `row` if that is there; raises `ValueError` for another."""
        if not isinstance(values, Mapping):
            raise ValueError(f"{type(values).__name__} where an outcome belongs")
        given = {name: values[name] for name in OUTCOMES_SCHEMA.names if name in values}
        try:
            found = _TYPES.validate_python(given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        found = replace(found, reason=current_reason(found.reason))
        row = values.get("row")
        return found if row is None else replace(found, row=checked_row(row))


_TYPES = TypeAdapter(Outcome)

OUTCOMES_SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("attempts", pa.int32()),
        ("seconds", pa.float64()),
        ("look", pa.string()),
        ("source_sha256", pa.string()),
    ]
)


def outcome_of(error: Exception, clip_id: str) -> Outcome:
    """The outcome of a clip whose making raised `error`."""
    if isinstance(error, Rejected):
        reason = error.rule if _RULE.fullmatch(error.rule) else "rejected"
        return Outcome(clip_id, "rejected", reason, f"{error.value} (wanted {error.limit})")
    if isinstance(error, GifbenchError) and error.code in REASONS:
        return Outcome(clip_id, "failed", error.code, str(error))
    return Outcome(clip_id, "failed", "internal", f"{type(error).__name__}: {error}")
