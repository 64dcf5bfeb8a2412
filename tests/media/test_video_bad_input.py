"""Files that are not what they say: one clear error each, no memory taken, nothing else opened, silence on stderr."""

from __future__ import annotations

import io
import itertools
import os
import struct
import subprocess
import sys
from pathlib import Path

import av
import av.error
import pytest

from gifbench import errors
from gifbench.errors import CorruptMedia, NotFound, NoVideo, StorageError, TooLarge
from gifbench.media.video import Span, VideoLimits, decode, probe
from gifbench.media.video.libav_errors import av_errors
from gifbench.media.video.truncation import missing_bytes
from tests.media.video_files import ffmpeg, pattern

X264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", 25)
CONTAINERS = {
    "front.mp4": (*X264, "-movflags", "faststart"),
    "good.mkv": X264,
    "good.webm": ("-c:v", "libvpx", "-g", 25),
    "good.avi": ("-c:v", "mpeg4"),
    "good.mpg": ("-c:v", "mpeg2video"),
    "good.flv": X264,
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("good")
    for name, args in {"end.mp4": X264, **CONTAINERS}.items():
        pattern(folder / name, *args, size="160x96", frames=100)
    return {path.name: path for path in folder.iterdir()}


def first_frames(path: Path, count: int) -> int:
    return sum(1 for _ in itertools.islice(decode(path), count))


def test_the_good_ones_are_good(good):
    for path in good.values():
        assert first_frames(path, 200) == 100
        assert missing_bytes(path) == 0


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("share", [0.55, 0.97])
def test_a_video_that_is_cut_off_is_an_error_and_not_fewer_frames(name, share, good, tmp_path):
    path = tmp_path / name
    whole = good[name].read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CorruptMedia, match="give a whole copy"):
        first_frames(path, 200)


@pytest.mark.parametrize("name", ["front.mp4", "good.mkv", "good.webm"])
def test_what_comes_before_the_cut_can_be_had(name, good, tmp_path):
    path = tmp_path / name
    whole = good[name].read_bytes()
    path.write_bytes(whole[: int(len(whole) * 0.7)])
    assert missing_bytes(path) == len(whole) - int(len(whole) * 0.7)
    assert sum(1 for _ in decode(path, Span(end_frame=25))) == 25


