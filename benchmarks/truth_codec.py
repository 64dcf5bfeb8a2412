"""Which lossless codec should hold the truth? Size, speed and random access on real clips.

    GIFBENCH_TEST_DATA=… python benchmarks/truth_codec.py [--frames 48] [--clips 8] [--only libx264rgb]

Every codec gets the same frames (256×256 crops as GIF-Faces, and 636×360 as GIF-Moments), encodes and decodes them with
one thread through PyAV, in memory, and must give every pixel back. "1 frame" is the mean time to open the file and read
one frame picked at random, as training does. Times are processor time, so that a busy machine does not change
them much. Ratios are against the first row, FFV1 as ffmpeg sets it.
"""

from __future__ import annotations

import argparse
import io
import itertools
import random
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from held_out import clips_folder

from gifbench.media.clip import Pixels
from gifbench.media.video import decode


@dataclass(frozen=True)
class Candidate:
    """A codec with its options and distance of key frames."""

    codec: str
    pixel_format: str
    options: dict[str, str] = field(default_factory=dict)
    gop: int = 1

    def __str__(self) -> str:
        options = " ".join(f"{k}={v}" for k, v in self.options.items())
        return f"{self.codec} {options} g={self.gop}".replace("  ", " ")


IN_MATROSKA = ("ffv1", "libx264rgb", "libx265", "libvpx-vp9", "jpeg2000")
X265 = "lossless=1:log-level=none:pools=none"


def candidates() -> list[Candidate]:
    """FFV1 as ffmpeg sets it first, then everything of this ffmpeg that can hold RGB without loss."""
    rows = [Candidate("ffv1", "bgr0", {}, 12)]
    for coder, context, slices, gop in itertools.product(("rice", "range_def"), (0, 1), (1, 4, 16), (1, 12)):
        if (slices, gop) in ((1, 1), (4, 1), (4, 12), (16, 1)):
            options = {"level": "3", "coder": coder, "context": str(context), "slices": str(slices), "slicecrc": "1"}
            rows.append(Candidate("ffv1", "bgr0", options, gop))
    for preset in ("ultrafast", "superfast", "veryfast", "faster", "medium", "slow"):
        gops = (1, 8, 16, 32) if preset in ("superfast", "veryfast", "medium") else (16,)
        rows += [Candidate("libx264rgb", "rgb24", {"qp": "0", "preset": preset}, gop) for gop in gops]
    rows += [
        Candidate("libx264rgb", "rgb24", {"qp": "0", "preset": "medium", "bf": "0", "refs": "1"}, 8),
        Candidate("libx265", "gbrp", {"preset": "ultrafast", "x265-params": X265}, 16),
        Candidate("libx265", "gbrp", {"preset": "medium", "x265-params": X265}, 16),
        Candidate("libvpx-vp9", "gbrp", {"lossless": "1", "cpu-used": "5", "deadline": "good"}, 16),
        Candidate("ffvhuff", "bgra", {"context": "1"}, 1),
        Candidate("huffyuv", "bgra", {"pred": "left"}, 1),
        Candidate("utvideo", "gbrp", {"pred": "median"}, 1),
        Candidate("magicyuv", "gbrp", {"pred": "median"}, 1),
        Candidate("png", "rgb24", {"pred": "mixed"}, 1),
        Candidate("jpegls", "rgb24", {}, 1),
        Candidate("jpeg2000", "rgb24", {"pred": "1"}, 1),
    ]
    return rows


