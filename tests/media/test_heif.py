"""HEIC and AVIF: cut, turned and mirrored as their properties say, and a picture of tiles is no tile."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageOps

from gifbench.errors import CorruptMedia, NoVideo
from gifbench.media.clip import Pixels
from gifbench.media.video import decode, probe
from tests.media.heif_files import box, clap, coded, grid, picture
from tests.media.video_files import ffmpeg, rgb_of_ffmpeg


def drawn() -> Pixels:
    """A soft picture with a corner that tells all eight orientations apart."""
    y, x = np.mgrid[0:128, 0:192]
    pixels = np.stack([x, y * 3 // 2, (x + y) * 200 // 320], -1).astype(np.uint8)
    pixels[:40, :60] = [255, 0, 0]
    return pixels


def near(path: Path, wanted: Pixels) -> None:
    """One frame, within what the coding loses; the size as `probe` says."""
    (frame,) = decode(path)
    info = probe(path)
    assert frame.pixels.shape == wanted.shape == (info.height, info.width, 3)
    assert np.abs(frame.pixels.astype(int) - wanted).mean() < 2


TURNS = {"irot": [np.rot90(drawn(), quarters) for quarters in range(4)], "imir": [drawn()[::-1], drawn()[:, ::-1]]}


@pytest.mark.parametrize("kind", ["av01", "hvc1"])
@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, all_ in TURNS.items() for value in range(len(all_))]
)
def test_a_picture_is_turned_and_mirrored(kind: str, name: str, value: int, tmp_path: Path) -> None:
    path = tmp_path / "a.heif"
    path.write_bytes(picture(drawn(), box(name, bytes([value])), kind=kind))
    near(path, TURNS[name][value])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_of_an_avif_is_shown_as_pillow_shows_it(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    path = tmp_path / "a.avif"
    Image.fromarray(drawn()).save(path, exif=exif, quality=95)
    with Image.open(path) as shown:
        near(path, np.asarray(ImageOps.exif_transpose(shown).convert("RGB")))


@pytest.mark.parametrize("kind", ["av01", "hvc1"])
@pytest.mark.parametrize(
    ("left", "top", "width", "height"), [(26, 44, 100, 60), (0, 0, 192, 128), (92, 68, 100, 60), (1, 3, 150, 90)]
)
def test_a_picture_is_cut_to_its_aperture(
    kind: str, left: int, top: int, width: int, height: int, tmp_path: Path
) -> None:
    offsets = Fraction(2 * left + width - 192, 2), Fraction(2 * top + height - 128, 2)
    path = tmp_path / "a.heif"
    path.write_bytes(picture(drawn(), clap(width, height, *offsets), kind=kind))
    near(path, drawn()[top : top + height, left : left + width])
    (frame,) = decode(path)
    assert frame.pixels.tobytes() == rgb_of_ffmpeg(path)


@pytest.mark.parametrize("kind", ["av01", "hvc1"])
@pytest.mark.parametrize(("rows", "columns"), [(1, 2), (2, 2), (2, 3)])
def test_a_picture_of_tiles_is_not_taken_for_one_of_them(kind: str, rows: int, columns: int, tmp_path: Path) -> None:
    path = tmp_path / "a.heif"
    path.write_bytes(grid(drawn(), rows, columns, kind=kind))
    for read in (probe, lambda path: list(decode(path))):
        with pytest.raises(NoVideo, match=f"one still picture in {rows * columns} tiles"):
            read(path)


def with_matrix(path: Path, matrix: int) -> Path:
    """An AV1 video whose header names this matrix."""
    plain = path.with_name("plain.avif")
    plain.write_bytes(picture(drawn()))
    ffmpeg("-i", plain, "-c", "copy", "-bsf:v", f"av1_metadata=matrix_coefficients={matrix}", path)
    return path


@pytest.mark.parametrize("matrix", [1, 2, 3, 5, 6, 8, 9, 10, 12, 13, 14, 15, 16, 17, 100, 254, 255])
def test_a_matrix_is_converted_as_ffmpeg_does_or_named(matrix: int, tmp_path: Path) -> None:
    path = with_matrix(tmp_path / "a.mkv", matrix)
    try:
        (frame,) = decode(path)
    except CorruptMedia as error:
        assert "color" in str(error) and "\n" not in str(error)
        assert "a.mkv" in str(error)
        assert matrix not in (1, 2, 5, 6, 9)
    else:
        assert frame.pixels.tobytes() == rgb_of_ffmpeg(path)


def test_libav_reads_heif() -> None:
    assert "avif" in av.formats_available


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="no scheduling policies here")
def test_a_picture_that_is_coded_leaves_the_process_as_it_was():
    coded(np.zeros((64, 64, 3), np.uint8), "av01")
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
