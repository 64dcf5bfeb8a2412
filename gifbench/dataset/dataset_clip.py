"""A clip of a dataset: one range read a member, from disk or from an object store, held against the index."""

from __future__ import annotations

import functools
import hashlib
import html
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import BinaryIO

import numpy as np

from gifbench import notebook
from gifbench.argument_types import check_types
from gifbench.dataset.gifs_from_truth import made_gifs, made_part, other_gifs
from gifbench.dataset.index_rows import IndexRow, Member
from gifbench.dataset.shard_format import group_frame
from gifbench.dataset.truth_reader import iter_truth, read_truth
from gifbench.errors import CorruptMedia, DatasetDamaged, DatasetError, GifbenchError, StorageError, UsageError
from gifbench.gif_maker_registry import generated_gif, load_maker
from gifbench.media.clip import Clip, Pixels
from gifbench.media.gif import Gif, GifLimits, selection
from gifbench.media.gif.gif import selected_times
from gifbench.storage import Folder

_PIXELS = "pixels"


class DatasetClip:
    """A clip of a dataset: what is known of it at once, its frames when they are asked for."""

    def __init__(self, folder: Folder, row: IndexRow) -> None:
        self._folder = folder
        self.row = row
        self._whole: set[str] = set()  # members, and pixels of the truth, that were once held against their sha256

    @functools.cached_property
    def times(self) -> tuple[Fraction, ...]:
        """When each frame is shown, in exact seconds since the first."""
        return self.row.times()[0]

    @property
    def duration(self) -> Fraction:
        """When the last frame ends, in exact seconds since the first."""
        return self.row.duration

    @property
    def clip_id(self) -> str:
        """The name of the clip, unique in the dataset."""
        return self.row.clip_id

    @property
    def split(self) -> str:
        """`train`, `validation` or `test`."""
        return self.row.split

    @property
    def num_frames(self) -> int:
        """How many frames the truth and each GIF have."""
        return self.row.frames

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return self.row.height

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return self.row.width

    @property
    def fps(self) -> Fraction:
        """Frames a second; an average where the source's rate varies."""
        return Fraction(self.row.fps)

    def __len__(self) -> int:
        return self.row.frames

    def __repr__(self) -> str:
        row = self.row
        return f"DatasetClip({row.clip_id!r}, {row.split}, {row.frames} frames of {row.width}×{row.height})"

    def _repr_html_(self) -> str:
        """What is known of the clip, and its plain GIF, playing."""
        row = self.row
        known = {
            "clip": row.clip_id,
            "split": row.split,
            "frames": f"{row.frames} of {row.width}×{row.height}, {float(self.fps):.5g} a second",
            "from": f"{row.locator}, {row.start_seconds:g} to {row.end_seconds:g} s",
            "licence": row.licence or "not known",
        }
        try:
            shown = notebook.picture(self.read("plain"), "gif", caption="as a plain GIF")
        except GifbenchError as error:
            shown = f"<p>{html.escape(str(error))}</p>"
        return notebook.facts(known) + shown

    @property
    def truth(self) -> Clip:
        """The frames before they were made a GIF: RGB uint8, (T, H, W, 3). Read and decoded anew each time.

        Raises `DatasetDamaged` where they are not those that the dataset's fingerprint stands for.
        """
        frames = read_truth(self.row, self.read("truth"))
        if _PIXELS not in self._whole:
            self._hold_pixels(_sha256(frames))
        return Clip(frames, self.times, self.duration)

    @check_types
    def truth_frames(self, frames: Sequence[int]) -> Pixels:
        """Some frames of the truth, by number, as RGB uint8 (N, H, W, 3): no others are decoded if it can be helped."""
        return read_truth(self.row, self.read("truth"), frames=frames)

    def iter_truth(self, frames: Sequence[int] | None = None) -> Iterator[Pixels]:
        """The frames of the truth one after the other, (H, W, 3) uint8, or those of the increasing numbers `frames`.

        One frame is held, and of a dataset that is not on this machine the member's bytes. Raises `DatasetDamaged`, at
        the last frame, where all of them are asked for and are not those that the dataset's fingerprint stands for.
        """
        stream = self._stream(frames)
        if _PIXELS in self._whole or (frames is not None and list(frames) != list(range(self.num_frames))):
            yield from stream
            return
        digest = hashlib.sha256()
        for number, frame in enumerate(stream, start=1):
            digest.update(np.ascontiguousarray(frame).data)
            if number == self.num_frames:
                self._hold_pixels(digest.hexdigest())
            yield frame

    def _stream(self, frames: Sequence[int] | None) -> Iterator[Pixels]:
        if self._folder.local is None:
            yield from iter_truth(self.row, self.read("truth"), frames=frames)
            return
        try:
            shard = self._folder.open_file(self.row.shard)
        except StorageError as error:
            raise self._damaged(error) from error
        with shard, io.BufferedReader(_MemberFile(shard, self.row.truth), 1 << 18) as member:
            if "truth" not in self._whole:
                self._hold("truth", hashlib.file_digest(member, "sha256").hexdigest())
                member.seek(0)
            yield from iter_truth(self.row, member, frames=frames)

    @check_types
    def gif(self, *, dithered: bool = False, every: int = 1, maker: str | None = None) -> Gif:
        """The clip's GIF, plain or dithered, with the clip's exact times; `every=k` keeps the frames 0, k, 2k, …

        Palettes are per frame, so a GIF with fewer frames is a view of the whole one. The last frame that is kept is
        shown to the end of the clip. Where the dataset does not store GIFs it is made of the truth, and raises as
        `read` does unless it is the one of the index.

        `maker` names who makes the GIF instead, as people do: `ffmpeg-256-bayer`, `pillow`. It is made of the truth now
        and always; raises `UsageError` for an unknown one, `MakerError` where its program is missing or fails.
        """
        if maker is not None:
            if dithered:
                raise UsageError(f"dithered must be left out with maker, got both; {maker} dithers as its name says")
            gif = generated_gif(load_maker(maker), self.iter_truth, self.times, self.duration)
        else:
            gif = self.written_gif("dithered" if dithered else "plain")
            gif = replace(gif, times=self.times, duration=self.duration, dithered=dithered)
        return gif if every == 1 else replace(gif.every(every), duration=self.duration)

    @check_types
    def gif_frames(
        self, frames: Sequence[int], *, dithered: bool = False, maker: str | None = None, data: bytes | None = None
    ) -> Gif:
        """Some frames of the GIF by increasing numbers, what `gif().select(frames)` gives.

        No others are decoded, or made where the dataset does not store GIFs; these are not held against the index.
        `data` are the member's bytes, where they were read before. What a `maker` makes of a frame depends on the
        others: all are made.
        """
        chosen = selection(frames, num_frames=self.num_frames)
        if maker is not None:
            return self.gif(dithered=dithered, maker=maker).select(chosen)
        if "plain" not in self.row.stored:
            return made_part(self.row, self.truth_frames(chosen), chosen, dithered=dithered)
        data = self.read("dithered" if dithered else "plain") if data is None else data
        gif = Gif.read_frames(data, chosen, limits=self._limits(data))
        times, duration = selected_times(self.times, self.duration, chosen)
        return replace(gif, times=times, duration=duration, dithered=dithered)

    def written_gif(self, member: str) -> Gif:
        """The GIF of a member, `plain` or `dithered`, with the times of its file, in hundredths of a second."""
        data = self.read(member)
        gif = Gif.read(data, limits=self._limits(data))
        if gif.damage:
            raise CorruptMedia(f"the GIF: {gif.damage[-1]}")
        return gif

    def _limits(self, data: bytes) -> GifLimits:
        """What the index says bounds what a GIF may ask for."""
        pixels, frames = self.row.width * self.row.height, self.row.frames
        return GifLimits(
            max_pixels=pixels, max_frames=frames, max_total_pixels=pixels * (frames + 11), max_bytes=max(1, len(data))
        )

    def read(self, member: str, *, checked: bool = True) -> bytes:
        """The bytes of a member (`truth`, `plain`, `dithered`), held against the sha256 of the index the first time.

        `checked=False` leaves that out, for who reads a clip again and again. A GIF that the dataset does not store is
        made of the truth and always held against its sha256. Raises `DatasetDamaged` for other bytes, `DatasetError`
        if this gifbench makes other GIFs than the one that built the clip.
        """
        if member not in self.row.stored:
            made = made_gifs(self.row, self.iter_truth(), (member,))
            for line in other_gifs(self.row, made):
                raise DatasetDamaged(f"clip {self.clip_id}: {line}; gifbench verify {self._folder.url} reads all clips")
            return made[member]
        place = self.row.members[member]
        try:
            data = self._folder.read(self.row.shard, start=place.offset, length=place.bytes)
        except StorageError as error:
            raise self._damaged(error) from error
        if checked and member not in self._whole:
            self._hold(member, hashlib.sha256(data).hexdigest())
        return data

    def _hold(self, member: str, sha256: str) -> None:
        """Hold what was read against the index, so that nothing is scored on damaged bytes."""
        if sha256 != self.row.members[member].sha256:
            raise self._damaged(f"{member}: its bytes differ from the sha256 in the index")
        self._whole.add(member)

    def _hold_pixels(self, sha256: str) -> None:
        """Hold the truth's pixels against the index: it may name another clip's member, or show this one otherwise."""
        if sha256 != self.row.pixels_sha256:
            raise self._damaged("truth: its pixels differ from the sha256 in the index")
        self._whole.add(_PIXELS)

    def _damaged(self, error: object) -> DatasetDamaged:
        advice = f"gifbench verify {self._folder.url} says what else is damaged"
        return DatasetDamaged(f"clip {self.clip_id}: {error}; {advice}")

    def check(self) -> Iterator[str]:
        """What is wrong with the clip, a line each: checksums, what does not decode, other pixels than recorded."""
        for member in self.row.stored:
            try:
                data = self.read(member, checked=False)
            except DatasetDamaged as error:
                yield f"{member}: {error}"
                continue
            if hashlib.sha256(data).hexdigest() != self.row.members[member].sha256:
                yield f"{member}: its bytes differ from the sha256 in the index"
                continue
            self._whole.add(member)
            yield from self._check_pixels(member, data)
        for start, expected in group_frame(self.row):
            try:
                intact = self._folder.read(self.row.shard, start=start, length=len(expected)) == expected
            except StorageError:
                intact = False
            if not intact:
                yield "shard: the bytes between the clip's members are not what the index says"
                return

    def _check_pixels(self, member: str, data: bytes) -> Iterator[str]:
        expected = (self.row.frames, self.row.height, self.row.width)
        try:
            frames = read_truth(self.row, data) if member == "truth" else self.written_gif(member).indices
        except Exception as error:  # whatever a decoder raises is what is wrong with the member
            yield f"{member}: it does not decode ({error})"
            return
        if frames.shape[:3] != expected:
            yield f"{member}: it holds (frames, height, width) {frames.shape[:3]}, the index says {expected}"
        elif member != "truth":
            return
        elif _sha256(np.asarray(frames)) != self.row.pixels_sha256:
            yield "truth: its pixels differ from pixels_sha256 in the index"
        elif "plain" not in self.row.stored:
            try:
                yield from other_gifs(self.row, made_gifs(self.row, np.asarray(frames)))
            except DatasetError as error:
                yield f"its GIFs cannot be made: {error}"


def _sha256(frames: Pixels) -> str:
    return hashlib.sha256(np.ascontiguousarray(frames).data).hexdigest()


class _MemberFile(io.RawIOBase):
    """A member as a file of its own, read where it lies: none of it is in memory but what is asked for.

    It is the bytes of `member` in the open file `shard`, from byte 0 to its end.
    """

    def __init__(self, shard: BinaryIO, member: Member) -> None:
        super().__init__()
        self._shard, self._member, self._at = shard, member, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte of the member; its number from the start."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._member.bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # a buffer of any kind, in its view
        """Fill `buffer` as far as the member goes; the number of bytes."""
        length = min(len(buffer), max(0, self._member.bytes - self._at))
        self._shard.seek(self._member.offset + self._at)
        data = self._shard.read(length)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
