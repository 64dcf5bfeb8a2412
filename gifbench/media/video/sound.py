"""The sound of one video beside the pictures of another: packets as they are where the container holds their kind.

Time 0 of the pictures is the first shown frame of the source. What sounds before it is left out, and all else stays
where it was beside the pictures.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from operator import itemgetter
from pathlib import Path
from typing import Any, cast

import av.error
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from gifbench.errors import storage_errors
from gifbench.media.video.container import OpenVideo, VideoLimits, open_container, open_video
from gifbench.media.video.encoding import open_output
from gifbench.media.video.libav_errors import av_errors
from gifbench.media.video.packet_reading import is_jump, is_jumpy, packets_beside

_HELD = {
    ".mp4": {"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"},
    ".mov": {"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_f32le"},
    ".webm": {"opus", "vorbis"},
    ".mkv": {"aac", "mp3", "ac3", "eac3", "alac", "opus", "vorbis", "flac", "pcm_s16le", "pcm_s24le", "pcm_f32le"}
    | {"mp2", "dts", "truehd", "pcm_u8", "pcm_s16be"},
}
"""Kinds of sound whose packets a container takes as they are; others are encoded anew."""

_LATE = Fraction(60)
_MOST_WAITING = 500
"""Packets of sound that are held until the pictures' clock is set anew as theirs was."""
_GAP = Fraction(1, 50)
"""Seconds: where sound is encoded anew, longer holes are filled with silence, and longer overlaps cut; less is taken
for what clocks of containers round, and does not add up."""
_OPUS_RATES = (48_000, 24_000, 16_000, 12_000, 8_000)
_AAC_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)
_OPUS = ("libopus", 96_000, "flt", _OPUS_RATES)
_AAC = ("aac", 160_000, "fltp", _AAC_RATES)
"""The encoders, with bits a second of stereo, the format of samples and the rates that they take."""

_Timed = tuple[Fraction, "Packet[Any]"]
"""A packet, and when it is decoded, in seconds."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Where sound is taken from: a file, the container's clock at what becomes time 0, and how long the pictures last.

    Both are in seconds. Sound may go on after the pictures, but what is stamped over a minute after both is damage.
    """

    path: Path
    clock: Fraction
    duration: Fraction


