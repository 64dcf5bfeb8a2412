"""Draws the README's moving picture: a GIF, the same restored by what ships with gifbench, and the video.

    python docs/before_after.py karma.mp4 --end 1.6 --box 170 30 136 150

The clip is `samples/karma.mp4` of https://github.com/gopro/gpmf-parser (GoPro, Apache-2.0 or MIT), which no network of
gifbench was trained on. It is scaled to 480 columns, made a GIF of 32 colors, dithered, and restored by `ccdnet`. The
detail that is shown is `--box`: left, top, width and height in that picture; each of its pixels becomes 2×2.
"""

from __future__ import annotations

import argparse
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gifbench import Gif, Pixels, make_gif, resize, restore_gif
from gifbench.media.video import Span, decode

COLUMNS, EVERY, COLORS, TIMES, GAP, LABEL = 480, 3, 32, 2, 8, 30
OUT = Path(__file__).parent / "before-after.webp"
LABELS = (f"GIF, {COLORS} colors, dithered", "gifbench restore my.gif", "the video")


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--start", type=Fraction, default=Fraction(0))
    parser.add_argument("--end", type=Fraction, default=Fraction(2))
    parser.add_argument("--box", type=int, nargs=4, default=(170, 30, 136, 150))
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    span = Span(start=given.start, end=given.end)
    left, top, width, height = given.box
    detail = (slice(None), slice(top, top + height), slice(left, left + width))
    with tempfile.TemporaryDirectory() as folder:
        gif_file = Path(folder) / "my.gif"
        make_gif(given.video, gif_file, span=span, every=EVERY, size=(COLUMNS, None), colors=COLORS)
        gif = Gif.read(gif_file)
        frames = restore_gif("ccdnet", gif_file).frames
    truth = [frame.pixels for i, frame in enumerate(decode(given.video, span)) if i % EVERY == 0]
    lanes = [gif.frames[detail], frames[detail], _scaled(truth, gif.height)[detail]]
    pictures = [_sheet([lane[i] for lane in lanes]) for i in range(len(gif))]
    to_and_fro = [*pictures, *pictures[-2:0:-1]]
    to_and_fro[0].save(
        given.out, "WEBP", save_all=True, append_images=to_and_fro[1:], duration=100, loop=0, quality=82, method=6
    )


def _scaled(frames: list[Pixels], height: int) -> Pixels:
    return np.stack([resize(frame, height=height, width=COLUMNS, filter="area") for frame in frames])


def _sheet(details: list[Pixels]) -> Image.Image:
    """The details side by side, enlarged, each with its label above."""
    height, width, _ = details[0].shape
    step = TIMES * width + GAP
    sheet = Image.new("RGB", (len(details) * step - GAP, TIMES * height + LABEL), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=17)
    for i, (pixels, label) in enumerate(zip(details, LABELS, strict=True)):
        draw.text((i * step, 4), label, fill="#1b1f24", font=font)
        large = pixels.repeat(TIMES, axis=0).repeat(TIMES, axis=1)
        sheet.paste(Image.fromarray(np.ascontiguousarray(large)), (i * step, LABEL))
    return sheet


if __name__ == "__main__":
    main()
