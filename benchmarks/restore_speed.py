"""`gifbench restore ccdnet` beside another installed version, on a quiet machine and with other programs at work.

    python benchmarks/restore_speed.py --peer /path/to/0.1.0/bin/python [--gif my.gif] [--frames 58] [--busy 2]

Each run is a process of its own, by the command line, as people type it; the GIF is 600×338 unless given. In the second
row `--busy` loops run beside it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from gifbench.media.colors.dither import floyd_steinberg
from gifbench.media.colors.quantize import minimum_variance
from gifbench.media.gif import GifWriter

BUSY = "while True: pass"


def write(path: Path, frames: int, width: int = 600, height: int = 338) -> None:
    """A dithered GIF of a soft moving pattern."""
    y, x = np.mgrid[0:height, 0:width]
    with path.open("wb") as file:
        writer = GifWriter(file, width=width, height=height)
        for i in range(frames):
            waves = [np.sin((x + 5 * i) / 40 + k) * np.cos((y - 3 * i) / (30 + 9 * k)) for k in range(3)]
            pixels = np.stack([127 + 100 * wave for wave in waves], axis=-1).astype(np.uint8)
            palette = minimum_variance(pixels, 32)
            writer.add(floyd_steinberg(pixels, palette), palette, Fraction(i, 10))
        writer.close(Fraction(frames, 10))


def seconds(python: str, gif: Path, out: Path) -> float:
    """The time of the command, without what the shell has set for OpenMP."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
    start = time.perf_counter()
    command = [python, "-m", "gifbench", "restore", "ccdnet", gif, out, "--overwrite"]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="The Python of the version to compare with.")
    parser.add_argument("--gif", type=Path)
    parser.add_argument("--frames", type=int, default=58)
    parser.add_argument("--busy", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        gif, out = arguments.gif or Path(folder, "in.gif"), Path(folder, "out.mp4")
        if arguments.gif is None:
            write(gif, arguments.frames)
        print(f"{'beside it':>14} {'peer, s':>8} {'this, s':>8} {'ratio':>6}")
        for busy in (0, arguments.busy):
            others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(busy)]
            try:
                took = [min(seconds(each, gif, out) for _ in range(2)) for each in (arguments.peer, sys.executable)]
            finally:
                for other in others:
                    other.kill()
            print(f"{busy:>6} programs {took[0]:8.1f} {took[1]:8.1f} {took[0] / took[1]:6.2f}", flush=True)


if __name__ == "__main__":
    main()
