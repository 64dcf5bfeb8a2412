"""The videos that the weights which come with gifbench learn from, in one folder that `gifbench build` takes.

    python benchmarks/training_clips.py OUT --media CLIPS

docs/weights.md has the commands that come after it.

CLIPS holds the test media, `faces/` and `moments/`. OUT gets links to all but those that `held_out.py` names, and the
photographs of scikit-image that are free to use, each as a lossless video of one frame.
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

import numpy as np
import skimage.data
from held_out import HELD_OUT

from gifbench.media.video.lossless import LosslessWriter

PHOTOGRAPHS = (
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "coffee",
    "grass",
    "gravel",
    "hubble_deep_field",
    "immunohistochemistry",
    "retina",
    "rocket",
)
"""In the public domain, CC0 or without known restrictions, as their docstrings say; inside scikit-image's wheel."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--media", type=Path, required=True, help="the folder of the test media")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    videos = [video for part in ("faces", "moments") for video in sorted((given.media / part).iterdir())]
    learned = [video for video in videos if not video.name.startswith(HELD_OUT)]
    for video in learned:
        link = given.out / video.name
        link.unlink(missing_ok=True)
        link.symlink_to(video.resolve())
    for name in PHOTOGRAPHS:
        pixels = getattr(skimage.data, name)()
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[:, :, None], 3, axis=2)
        height, width = pixels.shape[:2]
        out = given.out / f"scikit-image__{name}.mkv"
        with LosslessWriter(out, width=width, height=height, frame_rate=Fraction(25)) as writer:
            writer.add(np.ascontiguousarray(pixels))
    print(f"{given.out}: {len(learned)} of {len(videos)} videos and {len(PHOTOGRAPHS)} photographs")


if __name__ == "__main__":
    main()
