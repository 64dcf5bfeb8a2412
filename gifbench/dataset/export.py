"""A clip of a dataset as files that any player opens."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from gifbench.dataset.dataset_clip import DatasetClip
from gifbench.dataset.index_rows import MEMBERS
from gifbench.dataset.truth_reader import iter_truth
from gifbench.errors import AlreadyExists
from gifbench.gif_maker_registry import generated_file, load_maker
from gifbench.media.png import png_bytes
from gifbench.media.video import LosslessWriter, lossless_codec
from gifbench.storage import Folder


def export_clip(
    clip: DatasetClip, out: Path, *, png: bool = False, makers: Sequence[str] = (), overwrite: bool = False
) -> list[Path]:
    """Write truth and GIFs of a clip to the folder `out`, and with `png` each frame of the truth; the paths written.

    The truth is a lossless video of the clip's frames, also where the dataset keeps packets of the source instead, and
    GIFs that it does not store are made. What each of `makers` makes of the clip is written besides, by its name. A
    file that is there with the very same bytes is kept. Raises `AlreadyExists`, before anything is written, if one is
    there with others and `overwrite` is not set.
    """
    folder = Folder(out)
    made = {f"{clip.clip_id}.{name}.gif": load_maker(name) for name in dict.fromkeys(makers)}
    members = {f"{clip.clip_id}.{ending}": member for member, ending in MEMBERS.items()}
    frames = [f"{clip.clip_id}/{i:05d}.png" for i in range(clip.num_frames)] if png else []
    truth = clip.read("truth")

    def contents() -> Iterator[tuple[str, bytes]]:
        for name, member in members.items():
            yield name, _truth_file(clip, truth) if member == "truth" else clip.read(member)
        for name, maker in made.items():
            yield name, generated_file(maker, clip.iter_truth, clip.times, clip.duration)
        if png:
            for name, frame in zip(frames, iter_truth(clip.row, truth), strict=True):
                yield name, png_bytes(frame)

    same = set()
    if any(folder.exists(name) for name in (*members, *made, *frames)):
        for name, content in contents():
            if folder.exists(name) and folder.read(name) == content:
                same.add(name)
            elif folder.exists(name) and not overwrite:
                raise AlreadyExists(f"{folder.place(name)}: another file is there already; --overwrite replaces it")
    if len(same) < len(members) + len(made) + len(frames):
        for name, content in contents():
            if name not in same:
                folder.write(name, content)
    return [out / name for name in (*members, *made, *frames)]


def _truth_file(clip: DatasetClip, truth: bytes) -> bytes:
    """A lossless video of the clip's frames in FFV1, which archives know; the member itself where it is that."""
    if clip.row.truth_first is None and lossless_codec(truth) == "ffv1":
        return truth
    file = io.BytesIO()
    rate = clip.fps.limit_denominator(60_000)
    with LosslessWriter(file, width=clip.width, height=clip.height, frame_rate=rate) as writer:
        for frame in iter_truth(clip.row, truth):
            writer.add(frame)
    return file.getvalue()
