"""Opening a video that may be anything: safely, within limits, and with errors that name what is wrong.

A file from the internet is hostile until shown otherwise. Three fences stand around libav:

- the path goes in as `file:<path>`, only the protocol `file` is allowed, and only the containers of `CONTAINERS` are
  read: a playlist or script (HLS, DASH, ffconcat, …) named `.mp4` cannot make libav open other files or the net;
- the sizes that the headers declare are held against `VideoLimits` before a picture is allocated, and the decoder is
  given the same limit for what turns up later;
- every exception of PyAV becomes one of `gifbench.errors`, in `libav_errors`.
"""

from __future__ import annotations

import functools
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import av.error
import av.stream
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from gifbench.errors import CorruptMedia, DamagedMedia, NoVideo, StorageError, TooLarge, UsageError, storage_errors
from gifbench.media.video.container_header import Crop, TrackHeader, read_tracks
from gifbench.media.video.libav_errors import av_errors
from gifbench.media.video.transport_stream import TransportStream, read_transport_stream

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,m4v,h264,hevc,obu,ivf,flv,asf,ogg,nut,mxf,dv,rm,"
    "wtv,gif,apng,yuv4mpegpipe,vc1,mjpeg,wav,mp3,flac,aac,ac3,aiff,caf,w64"
)
"""The demuxers that may be used: containers of video, and of sound so that those can be named as such."""

_USUAL_RATE = Fraction(25)


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """What a video may declare before any memory is taken for its pictures."""

    max_side: int = 16384
    """Pixels of the longer side."""
    max_pixels: int = 8192 * 8192
    """Pixels of one picture."""

    def __post_init__(self) -> None:
        if self.max_side < 1 or self.max_pixels < 1:
            raise UsageError(f"limits of a video must be at least 1, not {self}")


@dataclass(frozen=True, slots=True)
class OpenVideo:
    """An open container, its picture stream and that stream's decoder, ready to be read from the start."""

    path: Path
    container: InputContainer
    stream: VideoStream
    limits: VideoLimits
    crop: Crop | None
    """What the container says is not shown at the edges of the picture."""
    keep_damaged: bool
    """Whether a frame that the decoder calls damaged is given and says so, as do all that may be predicted from it."""

    @property
    def formats(self) -> frozenset[str]:
        """Names that ffmpeg has for the container: `mov`, `mp4`, …"""
        return frozenset(self.container.format.name.split(","))

    @property
    def decoder(self) -> VideoCodecContext:
        """The decoder of the picture stream."""
        return self.stream.codec_context

    @property
    def seekable(self) -> bool:
        """Whether the container's index knows the key frames.

        The others are read from the start: MPEG program streams, AVI and raw streams have no index or no presentation
        times, and a seek ends up near the frame, not on it.
        """
        return bool(self.formats & {"mov", "matroska"})

    @property
    def frame_rate(self) -> Fraction:
        """Frames a second on average, or what ffmpeg guesses; 25 for a stream without any times."""
        rates = (self.stream.average_rate, self.stream.guessed_rate, self.stream.base_rate)
        return next((rate for rate in rates if rate and rate > 0), _USUAL_RATE)

    @property
    def step(self) -> Fraction:
        """Seconds from one frame to the next where nothing else says it."""
        return 1 / (self.stream.guessed_rate or self.frame_rate)

    @property
    def time_base(self) -> Fraction:
        """Seconds of one tick of the stream's clock."""
        return self.stream.time_base or self.step

    def transport_stream(self) -> TransportStream | None:
        """What a transport stream says of the picture stream; None for another container."""
        return read_transport_stream(self.path, self.stream.id) if "mpegts" in self.formats else None


@contextmanager
def open_video(
    path: str | os.PathLike[str], *, limits: VideoLimits, threads: int = 1, keep_damaged: bool = False
) -> Iterator[OpenVideo]:
    """Open the file at `path`, choose its picture stream and set up a decoder with `threads` threads.

    Raises `NotFound` and other `StorageError`s, `NoVideo` for a file with sound or subtitles only, `CorruptMedia` for
    one that is no video at all, `TooLarge` for sizes over `limits`. PyAV's errors in the `with` block are mapped too.
    """
    if threads < 1:
        raise UsageError(f"threads must be at least 1, not {threads}")
    place = Path(path)
    _check_file(place)
    # A picture's padding to whole blocks counts in libav, hence the slack; the exact check is `check_size`.
    most = limits.max_pixels + 256 * limits.max_side
    with av_errors(place, opening=True), open_container(place, max_pixels=str(most)) as container:
        stream = _picture_stream(container, place)
        video = OpenVideo(place, container, stream, limits, _crop(container, stream, place), keep_damaged)
        decoder = video.decoder
        if not decoder.width or not decoder.height:
            packets = video.transport_stream()
            if packets is not None and packets.scrambled:
                raise encrypted(place)
            # Tell a size that libav refused as too large, and then forgot, from one that was never there: no decoder
            # may be opened this time, so that what the container declares is left as it is.
            with open_container(place, codec_whitelist="none") as declaring:
                declared = _picture_stream(declaring, place).codec_context
                check_size(place, declared.width, declared.height, limits=limits)
        check_size(place, decoder.width, decoder.height, limits=limits)
        decoder.options = {"max_pixels": str(most)}
        decoder.thread_count = threads
        decoder.thread_type = "AUTO" if threads > 1 else "SLICE"
        with av_errors(place, reading=True):
            yield video


