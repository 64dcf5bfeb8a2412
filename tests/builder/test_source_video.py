"""What a dataset makes of odd sources: when a clip begins, pixels that are not square, interlacing, HDR."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import load_recipe
from gifbench.dataset import Dataset
from gifbench.manifest.rows import ManifestRow
from gifbench.media.video import decode
from gifbench.media.video.yuv_to_rgb_and_hdr import ColorConverter
from tests.media.video_files import pattern, stamped


def built(recipe: Path, video: Path, out: Path, *spans: dict[str, object], **settings: object) -> Dataset:
    rows = [
        ManifestRow(clip_id=f"clip{i}", split="test", source="file", locator=video.name, **span)
        for i, span in enumerate(spans or ({},))
    ]
    return run_build(load_recipe(str(recipe), settings), rows, str(out), sources=video.parent, workers=1)


def details(dataset: Dataset) -> list[str]:
    return [row["detail"] for row in pq.read_table(f"{dataset.url}/outcomes.parquet").to_pylist()]


def test_a_time_row_and_a_frame_row_of_one_span_are_one_clip(tiny_recipe, tmp_path):
    """And both begin when the first frame is shown, not at its number divided by the average rate."""
    ticks = [40 * i for i in range(20)] + [500 + 40 * i for i in range(30)] + [4000 + 40 * i for i in range(9)]
    video = stamped(tmp_path / "back.mkv", ticks)
    times = [frame.time for frame in decode(video)]
    spans = [
        span
        for first in (5, 22, 30, 51)
        for span in (
            {"start": float(times[first]), "end": float(times[first + 6])},
            {"start_frame": first, "end_frame": first + 6},
        )
    ]
    dataset = built(tiny_recipe, video, tmp_path / "out", *spans)
    rows = [dataset[f"clip{i}"].row for i in range(8)]
    for by_time, by_number, first in zip(rows[::2], rows[1::2], (5, 22, 30, 51), strict=True):
        assert by_time.pixels_sha256 == by_number.pixels_sha256
        assert by_time.start_seconds == by_number.start_seconds == pytest.approx(float(times[first]), abs=1e-9)


def test_a_constant_rate_counts_from_the_frame_number(tiny_recipe, tmp_path):
    """As it always did: Matroska's milliseconds are freed from their rounding."""
    video = stamped(tmp_path / "even.mkv", [round(1000 * i / 30) for i in range(40)])
    row = built(tiny_recipe, video, tmp_path / "out", {"start_frame": 10, "end_frame": 20})["clip0"].row
    assert row.start_seconds == pytest.approx(float(Fraction(10, 30)), abs=2e-3)


def test_pixels_that_are_not_square_are_made_so_and_that_is_in_the_index(tiny_recipe, tmp_path):
    x264 = ("-vf", "setsar=2/1", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    video = pattern(tmp_path / "wide.mp4", *x264, size="180x288", frames=6)
    row = built(tiny_recipe, video, tmp_path / "square")["clip0"].row
    assert (row.width, row.height, row.pixel_aspect) == (180, 144, "2")  # the recipe halves 360×288
    stored = built(tiny_recipe, video, tmp_path / "stored", square_pixels=False)
    assert (stored["clip0"].row.width, stored["clip0"].row.height) == (90, 144)
    source = built(tiny_recipe, video, tmp_path / "source", truth="source")
    assert source.fingerprint == built(tiny_recipe, video, tmp_path / "again").fingerprint
    assert source["clip0"].row.truth_first is None  # packets hold stored pixels, so the frames are kept without loss
    assert details(stored) == ["pixels are 2:1: kept as stored"]


def test_interlacing_and_hdr_are_said_and_converted_on_demand(tiny_recipe, tmp_path, monkeypatch):
    asked = []  # in place of tone-mapping itself, for which ffmpeg takes seconds: tests/media/test_video_conversions.py
    monkeypatch.setattr(ColorConverter, "_maps", lambda self, frame: asked.append(self.tonemap))
    mpeg2 = ("-c:v", "mpeg2video", "-flags", "+ildct+ilme")
    lines = "testsrc2=size=96x64:rate=50,tinterlace=4,setfield=tff"
    fields = pattern(tmp_path / "fields.mkv", *mpeg2, source=lines, frames=6)
    curve = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    x265 = ("-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le")
    bright = pattern(tmp_path / "bright.mkv", "-vf", curve, *x265, frames=6)
    for video, setting, left, done in (
        (fields, "deinterlace", "interlaced: kept as stored", "interlaced: deinterlaced"),
        (bright, "tonemap", "HDR (PQ): not tone-mapped", "HDR (PQ): tone-mapped to BT.709"),
    ):
        plain = built(tiny_recipe, video, tmp_path / f"{setting}-off")
        changed = built(tiny_recipe, video, tmp_path / f"{setting}-on", **{setting: True})
        assert details(plain) == [left]
        assert details(changed) == [done]
        if setting == "deinterlace":
            assert plain["clip0"].row.pixels_sha256 != changed["clip0"].row.pixels_sha256
            assert not any(asked)
    assert asked[0] is False and asked[-1] is True
