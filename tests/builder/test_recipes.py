"""The two recipes cut and refuse as the paper and its released code do, on real video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import SourceVideo, load_recipe
from gifbench.entry_points import RECIPES, entry_names
from gifbench.errors import RecipeError, Rejected
from gifbench.manifest.rows import ManifestRow
from gifbench.media.crop_and_resize import Geometry, through_jpeg
from gifbench.media.video import Span, VideoInfo, decode, probe
from tests.conftest import moving_picture


def video(width: int, height: int, fps: Fraction = Fraction(30)) -> SourceVideo:
    """A source that claims to be of some size; moments are judged by that alone."""
    info = VideoInfo("h264", "yuv420p", width, height, 0, fps, Fraction(1, 90000), None, None, "bt709", "tv")
    return SourceVideo(Path("x.mp4"), Span(), info)


@pytest.mark.parametrize(
    ("size", "scaled"),
    [((640, 360), (636, 360)), ((480, 360), (480, 360)), ((1280, 720), (636, 360)), ((854, 480), (636, 360)),
     ((360, 640), (360, 636)), ((1920, 800), (864, 360)), ((720, 405), (636, 360)), ((361, 361), (360, 360))],
)  # fmt: skip
def test_moments_have_the_released_sizes(size: tuple[int, int], scaled: tuple[int, int]) -> None:
    geometry = load_recipe("gif-moments").geometry(video(*size))
    assert (geometry.width, geometry.height) == scaled
    assert geometry.crop is None


def test_a_moment_is_refused_by_rule_and_value() -> None:
    recipe = load_recipe("gif-moments")
    with pytest.raises(Rejected) as caught:
        recipe.geometry(video(640, 359))
    assert (caught.value.rule, caught.value.value) == ("too_small", "640×359")
    with pytest.raises(Rejected) as caught:
        recipe.geometry(video(640, 360, Fraction(1999, 100)))
    assert (caught.value.rule, caught.value.value, caught.value.limit) == ("too_slow", "19.990 fps", "at least 20")
    recipe.geometry(video(360, 360, Fraction(20)))
    with pytest.raises(Rejected, match="too_short: 40 frames"):
        recipe.check_length(40)
    recipe.check_length(41)


def test_recipes_are_found_by_name_and_their_parameters_checked() -> None:
    assert entry_names(RECIPES) == ["gif-faces", "gif-moments"]
    assert load_recipe("gif-faces", {"expand": "2.25", "jpeg": "95", "crop": "release"}).model_dump()["expand"] == 2.25
    for settings, says in (
        ({"expnad": "2"}, 'did you mean "expand"'),
        ({"colors": "1"}, "colors is '1'"),
        ({"quantizer": "neuquant"}, "quantizer is 'neuquant'"),
        ({"nothing": "2"}, "choose from: "),
    ):
        with pytest.raises(RecipeError, match=says):
            load_recipe("gif-faces", settings)


@pytest.mark.parametrize(
    ("text", "says"),
    [("import nothing_at_all", "cannot be imported"), ("x = 1", "defines 0 recipes"), ("(", "cannot be imported")],
)
def test_a_recipe_file_that_is_none_is_said(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(RecipeError, match=says):
        load_recipe(str(tmp_path / "mine.py"))


def test_filters_are_what_they_are_called() -> None:
    frame = moving_picture(1, 90, 120)[0]
    halves = frame.reshape(45, 2, 60, 2, 3).mean((1, 3))
    area = Geometry(None, 60, 45, "area").apply(frame)
    assert np.abs(area - halves).max() <= 0.5
    four = Geometry(None, 60, 45, "four-neighbours").apply(frame)
    np.testing.assert_array_equal(four, cv2.resize(frame, (60, 45)))
    smooth = Geometry((10, 20, 60, 30), 20, 10, "bilinear").apply(frame)
    assert smooth.shape == (10, 20, 3)
    same = Geometry((5, 6, 20, 10), 20, 10, "area").apply(frame)
    np.testing.assert_array_equal(same, frame[6:16, 5:25])


def test_jpeg_is_opencvs_at_that_quality(tmp_path: Path) -> None:
    frame = moving_picture(1, 64, 64)[0]
    cv2.imwrite(str(tmp_path / "a.jpg"), np.ascontiguousarray(frame[..., ::-1]))  # quality 95 is its default
    expected = cv2.imread(str(tmp_path / "a.jpg"))[..., ::-1]
    np.testing.assert_array_equal(through_jpeg(frame, 95), expected)


def test_faces_are_square_and_large_and_others_rejected(clips: Path, tmp_path: Path) -> None:
    """A GRID talker, and the time lapse of a flower, which has no face."""
    rows = [
        ManifestRow(clip_id="talker", split="test", source="file", locator="faces/grid__bbaf2n.mpg", end_frame=10),
        ManifestRow(
            clip_id="flower", split="test", source="file", locator="moments/shared-assets__flower.mp4", end_frame=5
        ),
    ]
    dataset = run_build(load_recipe("gif-faces"), rows, str(tmp_path / "faces"), sources=clips, workers=1)
    assert dataset.about["outcomes"] == {"built": 1, "rejected": {"no_face": 1}, "failed": {}}
    clip = dataset["talker"]
    assert clip.row.crop is not None
    x, y, width, height = clip.row.crop
    assert width == height >= 100
    source = next(iter(decode(clips / "faces/grid__bbaf2n.mpg"))).pixels
    expected = cv2.resize(source[y : y + height, x : x + width], (256, 256), interpolation=cv2.INTER_LINEAR_EXACT)
    if width >= 256:
        expected = cv2.resize(source[y : y + height, x : x + width], (256, 256), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(clip.truth.frames[0], expected)


def test_the_release_crop_is_larger_and_squashed(clips: Path) -> None:
    path = clips / "faces/grid__bbaf2n.mpg"
    source = SourceVideo(path, Span(end_frame=3), probe(path))
    paper = load_recipe("gif-faces").geometry(source)
    release = load_recipe("gif-faces", {"crop": "release"}).geometry(source)
    assert paper.crop is not None
    assert release.crop is not None
    assert release.crop[2] > paper.crop[2]
    assert release.filter == "four-neighbours"
    wide = load_recipe("gif-faces", {"expand": 2.0}).geometry(source)
    assert wide.crop is not None
    assert wide.crop[2] == pytest.approx(paper.crop[2] * 2 / 1.5, abs=2) or wide.crop[2] == 288


def test_real_moments_are_kept_or_refused(clips: Path, tmp_path: Path) -> None:
    rows = [
        ManifestRow(clip_id=name, split="test", source="file", locator=f"moments/{file}", end_frame=frames)
        for name, file, frames in (
            ("bug", "shared-assets__bug_video_640.mp4", 41),
            ("short", "opencv__box.mp4", 40),
            ("cars", "sample-videos__car-detection.mp4", 41),
        )
    ]
    dataset = run_build(load_recipe("gif-moments"), rows, str(tmp_path / "moments"), sources=clips, workers=1)
    assert dataset.about["outcomes"] == {"built": 1, "rejected": {"too_short": 1, "too_slow": 1}, "failed": {}}
    assert (dataset["bug"].width, dataset["bug"].height, dataset["bug"].num_frames) == (636, 360, 41)
