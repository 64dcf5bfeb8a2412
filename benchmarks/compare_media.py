"""Every video and GIF of a folder beside ffmpeg: frames, times and pixels.

    python benchmarks/compare_media.py FOLDER [--frames 300]

ffmpeg is the binary of imageio-ffmpeg, another version than the one inside PyAV, and converts with the flags that
define our RGB (`gifbench.media.video.yuv_to_rgb_and_hdr`). Pixels that are not square are compared as stored,
since ffmpeg leaves that to the player; see-through ones are laid over white. A line a file that differs says what
differs first; the last lines count. Times are compared to within a tick of either clock, counted from the first frame.

Differences on purpose: ffmpeg shows frames with one stamp at once, here they share the time until the next; an empty
packet of Theora shows the frame before it again; joined streams go on where ffmpeg's clock goes back; GIFs are what
Chromium shows. Mirrored and turned pictures are converted before they are turned, which rounds otherwise
in one pixel of a thousand, by one level.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import itertools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from gifbench.errors import GifbenchError
from gifbench.media.clip import Pixels
from gifbench.media.gif import Gif
from gifbench.media.video import decode, probe
from gifbench.media.video.yuv_to_rgb_and_hdr import SCALE_FLAGS

FFMPEG = (imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin")
KINDS = {".3g2", ".3gp", ".apng", ".asf", ".avi", ".avif", ".divx", ".dv", ".f4v", ".flv", ".gif", ".heic", ".m2ts"}
KINDS |= {".m4v", ".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogg", ".ogv", ".qt", ".ts"}
KINDS |= {".264", ".hevc", ".h264", ".ivf", ".vob", ".webm", ".wmv", ".y4m"}


@dataclass
class Shown:
    """Frames of a file as one of the two shows them."""

    size: tuple[int, int]
    times: list[Fraction]
    digests: list[bytes]
    tick: Fraction


def _digest(pixels: Pixels) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=12).digest()


def of_gifbench(path: Path, most: int) -> Shown:
    """What gifbench shows of the first `most` frames."""
    times, digests, size = [], [], (0, 0)
    for pixels, time in itertools.islice(_frames(path), most):
        times.append(time)
        digests.append(_digest(pixels))
        size = (pixels.shape[1], pixels.shape[0])
    tick = Fraction(1, 100) if path.suffix.lower() == ".gif" else probe(path).time_base
    return Shown(size, times, digests, tick)


def _frames(path: Path) -> Iterator[tuple[Pixels, Fraction]]:
    if path.suffix.lower() == ".gif":
        gif = Gif.read(path)
        yield from (
            (palette[indices], t) for indices, palette, t in zip(gif.indices, gif.palettes, gif.times, strict=True)
        )
    else:
        yield from ((frame.pixels, frame.time) for frame in decode(path, square_pixels=False))


def of_ffmpeg(path: Path, most: int) -> Shown:
    """What ffmpeg shows of the first `most` frames."""
    source = (*FFMPEG, "-i", str(path), "-fps_mode", "passthrough", "-frames:v", str(most), "-an", "-sn", "-dn")
    convert = ("-vf", f"scale=flags={SCALE_FLAGS},format=rgba")
    listed = subprocess.run(
        [*source, *convert, "-enc_time_base:v", "demux", "-f", "framecrc", "-"], capture_output=True, check=False
    )
    times, size, tick = [], (0, 0), Fraction(1)
    for line in listed.stdout.decode(errors="replace").splitlines():
        if line.startswith("#tb"):
            tick = Fraction(line.split(":")[1].strip())
        elif line.startswith("#dimensions"):
            width, height = line.split(":")[1].strip().split("x")
            size = (int(width), int(height))
        elif line and not line.startswith("#"):
            times.append(int(line.split(",")[2]) * tick)
    if not times:
        raise ValueError(
            listed.stderr.decode(errors="replace").strip().splitlines()[-1] if listed.stderr else "no frames"
        )
    digests = []
    with subprocess.Popen(
        [*source, *convert, "-f", "rawvideo", "-"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as pipe:
        assert pipe.stdout is not None
        while len(data := pipe.stdout.read(4 * size[0] * size[1])) == 4 * size[0] * size[1]:
            rgba = np.frombuffer(data, np.uint8).reshape(size[1], size[0], 4)
            digests.append(_digest(_over_white(rgba)))
    return Shown(size, [time - times[0] for time in times], digests, tick)


def _over_white(rgba: Pixels) -> Pixels:
    alpha = rgba[..., 3:].astype(np.uint32)
    if np.all(alpha == 255):
        return rgba[..., :3]
    return ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _levels(path: Path, number: int, size: tuple[int, int]) -> int:
    """The largest difference in a frame."""
    ours = next(itertools.islice(_frames(path), number, None))[0]
    source = (*FFMPEG, "-i", str(path), "-fps_mode", "passthrough", "-frames:v", str(number + 1))
    convert = ("-vf", f"scale=flags={SCALE_FLAGS},format=rgba", "-f", "rawvideo", "-")
    data = subprocess.run([*source, *convert], capture_output=True, check=False).stdout
    last = np.frombuffer(data[-4 * size[0] * size[1] :], np.uint8).reshape(size[1], size[0], 4)
    return int(np.abs(ours.astype(np.int16) - _over_white(last)).max())


def difference(path: Path, most: int) -> tuple[str, str]:
    """The kind of the first difference, empty for none, and what it is."""
    try:
        ours: Shown | str = of_gifbench(path, most)
    except GifbenchError as error:
        ours = str(error)
    try:
        theirs: Shown | str = of_ffmpeg(path, most)
    except ValueError as error:
        theirs = str(error)
    if isinstance(ours, str) or isinstance(theirs, str):
        if isinstance(ours, str) and isinstance(theirs, str):
            return "", "both refuse it"
        return ("gifbench refuses", ours) if isinstance(ours, str) else ("ffmpeg refuses", str(theirs))
    if ours.size != theirs.size:
        return "size", f"{ours.size[0]}×{ours.size[1]}, ffmpeg {theirs.size[0]}×{theirs.size[1]}"
    if len(ours.digests) != len(theirs.digests):
        return "frames", f"{len(ours.digests)}, ffmpeg {len(theirs.digests)}"
    for number, (a, b) in enumerate(zip(ours.digests, theirs.digests, strict=True)):
        if a != b:
            return (
                "pixels",
                f"from frame {number} of {len(ours.digests)} on, by {_levels(path, number, ours.size)} levels",
            )
    tolerance = max(ours.tick, theirs.tick)
    for number, (time, other) in enumerate(zip(ours.times, theirs.times, strict=False)):
        if abs(time - other) > tolerance:
            return "times", f"frame {number} at {float(time):.4f} s, ffmpeg {float(other):.4f} s"
    return "", ""


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=300, help="at most so many of each file")
    options = parser.parse_args()
    files = sorted(p for p in options.folder.rglob("*") if p.suffix.lower() in KINDS and p.is_file())
    counts: collections.Counter[str] = collections.Counter()
    for path in files:
        kind, what = difference(path, options.frames)
        counts[kind] += 1
        if kind:
            print(f"{path.relative_to(options.folder)}: {kind}: {what}", flush=True)
    print(f"\n{len(files)} files, {counts.pop('', 0)} alike in frames, times and pixels")
    for kind, count in counts.most_common():
        print(f"{count:5d} differ: {kind}")


if __name__ == "__main__":
    main()
