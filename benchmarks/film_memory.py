"""The memory of `gifbench restore` on videos of 640×360: peak of each run, its time, and whether the sound is in step.

    python benchmarks/film_memory.py [--frames 2000] [--methods gif,gaussian-0.5]

Videos with sound are made here, of a quarter of the frames and of all: what the longer one needs more is what would
grow with a film. Once a second a frame is white and a tone begins; how far they are apart in what comes out is the last
column.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from gifbench.media.video import decode

RATE, FPS = 48_000, 25
RUN = """
import sys
from pathlib import Path
from gifbench import restore_video

restore_video(sys.argv[1], sys.argv[2], sys.argv[3])
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def write(path: Path, *, frames: int, width: int, height: int) -> None:
    """A moving pattern, white once a second, with a tone of 0.2 s from then on."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int32)
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        pictures.width, pictures.height, pictures.pix_fmt = width, height, "yuv420p"
        tones = container.add_stream("aac", rate=RATE)
        tones.codec_context.layout = "stereo"
        second = np.arange(RATE) / RATE
        tone = np.where(second < 0.2, 0.5 * np.sin(2 * np.pi * 1000 * second), 0).astype(np.float32)
        step = RATE // FPS
        for n in range(frames):
            level = 255 if n % FPS == 0 else ((x // 7 + y // 5 + 3 * n) % 120)
            pixels = np.broadcast_to(np.asarray(level, np.uint8).reshape(*np.shape(level), 1), (height, width, 3))
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
            part = np.repeat(tone[n % FPS * step :][:step][None], 2, axis=0)
            heard = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="fltp", layout="stereo")
            heard.sample_rate, heard.pts, heard.time_base = RATE, n * step, Fraction(1, RATE)
            container.mux(tones.encode(heard))
        container.mux(pictures.encode())
        container.mux(tones.encode())


def apart(path: Path) -> float:
    """By how many milliseconds tones begin after their white frames, at most, either way."""
    flashes = [float(frame.clock) for frame in decode(path) if frame.pixels.mean() > 200]
    onsets, loud = [], False
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            heard = np.abs(frame.to_ndarray().astype(np.float64)).max(axis=0)
            heard = heard / (32767 if heard.max() > 8 else 1)
            if heard.max() > 0.2 and not loud:
                onsets.append(float(frame.pts * frame.time_base) + np.argmax(heard > 0.2) / frame.sample_rate)
            loud = bool(heard.max() > 0.2)
    if len(onsets) != len(flashes):
        return float("inf")
    return 1000 * max((onset - flash for onset, flash in zip(onsets, flashes, strict=True)), key=abs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--methods", default="gif,gaussian-0.5")
    parser.add_argument("--out", default=".mp4", help="The kind of video that is written.")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    print(f"{'method':>20} {'frames':>7} {'peak MB':>8} {'s':>7} {'sound late by ms':>17}")
    with tempfile.TemporaryDirectory() as folder:
        films = {frames: Path(folder, f"{frames}.mp4") for frames in (arguments.frames // 4, arguments.frames)}
        for frames, film in films.items():
            write(film, frames=frames, width=width, height=height)
        for method in arguments.methods.split(","):
            for frames, film in films.items():
                out = Path(folder, f"out{arguments.out}")
                start = time.perf_counter()
                command = [sys.executable, "-c", RUN, method, film, out]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                seconds = time.perf_counter() - start
                late = apart(out)
                print(
                    f"{method:>20} {frames:>7} {int(done.stdout) / 1024:8.0f} {seconds:7.1f} {late:17.1f}", flush=True
                )
                out.unlink()


if __name__ == "__main__":
    main()
