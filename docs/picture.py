"""Draws the README's picture: a detail of a GIF, the same restored by what ships with gifbench, and of the video.

    python docs/picture.py data/gif-moments learning-area__rabbit 60 --box 180 92 150

The row above is the GIF without dithering, the one below with it. `--box` is the left and upper edge and the side of
the detail; it is shown twice as large, each pixel as it is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from gifbench import Pixels, load_method, open_dataset

GAP, TIMES = 6, 2
OUT = Path(__file__).parent / "before-after.png"


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("clip")
    parser.add_argument("frame", type=int)
    parser.add_argument("--box", type=int, nargs=3, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    (clip,) = [each for each in open_dataset(given.data) if each.clip_id == given.clip]
    left, top, side = given.box
    detail = (slice(top, top + side), slice(left, left + side))
    method = load_method("ccdnet").method
    rows: list[list[Pixels]] = []
    for dithered in (False, True):
        gif = clip.gif(dithered=dithered).select([given.frame])
        (restored,) = method.restore(gif, gif.times)
        as_shown = np.clip(np.rint(np.asarray(restored)), 0, 255).astype(np.uint8).reshape(gif.frame(0).shape)
        rows.append([gif.frame(0)[detail], as_shown[detail], clip.truth_frames([given.frame])[0][detail]])
    large = [[part.repeat(TIMES, axis=0).repeat(TIMES, axis=1) for part in row] for row in rows]
    step = TIMES * side + GAP
    sheet = np.full((len(large) * step - GAP, 3 * step - GAP, 3), 255, np.uint8)
    for y, row in enumerate(large):
        for x, part in enumerate(row):
            sheet[y * step : y * step + len(part), x * step : x * step + len(part)] = part
    Image.fromarray(sheet).save(given.out, optimize=True)


if __name__ == "__main__":
    main()
