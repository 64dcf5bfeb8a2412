"""Processor time a frame of `ccdnet-video` beside `ccdnet`, on one thread, as GIFs of a video go through both in turns.

    python benchmarks/ccdnet_video_speed.py VIDEO [--sizes 636x360 256x256] [--precisions fp32 bf16] [--frames 24]

A short GIF goes before, which loads and compiles; then a whole GIF is timed, from its first frame to its last one. The
least time of `--rounds` rounds is taken, of a plain GIF and of a dithered one.
"""

from __future__ import annotations

import argparse
import time
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import torch

from gifbench import Gif, load_method
from gifbench.media.colors.error_diffusion import damped_floyd_steinberg
from gifbench.media.colors.quantize import minimum_variance, nearest
from gifbench.media.crop_and_resize import resize

METHODS = ("ccdnet", "ccdnet-video")
_WARM = 3


def gif_of(video: str, width: int, height: int, count: int, *, dithered: bool) -> Gif:
    """The first frames of a video, 32 colors each, dithered as by `gifbench make` or not at all."""
    capture, indices, palettes = cv2.VideoCapture(video), [], []
    while len(indices) < count:
        found, frame = capture.read()
        if not found:
            raise SystemExit(f"{video}: {len(indices)} frames, {count} are needed")
        pixels = resize(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), width=width, height=height, filter="area")
        palettes.append(minimum_variance(pixels, 32))
        indices.append((damped_floyd_steinberg if dithered else nearest)(pixels, palettes[-1]))
    times = tuple(Fraction(i, 10) for i in range(count))
    return Gif(np.stack(indices), tuple(palettes), times, Fraction(count, 10))


def seconds(name: str, gif: Gif) -> float:
    """Processor time a frame."""
    method: Any = load_method(name).method
    for _ in method.restore(gif.select(range(_WARM)), gif.times[:_WARM]):
        pass
    start = time.process_time()
    count = sum(len(batch) for batch in method.restore(gif, gif.times))
    return (time.process_time() - start) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video")
    parser.add_argument("--sizes", nargs="+", default=["636x360", "256x256"])
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for size in given.sizes:
        width, height = map(int, size.split("x"))
        for what in ("plain", "dithered"):
            gif = gif_of(given.video, width, height, given.frames, dithered=what == "dithered")
            for precision in given.precisions:
                names = [f"{name}:precision={precision}" for name in METHODS]
                rounds = [[seconds(name, gif) for name in names] for _ in range(given.rounds)]
                frame, video = (min(each) for each in zip(*rounds, strict=True))
                ratio = f"ratio {video / frame:.2f}"
                print(f"{size}, {what}, {precision}: {frame:.3f} s and {video:.3f} s, {ratio}", flush=True)


if __name__ == "__main__":
    main()