def encode(frames: Pixels, candidate: Candidate) -> bytes:
    """A file in memory: Matroska, or NUT for what PyAV does not put into Matroska."""
    file = io.BytesIO()
    container_format = "matroska" if candidate.codec in IN_MATROSKA else "nut"
    with av.open(file, "w", format=container_format, options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(candidate.codec, rate=30, options=candidate.options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = candidate.pixel_format
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = candidate.gop
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def read(data: bytes, only: int | None = None) -> list[Pixels]:
    """All frames, or just the one of that number."""
    found = []
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        wanted = None if only is None else Fraction(only, 30)
        if wanted is not None:
            container.seek(int(wanted / stream.time_base) + 1, stream=stream)
        for frame in container.decode(stream):
            if wanted is not None and frame.pts * stream.time_base < wanted - Fraction(1, 60):
                continue
            found.append(frame.to_ndarray(format="rgb24"))
            if wanted is not None:
                break
    return found


def clips(folder: Path, num_frames: int, most: int) -> dict[str, list[Pixels]]:
    """Frames of real clips at the two sizes of the datasets."""
    sizes: dict[str, list[Pixels]] = {"256×256": [], "636×360": []}
    videos = sorted((folder / "faces").iterdir())[3::3] + sorted((folder / "moments").iterdir())[::2]
    for video in videos[:: max(1, len(videos) // most)][:most]:
        frames = [f.pixels for f in itertools.islice(decode(video), num_frames)]
        height, width = frames[0].shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        squares = [f[top : top + side, left : left + side] for f in frames]
        sizes["256×256"].append(np.stack([cv2.resize(f, (256, 256), interpolation=cv2.INTER_AREA) for f in squares]))
        if height >= 360:
            wide = [cv2.resize(f, (636, 360), interpolation=cv2.INTER_LINEAR) for f in frames]
            sizes["636×360"].append(np.stack(wide))
    return sizes


@dataclass(frozen=True)
class Row:
    """What was measured of one codec: bits a pixel, frames a second, milliseconds."""

    bits: float
    encode_fps: float
    decode_fps: float
    access_ms: float


def measure(all_frames: list[Pixels], candidate: Candidate) -> Row:
    """One codec on all clips of one size."""
    num_bytes = pixels = count = 0
    encoding = decoding = access = 0.0
    picks = 0
    dice = random.Random(0)
    for frames in all_frames:
        start = time.process_time()
        data = encode(frames, candidate)
        encoding += time.process_time() - start
        start = time.process_time()
        back = read(data)
        decoding += time.process_time() - start
        if not np.array_equal(np.stack(back), frames):
            raise ValueError("not lossless")
        for number in (dice.randrange(len(frames)) for _ in range(8)):
            start = time.process_time()
            one = read(data, number)
            access += time.process_time() - start
            picks += 1
            if not np.array_equal(one[0], frames[number]):
                raise ValueError(f"frame {number} is another one after a seek")
        num_bytes += len(data)
        pixels += frames[..., 0].size
        count += len(frames)
    return Row(8 * num_bytes / pixels, count / encoding, count / decoding, access / picks * 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    folder = clips_folder()
    cv2.setNumThreads(1)
    chosen = [c for i, c in enumerate(candidates()) if i == 0 or args.only in str(c)]
    for size, all_frames in clips(folder, args.frames, args.clips).items():
        print(f"\n{size}, {len(all_frames)} clips, {sum(map(len, all_frames))} frames, one thread")
        print(f"{'codec':72s} {'bits/px':>8} {'size':>6} {'enc fps':>9} {'':>6} {'dec fps':>9} {'':>6} {'1 frame':>9}")
        base: Row | None = None
        for candidate in chosen:
            try:
                row = measure(all_frames, candidate)
            except (av.error.FFmpegError, ValueError, LookupError) as error:
                print(f"{candidate!s:72s} {error}")
                continue
            base = base or row
            print(
                f"{candidate!s:72s} {row.bits:8.3f} {row.bits / base.bits:5.2f}× {row.encode_fps:9.1f}"
                f" {row.encode_fps / base.encode_fps:5.2f}× {row.decode_fps:9.1f}"
                f" {row.decode_fps / base.decode_fps:5.2f}× {row.access_ms:6.2f} ms",
                flush=True,
            )


if __name__ == "__main__":
    main()
