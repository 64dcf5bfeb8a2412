"""The memory of `gifbench restore gif` on 1080p GIFs of 500 and of 1,000 frames: peak of each run, and its time.

    python benchmarks/gif_memory.py [--frames 500] [--size 1920x1080]

The GIFs are made here, in two styles: whole frames of 256 colors, and images that are laid over
each other with see-through pixels, more than 256 colors on the screen together.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from gifbench.media.gif import GifWriter

RUN = """
import sys
from pathlib import Path
from gifbench.file_restoration import restore_gif

restore_gif("gif", sys.argv[1], sys.argv[2])
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def write(path: Path, *, frames: int, width: int, height: int, overlaid: bool) -> None:
    """A moving pattern; where `overlaid` each frame changes a band, with a palette of its own."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int32)
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        writer = GifWriter(file, width=width, height=height, optimize=overlaid)
        screen = np.zeros((height, width), np.uint16 if overlaid else np.uint8)
        palettes = random.integers(0, 256, (2, 256, 3), np.uint8)
        wide = palettes.reshape(-1, 3)
        for i in range(frames):
            if overlaid:
                top = i * 37 % (height - 90)
                screen[top : top + 90] = (x[:90] // 7 + y[:90] // 9 + i) % 255 + 256 * (i % 2)
                writer.add(screen.copy(), wide, Fraction(i * 4, 100))
            else:
                indices = ((x // 7 + y // 5 + 3 * i) % 256).astype(np.uint8)
                writer.add(indices, palettes[i % 2], Fraction(i * 4, 100))
        writer.close(Fraction(frames * 4, 100))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--out", default=".mp4", help="The kind of video that is written.")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    print(f"{'GIF':>40} {'MB of GIF':>10} {'peak MB':>8} {'s':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for overlaid in (False, True):
            for frames in (arguments.frames, 2 * arguments.frames):
                gif, out = Path(folder, "in.gif"), Path(folder, f"out{arguments.out}")
                write(gif, frames=frames, width=width, height=height, overlaid=overlaid)
                start = time.perf_counter()
                done = subprocess.run([sys.executable, "-c", RUN, gif, out], capture_output=True, text=True, check=True)
                seconds = time.perf_counter() - start
                name = f"{frames} frames of {width}×{height}{', overlaid' if overlaid else ''}"
                size = gif.stat().st_size / 1e6
                print(f"{name:>40} {size:10.1f} {int(done.stdout) / 1024:8.0f} {seconds:7.1f}", flush=True)
                out.unlink()


if __name__ == "__main__":
    main()
