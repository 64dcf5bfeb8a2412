"""Opening a dataset and reading its clips: one range read a member, from disk or from an object store."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from fractions import Fraction
from typing import Any, overload

import numpy as np

from gifbench.dataset.gif_generation import made_gifs, made_part, other_gifs
from gifbench.dataset.index_validation import checked_row
from gifbench.dataset.member_file import MemberFile
from gifbench.dataset.metadata import MAX_ABOUT, parse_about
from gifbench.dataset.shards import FORMAT, STAGING, IndexRow, fingerprint, group_frame, table_rows
from gifbench.dataset.truth_reader import iter_truth, read_truth
from gifbench.errors import (
    CorruptMedia,
    DatasetDamaged,
    DatasetError,
    NoSuchClip,
    NotFound,
    StorageError,
)
from gifbench.media.clip import Clip, Pixels
from gifbench.media.gif import Gif, GifLimits, selection
from gifbench.plugins import installed_recipe
from gifbench.storage import Folder


class DatasetClip:
    """A clip of a dataset: what is known of it at once, its frames when they are asked for."""

    def __init__(self, folder: Folder, row: IndexRow) -> None:
        self._folder = folder
        self.row = row
        self._whole: set[str] = set()  # members whose bytes were once held against their sha256
        self.times, self.duration = row.times()

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

    @property
    def truth(self) -> Clip:
        """The frames before they were made a GIF: RGB uint8, (T, H, W, 3). Read and decoded anew each time."""
        return Clip(read_truth(self.row, self.read("truth")), self.times, self.duration)

    def truth_frames(self, frames: Sequence[int]) -> Pixels:
        """Some frames of the truth, by number, as RGB uint8 (N, H, W, 3): no others are decoded if it can be helped."""
        return read_truth(self.row, self.read("truth"), frames=frames)

    def iter_truth(self, frames: Sequence[int] | None = None) -> Iterator[Pixels]:
        """The frames of the truth one after the other, (H, W, 3) uint8, or those of the increasing numbers `frames`.

        One frame is held, and of a dataset that is not on this machine the member's bytes.
        """
        if self._folder.local is None:
            yield from iter_truth(self.row, self.read("truth"), frames=frames)
            return
        try:
            shard = self._folder.open_file(self.row.shard)
        except StorageError as error:
            raise self._damaged(error) from error
        with io.BufferedReader(MemberFile(shard, self.row.truth), 1 << 18) as member:
            if "truth" not in self._whole:
                self._hold("truth", hashlib.file_digest(member, "sha256").hexdigest())
                member.seek(0)
            yield from iter_truth(self.row, member, frames=frames)

    def gif(self, *, dithered: bool = False, every: int = 1) -> Gif:
        """The clip's GIF, plain or dithered, with the clip's exact times; `every=k` keeps the frames 0, k, 2k, …

        Palettes are per frame, so a GIF with fewer frames is a view of the whole one. The last frame that is kept is
        shown to the end of the clip. Where the dataset does not store GIFs it is made of the truth, and raises as
        `read` does unless it is the one of the index.
        """
        gif = self.written_gif("dithered" if dithered else "plain")
        gif = replace(gif, times=self.times, duration=self.duration, dithered=dithered)
        return gif if every == 1 else replace(gif.every(every), duration=self.duration)

    def gif_frames(self, frames: Sequence[int], *, dithered: bool = False) -> Gif:
        """Some frames of the GIF by increasing numbers, what `gif().select(frames)` gives.

        No others are decoded, or made where the dataset does not store GIFs; these are not held against the index.
        """
        chosen = selection(frames, num_frames=self.num_frames)
        if "plain" not in self.row.stored:
            return made_part(self.row, self.truth_frames(chosen), chosen, dithered=dithered)
        data = self.read("dithered" if dithered else "plain")
        gif = Gif.read_frames(data, chosen, limits=self._limits(data))
        start, ends = self.times[chosen[0]], (*self.times[1:], self.duration)
        shown = tuple(self.times[number] - start for number in chosen)
        return replace(gif, times=shown, duration=ends[chosen[-1]] - start, dithered=dithered)

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
        place: Any = getattr(self.row, member)
        try:
            data = self._folder.read(self.row.shard, start=place.offset, length=place.bytes)
        except StorageError as error:
            raise self._damaged(error) from error
        if checked and member not in self._whole:
            self._hold(member, hashlib.sha256(data).hexdigest())
        return data

    def _hold(self, member: str, sha256: str) -> None:
        """Hold what was read against the index, so that nothing is scored on damaged bytes."""
        if sha256 != getattr(self.row, member).sha256:
            raise self._damaged(f"{member}: its bytes differ from the sha256 in the index")
        self._whole.add(member)

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
            if hashlib.sha256(data).hexdigest() != getattr(self.row, member).sha256:
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
        elif hashlib.sha256(np.ascontiguousarray(frames).data).hexdigest() != self.row.pixels_sha256:
            yield "truth: its pixels differ from pixels_sha256 in the index"
        elif "plain" not in self.row.stored:
            try:
                yield from other_gifs(self.row, made_gifs(self.row, np.asarray(frames)))
            except DatasetError as error:
                yield f"its GIFs cannot be made: {error}"


class Clips(Sequence[DatasetClip]):
    """Clips in the order of their names, made when they are looked at."""

    def __init__(self, folder: Folder, rows: Sequence[IndexRow]) -> None:
        self._folder, self._rows = folder, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, item: int) -> DatasetClip: ...
    @overload
    def __getitem__(self, item: slice) -> Clips: ...
    def __getitem__(self, item: int | slice) -> DatasetClip | Clips:
        if isinstance(item, slice):
            return Clips(self._folder, self._rows[item])
        return DatasetClip(self._folder, self._rows[item])

    def __repr__(self) -> str:
        return f"Clips({len(self)} clips, {sum(row.frames for row in self._rows)} frames)"


STRIDE_BEFORE = {"gif-moments": 10}
"""Of datasets that were built before `dataset.json` said it."""


class Dataset(Clips):
    """A built dataset: a sequence of all its clips, and a mapping by clip id."""

    def __init__(self, folder: Folder, about: Mapping[str, Any], rows: Sequence[IndexRow]) -> None:
        super().__init__(folder, rows)
        self.about: dict[str, Any] = dict(about)
        self._by_id = {row.clip_id: row for row in rows}

    @property
    def url(self) -> str:
        """Where the dataset is."""
        return self._folder.url

    @property
    def folder(self) -> Folder:
        """The folder that holds it."""
        return self._folder

    @property
    def name(self) -> str:
        """The recipe's name, such as `gif-faces`."""
        return str(self.about["name"])

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that stand for all that methods see and are scored against."""
        return str(self.about["fingerprint"])

    @property
    def official(self) -> dict[str, int]:
        """How many clips the official list has in each split; empty for a dataset of one's own."""
        return dict(self.about.get("official", {}))

    @property
    def released_stride(self) -> int | None:
        """Which frames the paper's released code scores, as `Recipe.released_stride` says; None: all of them.

        An installed recipe of that name is asked first: a file from elsewhere must not choose what is scored.
        """
        recipe = installed_recipe(self.name)
        if recipe is not None:
            stride: int | None = recipe.released_stride
        else:
            stride = self.about.get("released_stride", STRIDE_BEFORE.get(self.name))
        return stride

    @property
    def rows(self) -> Sequence[IndexRow]:
        """The index."""
        return self._rows

    def split(self, name: str) -> Clips:
        """The clips of a split; raises `DatasetError` if the dataset has none of that name."""
        rows = [row for row in self._rows if row.split == name]
        if not rows:
            splits = sorted({row.split for row in self._rows})
            raise DatasetError(
                f"{self.url}: no clip is in the split {name!r}; its splits: {', '.join(splits) or 'none'}"
            )
        return Clips(self._folder, rows)

    @overload
    def __getitem__(self, item: int | str) -> DatasetClip: ...
    @overload
    def __getitem__(self, item: slice) -> Clips: ...
    def __getitem__(self, item: int | str | slice) -> DatasetClip | Clips:
        if isinstance(item, str):
            return DatasetClip(self._folder, self._row(item))
        return super().__getitem__(item)

    def __contains__(self, item: object) -> bool:
        return item in self._by_id if isinstance(item, str) else super().__contains__(item)

    def __repr__(self) -> str:
        return f"Dataset({self.name!r} at {self.url}, {len(self)} clips, {self.fingerprint})"

    def _row(self, clip_id: str) -> IndexRow:
        try:
            return self._by_id[clip_id]
        except KeyError:
            near = get_close_matches(clip_id, self._by_id, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it holds {len(self)} clips"
            raise NoSuchClip(f"{self.url}: no clip is called {clip_id!r}; {hint}") from None


def open_dataset(url: str | os.PathLike[str]) -> Dataset:
    """Open a built dataset at a path or an fsspec URL.

    Raises `DatasetError` if there is none, `DatasetDamaged` if its index cannot be read.
    """
    folder = Folder(url)
    if not folder.exists("dataset.json"):
        if folder.exists("index.parquet") or folder.exists("manifest.parquet"):
            raise DatasetDamaged(f"{folder.place('dataset.json')}: it is missing; {only_a_copy('recipe')}")
        raise DatasetError(f"{folder.url}: no dataset is here (no dataset.json); gifbench build makes one")
    about = read_about(folder)
    try:
        rows = read_index(folder)
    except (DatasetDamaged, NotFound) as error:
        raise DatasetDamaged(f"{error}; gifbench verify --repair makes it anew from the shards") from error
    if (found := fingerprint(rows)) != about["fingerprint"]:
        if not folder.exists(STAGING):
            raise DatasetDamaged(
                f"{folder.place('index.parquet')}: its clips have the fingerprint {found}, dataset.json says "
                f"{about['fingerprint'][:100]}; gifbench verify {folder.url} says which of the two is damaged"
            )
        about = {**about, "fingerprint": found}  # a build is at work, or was killed between the two files
    return Dataset(folder, about, rows)


def read_index(folder: Folder) -> list[IndexRow]:
    """The rows of `index.parquet`; raises `NotFound` without it, `DatasetDamaged` if it cannot be read."""
    place = folder.place("index.parquet")
    rows = table_rows(folder.read("index.parquet"), place=place)
    found: dict[str, IndexRow] = {}
    for values in rows:
        try:
            row = checked_row(values)
        except ValueError as error:
            raise DatasetDamaged(f"{place}: a column is missing or wrong ({error})") from error
        if not row.shard or found.setdefault(row.clip_id, row) is not row:
            raise DatasetDamaged(f"{place}: clip {row.clip_id} is in it twice, or in no shard")
    return list(found.values())


def only_a_copy(known: str) -> str:
    """What to do where a file is lost that nothing else tells of; `known` is what stood in it."""
    return f"nothing else here knows the {known}: take the file from a copy, or build with the same {known} elsewhere"


def read_about(folder: Folder) -> dict[str, Any]:
    """What `dataset.json` says; raises `DatasetDamaged` if it is none of ours, `DatasetError` if a later gifbench's."""
    place = folder.place("dataset.json")
    try:
        about = parse_about(folder.read("dataset.json", limit=MAX_ABOUT))
    except NotFound as error:
        raise DatasetError(f"{folder.url}: no dataset is here (no dataset.json); gifbench build makes one") from error
    except ValueError as error:
        raise DatasetDamaged(
            f"{place}: not the description of a gifbench dataset ({error}); {only_a_copy('recipe')}"
        ) from error
    if about["format"] > FORMAT:
        raise DatasetError(f"{place}: format {about['format']} is of a later gifbench, this one reads up to {FORMAT}")
    return about