@pytest.mark.parametrize("name", [name for name in CONTAINERS if name != "good.webm"])  # VP8 decodes any bits
def test_damage_in_the_middle_is_an_error(name, good, tmp_path):
    path = tmp_path / name
    data = bytearray(good[name].read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    path.write_bytes(data)
    with pytest.raises(CorruptMedia):
        first_frames(path, 200)


def test_an_mp4_without_its_index_is_corrupt(good, tmp_path):
    path = tmp_path / "cut.mp4"
    path.write_bytes(good["end.mp4"].read_bytes()[:-2000])
    for read in (probe, lambda p: list(decode(p))):
        with pytest.raises(CorruptMedia, match=r"cut\.mp4"):
            read(path)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("text.mp4", b"this is a letter, not a video\n" * 40, CorruptMedia),
        ("page.mp4", b"<!DOCTYPE html><html><body>Video unavailable</body></html>", CorruptMedia),
        ("empty.mp4", b"", CorruptMedia),
        ("zeros.mkv", bytes(100_000), CorruptMedia),
    ],
)
def test_what_is_no_video_is_corrupt(name, content, kind, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    for read in (probe, lambda p: list(decode(p))):
        with pytest.raises(kind, match=name):
            read(path)


@pytest.mark.parametrize("name", ["sound.mp4", "sound.mp3", "sound.wav", "sound.mkv"])
def test_sound_alone_is_no_video(name, tmp_path):
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.3", tmp_path / name)
    with pytest.raises(NoVideo, match="audio"):
        probe(tmp_path / name)


def test_cover_art_is_no_video(tmp_path):
    ffmpeg("-f", "lavfi", "-i", "color=size=32x32", "-frames:v", 1, tmp_path / "cover.png")
    art = ("-i", tmp_path / "cover.png", "-map", 0, "-map", 1, "-c:v", "png", "-disposition:v", "attached_pic")
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.3", *art, tmp_path / "song.m4a")
    with pytest.raises(NoVideo):
        probe(tmp_path / "song.m4a")


def raw_avi(path: Path, width: int, height: int) -> Path:
    ffmpeg("-f", "lavfi", "-i", "color=size=16x16", "-frames:v", 2, "-c:v", "rawvideo", path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<ii", data, data.find(b"strf") + 12, width, height)
    path.write_bytes(data)
    return path


def test_a_header_of_20000_by_20000_is_refused_before_memory_is_taken(tmp_path):
    path = raw_avi(tmp_path / "huge.avi", 20000, 20000)
    with pytest.raises(TooLarge, match="20000×20000"):
        list(decode(path))


def test_a_header_of_0_by_0_is_corrupt(tmp_path):
    with pytest.raises(CorruptMedia, match="0×0"):
        probe(raw_avi(tmp_path / "nothing.avi", 0, 0))


def test_limits_are_kept_to_the_pixel(good):
    path = good["end.mp4"]
    assert probe(path, limits=VideoLimits(max_side=160, max_pixels=160 * 96)).width == 160
    for limits in (VideoLimits(max_side=159), VideoLimits(max_pixels=160 * 96 - 1)):
        with pytest.raises(TooLarge, match="160×96"):
            probe(path, limits=limits)


def test_pictures_that_change_size_are_scaled_to_the_first(tmp_path):
    parts = [pattern(tmp_path / f"{size}.h264", *X264, size=size, frames=5) for size in ("96x64", "64x96")]
    path = tmp_path / "both.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = list(decode(path))
    assert [frame.pixels.shape for frame in frames] == [(64, 96, 3)] * 10
    assert frames[4].notes == ()
    assert frames[5].notes == ("the size changes from 96×64 to 64×96: scaled to the first",)
    assert [frame.pixels.shape for frame in decode(path, pixels="gray")] == [(64, 96)] * 10
    late = list(decode(path, Span(start_frame=6)))
    assert all((a.pixels == b.pixels).all() for a, b in zip(late, frames[6:], strict=True))


def test_places_that_are_no_file(tmp_path):
    with pytest.raises(NotFound, match=r"nothing\.mp4"):
        probe(tmp_path / "nothing.mp4")
    with pytest.raises(NotFound):
        list(decode(tmp_path / "frame%03d.png"))
    with pytest.raises(StorageError, match="folder"):
        probe(tmp_path)
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(StorageError, match="regular"):
        probe(tmp_path / "pipe.mp4")


def test_a_name_that_looks_like_a_protocol_is_a_file(good, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("concat:a|b.mp4", "12:30.mp4", "-i.mp4", "frame%03d.mp4"):
        Path(name).write_bytes(good["end.mp4"].read_bytes())
        assert probe(name).num_frames == 100


SCRIPTS = {
    "concat": "ffconcat version 1.0\nfile end.mp4\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:4,\nend.mp4\n#EXT-X-ENDLIST\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 33\n",
}


@pytest.mark.parametrize("kind", SCRIPTS)
@pytest.mark.parametrize("ending", ["mp4", "m3u8", "ffconcat", "sdp"])
def test_a_script_never_makes_other_files_be_opened(kind, ending, good):
    path = good["end.mp4"].parent / f"script-{kind}.{ending}"
    path.write_text(SCRIPTS[kind])
    try:
        with pytest.raises(CorruptMedia):
            probe(path)
    finally:
        path.unlink()


def test_libav_itself_would_open_them(good):
    path = good["end.mp4"].parent / "script.mp4"
    path.write_text(SCRIPTS["concat"])
    try:
        with av.open(str(path)) as container:
            assert container.streams.video
    finally:
        path.unlink()


def test_a_title_that_is_not_utf8_does_no_harm(good, tmp_path):
    path = tmp_path / "latin.mp4"
    ffmpeg("-i", good["end.mp4"], "-c", "copy", "-metadata", "title=CafeABCD", path)
    data = path.read_bytes()
    assert b"CafeABCD" in data
    path.write_bytes(data.replace(b"CafeABCD", b"Caf\xe9\xff\xfe\xc3\x28"))
    assert probe(path).num_frames == 100


def test_stderr_stays_silent(good, tmp_path):
    bad = tmp_path / "bad.mkv"
    data = bytearray(good["good.mkv"].read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    bad.write_bytes(data)
    script = (
        f"from gifbench.media.video import decode\ntry:\n  list(decode({str(bad)!r}))\nexcept Exception as e: print(e)"
    )
    done = subprocess.run([sys.executable, "-c", script, bad], capture_output=True, text=True, check=True)
    assert "bad.mkv" in done.stdout
    assert done.stderr == ""


AV_ERRORS = {
    name: kind
    for name, kind in vars(av.error).items()
    if isinstance(kind, type) and issubclass(kind, av.error.FFmpegError) and kind.__name__ == name
}


KINDS = {
    name: getattr(errors, kind)
    for kind, names in {
        # What is wrong with the bytes.
        "CorruptMedia": "InvalidDataError EOFError ArgumentError UndefinedError InputChangedError OutputChangedError"
        " OverflowError BufferTooSmallError BSFNotFoundError DecoderNotFoundError DemuxerNotFoundError"
        " ProtocolNotFoundError PatchWelcomeError NotImplementedError ExperimentalError",
        # What is wrong with the build of ffmpeg, or with how it is used; the net is used by none.
        "MediaError": "BugError ExitError ExternalError UnknownError LookupError FilterNotFoundError"
        " EncoderNotFoundError MuxerNotFoundError OptionNotFoundError PyAVCallbackError FFmpegError"
        " HTTPError HTTPServerError HTTPClientError HTTPBadRequestError HTTPUnauthorizedError"
        " HTTPForbiddenError HTTPNotFoundError HTTPOtherClientError HTTPTooManyRequestsError",
        # What is wrong with the place.
        "TooLarge": "MemoryError",
        "NotFound": "FileNotFoundError NotADirectoryError",
        "NotWritable": "PermissionError",
        "StorageError": "OSError IsADirectoryError FileExistsError BlockingIOError BrokenPipeError ChildProcessError"
        " ConnectionAbortedError ConnectionRefusedError ConnectionResetError InterruptedError ProcessLookupError"
        " TimeoutError",
    }.items()
    for name in names.split()
}


def test_every_error_of_pyav_has_its_class():
    assert set(KINDS) == set(AV_ERRORS)


@pytest.mark.parametrize("name", AV_ERRORS)
def test_an_error_of_pyav_becomes_ours_and_names_the_place(name):
    kind = AV_ERRORS[name]
    number = next((code for code, found in av.error.classes.items() if found is kind), 121)
    with pytest.raises(errors.GifbenchError, match=r"talk\.mp4") as caught, av_errors("talk.mp4"):
        raise kind(number, "it went wrong")
    assert type(caught.value) is KINDS[name]
    assert isinstance(caught.value.__cause__, OSError | av.error.FFmpegError)


def test_our_own_errors_pass_through():
    with pytest.raises(NoVideo), av_errors("talk.mp4"):
        raise NoVideo("nothing to see")


def test_every_cut_of_a_small_file_is_an_error_of_ours(good, tmp_path):
    data = good["front.mp4"].read_bytes()
    path = tmp_path / "cut.mp4"
    for length in range(0, len(data), len(data) // 60):
        path.write_bytes(data[:length])
        with pytest.raises(errors.MediaError):
            list(decode(path, pixels="gray"))


def test_noise_of_any_kind_is_an_error_of_ours_or_a_video(good, tmp_path):
    for name in ("front.mp4", "good.mkv", "good.avi", "good.mpg"):
        data = good[name].read_bytes()
        for at in range(0, 3000, 149):
            damaged = io.BytesIO(data)
            damaged.seek(at)
            damaged.write(bytes((at * 7 + i * 31) % 256 for i in range(9)))
            path = tmp_path / name
            path.write_bytes(damaged.getvalue())
            try:
                list(decode(path, Span(end_frame=3), pixels="gray"))
            except errors.MediaError as error:
                assert name in str(error)
