"""Restored frames kept on disk, for whoever scores again with other metrics: named by all that they depend on.

The key is of contents: the run's spec as far as frames depend on it, the GIF's pixels and times, and the times that are
wanted. Neither paths nor places in a list are part of it, so another checkpoint is never taken for this one, and a
renamed dataset still hits. A file says which GIF it was made of by its first frame, so that what is taken out of a
dataset can be taken out of here, too (`forget`). A file appears when it is whole, and is held against its own sha256
before a frame of it is used; a damaged one is restored again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gifbench.errors import storage_errors
from gifbench.media.gif import Gif
from gifbench.methods.loaded_method import facts_sha256
from gifbench.methods.method_interface import Frames
from gifbench.methods.registry import LoadedMethod
from gifbench.storage import atomic_write

_FORMAT = 3
_BATCH_BYTES = 8 << 20
_DTYPES = ("uint8", "float32", "float64")


@dataclass(frozen=True, slots=True)
class RestoredCache:
    """A folder of restored frames, as they came from the method; safe to share between processes.

    `restoration` is the digest of what they depend on beside the GIF and the times (`RunSpec.restoration_digest`).
    """

    folder: Path
    restoration: str

    def through(
        self, method: LoadedMethod, gif: Gif, times: Sequence[Fraction], batches: Iterator[Frames], *, clip_id: str = ""
    ) -> Iterator[Frames]:
        """The frames from the cache if they are there, whole; else from `batches`, which then are kept.

        `batches` is not touched in the first case. A new file says that it is of `clip_id`. Those of a method whose
        identity is not known are not kept. Raises `StorageError` where the folder cannot be written.
        """
        if method.unknown or (method.watch is not None and method.watch.reasons):
            yield from batches
            return
        key = _key(self.restoration, gif, times)
        path = self.folder / key[:2] / f"{key}.frames"
        shape = len(times), gif.height, gif.width, 3
        found = _open(path, shape)
        if found is None:
            about = {"first_frame": _first_frame(gif), "clip": _clip_key(clip_id)}
            yield from _kept(path, batches, method, about=about)
            return
        with found:
            yield from _read(found, shape)


def forget(folder: Path, gifs: Iterable[Gif], *, clip_ids: Iterable[str] = ()) -> int:
    """Delete the restored frames of these GIFs, and of every k-th frame of them; how many files were deleted.

    Two GIFs that begin with the very same frame are taken for one. What is known to be of one of `clip_ids`, whoever
    made its GIF, is deleted too. Raises `StorageError` for what cannot be deleted.
    """
    gone, clips = {_first_frame(gif) for gif in gifs}, {_clip_key(clip_id) for clip_id in clip_ids}
    deleted = 0
    for path in sorted(folder.glob("??/*.frames")):
        try:
            with path.open("rb") as file:
                about = json.loads(file.read(_HEAD))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(about, dict) and (about.get("first_frame") in gone or about.get("clip") in clips):
            with storage_errors(path):
                path.unlink(missing_ok=True)
            deleted += 1
    return deleted


def _first_frame(gif: Gif) -> str:
    """The sha256 of the first frame's pixels: the same for a GIF and for one that keeps every k-th frame of it."""
    return hashlib.sha256(np.ascontiguousarray(gif.frame(0)).tobytes()).hexdigest()


def _clip_key(clip_id: str) -> str:
    """Of a clip's name, which may be long; a file without one has none."""
    return hashlib.sha256(clip_id.encode("utf-8", "surrogatepass")).hexdigest()[:16] if clip_id else ""


def _key(restoration: str, gif: Gif, times: Sequence[Fraction]) -> str:
    pixels = hashlib.sha256()
    for indices, palette in zip(gif.indices, gif.palettes, strict=True):
        pixels.update(np.ascontiguousarray(indices).tobytes() + palette.tobytes())
    facts: dict[str, Any] = {
        "format": _FORMAT,
        "restoration": restoration,
        "gif": [pixels.hexdigest(), list(gif.indices.shape), str(gif.indices.dtype), gif.dithered],
        "gif_times": [str(time) for time in (*gif.times, gif.duration)],
        "times": [str(time) for time in times],
    }
    return facts_sha256(facts)


def _kept(path: Path, batches: Iterator[Frames], method: LoadedMethod, *, about: Mapping[str, str]) -> Iterator[Frames]:
    """Give the batches on, and write them beside; the file is one line of JSON, then the values."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    digest, kinds = hashlib.sha256(), set[str]()
    with suppress(_NotKeptError), atomic_write(path) as file:
        file.write(b" " * _HEAD)
        for batch in batches:
            kinds.add(str(batch.dtype))
            data = np.ascontiguousarray(batch).tobytes()
            digest.update(data)
            file.write(data)
            yield batch
        kind = kinds.pop() if len(kinds) == 1 else "mixed"  # which is nothing to be kept as one array
        if kind not in _DTYPES or (method.watch is not None and method.watch.reasons):
            raise _NotKeptError
        file.seek(0)
        facts = {"dtype": kind, "sha256": digest.hexdigest(), **about}
        file.write(json.dumps(facts).encode().ljust(_HEAD - 1) + b"\n")


class _NotKeptError(Exception):
    """What was written is not to be kept after all."""


_HEAD = 256


def _open(path: Path, shape: tuple[int, ...]) -> BinaryIO | None:
    """The file, at its first line's end, if it is whole."""
    try:
        file = path.open("rb")
    except OSError:
        return None
    try:
        about = json.loads(file.read(_HEAD))
        size = int(np.prod(shape)) * np.dtype(about["dtype"]).itemsize if about["dtype"] in _DTYPES else -1
        whole = (
            path.stat().st_size == _HEAD + size and hashlib.file_digest(file, "sha256").hexdigest() == about["sha256"]
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        whole = False
    if not whole:
        file.close()
        return None
    file.seek(0)
    return file


def _read(file: BinaryIO, shape: tuple[int, ...]) -> Iterator[Frames]:
    dtype = np.dtype(json.loads(file.read(_HEAD))["dtype"])
    values = int(np.prod(shape[1:]))
    step = max(1, _BATCH_BYTES // (values * dtype.itemsize))
    for start in range(0, shape[0], step):
        count = min(step, shape[0] - start)
        yield np.frombuffer(file.read(count * values * dtype.itemsize), dtype).reshape(count, *shape[1:])
