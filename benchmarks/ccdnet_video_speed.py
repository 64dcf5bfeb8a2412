"""Processor time a frame of `ccdnet-video` beside `ccdnet`, on one thread, as GIFs of a video go through both in turns.

    python benchmarks/ccdnet_video_speed.py VIDEO [--sizes 636x360 256x256] [--precisions fp32 bf16] [--frames 8]

The first frames, which load and compile, are not counted. The least time of `--rounds` rounds is taken.
"""

from __future__ import annotations

import argparse
import time
from fractions import Fraction
from itertools import islice
from typing import Any

import cv2
import numpy as np
import torch

from gifbench import Gif, load_method
from gifbench.media.colors.quantize import minimum_variance, nearest
from gifbench.media.resize import resize

METHODS = ("ccdnet", "ccdnet-video")
_WARM = 3


def gif_of(video: str, width: int, height: int, count: int) -> Gif:
    """The first frames of a video, not dithered, 32 colors each."""
    capture, indices, palettes = cv2.VideoCapture(video), [], []
    while len(indices) < count:
        found, frame = capture.read()
        if not found:
            raise SystemExit(f"{video}: {len(indices)} frames, {count} are needed")
        pixels = resize(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), width=width, height=height, filter="area")
        palettes.append(minimum_variance(pixels, 32))
        indices.append(nearest(pixels, palettes[-1]))
    times = tuple(Fraction(i, 10) for i in range(count))
    return Gif(np.stack(indices), tuple(palettes), times, Fraction(count, 10))


def seconds(name: str, gif: Gif) -> float:
    """Processor time a frame."""
    method: Any = load_method(name).method
    frames = method.restore(gif, gif.times)
    list(islice(frames, _WARM))
    start = time.process_time()
    count = sum(len(batch) for batch in frames)
    return (time.process_time() - start) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video")
    parser.add_argument("--sizes", nargs="+", default=["636x360", "256x256"])
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for size in given.sizes:
        width, height = map(int, size.split("x"))
        gif = gif_of(given.video, width, height, given.frames + _WARM)
        for precision in given.precisions:
            rounds = [[seconds(f"{name}:precision={precision}", gif) for name in METHODS] for _ in range(given.rounds)]
            frame, video = (min(each) for each in zip(*rounds, strict=True))
            print(f"{size}, {precision}: {frame:.3f} s and {video:.3f} s, ratio {video / frame:.2f}", flush=True)


if __name__ == "__main__":
    main()
