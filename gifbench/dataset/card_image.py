"""The picture on a dataset's card: a few clips, each as truth, plain and dithered GIF, not scaled."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from gifbench.dataset.dataset_clip import DatasetClip
from gifbench.dataset.dataset_reader import Dataset
from gifbench.media.clip import Pixels
from gifbench.progress import Progress, ProgressCallback

SAMPLED_CLIPS = 3
SAMPLE_WIDTH, SAMPLE_HEIGHT = 384, 288
"""The largest part of a frame that the picture shows, in pixels; it is not scaled, or the dots would be gone."""

_GAP = 8


def sampled(dataset: Dataset) -> list[DatasetClip]:
    """A few clips, evenly spread over the names."""
    number = min(SAMPLED_CLIPS, len(dataset))
    clips: list[DatasetClip] = [dataset[len(dataset) * (2 * i + 1) // (2 * number)] for i in range(number)]
    return clips


def sample_picture(clips: Sequence[DatasetClip], *, progress: ProgressCallback) -> bytes:
    """WebP: a row a clip, with the middle frame of the truth and both GIFs, on white."""
    rows = []
    for done, clip in enumerate(clips):
        progress(Progress(done, len(clips), clip.clip_id))
        middle = clip.num_frames // 2
        frames = [
            clip.truth_frames([middle])[0],
            *(clip.gif_frames([middle], dithered=d).frame(0) for d in (False, True)),
        ]
        rows.append([_center(frame) for frame in frames])
    progress(Progress(len(clips), len(clips)))
    width = max(3 * row[0].shape[1] + 2 * _GAP for row in rows)
    sheet = np.full((sum(row[0].shape[0] + _GAP for row in rows) - _GAP, width, 3), 255, np.uint8)
    top = 0
    for row in rows:
        height, each = row[0].shape[:2]
        for i, frame in enumerate(row):
            sheet[top : top + height, i * (each + _GAP) : i * (each + _GAP) + each] = frame
        top += height + _GAP
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, "WEBP", quality=95, method=4)
    return file.getvalue()


def _center(frame: Pixels) -> Pixels:
    """The middle of a frame, (H, W, 3) uint8, cut to the largest size that the picture shows."""
    height, width = frame.shape[:2]
    top, left = max(0, height - SAMPLE_HEIGHT) // 2, max(0, width - SAMPLE_WIDTH) // 2
    return frame[top : top + SAMPLE_HEIGHT, left : left + SAMPLE_WIDTH]
