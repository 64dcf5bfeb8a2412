"""What became of a manifest row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from gifbench.argument_types import validation_fault
from gifbench.dataset.failure_reasons import REASONS, current_reason
from gifbench.dataset.index_rows import IndexRow
from gifbench.errors import GifbenchError, Rejected

OutcomeState = Literal["built", "rejected", "failed"]

_RULE = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a manifest row.

    `reason` is a key of `failure_reasons.REASONS` or of a recipe's `rules` ("" for a built clip), `detail` the value
    that a rule saw or the error's own text, `attempts` how often it was tried, `seconds` what the last try took,
    `source_sha256` the bytes of a source that cannot be used, whose outcome holds until they change. `look` is the
    perceptual hash of a built clip; of a removed one it is the sha256 of its pixels, and `source_sha256` that of its
    source, by which it is known under any name. A built clip has its index row, whose offsets count from the start of
    its group until the group is in a shard.
    """

    clip_id: str
    state: OutcomeState
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
        try:
            found = _TYPES.validate_python({**values, "row": None})
        except ValidationError as error:
            raise ValueError(validation_fault(error)) from error
        row = None if values.get("row") is None else IndexRow.from_dict(values["row"])
        return replace(found, reason=current_reason(found.reason), row=row)


_TYPES = TypeAdapter(Outcome)

_NUMBERS = {"attempts": pa.int32(), "seconds": pa.float64()}
OUTCOMES_SCHEMA = pa.schema(
    [(each.name, _NUMBERS.get(each.name, pa.string())) for each in fields(Outcome) if each.name != "row"]
)


def outcome_of(error: BaseException, clip_id: str) -> Outcome:
    """The outcome of a clip whose making raised `error`."""
    if isinstance(error, Rejected):
        reason = error.rule if _RULE.fullmatch(error.rule) else "rejected"
        return Outcome(clip_id, "rejected", reason, f"{error.value} (wanted {error.limit})")
    if isinstance(error, GifbenchError) and error.code in REASONS:
        return Outcome(clip_id, "failed", error.code, str(error))
    return Outcome(clip_id, "failed", "internal", f"{type(error).__name__}: {error}")
