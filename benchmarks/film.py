"""Films in gray, colored frame by frame, and steadied: how steady each is, and how near the colors are.

    python benchmarks/film.py MEDIA/more/test [--frames 8] [--side 288] [--pictures docs/film]

Of each video of a folder, whose colors are known, the first --frames frames after --skip are taken, scaled so that
their shorter side is --side at most. The methods see their luminance alone. Columns: E_warp in thousandths along the
motion of the source (OpenCV's DIS) of the source, of --method's frames and of each of --steadied, and PSNR of chroma
(Cb and Cr, BT.601, of 255) in dB, beside that of leaving all gray; at last PSNR of the luminance of what was steadied.
Blurring lowers E_warp, too, so it says something only beside both.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from gifbench import GifbenchError, Pixels, load_method, resize, run_method
from gifbench.media.png import png_bytes
from gifbench.media.video import decode
from gifbench.media.video.video_for_methods import luminance_of
from gifbench.metrics.warping_error_tof import measure_steadiness

Frames = NDArray[np.float32]
STEADIED = (
    "stable:[colorize],weights=stable-colorize",
    "stable:[colorize],weights=stable-colorize,only_colors=true",
    "stable:[colorize],weights=stable-colorize,only_colors=true,propagate=0.8",
)


class Gray:
    """The luminance of some frames, as a method sees a film."""

    def __init__(self, frames: Pixels, times: Sequence[Fraction]) -> None:
        self._frames = np.stack([luminance_of(frame) for frame in frames])
        self.height, self.width = frames.shape[1:3]
        self.times, self.duration = tuple(times), times[-1] + Fraction(1, 25)
        self.palettes = [np.empty((0, 3), np.uint8)] * len(frames)

    def __len__(self) -> int:
        return len(self._frames)

    def frame(self, i: int) -> Pixels:
        """Frame `i`, (H, W, 3)."""
        return self._frames[i].copy()


def taken(path: Path, *, skip: int, count: int, side: int) -> tuple[Pixels, list[Fraction]]:
    """Frames (T, H, W, 3) of a video, small, and their times."""
    frames, times = [], []
    for found in islice(decode(path), skip, skip + count):
        height, width = found.pixels.shape[:2]
        scale = min(1.0, side / min(height, width))
        size = {"width": round(width * scale), "height": round(height * scale)}
        frames.append(np.rint(resize(found.pixels, **size, filter="area")).astype(np.uint8))
        times.append(found.video_time)
    return np.stack(frames), [time - times[0] for time in times]


def chroma(frames: NDArray[np.generic]) -> Frames:
    """Cb and Cr of frames (…, 3), 0 to 255, around 0: (…, 2)."""
    red, green, blue = np.moveaxis(np.asarray(frames, np.float32), -1, 0)
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    return np.stack([(blue - y) / 1.772, (red - y) / 1.402], axis=-1)


def light(frames: NDArray[np.generic]) -> Frames:
    """The luminance of frames (…, 3), 0 to 255: (…)."""
    return np.asarray(np.asarray(frames, np.float32) @ np.array([0.299, 0.587, 0.114], np.float32), np.float32)


def psnr(found: Frames, wanted: Frames) -> float:
    return float(10 * np.log10(255**2 / max(float(np.square(found - wanted).mean()), 1e-6)))


def e_warp(truth: Pixels, made: NDArray[np.generic]) -> tuple[float, float]:
    """Of the truth and of what was made, in thousandths."""
    measured = measure_steadiness(zip(truth, made, strict=True))
    (own,) = measured.others
    return 1000 * (measured.truth_warp_error or 0), 1000 * (own.warp_error or 0)


def strip(folder: Path, name: str, frames: Sequence[NDArray[np.generic]]) -> None:
    """A PNG of pictures side by side, each 160 pixels high."""
    small = []
    for frame in frames:
        pixels = np.rint(np.asarray(frame, np.float32)).clip(0, 255).astype(np.uint8)
        width = round(160 * pixels.shape[1] / pixels.shape[0])
        small.append(np.rint(resize(pixels, width=width, height=160, filter="area")).astype(np.uint8))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.png").write_bytes(png_bytes(np.concatenate(small, axis=1)))


def line(values: Sequence[float], errors: int) -> str:
    """Cells of a row, the first `errors` of them E_warp, the others decibels."""
    return " | ".join([f"{value:.4f}" for value in values[:errors]] + [f"{value:.2f}" for value in values[errors:]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--skip", type=int, default=10)
    parser.add_argument("--side", type=int, default=288)
    parser.add_argument("--method", default="colorize")
    parser.add_argument("--steadied", nargs="+", default=list(STEADIED))
    parser.add_argument("--pictures", type=Path, help="A folder for a picture a clip: gray, all methods', the truth.")
    arguments = parser.parse_args()
    methods = [load_method(arguments.method), *map(load_method, arguments.steadied)]
    steadied = range(1, len(methods))
    for number in steadied:
        print(f"steadied {number}: {arguments.steadied[number - 1]}")
    names = [f"steadied {number}" for number in steadied]
    heads = ["clip", "E_warp source", "per frame", *names, "chroma gray", "per frame", *names]
    heads += [f"light of {name}" for name in names]
    print(f"\n| {' | '.join(heads)} |\n|---|{'---:|' * (len(heads) - 1)}", flush=True)
    rows, errors_shown = [], 1 + len(methods)
    for path in sorted(arguments.folder.iterdir()):
        try:
            truth, times = taken(path, skip=arguments.skip, count=arguments.frames, side=arguments.side)
        except (GifbenchError, ValueError):  # no video, or one that is too short
            continue
        film, wanted = Gray(truth, times), chroma(truth)
        made = [np.concatenate(list(run_method(each, film, film.times, clip=path.name))) for each in methods]
        errors = [e_warp(truth, frames) for frames in made]
        row = [errors[0][0], *(own for _, own in errors), psnr(np.zeros_like(wanted), wanted)]
        row += [psnr(chroma(frames), wanted) for frames in made]
        row += [psnr(light(made[number]), light(truth)) for number in steadied]
        rows.append(row)
        print(f"| {path.stem} | {line(row, errors_shown)} |", flush=True)
        if arguments.pictures:
            middle = len(truth) // 2
            strip(arguments.pictures, path.stem, [film.frame(middle), *(each[middle] for each in made), truth[middle]])
    means = [fmean(column) for column in zip(*rows, strict=True)]
    print(f"| mean of {len(rows)} | {line(means, errors_shown)} |\n")
    chroma_at = 2 + len(methods)
    print(f"per frame: chroma above gray on {sum(row[chroma_at] > row[chroma_at - 1] for row in rows)} of {len(rows)}")
    for number in steadied:
        calmer = sum(row[1 + number] < row[1] for row in rows)
        gains = [row[chroma_at + number] - row[chroma_at] for row in rows]
        print(
            f"steadied {number}: steadier on {calmer} of {len(rows)}; chroma {fmean(gains):+.2f} dB in the mean, "
            f"{min(gains):+.2f} at the least"
        )


if __name__ == "__main__":
    main()
