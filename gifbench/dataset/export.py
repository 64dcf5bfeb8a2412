"""A clip of a dataset as files that any player opens."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from gifbench.dataset.reader import DatasetClip
from gifbench.dataset.shards import MEMBERS
from gifbench.errors import AlreadyExists
from gifbench.media.video import iter_lossless
from gifbench.storage import Folder


def export_clip(clip: DatasetClip, out: Path, *, png: bool = False, overwrite: bool = False) -> list[Path]:
    """Write truth and GIFs of a clip to the folder `out`, and with `png` each frame of the truth; the paths written.

    Raises `AlreadyExists`, before anything is written, if one of the files is there and `overwrite` is not set.
    """
    folder = Folder(out)
    names = {member: f"{clip.clip_id}.{ending}" for member, ending in MEMBERS.items()}
    frames = [f"{clip.clip_id}/{i:05d}.png" for i in range(clip.num_frames)] if png else []
    for name in (*names.values(), *frames):
        if not overwrite and folder.exists(name):
            raise AlreadyExists(f"{folder.place(name)}: it is there already; --overwrite replaces it")
    for member, name in names.items():
        folder.write(name, clip.read(member))
    if png:
        for name, frame in zip(frames, iter_lossless(clip.read("truth")), strict=True):
            _, data = cv2.imencode(".png", np.ascontiguousarray(frame[..., ::-1]))
            folder.write(name, data.tobytes())
    return [out / name for name in (*names.values(), *frames)]
