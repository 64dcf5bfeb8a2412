"""A clip of a dataset as files that any player opens."""

from __future__ import annotations

from pathlib import Path

from gifbench.dataset.ground_truth import iter_truth
from gifbench.dataset.reader import DatasetClip
from gifbench.dataset.shards import MEMBERS
from gifbench.errors import AlreadyExists
from gifbench.media.png import png_bytes
from gifbench.media.video import LosslessWriter
from gifbench.storage import Folder


def export_clip(clip: DatasetClip, out: Path, *, png: bool = False, overwrite: bool = False) -> list[Path]:
    """Write truth and GIFs of a clip to the folder `out`, and with `png` each frame of the truth; the paths written.

    The truth is a lossless video of the clip's frames, also where the dataset keeps packets of the source instead, and
    GIFs that it does not store are made.
    Raises `AlreadyExists`, before anything is written, if one of the files is there and `overwrite` is not set.
    """
    folder = Folder(out)
    names = {member: f"{clip.clip_id}.{ending}" for member, ending in MEMBERS.items()}
    frames = [f"{clip.clip_id}/{i:05d}.png" for i in range(clip.num_frames)] if png else []
    for name in (*names.values(), *frames):
        if not overwrite and folder.exists(name):
            raise AlreadyExists(f"{folder.place(name)}: it is there already; --overwrite replaces it")
    truth = clip.read("truth")
    for member, name in names.items():
        if member == "truth" and clip.row.truth_first is not None:
            with (
                folder.create(name) as file,
                LosslessWriter(
                    file, width=clip.width, height=clip.height, frame_rate=clip.fps.limit_denominator(60_000)
                ) as writer,
            ):
                for frame in iter_truth(clip.row, truth):
                    writer.add(frame)
        else:
            folder.write(name, truth if member == "truth" else clip.read(member))
    if png:
        for name, frame in zip(frames, iter_truth(clip.row, truth), strict=True):
            folder.write(name, png_bytes(frame))
    return [out / name for name in (*names.values(), *frames)]
