"""Colors that ffmpeg cannot convert, see-through pixels, interlaced frames, high dynamic range."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from gifbench.errors import CorruptMedia, UsageError
from gifbench.media.make_gif import make_gif
from gifbench.media.video import Span, decode, probe
from tests.media.video_files import ffmpeg, pattern, shown_by_ffmpeg

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", 2, "-g", 12, "-pix_fmt", "yuv420p")


# Matrices


@pytest.mark.parametrize("matrix", [8, 10, 11, 12, 13, 14])
def test_a_matrix_that_cannot_be_converted_is_named(matrix, tmp_path):
    path = pattern(tmp_path / "odd.mp4", *X264, "-bsf:v", f"h264_metadata=matrix_coefficients={matrix}")
    with pytest.raises(CorruptMedia, match=rf"odd\.mp4: its colors are coded with the matrix {matrix} \([a-z0-9-]+\)"):
        next(iter(decode(path)))
    with pytest.raises(CorruptMedia, match=r"odd\.mp4"):  # and not the GIF
        make_gif(path, tmp_path / "out.gif")
    assert not (tmp_path / "out.gif").exists()
    assert next(iter(decode(path, pixels="gray"))).pixels.shape == (64, 96)  # the luma needs no matrix


@pytest.mark.parametrize(("primaries", "matrix"), [(1, "bt709"), (9, "bt2020nc")])
def test_a_matrix_that_follows_from_the_primaries_is_that_one(primaries, matrix, tmp_path):
    tags = f"h264_metadata=colour_primaries={primaries}:matrix_coefficients"
    derived = pattern(tmp_path / "derived.mp4", *X264, "-bsf:v", f"{tags}=12")
    plain = tmp_path / "plain.mp4"  # the same packets: x264 may encode otherwise the next time
    ffmpeg("-i", derived, "-c", "copy", "-bsf:v", f"{tags}={primaries}", plain)
    assert probe(plain).color_space == matrix
    for a, b in zip(decode(derived), decode(plain), strict=True):
        assert np.array_equal(a.pixels, b.pixels)


# See-through pixels


def over(rgba: np.ndarray, background: tuple[int, int, int]) -> np.ndarray:
    alpha = rgba[..., 3:].astype(np.float64) / 255
    return np.floor(rgba[..., :3] * alpha + np.array(background) * (1 - alpha) + 0.5).astype(np.uint8)


@pytest.mark.parametrize("name", ["a.mov", "a.mkv", "a.apng"])
@pytest.mark.parametrize("background", [(255, 255, 255), (0, 40, 200)])
def test_what_is_see_through_shows_the_background(name, background, tmp_path):
    codec = {"a.mov": ("png", "rgba"), "a.mkv": ("ffv1", "bgra"), "a.apng": ("apng", "rgba")}[name]
    fading = "format=rgba,geq=r='X*2':g='Y*3':b=90:a='mod(X*7,256)'"
    path = pattern(tmp_path / name, "-vf", fading, "-c:v", codec[0], "-pix_fmt", codec[1], frames=3)
    raw = ffmpeg("-i", path, "-frames:v", 1, "-f", "rawvideo", "-pix_fmt", "rgba", "-")
    rgba = np.frombuffer(raw, np.uint8).reshape(64, 96, 4)
    shown = next(iter(decode(path, background=background)))
    assert np.abs(shown.pixels.astype(int) - over(rgba, background)).max() <= 1
    assert np.array_equal(shown.pixels[rgba[..., 3] == 0], np.full((np.sum(rgba[..., 3] == 0), 3), background))
    gray = next(iter(decode(path, pixels="gray", background=background))).pixels
    assert np.all(
        gray[rgba[..., 3] == 0] == round(0.299 * background[0] + 0.587 * background[1] + 0.114 * background[2])
    )


def test_a_background_is_three_levels(tmp_path):
    for wrong in ((1, 2), (1, 2, 256), (-1, 0, 0)):
        with pytest.raises(UsageError, match="background must be"):
            decode(tmp_path / "any.mp4", background=wrong)


def test_hidden_colors_stay_hidden(test_data):
    frames = [frame.pixels for frame in decode(test_data / "wild" / "alpha_hidden_red.apng")]
    assert any(np.all(frame == 255, axis=-1).any() for frame in frames)
    assert not any(np.all(frame == (255, 0, 0), axis=-1).any() for frame in frames)


# Interlaced frames


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("fields")
    woven = "testsrc2=size=96x64:rate=50,tinterlace=4,setfield=tff"
    codings = {
        "a.mkv": ("-c:v", "libx264", "-flags", "+ildct+ilme", "-x264-params", "tff=1:keyint=12:bframes=2"),
        "a.ts": ("-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-g", 12, "-bf", 2),
    }
    return {name: pattern(folder / name, *args, source=woven, frames=70) for name, args in codings.items()}


@pytest.mark.parametrize("name", ["a.mkv", "a.ts"])
def test_interlaced_frames_are_made_whole_by_the_filter_of_ffmpeg(name, fields):
    path = fields[name]
    raw = shown_by_ffmpeg(path, "bwdif=mode=send_frame:deint=interlaced,extractplanes=y")
    stored = list(decode(path, pixels="gray"))
    whole = list(decode(path, pixels="gray", deinterlace=True))
    assert probe(path).interlaced
    # The first frame has no neighbor before it, which the two versions of ffmpeg make up in two ways.
    assert b"".join(frame.pixels.tobytes() for frame in whole[1:]) == raw[96 * 64 :]
    assert [frame.time for frame in whole] == [frame.time for frame in stored]
    assert all(frame.notes == ("interlaced: kept as stored",) for frame in stored)
    assert all(frame.notes == ("interlaced: deinterlaced",) for frame in whole)
    assert not np.array_equal(whole[5].pixels, stored[5].pixels)


@pytest.mark.parametrize("name", ["a.mkv", "a.ts"])
def test_a_deinterlaced_span_is_the_same_frames_however_it_is_reached(name, fields):
    whole = list(decode(fields[name], pixels="gray", deinterlace=True))
    for first in (1, 20, 36, 48, 61, 69):
        for span in (Span(start=whole[first].time), Span(start_frame=first)):
            found = list(decode(fields[name], span, pixels="gray", deinterlace=True))
            assert [frame.video_time for frame in found] == [frame.time for frame in whole[first:]]
            assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(found, whole[first:], strict=True)), first


def test_progressive_frames_stay_as_they_are(tmp_path):
    path = pattern(tmp_path / "a.mp4", *X264)
    for a, b in itertools.zip_longest(decode(path), decode(path, deinterlace=True)):
        assert np.array_equal(a.pixels, b.pixels)


# High dynamic range


@pytest.mark.parametrize(
    ("curve", "name"), [("smpte2084", "PQ"), pytest.param("arib-std-b67", "HLG", marks=pytest.mark.slow)]
)
def test_high_dynamic_range_is_brought_to_bt709_on_demand(curve, name, tmp_path):
    tags = f"setparams=color_primaries=bt2020:color_trc={curve}:colorspace=bt2020nc"
    x265 = ("-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le")
    gray = f"gradients=size=96x64:c0=black:c1=white:x0=0:y0=0:x1=95:y1=0:speed=0.00001,{tags}"
    path = pattern(tmp_path / "a.mkv", *x265, source=gray, frames=3)
    assert probe(path).hdr == name
    plain, mapped = next(iter(decode(path))), next(iter(decode(path, tonemap=True)))
    assert plain.notes == (f"HDR ({name}): not tone-mapped",)
    assert mapped.notes == (f"HDR ({name}): tone-mapped to BT.709",)
    level = mapped.pixels[32].mean(axis=-1)
    assert level[2] < 40 and level[-3] > 200
    assert np.all(np.diff(level[::8]) >= 0)  # brighter stays brighter
    assert np.ptp(mapped.pixels[32].astype(int), axis=-1).max() < 12  # and gray gray
    assert not np.array_equal(plain.pixels, mapped.pixels)
    if name == "HLG":  # ffmpeg takes seconds to prepare, for each kind of pixels
        assert next(iter(decode(path, tonemap=True, pixels="gray"))).pixels.shape == (64, 96)


def test_other_videos_are_not_tone_mapped(tmp_path):
    path = pattern(tmp_path / "a.mp4", *X264)
    for a, b in zip(decode(path), decode(path, tonemap=True), strict=True):
        assert np.array_equal(a.pixels, b.pixels) and b.notes == ()


# Sizes that change


def test_a_size_that_changes_is_scaled_to_the_first_however_a_span_is_reached(tmp_path):
    parts = [pattern(tmp_path / f"{size}.ts", *X264, size=size) for size in ("96x64", "64x48", "128x96")]
    path = tmp_path / "all.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = list(decode(path))
    assert len(frames) == 60 and {frame.pixels.shape for frame in frames} == {(64, 96, 3)}
    assert [len(frame.notes) for frame in frames] == [0] * 20 + [1] * 40
    (late,) = decode(path, Span(start=Fraction(50, 25), end=Fraction(51, 25)))
    assert np.array_equal(late.pixels, frames[50].pixels)
    assert late.notes == ("the size changes from 96×64 to 128×96: scaled to the first",)
