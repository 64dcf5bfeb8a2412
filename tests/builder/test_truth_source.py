"""truth=source keeps packets instead of frames, and everything that reads the truth gives the very same pixels."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import load_recipe
from gifbench.dataset import Dataset, export_clip, open_dataset, verify_dataset
from gifbench.dataset.shard_format import about_clip
from gifbench.errors import CorruptMedia, UsageError
from gifbench.manifest.rows import ManifestRow
from gifbench.media.video import lossless_codec, read_lossless
from tests.conftest import moving_picture, write_video

ROWS = [
    ManifestRow(clip_id="head", split="test", source="file", locator="talk.mp4", end_frame=10),
    ManifestRow(clip_id="tail", split="test", source="file", locator="talk.mp4", start_frame=29, end_frame=40),
    ManifestRow(clip_id="old", split="test", source="file", locator="old.avi"),
]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    options = {"preset": "medium", "crf": "20", "g": "12", "bf": "3", "x264-params": "scenecut=0"}
    write_video(folder / "talk.mp4", moving_picture(40, 96, 128), options=options)
    write_video(folder / "old.avi", moving_picture(6, 96, 128, seed=1), codec="msmpeg4v2", options={"qscale": "3"})
    return folder


def build(truth: str, recipe: Path, videos: Path, out: Path, **settings: object) -> Dataset:
    made = load_recipe(str(recipe), {"truth": truth, **settings})
    return run_build(made, ROWS, str(out), sources=videos, workers=1)


@pytest.fixture(scope="module")
def kept(tiny_recipe: Path, videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return build("source", tiny_recipe, videos, tmp_path_factory.mktemp("kept") / "data")


@pytest.fixture(scope="module")
def lossless(tiny_recipe: Path, videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return build("lossless", tiny_recipe, videos, tmp_path_factory.mktemp("lossless") / "data")


def test_reading_gives_the_frames_that_were_quantized(kept: Dataset, lossless: Dataset) -> None:
    """Cut out of the source and resized when they are read, they are what lossless truth holds."""
    assert kept.fingerprint == lossless.fingerprint
    for clip in kept:
        frames = clip.truth.frames
        np.testing.assert_array_equal(frames, lossless[clip.clip_id].truth.frames)
        assert hashlib.sha256(frames.tobytes()).hexdigest() == clip.row.pixels_sha256
        np.testing.assert_array_equal(clip.truth_frames([4, 1, 4]), frames[[4, 1, 4]])
    with pytest.raises(UsageError, match="frame 10 is outside of clip head"):
        kept["head"].truth_frames([10])


def test_jpeg_is_done_when_reading_too(tiny_recipe: Path, videos: Path, tmp_path: Path) -> None:
    pair = [build(truth, tiny_recipe, videos, tmp_path / truth, jpeg=95) for truth in ("source", "lossless")]
    assert pair[0].fingerprint == pair[1].fingerprint
    assert pair[0]["tail"].row.truth_jpeg == 95
    np.testing.assert_array_equal(pair[0]["tail"].truth.frames, pair[1]["tail"].truth.frames)


def test_the_packets_are_the_source_s_and_the_index_says_which_pictures(kept: Dataset, videos: Path) -> None:
    head, tail, old = (kept[name].row for name in ("head", "tail", "old"))
    assert (head.truth_first, tail.truth_first) == (0, 5)
    assert tail.truth_filter == "area"
    assert max(head.truth.bytes, tail.truth.bytes) < (videos / "talk.mp4").stat().st_size
    # What Matroska does not hold is kept without loss, and said so.
    assert (old.truth_first, old.truth_filter) == (None, None)
    assert len(read_lossless(kept["old"].read("truth"))) == 6
    with tarfile.open(Path(kept.url, tail.shard)) as tar:
        about = json.loads(tar.extractfile("tail.json").read())  # type: ignore[union-attr]
    assert (about["truth_first"], about["truth_jpeg"]) == (5, None)
    assert b"truth_first" not in about_clip(old)


def test_an_exported_clip_is_the_clip_and_not_its_source(kept: Dataset, tmp_path: Path) -> None:
    clip = kept["tail"]
    files = export_clip(clip, tmp_path, png=True)
    np.testing.assert_array_equal(read_lossless(files[0]), clip.truth.frames)
    np.testing.assert_array_equal(cv2.imread(str(files[4]))[..., ::-1], clip.truth.frames[1])


def test_either_codec_of_lossless_truth_is_the_same_dataset(
    lossless: Dataset, videos: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    ffv1 = build("lossless", tiny_recipe, videos, tmp_path / "ffv1", truth_codec="ffv1")
    assert ffv1.fingerprint == lossless.fingerprint
    assert lossless_codec(ffv1["tail"].read("truth")) == "ffv1"
    assert lossless_codec(lossless["tail"].read("truth")) == "utvideo"
    np.testing.assert_array_equal(ffv1["tail"].truth_frames([3, 1]), lossless["tail"].truth_frames([3, 1]))
    # What people and archives get is FFV1, whatever the dataset keeps.
    files = [export_clip(dataset["tail"], tmp_path / name)[0] for name, dataset in (("a", ffv1), ("b", lossless))]
    assert files[0].read_bytes() == files[1].read_bytes() == ffv1["tail"].read("truth")


def test_a_dataset_that_is_older_than_these_columns_is_read(lossless: Dataset, tmp_path: Path) -> None:
    import shutil

    import pyarrow.parquet as pq

    old = Path(shutil.copytree(lossless.url, tmp_path / "old"))
    table = pq.ParquetFile(old / "index.parquet").read(use_threads=False)
    columns = [name for name in table.column_names if name not in ("truth_first", "truth_filter", "truth_jpeg")]
    pq.write_table(table.select(columns), old / "index.parquet")
    dataset = open_dataset(old)
    assert [list(clip.check()) for clip in dataset] == [[], [], []]
    assert len(dataset["head"].truth) == 10


def test_an_index_that_promises_other_pictures_is_damage(kept: Dataset) -> None:
    import dataclasses

    from gifbench.dataset.truth_reader import read_truth

    clip = kept["tail"]
    row = dataclasses.replace(clip.row, truth_first=30)
    with pytest.raises(CorruptMedia, match="clip tail"):
        read_truth(row, clip.read("truth"))


def test_real_moments_are_read_back_from_their_packets(clips: Path, tmp_path: Path) -> None:
    rows = [
        ManifestRow(clip_id=name, split="test", source="file", locator=f"moments/{file}", start_frame=20, end_frame=36)
        for name, file in (
            ("flower", "shared-assets__flower.mp4"),
            ("bunny", "moviepy__big_buck_bunny_0_30.webm"),
            ("box", "opencv__box.mp4"),  # its packets and its pictures are not one to one
        )
    ]
    recipe = load_recipe("gif-moments", {"truth": "source", "min_frames": 8})
    dataset = run_build(recipe, rows, str(tmp_path / "moments"), sources=clips, workers=1)
    assert list(verify_dataset(dataset.url, workers=1)) == []
    assert [clip.row.truth_first is None for clip in dataset] == [True, False, False]
    assert dataset["bunny"].row.truth.bytes < 100_000