def sound_kinds(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The codecs of a file's sound by ffmpeg's names, a stream each; empty where it has none that ffmpeg knows."""
    with av_errors(Path(path), opening=True), open_container(Path(path)) as container:
        return tuple(stream.codec_context.codec.canonical_name for stream in _streams(container))


def join_sound(pictures: Path, sound: Sound, out: Path) -> tuple[str, ...]:
    """Write `out` with the pictures of one file and the sound of another, and say what was encoded anew.

    `out` ends as `pictures` does, in `.mp4`, `.mov`, `.webm` or `.mkv`. A few packets are held. Raises `MediaError`
    where the sound cannot be read or joined, and the `StorageError` of the place.
    """
    try:
        with (
            storage_errors(out),
            av_errors(sound.path, reading=True),
            open_container(pictures) as seen,
            open_video(sound.path, limits=VideoLimits()) as heard,
            open_output(out) as target,
        ):
            picture = seen.streams.video[0]
            copied = target.add_stream_from_template(picture, opaque=True)
            ending = out.suffix.lower()
            tracks = [
                _Copied(stream, target)
                if stream.codec_context.codec.canonical_name in _HELD.get(ending, _HELD[".mp4"])
                else _Encoded(stream, target, ending)
                for stream in _streams(heard.container)
            ]
            timed = _pictures(seen, picture, copied), _sounds(heard, tracks, sound)
            for _, packet in heapq.merge(*timed, key=itemgetter(0)):
                target.mux(packet)
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    return tuple(dict.fromkeys(note for track in tracks for note in track.notes))


def _streams(container: InputContainer) -> list[AudioStream]:
    """The streams of sound that ffmpeg knows; PyAV gives others no decoder."""
    return [stream for stream in container.streams.audio if getattr(stream, "codec_context", None) is not None]


def _pictures(container: InputContainer, stream: VideoStream, target: VideoStream) -> Iterator[_Timed]:
    for packet in container.demux(stream):
        if packet.size and packet.dts is not None:
            time = packet.dts * packet.time_base
            packet.stream = target
            yield time, packet


def _sounds(video: OpenVideo, tracks: Sequence[_Copied | _Encoded], sound: Sound) -> Iterator[_Timed]:
    by_index = {track.stream.index: track for track in tracks}
    last, offsets = Fraction(0), [Fraction(0)]
    if not tracks:
        return
    clocks = {index: _Clock(offsets, jumpy=is_jumpy(video)) for index in by_index}
    for packet in packets_beside(video, [track.stream for track in tracks], offsets):
        track = by_index[packet.stream.index]
        for timed, offset in clocks[packet.stream.index].set(packet):
            for ready in track.packets(timed, sound, offset):
                # `heapq.merge` wants times that do not go back, and a muxer orders what does by a little.
                last = max(last, (ready.dts or 0) * ready.time_base)
                yield last, ready


class _Clock:
    """Which of the pictures' clocks the packets of a stream of sound are stamped by, where that is set anew.

    In a recording that was joined the streams take turns, so that the sound of the one part comes among the pictures of
    the next, and the other way round: the sound's n-th jump goes with the pictures' n-th.
    """

    def __init__(self, offsets: Sequence[Fraction], *, jumpy: bool) -> None:
        self._offsets, self._jumpy = offsets, jumpy
        self._jumps = 0
        self._last: Fraction | None = None
        self._waiting: list[Packet[Any]] = []

    def set(self, packet: Packet[Any]) -> Iterator[tuple[Packet[Any], Fraction]]:
        """The packets that are ready now, each with the seconds that are added to its stamps."""
        ends = not packet.size
        if self._jumpy and packet.dts is not None and not ends:
            time = packet.dts * packet.time_base
            if self._last is not None and is_jump(time - self._last):
                self._jumps += 1
            self._last = time
        self._waiting.append(packet)
        if self._jumps >= len(self._offsets):
            if len(self._waiting) < _MOST_WAITING and not ends:
                return
            self._jumps = len(self._offsets) - 1  # a pause of the sound alone
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            yield each, self._offsets[self._jumps]


class _Copied:
    """A stream of sound whose packets stay as they are, at other times."""

    notes: tuple[str, ...] = ()

    def __init__(self, stream: AudioStream, target: OutputContainer) -> None:
        self.stream = stream
        self._target = target.add_stream_from_template(stream, opaque=True)
        self._last: int | None = None
        self._end = Fraction(0)

    def packets(self, packet: Packet[Any], sound: Sound, offset: Fraction) -> Iterator[Packet[Any]]:
        """What is written for a packet of the source, `offset` seconds later than stamped; an empty one ends it."""
        if not packet.size or packet.pts is None:
            return
        base = packet.time_base
        shift = round((sound.clock - offset) / base)
        packet.pts -= shift
        packet.dts = packet.pts if packet.dts is None else packet.dts - shift
        start, end = packet.pts * base, (packet.pts + (packet.duration or 0)) * base
        if end < 0 or (self._last is not None and packet.dts <= self._last) or _too_late(start, self._end, sound):
            return
        self._last, self._end = packet.dts, end
        packet.stream = self._target
        yield packet


class _Encoded:
    """A stream of sound that is decoded and encoded anew, because the container does not hold its kind."""

    def __init__(self, stream: AudioStream, target: OutputContainer, ending: str) -> None:
        self.stream = stream
        codec, bit_rate, sample_format, rates = _OPUS if ending == ".webm" else _AAC
        decoder = stream.codec_context
        rate = decoder.sample_rate if decoder.sample_rate in rates else 48_000
        layout = "mono" if decoder.channels == 1 else "stereo"
        self._target = cast(AudioStream, target.add_stream(codec, rate=rate))
        encoder = self._target.codec_context
        encoder.bit_rate = bit_rate if layout == "stereo" else bit_rate // 2
        encoder.layout, encoder.time_base, encoder.format = layout, Fraction(1, rate), sample_format
        self._resampler = AudioResampler(format=sample_format, layout=layout, rate=rate)
        kind = codec.removeprefix("lib")
        self._note = f"the sound was encoded anew, {decoder.codec.canonical_name} to {kind}: {ending} does not hold it"
        self._end: int | None = None
        """Up to where, in samples of the source from time 0, sound was handed on."""
        self._damaged = 0
        """Packets that could not be decoded, which is told in the notes."""

    def packets(self, packet: Packet[Any], sound: Sound, offset: Fraction) -> Iterator[Packet[Any]]:
        """As those of `_Copied`."""
        try:
            frames = cast("list[AudioFrame]", packet.decode())
        except av.error.FFmpegError:
            self._damaged += 1
            frames = []
        for frame in frames:
            if frame.pts is None or frame.time_base is None:
                continue
            rate = frame.sample_rate
            start = round((frame.pts * Fraction(frame.time_base) + offset - sound.clock) * rate)
            before = Fraction(self._end or 0, rate)
            if start + frame.samples <= 0 or _too_late(Fraction(start, rate), before, sound):
                continue
            if self._end is not None and start - self._end > rate * _GAP:
                for silence in _silent(frame, self._end, start):
                    yield from self._handed_on(silence)
            elif self._end is not None:
                if start < self._end - rate * _GAP:
                    continue  # at a joint, where sound overlaps: pushed on, all after it would be late
                start = self._end
            frame.pts, frame.time_base = start, Fraction(1, rate)
            self._end = start + frame.samples
            yield from self._handed_on(frame)
        if not packet.size:
            yield from self._handed_on(None)
            with suppress(av.error.EOFError):
                yield from self._target.encode(None)

    def _handed_on(self, frame: AudioFrame | None) -> Iterator[Packet[Any]]:
        for ready in self._resampler.resample(frame):
            yield from self._target.encode(ready)

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said of it in the end."""
        damaged = f"{self._damaged} packets of the sound are damaged, and silent now"
        return (self._note, damaged) if self._damaged else (self._note,)


def _too_late(start: Fraction, before: Fraction, sound: Sound) -> bool:
    """Whether a time can only be damage, where sound so far ends at `before`: it would be silence for hours."""
    return start > max(before, sound.duration) + _LATE


def _silent(like: AudioFrame, start: int, end: int) -> Iterator[AudioFrame]:
    """Silence from one sample to another, in frames of a second at most, of the kind of another frame."""
    rate = like.sample_rate
    for first in range(start, end, rate):
        frame = AudioFrame(format=like.format.name, layout=like.layout.name, samples=min(rate, end - first))
        for plane in frame.planes:
            plane.update(bytes([128 if like.format.name.startswith("u8") else 0]) * plane.buffer_size)
        frame.sample_rate, frame.pts, frame.time_base = rate, first, Fraction(1, rate)
        yield frame
