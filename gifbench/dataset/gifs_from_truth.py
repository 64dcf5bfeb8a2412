"""The GIFs of a clip, made of its truth: once by the build, and again by who reads a dataset that does not store them.

A whole GIF that is made when it is read is held against the sha256 that the index has of its file. Single frames are
not: a checksum for each would be larger than the rest of the index, which is read whole at every opening. They are held
against the signature of their maker, which is what it makes of a test picture.
"""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import BinaryIO, cast

import numpy as np

from gifbench.dataset.shard_format import IndexRow
from gifbench.errors import DatasetDamaged, DatasetError, UsageError
from gifbench.media.clip import Pixels
from gifbench.media.colors.quantize import PairQuantizer
from gifbench.media.gif import Gif, GifWriter, color_table
from gifbench.media.gif.gif import selected_times

GIFS = ("plain", "dithered")
"""The members of a clip that are GIFs."""

_TEST_HEIGHT, _TEST_WIDTH = 48, 64


class GifMaker:
    """Writes the GIFs of a clip as its frames come: those that `files` has a file for, by the names in `GIFS`."""

    def __init__(self, files: Mapping[str, BinaryIO], quantize: PairQuantizer, *, width: int, height: int) -> None:
        self._quantize = quantize
        self._writers = {name: GifWriter(file, width=width, height=height) for name, file in files.items()}

    def add(self, pixels: Pixels, time: Fraction) -> None:
        """Append a frame of the truth, (H, W, 3) uint8, that is shown at `time`, in seconds since the first."""
        palette, plain, dithered = self._quantize(pixels)
        if len(self._writers) == len(GIFS):
            first, second = (self._writers[name] for name in GIFS)
            first.add_pair(second, (plain, dithered), palette, time)
            return
        for name, indices in zip(GIFS, (plain, dithered), strict=True):
            if name in self._writers:
                self._writers[name].add(indices, palette, time)

    def close(self, duration: Fraction) -> None:
        """End the GIFs; the last frame is shown until `duration`. The files stay open."""
        for writer in self._writers.values():
            writer.close(duration)


@functools.cache
def maker_signature(colors: int, quantizer: str, kmeans_steps: int) -> str:
    """What this gifbench makes of a test picture, in 16 hexadecimal digits: one that makes other GIFs has another.

    Raises `UsageError` for a quantizer that it does not know, or colors that it cannot make.
    """
    y, x = np.mgrid[:_TEST_HEIGHT, :_TEST_WIDTH]
    grain = (x * 7919 + y * 104_729 + x * y * 31) % 23  # nothing that depends on a library's random numbers
    picture = np.stack([3 * x + grain, 4 * y + grain, 2 * x + 2 * y], axis=-1).astype(np.uint8)
    files = {name: io.BytesIO() for name in GIFS}
    quantize = PairQuantizer(colors=colors, quantizer=quantizer, kmeans_steps=kmeans_steps)
    maker = GifMaker(files, quantize, width=_TEST_WIDTH, height=_TEST_HEIGHT)
    maker.add(picture, Fraction(0))
    maker.add(picture[::-1] ^ np.uint8(0x55), Fraction(1, 30))
    maker.close(Fraction(1, 15))
    return hashlib.sha256(b"".join(file.getvalue() for file in files.values())).hexdigest()[:16]


def check_maker(row: IndexRow) -> None:
    """Raise `DatasetError` if the clip's GIFs are made when they are read, and this gifbench makes others."""
    if row.gif_colors is None:
        return
    try:
        same = row.gif_maker == maker_signature(row.gif_colors, str(row.gif_quantizer), int(row.gif_kmeans_steps or 0))
    except UsageError:
        same = False
    if not same:
        raise DatasetError(
            f"clip {row.clip_id}: its GIFs are made when they are read, and this gifbench makes others than the one "
            "that built it; use the version that dataset.json names, if only to store them: gifbench repack"
        )


def _quantizer(row: IndexRow) -> PairQuantizer:
    """What the clip's GIFs are made by; raises `DatasetError` as `check_maker` does."""
    check_maker(row)
    return PairQuantizer(
        colors=cast(int, row.gif_colors), quantizer=str(row.gif_quantizer), kmeans_steps=int(row.gif_kmeans_steps or 0)
    )


def made_gifs(row: IndexRow, truth: Iterable[Pixels], names: Collection[str] = GIFS) -> dict[str, bytes]:
    """The files of a clip's GIFs, made of the frames of its truth, each (H, W, 3) uint8, in one pass.

    Raises `DatasetError` as `check_maker` does, `DatasetDamaged` for another number of frames than the index has. What
    comes out is not held against the index: `other_gifs` does that.
    """
    files = {name: io.BytesIO() for name in names}
    maker = GifMaker(files, _quantizer(row), width=row.width, height=row.height)
    times, duration = row.times()
    if row.gif_delays is not None:  # times that the writer rounds to these delays
        ends = [Fraction(clock, 100) for clock in itertools.accumulate(row.gif_delays)]
        times, duration = (Fraction(0), *ends[:-1]), ends[-1]
    count = 0
    for pixels in truth:
        if count < len(times):
            maker.add(pixels, times[count])
        count += 1
    if count != len(times):
        raise DatasetDamaged(f"clip {row.clip_id}: its truth has {count} frames, the index says {len(times)}")
    maker.close(duration)
    return {name: file.getvalue() for name, file in files.items()}


def other_gifs(row: IndexRow, made: Mapping[str, bytes]) -> Iterator[str]:
    """A line for each GIF that is not the one of the index."""
    for name, data in made.items():
        if hashlib.sha256(data).hexdigest() != row.members[name].sha256:
            yield (
                f"{name}: what is made of the truth differs from the sha256 in the index; if the truth is whole, "
                "libraries of other versions than dataset.json names give other pixels"
            )


def made_part(row: IndexRow, truth: Pixels, frames: Sequence[int], *, dithered: bool) -> Gif:
    """The frames of a clip's GIF with the increasing numbers `frames`, made of just these of the truth, (N, H, W, 3).

    They are what `Gif.select` takes from the whole. Raises `DatasetError` as `check_maker` does.
    """
    quantize = _quantizer(row)
    indices = np.empty(truth.shape[:3], np.uint8)
    palettes = []
    for place, pixels in enumerate(truth):
        palette, *both = quantize(pixels)
        indices[place] = both[dithered]
        palettes.append(color_table(palette))
    return Gif(indices, tuple(palettes), *selected_times(*row.times(), frames), dithered)
