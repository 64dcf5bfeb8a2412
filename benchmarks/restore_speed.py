"""`gifbench restore ccdnet` beside another installed version, on a quiet machine and with other programs at work.

    python benchmarks/restore_speed.py --peer /path/to/0.1.0/bin/python [--gif my.gif] [--frames 58] [--busy 2]

Each run is a process of its own, by the command line, as people type it; the GIF is 600×338 unless given. Beside the
second rows `--busy` loops run. What was free before is measured, too: where that is less than all cores, somebody else
was at work.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from gifbench.media.colors.error_diffusion import floyd_steinberg
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


@dataclass(frozen=True, slots=True)
class Took:
    """One run of the command: seconds by the clock, seconds of the cores, and the method's name with its precision."""

    wall: float
    cores: float
    method: str


def took(python: str, gif: Path, out: Path, *more: str) -> Took:
    """Run the command, without what the shell has set for OpenMP."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [python, "-m", "gifbench", "restore", "ccdnet", str(gif), str(out), "--overwrite", *more]
    done = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cores = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(wall, cores, done.stdout.strip().rpartition(", by ")[2])


def about(python: str) -> str:
    """The versions that a Python has installed, in a line."""
    code = "import gifbench, torch; print(gifbench.__file__, 'torch', torch.__version__)"
    done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def free_cores() -> float:
    """How many cores a loop on each of them gets now: as many as there are on a quiet machine."""
    loop = (
        "import time\nend = time.perf_counter() + 1\nwhile time.perf_counter() < end: pass\nprint(time.process_time())"
    )
    loops = [subprocess.Popen([sys.executable, "-c", loop], stdout=subprocess.PIPE) for _ in range(os.cpu_count() or 1)]
    return sum(min(1.0, float(each.communicate()[0])) for each in loops)


def processor() -> str:
    """Its name and what of it matters here."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    name = next((line.partition(": ")[2] for line in text.splitlines() if line.startswith("model name")), "processor")
    flags = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f" {flag}" in text]
    return f"{name}, {os.cpu_count()} cores, {', '.join(flags) or 'no AVX2'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="The Python of the version to compare with.")
    parser.add_argument("--gif", type=Path)
    parser.add_argument("--frames", type=int, default=58)
    parser.add_argument("--busy", type=int, default=os.cpu_count())
    parser.add_argument("--rows", choices=["both", "quiet", "busy"], default="both")
    parser.add_argument("--runs", type=int, default=2, help="Of each side, by turns; the faster one counts.")
    parser.add_argument("--precision", default="auto", help="Of this side: auto or fp32.")
    arguments = parser.parse_args()
    print(f"{processor()}\npeer: {about(arguments.peer)}\nthis: {about(sys.executable)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        gif, out = arguments.gif or Path(folder, "in.gif"), Path(folder, "out.mp4")
        if arguments.gif is None:
            write(gif, arguments.frames)
        sides = {"peer": (arguments.peer, ()), "this": (sys.executable, ("--precision", arguments.precision))}
        rows = {"quiet": 0, "busy": arguments.busy}
        for row in rows if arguments.rows == "both" else (arguments.rows,):
            free = free_cores()
            others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(rows[row])]
            try:
                runs = [
                    {side: took(python, gif, out, *more) for side, (python, more) in sides.items()}
                    for _ in range(arguments.runs)
                ]
            finally:
                for other in others:
                    other.kill()
            best = {side: min((each[side] for each in runs), key=lambda run: run.wall) for side in sides}
            print(f"beside {rows[row]} loops; {free:.2f} cores were free before")
            for side, run in best.items():
                all_runs = ", ".join(f"{each[side].wall:.1f}" for each in runs)
                print(f"  {side} {run.wall:6.1f} s (of {all_runs}), {run.cores:6.1f} s of a core: {run.method}")
            print(f"  ratio {best['peer'].wall / best['this'].wall:.2f}", flush=True)


if __name__ == "__main__":
    main()
