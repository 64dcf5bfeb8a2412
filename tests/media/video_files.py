"""Small videos of every make: codecs and their orders of frames, containers, and time stamps good and bad."""

from __future__ import annotations

import io
import itertools
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import av.error
import imageio_ffmpeg
import numpy as np
from av.packet import Packet
from PIL import Image

from gifbench.media.video import Span, decode
from gifbench.media.video.yuv_to_rgb_and_hdr import SCALE_FLAGS
from tests.conftest import moving_picture

FRAMES = 36
SOURCE = f"testsrc2=size=64x48:rate=25:duration={FRAMES / 25}"
TICK = Fraction(1, 1000)

_X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")
_X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-x265-params")
CODECS: dict[str, tuple[object, ...]] = {
    "h264": (*_X264, "-g", 12, "-bf", 3),
    "h264-open": (*_X264, "-x264-params", "open-gop=1:keyint=10:min-keyint=10:scenecut=0:bframes=3:b-pyramid=normal"),
    "h264-refresh": (*_X264, "-bf", 0, "-x264-params", "intra-refresh=1:keyint=12"),
    "h264-plain": (*_X264, "-g", 9, "-bf", 0),
    "hevc-open": (*_X265, "open-gop=1:keyint=10:min-keyint=10:bframes=3:log-level=none"),
    "hevc": (*_X265, "open-gop=0:keyint=12:bframes=2:log-level=none"),
    "mpeg4": ("-c:v", "mpeg4", "-bf", 2, "-g", 12, "-q:v", 4),
    "mpeg2": ("-c:v", "mpeg2video", "-bf", 2, "-g", 12, "-q:v", 4),
    "vp8": ("-c:v", "libvpx", "-auto-alt-ref", 1, "-lag-in-frames", 10, "-g", 12, "-b:v", "300k"),
    "vp9": ("-c:v", "libvpx-vp9", "-auto-alt-ref", 1, "-lag-in-frames", 10, "-g", 12, "-cpu-used", 8),
    "mjpeg": ("-c:v", "mjpeg", "-q:v", 4),
    "ffv1": ("-c:v", "ffv1", "-g", 6, "-pix_fmt", "yuv420p"),
    "theora": ("-c:v", "libtheora", "-g", 12),
}
_ISO, _ANY = ("mp4", "mov"), ("mkv", "nut")
CONTAINERS = {
    **dict.fromkeys(("h264", "h264-open", "h264-refresh", "h264-plain"), (*_ISO, *_ANY, "ts", "flv")),
    **dict.fromkeys(("hevc-open", "hevc"), (*_ISO, "mkv", "ts")),
    "mpeg4": (*_ISO, *_ANY, "avi"),
    "mpeg2": ("mpg", "ts", "mkv", "mov"),
    "vp8": ("webm", "mkv", "avi"),
    "vp9": ("webm", "mkv", "mp4"),
    "mjpeg": ("avi", "mov", "mkv", "nut"),
    "ffv1": ("mkv", "avi", "nut"),
    "theora": ("ogv", "mkv"),
}


def _vfr(i: int) -> int:
    return sum((17, 33, 40, 90, 5, 61)[k % 6] for k in range(i))


STAMPS: dict[str, list[int]] = {
    "even": [40 * i for i in range(FRAMES)],
    "uneven": [_vfr(i) for i in range(FRAMES)],
    "late": [7300 + 40 * i for i in range(FRAMES)],
    "pause": [40 * i + (3000 if i > 20 else 0) for i in range(FRAMES)],
    "twice": [40 * (i - (i > 15)) for i in range(FRAMES)],
    "four times": [40 * (i - min(max(i - 15, 0), 3)) for i in range(FRAMES)],
    "one back": [40 * i if i != 19 else 300 for i in range(FRAMES)],
    "clock back": [40 * i - (480 if i > 17 else 0) for i in range(FRAMES)],
}
"""When each frame is shown, in milliseconds."""

JOINS = ("cut", "concat", "cat", "fragments", "no edit list")


