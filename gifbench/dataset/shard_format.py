"""The format of shards on disk: WebDataset tars, of which the rows of the index say where each member lies.

docs/formats.md lists the files. A clip is a group of four members of one shard: `<clip_id>.truth.mkv`, `.plain.gif`,
`.dithered.gif` and `.json`; of two, without the GIFs, where those are made of the truth when they are read. A group's
bytes depend on nothing but the clip, so a shard is its groups, one after the other, and two blocks of zeros: a group is
made once, and a shard is put together by copying.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from gifbench.dataset.columns import columns_of
from gifbench.dataset.index_rows import MEMBERS, IndexRow, Member

FORMAT = 1
"""The version of the format; a reader refuses a later one."""

STAGING = "staging"
"""The folder of a build that is at work, or was interrupted."""

END_OF_SHARD = bytes(2 * tarfile.BLOCKSIZE)

OF_MADE_GIFS = columns_of("generated gifs")
"""Columns that only clips whose GIFs are generated when they are read have."""

_OF_SOME = {
    "truth_first": columns_of("kept truth"),
    "gif_colors": OF_MADE_GIFS,
    "pixel_aspect": columns_of("widened source"),
}
"""Columns that only some clips have, by the one that is null for the others."""


def tar_header(name: str, size: int) -> bytes:
    """The block before a member: without dates or owners."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    # Clip ids are short enough for one block a member; GNU's format is for members of over 8 GiB.
    return info.tobuf(tarfile.GNU_FORMAT)


def about_clip(row: IndexRow) -> bytes:
    """The last member of a group, `<clip_id>.json`: the index row, but for where it lies."""
    left_out = {"shard"}
    for first, names in _OF_SOME.items():
        if getattr(row, first) is None:
            left_out.update(names)
    about = {key: value for key, value in row.to_dict().items() if key not in left_out and not key.endswith("_offset")}
    return json.dumps(about, indent=1).encode() + b"\n"


def write_member(file: BinaryIO, name: str, data: BinaryIO) -> Member:
    """Append a member to a group: its header, the bytes, zeros to the next block."""
    size = data.seek(0, io.SEEK_END)
    data.seek(0)
    file.write(tar_header(name, size))
    offset = file.tell()
    digest = hashlib.sha256()
    while block := data.read(1 << 20):
        digest.update(block)
        file.write(block)
    file.write(padding(size))
    return Member(offset, size, digest.hexdigest())


def group_frame(row: IndexRow) -> Iterator[tuple[int, bytes]]:
    """All bytes of a clip's group that are no member of `MEMBERS`, as pairs of the offset in the shard and the bytes.

    They follow from the row, so they need no checksum: headers, padding, and the description.
    """
    for name in row.stored:
        member = row.members[name]
        header = tar_header(f"{row.clip_id}.{MEMBERS[name]}", member.bytes)
        yield member.offset - len(header), header
        yield member.offset + member.bytes, padding(member.bytes)
    about = about_clip(row)
    end = row.members_end + len(padding(row.members_end))
    yield end, tar_header(f"{row.clip_id}.json", len(about)) + about + padding(len(about))


def group_range(row: IndexRow) -> tuple[int, int]:
    """The first byte of a clip's group in its shard, and the byte after it."""
    pieces = list(group_frame(row))
    return pieces[0][0], pieces[-1][0] + len(pieces[-1][1])


def padding(size: int) -> bytes:
    """The zeros from the end of a member of `size` bytes to the next block."""
    return bytes(-size % tarfile.BLOCKSIZE)
