"""An index row from a file, which may say anything: what is believed of it before it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gifbench.argument_types import validation_fault
from gifbench.dataset.columns import problems
from gifbench.dataset.shard_format import MEMBERS, IndexRow

_TYPES = TypeAdapter(IndexRow)


def checked_row(values: Mapping[str, Any]) -> IndexRow:
    """The row that `IndexRow.to_dict` gave, perhaps through JSON or Parquet; raises `ValueError` for anything else."""
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