def ffmpeg(*args: object) -> bytes:
    """Run ffmpeg, and give what it writes; an error is one of the test."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-nostdin", *map(str, args)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def shown_by_ffmpeg(path: Path, filters: str, *args: object) -> bytes:
    """The pixels of all frames of a video, as ffmpeg shows them after its `filters`."""
    return ffmpeg("-i", path, "-fps_mode", "passthrough", "-vf", filters, *args, "-f", "rawvideo", "-")


def rgb_of_ffmpeg(path: Path, *args: object) -> bytes:
    """The frames of a video in RGB."""
    return shown_by_ffmpeg(path, f"scale=flags={SCALE_FLAGS},format=rgb24", *args)


def pattern(path: Path, *args: object, size: str = "96x64", source: str = "", frames: int = 20) -> Path:
    """A moving test pattern of `frames` frames, or another `source`, encoded as `args` say."""
    source = source or f"testsrc2=size={size}:rate=25"
    ffmpeg("-f", "lavfi", "-i", source, "-frames:v", frames, *args, path)
    return path


def uneven(path: Path, times: Sequence[Fraction], *, height: int = 24, width: int = 32) -> Path:
    """A lossless video in Matroska whose frames are shown at `times`, in whole milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "bgr0"
        stream.codec_context.time_base = TICK
        for time, pixels in zip(times, moving_picture(len(times), height, width), strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = int(time / TICK), TICK
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def remuxed(source: Path, target: Path, change: Callable[[int, Packet], Packet | None]) -> Path:
    """A copy of a video with each packet as `change` makes it of its number in the file and itself; None leaves it out.

    Nothing is encoded anew: x264 does not give the same bytes each time, with AVX-512 they depend on what was in its
    memory.
    """
    with av.open(str(source)) as whole, av.open(str(target), "w") as out:
        streams = {stream.index: out.add_stream_from_template(stream, opaque=True) for stream in whole.streams}
        for number, packet in enumerate(packet for packet in whole.demux() if packet.size):
            if (kept := change(number, packet)) is not None:
                kept.stream = streams[packet.stream.index]
                out.mux(kept)
    return target


def with_data(packet: Packet, data: bytes) -> Packet:
    """A packet like another, that holds `data`."""
    copy = Packet(data)
    copy.pts, copy.dts, copy.time_base, copy.duration = packet.pts, packet.dts, packet.time_base, packet.duration
    copy.is_keyframe = packet.is_keyframe
    return copy


def check_every_start(path: Path, *, every: int = 1) -> int:
    """How many starts there were; fails where a span by time or by frame number from one is not the same frames."""
    frames = list(decode(path, pixels="gray"))
    times = [frame.time for frame in frames]
    assert len(frames) > 4, path.name
    assert all(a < b for a, b in itertools.pairwise(times)), path.name
    starts = range(0, len(frames), every)
    for first in starts:
        last = min(first + 3, len(frames))
        end = times[last] if last < len(frames) else None
        for span in (Span(start=times[first], end=end), Span(start_frame=first, end_frame=last)):
            found, where = list(decode(path, span, pixels="gray")), f"{path.name}: {span}"
            assert [frame.video_time for frame in found] == times[first:last], where
            assert [frame.duration for frame in found] == [frame.duration for frame in frames[first:last]], where
            same = [np.array_equal(a.pixels, b.pixels) for a, b in zip(found, frames[first:last], strict=True)]
            assert all(same), where
    return len(starts)


def ffmpeg_decodes(path: Path) -> bool:
    """Whether ffmpeg gives even one picture."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "quiet", "-nostdin", "-i", str(path), "-f", "rawvideo", "-"]
    return bool(subprocess.run(command, check=False, capture_output=True).stdout)


def makes() -> list[tuple[str, str, str]]:
    """Codec, container and stamps (or way of joining) of all files."""
    pairs = [(codec, container) for codec, containers in CONTAINERS.items() for container in containers]
    stamped = itertools.product(pairs, STAMPS)
    joined = itertools.product(pairs, JOINS)
    return [(codec, container, how) for (codec, container), how in (*stamped, *joined) if _makes_sense(container, how)]


def _makes_sense(container: str, how: str) -> bool:
    if how == "cat":
        return container in ("ts", "mpg", "ogv")
    if how in ("fragments", "no edit list"):
        return container in _ISO
    if how == "clock back" and container == "nut":
        return False  # libav's writer ends the process
    return how != "concat" or container in ("mp4", "mkv", "ts", "mov")


def generated(folder: Path, chosen: Sequence[tuple[str, str, str]]) -> Iterator[Path]:
    """The files that can be made; a muxer refuses some stamps."""
    for codec, container, how in chosen:
        base = folder / f"{codec}.nut"
        if not base.exists():
            ffmpeg("-f", "lavfi", "-i", SOURCE, *CODECS[codec], base)
        path = folder / f"{codec}-{how.replace(' ', '-')}.{container}"
        try:
            if how in STAMPS:
                _restamp(base, path, STAMPS[how])
            else:
                _join(base, path, how)
        except (av.error.FFmpegError, subprocess.CalledProcessError, ValueError):
            continue
        yield path


def _restamp(base: Path, path: Path, times: list[int]) -> None:
    with av.open(str(base)) as source:
        packets = [packet for packet in source.demux(video=0) if packet.size]
        order = sorted({packet.pts for packet in packets})
        shown = [times[order.index(packet.pts)] for packet in packets]
        # Decoding stamps increase, each at or before its frame's presentation, which the muxers want.
        ahead = max(early - late for early, late in zip(sorted(shown), shown, strict=True)) + len(packets)
        last = -(2**62)
        with av.open(str(path), "w") as out:
            stream = out.add_stream_from_template(source.streams.video[0], opaque=True)
            stream.time_base = TICK
            for packet, pts, early in zip(packets, shown, sorted(shown), strict=True):
                last = max(last + 1, early - ahead)
                packet.pts, packet.dts, packet.time_base = pts, last, TICK
                packet.duration, packet.stream = 0, stream
                if container_has_no_order(path):
                    packet.dts = packet.pts
                out.mux(packet)


def container_has_no_order(path: Path) -> bool:
    """Whether a container's stamps are of presentation alone."""
    return path.suffix in (".webm", ".ogv")


def _join(base: Path, path: Path, how: str) -> None:
    copy = ("-c", "copy")
    if how == "cut":
        ffmpeg("-ss", 0.5, "-i", base, *copy, path)
    elif how == "fragments":
        ffmpeg("-i", base, *copy, "-movflags", "frag_keyframe+empty_moov+default_base_moof", path)
    elif how == "no edit list":
        ffmpeg("-i", base, *copy, "-use_editlist", 0, path)
    elif how == "cat":
        part = path.with_name(f"part-{path.name}")
        ffmpeg("-i", base, *copy, part)
        path.write_bytes(part.read_bytes() + part.read_bytes())
    else:
        parts = path.with_suffix(".txt")
        part = path.with_name(f"part-{path.name}")
        ffmpeg("-i", base, *copy, part)
        parts.write_text(f"file '{part}'\noutpoint 0.7\nfile '{part}'\ninpoint 0.3\nfile '{part}'\n")
        ffmpeg("-f", "concat", "-safe", 0, "-i", parts, *copy, path)


# Matroska written by hand, with whatever a muxer refuses: stamps that go back, cropping, encryption


EBML = bytes.fromhex(
    "1a45dfa3a34286810142f7810142f2810442f381084282886d6174726f736b6142878104428581 02".replace(" ", "")
)
UNKNOWN_SIZE = b"\x01" + b"\xff" * 7


def element(identifier: int, content: bytes | int) -> bytes:
    """An element with its size in eight bytes."""
    if isinstance(content, int):
        content = content.to_bytes(max(1, (content.bit_length() + 7) // 8), "big")
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return name + b"\x01" + len(content).to_bytes(7, "big") + content


def write_matroska(
    path: Path,
    frames: Iterable[tuple[int, bytes]],
    *,
    codec: str = "V_MJPEG",
    size: tuple[int, int] = (64, 48),
    video: bytes = b"",
    track: bytes = b"",
) -> Path:
    """Frames, each its time in milliseconds and its bytes, all key frames; `video` and `track` are further elements."""
    width, height = size
    picture = element(0xE0, element(0xB0, width) + element(0xBA, height) + video)
    name = element(0x86, codec.encode())
    entry = element(0xAE, element(0xD7, 1) + element(0x73C5, 1) + element(0x83, 1) + name + picture + track)
    clusters = b"".join(
        element(0x1F43B675, element(0xE7, time) + element(0xA3, b"\x81\0\0\x80" + data)) for time, data in frames
    )
    info = element(0x1549A966, element(0x2AD7B1, 1_000_000))
    path.write_bytes(EBML + element(0x18538067, info + element(0x1654AE6B, entry) + clusters))
    return path


def jpeg(number: int, *, orientation: int | None = None) -> bytes:
    """A frame of a moving pattern, 64×48."""
    y, x = np.mgrid[0:48, 0:64]
    pixels = np.stack([(x * 4 + 9 * number) % 256, y * 5 % 256, (x + y) * 2 % 256], -1).astype(np.uint8)
    exif = Image.Exif()
    if orientation is not None:
        exif[0x112] = orientation
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", exif=exif, quality=95)
    return file.getvalue()


def stamped(path: Path, ticks: list[int]) -> Path:
    """A video whose frames have the presentation times `ticks`, in milliseconds, in any order."""
    return write_matroska(path, [(tick, jpeg(number)) for number, tick in enumerate(ticks)])
