"""The rows of `index.parquet`: what is known of a clip and where its members lie, and what is believed of a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from gifbench.argument_types import validation_fault
from gifbench.dataset.columns import INDEX_SCHEMA, problems
from gifbench.errors import DatasetDamaged
from gifbench.media.clip import constant_times
from gifbench.parquet import parquet_bytes, parquet_rows
from gifbench.storage import Folder

MEMBERS = {"truth": "truth.mkv", "plain": "plain.gif", "dithered": "dithered.gif"}
"""The members of a clip that the index tells of, and how their names in the shard end."""


@dataclass(frozen=True, slots=True)
class Member:
    """Where a member's bytes lie, counted from the start of the file that holds them, and their sha256.

    Of a GIF that is made when it is read, the bytes and the sha256 are those of the file that comes out; `offset` is 0.
    """

    offset: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class IndexRow:
    """A clip of the dataset: where it comes from and where its members lie.

    `gifbench.dataset.columns` says of each field what it means, and of which clips it is None. Of the truth's RGB
    frames, whose sha256 is `pixels_sha256`, rows come from the top. Kept truth is cut to `crop`, resized with
    `truth_filter` and sent through JPEG at `truth_jpeg`, in this order; where `pixel_aspect` is not None the source was
    widened (or heightened) by it before anything else, unless the recipe's `square_pixels` is off. `gif_maker` is a
    `gifbench.dataset.gifs_from_truth.maker_signature`.
    """

    clip_id: str
    split: str
    source: str
    locator: str
    source_sha256: str
    start_seconds: float
    end_seconds: float
    frames: int
    fps: str
    time_base: str
    ticks: tuple[int, ...] | None
    width: int
    height: int
    crop: tuple[int, int, int, int] | None
    licence: str
    pixels_sha256: str
    shard: str
    truth: Member
    plain: Member
    dithered: Member
    truth_first: int | None = None
    truth_filter: str | None = None
    truth_jpeg: int | None = None
    gif_colors: int | None = None
    gif_quantizer: str | None = None
    gif_kmeans_steps: int | None = None
    gif_maker: str | None = None
    gif_delays: tuple[int, ...] | None = None
    pixel_aspect: str | None = None

    @property
    def members(self) -> dict[str, Member]:
        """The members by name, stored or not."""
        return {"truth": self.truth, "plain": self.plain, "dithered": self.dithered}

    @property
    def stored(self) -> tuple[str, ...]:
        """The names of the members that lie in the shard, in their order there."""
        return tuple(MEMBERS) if self.gif_colors is None else ("truth",)

    @property
    def members_end(self) -> int:
        """The byte after the last of them in the shard."""
        last = self.members[self.stored[-1]]
        return last.offset + last.bytes

    def times(self) -> tuple[tuple[Fraction, ...], Fraction]:
        """When each frame is shown, in exact seconds since the first, and when the last one ends."""
        if self.ticks is None:
            return constant_times(self.frames, Fraction(self.fps))
        unit = Fraction(self.time_base)
        return tuple(tick * unit for tick in self.ticks[:-1]), self.ticks[-1] * unit

    @property
    def duration(self) -> Fraction:
        """When the last frame ends, in exact seconds since the first was shown: what `times` gives last."""
        if self.ticks is None:
            return self.frames / Fraction(self.fps)
        return self.ticks[-1] * Fraction(self.time_base)

    def moved(self, shard: str, by: int) -> IndexRow:
        """The same clip with its group `by` bytes further on, in `shard`."""
        at = {name: self.members[name] for name in self.stored}
        members: dict[str, Any] = {name: replace(member, offset=member.offset + by) for name, member in at.items()}
        return replace(self, shard=shard, **members)

    def to_dict(self) -> dict[str, Any]:
        """The row as the index holds it: members as three columns each."""
        row = {name: getattr(self, name) for name in _PLAIN}
        for name, member in self.members.items():
            row[f"{name}_offset"] = member.offset if name in self.stored else None
            row[f"{name}_bytes"], row[f"{name}_sha256"] = member.bytes, member.sha256
        return row

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> IndexRow:
        """The row that `to_dict` gave, perhaps through JSON or Parquet; raises `ValueError` for anything else.

        A file may say anything: a row is believed only if a clip could be what it says.
        """
        try:
            made = values.get("gif_colors") is not None  # then the GIFs lie nowhere
            members = {
                name: {
                    "offset": 0 if made and name != "truth" else values[f"{name}_offset"],
                    "bytes": values[f"{name}_bytes"],
                    "sha256": values[f"{name}_sha256"],
                }
                for name in MEMBERS
            }
            # A dataset that is older than a column has lossless truth and stored GIFs, which is what its default means.
            row = _TYPES.validate_python({**values, **members})
            problem = next(_problems(row), "")
        except ValidationError as error:
            problem = validation_fault(error)
        except KeyError as error:
            problem = f"there is no {error}"
        except (TypeError, AttributeError, ValueError, ArithmeticError) as error:
            problem = str(error)
        if problem:
            raise ValueError(problem[:400])
        return row


_TYPES = TypeAdapter(IndexRow)
_PLAIN = tuple(field.name for field in fields(IndexRow) if field.name not in MEMBERS)
"""The columns of the index that are no part of a member; asked once, since rows come by the hundred thousand."""


def _problems(row: IndexRow) -> Iterator[str]:
    # Names that become paths come first in the table: nothing else of a row is looked at before them.
    yield from problems(row)
    for name, member in row.members.items():
        if member.offset < 0 or member.bytes < 0:
            yield f"{name} has the offset {member.offset}, {member.bytes} bytes and the sha256 {member.sha256!r}"
    if row.ticks is not None and len(row.ticks) != row.frames + 1:
        yield f"there are {len(row.ticks)} ticks for {row.frames} frames: one for each, and one for the end"
    if row.gif_delays is not None and (len(row.gif_delays) != row.frames or min(row.gif_delays) < 1):
        yield f"there are {len(row.gif_delays)} delays for {row.frames} frames: one for each, above 0"
    if row.crop is not None and (min(row.crop) < 0 or not (row.crop[2] and row.crop[3])):
        yield f"crop is {row.crop}: x, y, width and height are no such part of a picture"


def table_rows(data: bytes, *, place: str) -> list[dict[str, Any]]:
    """The rows of a Parquet file; raises `DatasetDamaged` naming `place` if it is none."""
    try:
        return list(parquet_rows(data))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DatasetDamaged(f"{place}: not a Parquet file that can be read ({error})") from error


def read_table(folder: Folder, name: str) -> list[dict[str, Any]]:
    """The rows of a table of a dataset; raises `NotFound`, or `DatasetDamaged` where it cannot be read."""
    return table_rows(folder.read(name), place=folder.place(name))


def index_bytes(rows: Iterable[IndexRow]) -> bytes:
    """`index.parquet` for the rows, which come by name."""
    return parquet_bytes((row.to_dict() for row in rows), INDEX_SCHEMA)
