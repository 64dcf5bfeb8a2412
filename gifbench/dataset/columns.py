"""The columns of `index.parquet`, in one table: name, type, meaning, what a value may be, and when there is one.

The Parquet schema, the check of a row from outside, Croissant's record set and the table in docs/formats.md follow from
it; `IndexRow` is the same in Python (`tests/dataset/test_index_row.py` holds them together).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import isfinite
from typing import Any, Literal, get_args

import pyarrow as pa

Split = Literal["train", "validation", "test"]
SPLITS = get_args(Split)

CLIP_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
"""What a clip may be called: safe as a file name anywhere, without the dot at which WebDataset cuts a key."""

SHARD = re.compile(r"(shards/[A-Za-z0-9_-]{1,80}-[0-9]{5,10}\.tar)?")
"""What a shard may be called; a row whose clip lies in no shard yet has none."""

Only = Literal["", "kept truth", "generated gifs", "widened source"]
"""Which clips have a value in a column: all, those whose truth is packets of the source, those whose GIFs are generated
when they are read, or those of a source whose pixels are not square; it is null for the others, and for datasets that
are older than the column."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the index."""

    name: str
    type: pa.DataType
    meaning: str
    """A sentence."""
    only: Only = ""
    within: tuple[float, float] | None = None
    """The least and the greatest number that is believed."""
    pattern: re.Pattern[str] | None = None
    """What all of a text is to match."""
    positive: bool = False
    """Whether it is the text of a number above 0, `30000/1001`."""

    def problem(self, value: Any) -> str:  # noqa: ANN401  # a file may hold anything
        """What is wrong with a value, None included where it may be; "" if nothing is."""
        if value is None:
            return ""
        if self.within is not None and not self.within[0] <= value <= self.within[1]:
            return f"{self.name} is {value}: {self.within[0]:.9g} to {self.within[1]:.9g} are read"
        if self.pattern is not None and not self.pattern.fullmatch(value):
            return f"{self.name} must match {self.pattern.pattern}, got {value[:100]!r}"
        if self.positive and not _is_positive(value):
            return f"{self.name} is {value}: it must be above 0"
        if isinstance(value, float) and not isfinite(value):
            return f"{self.name} is {value}: it must be a number of seconds"
        return ""


@lru_cache(maxsize=1024)  # rows come by the hundred thousand, and share a few rates
def _is_positive(text: str) -> bool:
    return Fraction(text) > 0


_MEMBERS = {"truth": "truth video", "plain": "GIF without dithering", "dithered": "dithered GIF"}
_TEXT, _SECONDS, _COUNT, _BYTES = pa.string(), pa.float64(), pa.int32(), pa.int64()
_SIDE = (1, 65_535)  # of a GIF
_SIZE = (0, 2**63 - 1)


def _of_member(name: str, what: str) -> Iterator[Column]:
    where = f"Where the bytes of the {what} begin, from the start of the shard"
    null = "" if name == "truth" else "; null where it is generated when it is read"
    yield Column(f"{name}_offset", _BYTES, f"{where}{null}.", within=_SIZE)
    yield Column(f"{name}_bytes", _BYTES, f"How many bytes the {what} has.", within=_SIZE)
    yield Column(f"{name}_sha256", _TEXT, f"Of the bytes of the {what}.")


COLUMNS: tuple[Column, ...] = (
    Column("clip_id", _TEXT, "The clip's name; its members in the shard begin with it.", pattern=CLIP_ID),
    Column("split", _TEXT, "train, validation or test.", pattern=CLIP_ID),
    Column("source", _TEXT, "The kind of place that the clip comes from."),
    Column("locator", _TEXT, "Where there: a file, an address, a video's id."),
    Column("source_sha256", _TEXT, "Of the whole source file."),
    Column("start_seconds", _SECONDS, "Where the clip begins in its source."),
    Column("end_seconds", _SECONDS, "When its last frame ends there."),
    # A million frames are eleven hours; who opens a clip is given a time for each.
    Column("frames", _COUNT, "How many frames the truth and each GIF have.", within=(1, 1_000_000)),
    Column("fps", _TEXT, "Frames a second, as text, `30000/1001`; exact where ticks is null.", positive=True),
    Column("time_base", _TEXT, "The unit of ticks, in seconds, as text.", positive=True),
    Column("ticks", pa.list_(pa.int64()), "The frames' times and the clip's end, where the rate varies."),
    Column("width", _COUNT, "Pixels.", within=_SIDE),
    Column("height", _COUNT, "Pixels.", within=_SIDE),
    Column("crop", pa.list_(pa.int32()), "x, y, width and height in source pixels; null where nothing is cut off."),
    Column("licence", _TEXT, "The license of the source, as its manifest says it."),
    Column("pixels_sha256", _TEXT, "Of the truth's RGB frames, one after the other."),
    Column("shard", _TEXT, "The tar that holds the clip's members.", pattern=SHARD),
    *(column for name, what in _MEMBERS.items() for column in _of_member(name, what)),
    Column(
        "truth_first",
        _COUNT,
        "The clip's first frame among the pictures of the truth member in the order in which they are shown, from 0; "
        "the clip is `frames` of them in a row. Null where the truth is lossless.",
        "kept truth",
    ),
    Column(
        "truth_filter",
        _TEXT,
        "What resizes from `crop` to `width` × `height`: `area`, `bilinear` or `four-neighbours`; null where the truth "
        "is lossless.",
        "kept truth",
    ),
    Column(
        "truth_jpeg", _COUNT, "The JPEG quality that such truth goes through; null where there is none.", "kept truth"
    ),
    Column(
        "gif_colors",
        _COUNT,
        "Colors a frame of the GIFs, where they are generated when they are read; null where they are members.",
        "generated gifs",
        within=(2, 256),
    ),
    Column("gif_quantizer", _TEXT, "How the palettes of such GIFs are chosen.", "generated gifs"),
    # A recipe's own limit: more would be a computation without end.
    Column("gif_kmeans_steps", _COUNT, "Steps of k-means after that.", "generated gifs", within=(0, 100)),
    Column(
        "gif_maker",
        _TEXT,
        "A signature: the sha256, 16 digits of it, of what the maker makes of a test picture.",
        "generated gifs",
    ),
    Column(
        "gif_delays",
        pa.list_(pa.int32()),
        "How long each frame of them is shown, in hundredths of a second; null where the clip's times give it.",
        "generated gifs",
    ),
    Column(
        "pixel_aspect",
        _TEXT,
        "How wide a stored pixel of the source is shown for its height, `16/11`; null where pixels are square.",
        "widened source",
    ),
)
"""All columns, in their order in the file."""

INDEX_SCHEMA = pa.schema([(column.name, column.type) for column in COLUMNS])


def columns_of(only: Only) -> tuple[str, ...]:
    """The names of the columns that only some clips have a value in."""
    return tuple(column.name for column in COLUMNS if column.only == only)


_CHECKS = tuple(
    (column.name, column.problem)
    for column in COLUMNS
    if (column.within or column.pattern or column.positive or column.type == _SECONDS) and column.within is not _SIZE
)


def problems(row: object) -> Iterator[str]:
    """What is wrong with the columns of an `IndexRow`, each for itself, but for its members."""
    for name, problem in _CHECKS:
        if said := problem(getattr(row, name)):
            yield said
