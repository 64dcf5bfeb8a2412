"""How near a dithered GIF comes to its video: `gifbench make` beside ffmpeg's palettegen and paletteuse, by PSNR.

    python benchmarks/gif_quality.py CLIP... [--colors 32 256] [--frames 12] [--size 256x256 636x360]

Both get the same frames (every fifth of the clip) and as many colors. ffmpeg's filters run with their defaults, once
with one palette for the clip (`stats_mode=full`) and once with one a frame (`single`). A second number is the PSNR
after both were blurred by a gaussian of one pixel, as eyes do: dither that averages out is no error. With
`--gifski`, where that program is installed, its GIF of default quality stands beside those of 256 colors; it
is no part of "the better".
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import av.filter
import numpy as np

from gifbench.gif_maker_registry import generated_gif, load_maker
from gifbench.media.blur import gaussian_blur
from gifbench.media.clip import Pixels
from gifbench.media.crop_and_resize import resize
from gifbench.media.make_gif import dithered_frame
from gifbench.media.video import decode


def ffmpegs(frames: Sequence[Pixels], colors: int, mode: str) -> Iterator[Pixels]:
    """The frames as ffmpeg's palettegen and paletteuse make them, both with their defaults but for `mode`."""
    height, width, _ = frames[0].shape
    graph = av.filter.Graph()
    source = graph.add_buffer(width=width, height=height, format="rgb24", time_base=Fraction(1, 25))
    split = graph.add("split", "2")
    generate = graph.add("palettegen", f"max_colors={colors}:stats_mode={mode}")
    use = graph.add("paletteuse", "new=1" if mode == "single" else None)
    shape = graph.add("format", "pix_fmts=rgb24")
    sink = graph.add("buffersink")
    source.link_to(split)
    split.link_to(generate, 0, 0)
    split.link_to(use, 1, 0)
    generate.link_to(use, 0, 1)
    use.link_to(shape)
    shape.link_to(sink)
    graph.configure()
    given = 0
    for i, pixels in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = i, Fraction(1, 25)
        source.push(frame)
    source.push(None)
    while given < len(frames):
        yield sink.pull().to_ndarray()
        given += 1


def gifski(frames: Sequence[Pixels]) -> list[Pixels]:
    """The frames as gifski makes them; raises `MakerError` where it is not installed."""
    times = [Fraction(i, 50) for i in range(len(frames))]
    gif = generated_gif(load_maker("gifski"), lambda: iter(frames), times, Fraction(len(frames), 50))
    return [gif.frame(i) for i in range(len(frames))]


def psnr(frames: Sequence[Pixels], truth: Sequence[Pixels], *, blur: float = 0) -> float:
    """The mean over frames, in dB, 100 at most."""
    values = []
    for frame, true in zip(frames, truth, strict=True):
        pair = [gaussian_blur(each, blur) if blur else each.astype(np.float32) for each in (frame, true)]
        error = float(np.square(pair[0] - pair[1], dtype=np.float64).mean())
        values.append(min(100.0, 10 * math.log10(255**2 / error)) if error else 100.0)
    return sum(values) / len(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--colors", nargs="+", type=int, default=[32, 256])
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--gifski", action="store_true")
    parser.add_argument("--size", nargs="+", default=["256x256", "636x360"])
    arguments = parser.parse_args()
    print(f"{'clip':40} {'size':>8} {'colors':>6} | {'full':>12} {'single':>12} | {'gifbench':>12} | less the better")
    gains: dict[tuple[str, int], list[float]] = {}
    for size in arguments.size:
        width, height = map(int, size.split("x"))
        for clip in arguments.clips:
            source = islice(decode(clip), 0, 5 * arguments.frames, 5)
            truth = [resize(frame.pixels, width=width, height=height, filter="area") for frame in source]
            for colors in arguments.colors:
                made = [list(ffmpegs(truth, colors, mode)) for mode in ("full", "single")]
                made.append([dithered_frame(frame, colors) for frame in truth])
                scores = [(psnr(each, truth), psnr(each, truth, blur=1)) for each in made]
                gain = scores[-1][0] - max(score[0] for score in scores[:-1])
                gains.setdefault((size, colors), []).append(gain)
                shown = [f"{plain:5.2f} /{blurred:5.2f}" for plain, blurred in scores]
                line = f"{clip.name[:40]:40} {size:>8} {colors:6} | {shown[0]} {shown[1]} | {shown[2]}"
                if arguments.gifski and colors == 256:
                    other = gifski(truth)
                    line += f" | gifski {psnr(other, truth):5.2f} /{psnr(other, truth, blur=1):5.2f}"
                print(f"{line} | {gain:+.2f} dB", flush=True)
    for (size, colors), values in gains.items():
        count, worst = len(values), min(values)
        print(
            f"{size}, {colors} colors: {np.mean(values):+.2f} dB in the mean over {count} clips, {worst:+.2f} at worst"
        )


if __name__ == "__main__":
    main()
