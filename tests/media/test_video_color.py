"""RGB to the bit as ffmpeg converts it, for every matrix, range and layout that videos come in."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gifbench.media.video import Span, decode, probe
from gifbench.media.video.yuv_to_rgb_and_hdr import SCALE_FLAGS, interleaved, planar
from tests.media.video_files import ffmpeg, rgb_of_ffmpeg, shown_by_ffmpeg


def tagged(matrix: str, color_range: str) -> tuple[object, ...]:
    tags = () if matrix == "unknown" else ("-colorspace", matrix, "-color_primaries", matrix, "-color_trc", matrix)
    return ("-vf", f"scale=out_range={color_range}", "-color_range", color_range, *tags)


X264 = ("-c:v", "libx264", "-qp", 0)
SOURCES: dict[str, tuple[object, ...]] = {
    f"{layout}-{matrix}-{color_range}.mkv": (*X264, "-pix_fmt", layout, *tagged(matrix, color_range))
    for layout, matrix, color_range in itertools.product(
        ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le"), ("bt709", "smpte170m", "unknown"), ("tv", "pc")
    )
} | {
    "yuvj420p.avi": ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", 2),
    "bt2020.mkv": (
        *("-c:v", "libx265", "-x265-params", "lossless=1:log-level=none", "-pix_fmt", "yuv420p10le"),
        *("-colorspace", "bt2020nc", "-color_primaries", "bt2020", "-color_trc", "smpte2084"),
    ),
    "yuv422p10le.mkv": (*X264, "-pix_fmt", "yuv422p10le"),
    "gray.mkv": ("-c:v", "ffv1", "-pix_fmt", "gray"),
    "gray16.mkv": ("-c:v", "ffv1", "-pix_fmt", "gray16le"),
    "rgb.mkv": ("-c:v", "libx264rgb", "-qp", 0),
    "bgr0.mkv": ("-c:v", "ffv1", "-pix_fmt", "bgr0"),
    "rgba.mov": ("-c:v", "png", "-pix_fmt", "rgba"),
    "palette.avi": ("-c:v", "png", "-pix_fmt", "pal8"),
    "rgb48.mov": ("-c:v", "png", "-pix_fmt", "rgb48be"),
    "nv12.avi": ("-c:v", "rawvideo", "-pix_fmt", "nv12"),
    "uyvy422.avi": ("-c:v", "rawvideo", "-pix_fmt", "uyvy422"),
    "yuv411p.avi": ("-c:v", "rawvideo", "-pix_fmt", "yuv411p"),
    "alpha.webm": ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-lossless", 1),
    "interlaced.mpg": ("-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-vf", "tinterlace=4,setfield=tff"),
    "odd-yuv420p.mkv": ("-c:v", "ffv1", "-pix_fmt", "yuv420p"),
    "odd-yuv422p.mkv": ("-c:v", "ffv1", "-pix_fmt", "yuv422p"),
    "animation.gif": (),
}


ODD = ("yuv444p", "gray", "rgb", "bgr0", "palette", "alpha", "animation", "odd")  # which can have odd sizes
CASES = [(name, "98x54") for name in SOURCES] + [(name, "97x53") for name in SOURCES if name.startswith(ODD)]


@pytest.mark.parametrize(("name", "size"), CASES)
def test_rgb_equals_ffmpeg(name, size, tmp_path):
    path = tmp_path / name
    source = f"testsrc=size={size}:rate=25:duration=0.2"  # testsrc2 knows even sizes only
    ffmpeg("-f", "lavfi", "-i", source, *SOURCES[name], path)
    frames = list(decode(path))
    assert frames[0].pixels.shape == (int(size[-2:]), int(size[:2]), 3)
    assert b"".join(f.pixels.tobytes() for f in frames) == rgb_of_ffmpeg(path)


def test_tags_are_told_by_probe_and_make_a_difference(tmp_path):
    seen = {}
    for matrix, color_range in (("bt709", "tv"), ("smpte170m", "tv"), ("bt709", "pc")):
        name = f"yuv420p-{matrix}-{color_range}.mkv"
        ffmpeg("-f", "lavfi", "-i", "testsrc2=size=98x54:rate=25:duration=0.04", *SOURCES[name], tmp_path / name)
        info = probe(tmp_path / name)
        assert (info.color_space, info.color_range) == (matrix, color_range)
        seen[name] = next(iter(decode(tmp_path / name))).pixels
    assert all(not np.array_equal(a, b) for a, b in itertools.combinations(seen.values(), 2))


def test_primary_colors_come_back(tmp_path):
    colors = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255,) * 3, "black": (0,) * 3}
    for name, rgb in colors.items():
        for matrix in ("bt709", "smpte170m"):
            path = tmp_path / f"{name}-{matrix}.mkv"
            tags = ("-colorspace", matrix, "-color_range", "tv", "-pix_fmt", "yuv420p")
            convert = ("-vf", f"scale=out_color_matrix={matrix}:out_range=tv,format=yuv420p")
            ffmpeg(
                *("-f", "lavfi", "-i", f"color={name}:size=32x32:rate=25:duration=0.04", *convert, *X264, *tags, path)
            )
            pixels = next(iter(decode(path))).pixels
            assert np.abs(pixels.astype(int) - rgb).max() <= 4, (name, matrix, pixels[16, 16])


def test_gray_of_eight_bits_is_the_stored_luma(tmp_path):
    path = tmp_path / "tv.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=98x54:rate=25:duration=0.2", *SOURCES["yuv420p-bt709-tv.mkv"], path)
    luma = shown_by_ffmpeg(path, "extractplanes=y")
    assert b"".join(f.pixels.tobytes() for f in decode(path, pixels="gray")) == luma


@pytest.mark.parametrize("name", ["rgb.mkv", "yuv420p10le-bt709-tv.mkv", "animation.gif", "uyvy422.avi", "gray16.mkv"])
def test_gray_of_other_layouts_is_what_ffmpeg_makes_of_them(name, tmp_path):
    path = tmp_path / name
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=98x54:rate=25:duration=0.2", *SOURCES[name], path)
    gray = shown_by_ffmpeg(path, f"scale=flags={SCALE_FLAGS},format=gray")
    assert b"".join(f.pixels.tobytes() for f in decode(path, pixels="gray")) == gray


def test_real_clips_equal_ffmpeg(clips):
    for path in sorted([*(clips / "faces").iterdir(), *(clips / "moments").iterdir()]):
        frames = list(decode(path, Span(end_frame=5)))
        assert b"".join(f.pixels.tobytes() for f in frames) == rgb_of_ffmpeg(path, "-frames:v", 5), path.name


@pytest.mark.parametrize("shape", [(1, 1), (37, 53), (256, 256)])
def test_planes_hold_the_pixels_they_were_made_of(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (2 * shape[0], shape[1] + 3, 3), np.uint8)[::2, 3:]
    picture = planar(pixels)
    np.testing.assert_array_equal(picture.to_ndarray(format="rgb24"), pixels)
    np.testing.assert_array_equal(interleaved(picture), pixels)
