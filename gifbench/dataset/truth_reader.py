"""The frames of a clip's truth from the bytes of its member, whether those are the frames or packets of the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO, cast

from gifbench.dataset.index_rows import IndexRow
from gifbench.errors import CorruptMedia, UsageError
from gifbench.media.clip import Pixels
from gifbench.media.crop_and_resize import Filter, Geometry, through_jpeg
from gifbench.media.video import iter_lossless, read_kept, read_lossless
from gifbench.media.video.lossless_reader import gathered


def read_truth(row: IndexRow, member: bytes, *, frames: Sequence[int] | None = None) -> Pixels:
    """All frames of a clip's truth, or those numbered `frames` in that order: (T, H, W, 3) uint8, RGB.

    `member` are the bytes of the clip's truth. Only what is asked for is decoded: one frame of lossless truth, the
    frames back to a key frame where packets of the source were kept. Raises `UsageError` for a number outside of the
    clip, `CorruptMedia` for a member that does not hold the frames that the index promises.
    """
    if row.truth_first is None:
        return read_lossless(member, frames=frames)
    shape = (row.frames, row.height, row.width, 3)
    return gathered(partial(_kept, row, member), frames, shape, f"clip {row.clip_id}")


def iter_truth(row: IndexRow, member: bytes | BinaryIO, *, frames: Sequence[int] | None = None) -> Iterator[Pixels]:
    """The frames of a clip's truth one after the other, each (H, W, 3) uint8, RGB, in memory of its own.

    `member` are the bytes of the clip's truth, or a file that holds them. `frames` are the numbers of those that are
    wanted, increasing; all if it is None.
    """
    if row.truth_first is None:
        yield from iter_lossless(member, frames=frames)
    else:
        member = member if isinstance(member, bytes) else member.read()
        yield from (pixels for _, pixels in _kept(row, member, range(row.frames) if frames is None else frames))


def _kept(row: IndexRow, member: bytes, numbers: Sequence[int]) -> Iterator[tuple[int, Pixels]]:
    first = cast(int, row.truth_first)
    geometry = Geometry(row.crop, row.width, row.height, cast(Filter, row.truth_filter))
    try:
        for number, picture in read_kept(member, [first + number for number in numbers]):
            pixels = geometry.apply(picture)
            yield number - first, pixels if row.truth_jpeg is None else through_jpeg(pixels, row.truth_jpeg)
    except UsageError as error:
        raise CorruptMedia(f"clip {row.clip_id}: its truth lacks frames that the index names ({error})") from error
