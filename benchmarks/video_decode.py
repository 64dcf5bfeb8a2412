"""What does exactness cost? Frames a second of `decode` beside bare PyAV on the same clips, one thread.

    GIFBENCH_TEST_DATA=… python benchmarks/video_decode.py [--frames 120]

"bare" is PyAV's decoder alone, no pixels taken; "to_ndarray" is `frame.to_ndarray(format="rgb24")`, which converts with
ffmpeg's fast and coarse default; "exact" is the same with the flags of
`gifbench.media.video.yuv_to_rgb_and_hdr` given to PyAV's reformatter; "rgb" and "gray" are ours. Times are
processor time. "off by" is how far ffmpeg's default conversion lies from ours, in levels of 255: the mean over the
first 30 frames, and the largest.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from held_out import clips_folder

from gifbench.media.video import decode

EXACT = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)


def bare(path: Path, take: Callable[[av.VideoFrame], object]) -> Iterable[object]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for frame in container.decode(stream):
            yield take(frame)


def fps(frames: Iterable[object], most: int) -> float:
    start = time.process_time()
    count = sum(1 for _ in itertools.islice(frames, most))
    return count / (time.process_time() - start)


def distance(path: Path) -> tuple[float, float]:
    coarse = bare(path, lambda frame: frame.to_ndarray(format="rgb24", interpolation="BICUBIC"))
    pairs = itertools.islice(zip(coarse, decode(path), strict=True), 30)
    off = np.stack([np.abs(a.astype(np.int16) - b.pixels) for a, b in pairs])
    return float(off.mean()), float(off.max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=120)
    args = parser.parse_args()
    folder = clips_folder()
    reformatter = VideoReformatter()
    ways: dict[str, Callable[[Path], Iterable[object]]] = {
        "bare": lambda path: bare(path, lambda frame: frame),
        "to_ndarray": lambda path: bare(path, lambda frame: frame.to_ndarray(format="rgb24")),
        "exact": lambda path: bare(
            path,
            lambda frame: reformatter.reformat(frame, format="rgb24", interpolation=EXACT, threads=1).to_ndarray(),
        ),
        "rgb": decode,
        "gray": lambda path: decode(path, pixels="gray"),
    }
    print(
        f"{'clip':52s}"
        + "".join(f"{way:>12s}" for way in ways)
        + f"{'rgb/exact':>12s}{'gray/bare':>12s}{'off by':>13s}"
    )
    faces, moments = (sorted((folder / kind).iterdir()) for kind in ("faces", "moments"))
    for path in [*faces[::6], *moments]:
        mean, most = distance(path)
        rates = {way: fps(read(path), args.frames) for way, read in ways.items()}
        print(
            f"{path.name:52s}"
            + "".join(f"{rate:12.0f}" for rate in rates.values())
            + f"{rates['rgb'] / rates['exact']:11.2f}×{rates['gray'] / rates['bare']:11.2f}×{mean:8.2f}{most:5.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
