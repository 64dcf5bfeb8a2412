"""Reading GIFs: frames a second beside Pillow and PyAV, on one core, in one run.

    GIFBENCH_TEST_DATA=… python benchmarks/gif_reading.py [--repeats 5]

Two kinds of files: those that gifbench writes (32 colors a frame, full images, local palettes, plain and dithered),
and animations from elsewhere with partial images and see-through pixels. "indices" is what `Gif.read` gives and what a
method gets; "RGB" is each frame as pixels, one at a time, which is what Pillow (seek and convert) and PyAV (decode to
rgb24) are asked for. Times are processor time, the smallest of `--repeats` rounds in which the readers take turns.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
from gif_making import CLIPS, gifbench, load
from held_out import clips_folder
from PIL import Image

from gifbench.media.gif import Gif

WILD = (
    "LipNet__assets_lipreading.gif",
    "intel__preview_bottle-detection.gif",
    "intel__preview_person-bicycle-car-detection.gif",
    "image-gif__tests_samples_gifplayer-muybridge.gif",
    "Pillow__Tests_images_iss634.gif",
    "sharp__test_fixtures_rotating-squares.gif",
)


def ours_indices(data: bytes) -> int:
    return len(Gif.read(data))


def ours_rgb(data: bytes) -> int:
    gif = Gif.read(data)
    return sum(1 for i in range(len(gif)) if gif.frame(i).size)


def pillow(data: bytes) -> int:
    with Image.open(io.BytesIO(data)) as image:
        for i in range(image.n_frames):
            image.seek(i)
            np.asarray(image.convert("RGB"))
        return image.n_frames


def pyav(data: bytes) -> int:
    with av.open(io.BytesIO(data)) as container:
        container.streams.video[0].thread_count = 1
        return sum(1 for frame in container.decode(video=0) if frame.to_ndarray(format="rgb24").size)


READERS: dict[str, Callable[[bytes], int]] = {
    "gifbench, indices": ours_indices,
    "gifbench, RGB": ours_rgb,
    "Pillow, RGB": pillow,
    "PyAV, RGB": pyav,
}


def race(files: dict[str, bytes], repeats: int) -> None:
    print(f"| file | frames | {' | '.join(READERS)} | RGB against Pillow | against PyAV |")
    print("|---|---|" + "---|" * (len(READERS) + 2))
    for name, data in files.items():
        gif = Gif.read(data)
        seconds = dict.fromkeys(READERS, float("inf"))
        for _ in range(repeats):
            for reader, read in READERS.items():
                start = time.process_time()
                read(data)
                seconds[reader] = min(seconds[reader], time.process_time() - start)
        ours, theirs, others = (seconds[reader] for reader in list(READERS)[1:])
        speeds = " | ".join(f"{len(gif) / seconds[reader]:.0f}" for reader in READERS)
        print(
            f"| {name} | {len(gif)} of {gif.width}×{gif.height} | {speeds} | "
            f"{theirs / ours:.1f} | {others / ours:.1f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    clips = clips_folder()
    cv2.setNumThreads(1)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    files = {}
    for size in ((256, 256), (636, 360)):
        for name in CLIPS[1:7:5]:
            pair = gifbench(load(clips / name, size, 20))
            for variant, data in zip(("plain", "dithered"), pair, strict=True):
                files[f"{Path(name).stem}, {variant}"] = data
        print(f"\nframes a second, files of gifbench, {size[0]}×{size[1]}\n")
        race(files, options.repeats)
        files.clear()
    print("\nframes a second, files from elsewhere\n")
    race({name: (clips / "gifs" / name).read_bytes() for name in WILD}, options.repeats)


if __name__ == "__main__":
    main()
