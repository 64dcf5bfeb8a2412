"""An index row from a file, which may say anything: what is believed of it before it is used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from fractions import Fraction
from functools import lru_cache
from math import isfinite
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gifbench.dataset.shards import CLIP_ID, MEMBERS, IndexRow, Member

MAX_FRAMES = 1_000_000
"""Eleven hours at 25 frames a second. Who opens a clip is given a time for each frame."""

SHARD = re.compile(r"shards/[A-Za-z0-9_-]{1,80}-[0-9]{5,10}\.tar")
"""What a shard may be called; a row whose clip lies in no shard yet has none."""

_MAX_SIDE = 65_535
_MAX_KMEANS_STEPS = 100  # a recipe's own limit; more of them would be a computation without end
_NAMES = tuple(field.name for field in fields(IndexRow))
_TYPES = TypeAdapter(IndexRow)


def checked_row(values: Mapping[str, Any]) -> IndexRow:
    """The row that `IndexRow.to_dict` gave, perhaps through JSON or Parquet; raises `ValueError` for anything else."""
    try:
        made = IndexRow.from_dict(values)
        row = _TYPES.validate_python({name: getattr(made, name) for name in _NAMES})
        problem = next(_problems(row), "")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except KeyError as error:
        problem = f"there is no {error}"
    except (TypeError, AttributeError, ValueError, ArithmeticError) as error:
        problem = str(error)[:200]
    if problem:
        raise ValueError(problem)
    return row


def _problems(row: IndexRow) -> Iterator[str]:
    # Names that become paths come first: nothing else of a row is looked at before them.
    yield from _bad_names(row)
    yield from _bad_numbers(row)
    for name in MEMBERS:
        member: Member = getattr(row, name)
        if member.offset < 0 or member.bytes < 0 or not isinstance(member.sha256, str):
            yield f"{name} has the offset {member.offset}, {member.bytes} bytes and the sha256 {member.sha256!r}"


def _bad_names(row: IndexRow) -> Iterator[str]:
    for column in ("clip_id", "split"):
        if not CLIP_ID.fullmatch(getattr(row, column)):
            yield f"{column} must be 1 to 80 of A-Z a-z 0-9 _ -, got {getattr(row, column)[:100]!r}"
    if row.shard and not SHARD.fullmatch(row.shard):
        yield f"shard must be named as in shards/test-00000.tar, got {row.shard[:100]!r}"


def _bad_numbers(row: IndexRow) -> Iterator[str]:
    if not 1 <= row.frames <= MAX_FRAMES:
        yield f"frames is {row.frames}: 1 to {MAX_FRAMES} are read"
    if not (1 <= row.width <= _MAX_SIDE and 1 <= row.height <= _MAX_SIDE):
        yield f"width and height are {row.width} and {row.height}: a GIF has 1 to {_MAX_SIDE} of each"
    if not (isfinite(row.start_seconds) and isfinite(row.end_seconds)):
        yield f"the span is from {row.start_seconds} to {row.end_seconds} s"
    if not (_is_positive(row.fps) and _is_positive(row.time_base)):
        yield f"fps is {row.fps} and time_base {row.time_base}: both are above 0"
    if row.ticks is not None and len(row.ticks) != row.frames + 1:
        yield f"there are {len(row.ticks)} ticks for {row.frames} frames: one for each, and one for the end"
    if row.gif_delays is not None and (len(row.gif_delays) != row.frames or min(row.gif_delays) < 1):
        yield f"there are {len(row.gif_delays)} delays for {row.frames} frames: one for each, above 0"
    if row.gif_colors is not None and not 2 <= row.gif_colors <= 256:
        yield f"gif_colors is {row.gif_colors}: a GIF has 2 to 256"
    if row.gif_kmeans_steps is not None and not 0 <= row.gif_kmeans_steps <= _MAX_KMEANS_STEPS:
        yield f"gif_kmeans_steps is {row.gif_kmeans_steps}: 0 to {_MAX_KMEANS_STEPS} are made"
    if row.crop is not None and (min(row.crop) < 0 or not (row.crop[2] and row.crop[3])):
        yield f"crop is {row.crop}: x, y, width and height are no such part of a picture"


@lru_cache(maxsize=1024)  # rows come by the hundred thousand, and share a few rates
def _is_positive(text: str) -> bool:
    return Fraction(text) > 0