def open_container(path: Path, **options: str) -> InputContainer:
    """The file at `path` behind the fences; PyAV's errors come as they are."""
    fences = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
    # Titles in Latin-1 must not make a video unreadable.
    return av.open(f"file:{path}", mode="r", options=fences | options, metadata_errors="replace")


@contextmanager
def open_own(
    source: bytes | str | os.PathLike[str] | BinaryIO, what: str, **options: str
) -> Iterator[tuple[InputContainer, str]]:
    """A file of this project in Matroska, by its path, its bytes or opened, and what messages call it, a `what`.

    Errors of PyAV in the `with` block are mapped. Raises `NoVideo` where it holds no pictures.
    """
    if isinstance(source, str | os.PathLike):
        place = str(source)
        with storage_errors(place):
            opened: BinaryIO = Path(source).open("rb")  # noqa: SIM115  (closed by the `with` below)
    elif isinstance(source, bytes | bytearray | memoryview):
        place, opened = f"the {what} in memory ({len(source)} bytes)", io.BytesIO(source)
    else:
        place, opened = f"the {what} in an open file", source
    fences = {"protocol_whitelist": "file", "format_whitelist": "matroska,webm"}
    with opened as file, av_errors(place), av.open(file, "r", options=fences | options) as container:
        if not container.streams.video:
            raise NoVideo(f"{place} holds no pictures")
        yield container, place


def _crop(container: InputContainer, stream: VideoStream, path: Path) -> Crop | None:
    """What the container says is not shown of the stream; raises `CorruptMedia` for an encrypted one."""
    found = path.stat()
    tracks = _tracks(path, found.st_size, found.st_mtime_ns)
    if "matroska" in container.format.name:
        order = list(container.streams.video).index(stream)
        tracks = tracks[order : order + 1]
    else:
        tracks = [track for track in tracks if track.number == stream.id]
    if not tracks:
        return None
    if tracks[0].encrypted:
        raise encrypted(path)
    return tracks[0].crop


@functools.lru_cache(maxsize=64)
def _tracks(path: Path, size: int, modified: int) -> list[TrackHeader]:
    del size, modified
    return read_tracks(path)


def encrypted(path: Path) -> CorruptMedia:
    """The error for a video that cannot be decoded without a key."""
    return CorruptMedia(f"{path} is encrypted: give a copy without encryption (DRM)")


def _check_file(path: Path) -> None:
    with storage_errors(path):
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise StorageError(f"{path} is a folder, not a video: give a file in it")
        if not stat.S_ISREG(found.st_mode):
            raise StorageError(f"{path} is not a regular file: give a video file")
        with path.open("rb"):  # a file that may not be read says so here, as the system says it
            pass
    if found.st_size == 0:
        raise DamagedMedia(f"{path} is empty (0 bytes): give a whole copy")


def _picture_stream(container: InputContainer, path: Path) -> VideoStream:
    """The stream that ffmpeg would take as well, cover art left out."""
    covers = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    best = container.streams.best("video")
    streams = [s for s in container.streams.video if not s.disposition & covers]
    if not streams:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "none at all"
        raise NoVideo(f"{path} holds no moving picture (streams: {kinds}): give a video")
    tiles = [s for s in streams if s.disposition & av.stream.Disposition.dependent]
    if len(tiles) > 1 and "mov" in container.format.name.split(","):
        raise NoVideo(
            f"{path} holds one still picture in {len(tiles)} tiles (HEIC or AVIF): convert it with ffmpeg first"
        )
    stream = next((s for s in streams if best is not None and s.index == best.index), streams[0])
    if stream.codec_context is None:
        raise CorruptMedia(f"{path}: its pictures are in a codec that PyAV cannot decode: convert it with ffmpeg first")
    return stream


def check_size(path: Path, width: int, height: int, *, limits: VideoLimits) -> None:
    """Raise `CorruptMedia` for a size of zero, `TooLarge` for one over the limits."""
    if width < 1 or height < 1:
        raise CorruptMedia(
            f"{path}: its header declares pictures of {width}×{height}, and none can be decoded: see what `ffmpeg -i` "
            "says of it"
        )
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise TooLarge(
            f"{path}: pictures of {width}×{height} are over the limit "
            f"({limits.max_side} a side, {limits.max_pixels} pixels): raise it with VideoLimits if you trust the file"
        )
