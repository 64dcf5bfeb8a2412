"""gifs=generated keeps no GIFs, and everything that reads them gets the very same, made of the truth."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import Recipe, load_recipe
from gifbench.builder.repack import repack_dataset
from gifbench.dataset import Dataset, DatasetClip, export_clip, gifs_from_truth, open_dataset, verify_dataset
from gifbench.dataset.card import card
from gifbench.dataset.index_rows import MEMBERS
from gifbench.dataset.shard_format import about_clip, group_range
from gifbench.errors import DatasetDamaged, DatasetError, UsageError
from gifbench.manifest.rows import ManifestRow, manifest_bytes
from gifbench.media.clip import Pixels
from gifbench.media.colors.quantize import PairQuantizer
from gifbench.progress import Progress
from gifbench.storage import Folder
from tests.cli.forked_command import ForkedCommand
from tests.conftest import invoke, moving_picture, succeed, write_video
from tests.dataset.changed_files import flip, mend, tree

ROWS = [
    ManifestRow(clip_id="head", split="train", source="file", locator="talk.mp4", end_frame=10),
    ManifestRow(clip_id="tail", split="test", source="file", locator="talk.mp4", start_frame=29, end_frame=40),
    ManifestRow(clip_id="film", split="test", source="file", locator="film.mkv", start_frame=3),
    ManifestRow(clip_id="uneven", split="test", source="file", locator="uneven.mkv"),
    ManifestRow(clip_id="old", split="test", source="file", locator="old.avi"),
]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A talk, a film by a clock of milliseconds, one whose rate varies, and one whose packets cannot be kept."""
    folder = tmp_path_factory.mktemp("sources")
    options = {"preset": "medium", "crf": "20", "g": "12", "bf": "3", "x264-params": "scenecut=0"}
    write_video(folder / "talk.mp4", moving_picture(40, 96, 128), options=options)
    write_video(folder / "film.mkv", moving_picture(30, 48, 64, seed=2), fps=Fraction(24000, 1001))
    write_video(folder / "old.avi", moving_picture(6, 96, 128, seed=1), codec="msmpeg4v2", options={"qscale": "3"})
    with av.open(str(folder / "uneven.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for frame, at in zip(moving_picture(6, 48, 64, seed=3), (0, 33, 150, 171, 300, 345), strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = at, Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return folder


Build = Callable[..., Dataset]


@pytest.fixture(scope="module")
def build(tiny_recipe: Path, videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Builds the rows with some settings, each combination once."""
    built: dict[str, Dataset] = {}

    def build(**settings: object) -> Dataset:
        if str(settings) not in built:
            out = tmp_path_factory.mktemp("built") / "data"
            recipe = load_recipe(str(tiny_recipe), settings)
            built[str(settings)] = run_build(recipe, ROWS, str(out), sources=videos, workers=1)
        return built[str(settings)]

    return build


@pytest.fixture
def made(build: Build) -> Dataset:
    return build(gifs="generated", truth="source")


@pytest.fixture
def stored(build: Build) -> Dataset:
    return build(gifs="stored", truth="lossless")


@pytest.fixture
def copy(made: Dataset, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.url, tmp_path / "copy"))


@pytest.fixture
def recipe(tiny_recipe: Path) -> Recipe:
    return load_recipe(str(tiny_recipe), {"gifs": "generated", "truth": "source"})


def same_gifs(ours: DatasetClip, theirs: DatasetClip) -> None:
    for dithered in (False, True):
        mine, other = ours.gif(dithered=dithered), theirs.gif(dithered=dithered)
        np.testing.assert_array_equal(mine.indices, other.indices)
        for palette, expected in zip(mine.palettes, other.palettes, strict=True):
            np.testing.assert_array_equal(palette, expected)
        assert (mine.times, mine.duration, mine.dithered, mine.loop, mine.transparent) == (
            *(other.times, other.duration, other.dithered, other.loop, other.transparent),
        )
    for member in gifs_from_truth.GIFS:
        assert ours.read(member) == theirs.read(member)


@pytest.mark.parametrize("truth", ["lossless", "source"])
def test_the_gifs_that_are_made_are_the_ones_that_would_have_been_stored(
    truth: str, build: Build, stored: Dataset
) -> None:
    made = build(gifs="generated", truth=truth)
    assert made.fingerprint == stored.fingerprint
    assert len(made) == len(ROWS)
    for clip in made:
        same_gifs(clip, stored[clip.clip_id])
        assert (clip.row.plain.sha256, clip.row.plain.bytes) == (
            *(stored[clip.clip_id].row.plain.sha256, stored[clip.clip_id].row.plain.bytes),
        )
    assert list(verify_dataset(made.url, workers=1)) == []


@pytest.mark.parametrize("settings", [{"colors": 5}, {"quantizer": "median-cut"}, {"kmeans_steps": 2, "jpeg": 90}])
def test_the_parameters_of_the_recipe_are_those_of_the_maker(
    settings: dict[str, object], videos: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    pair = []
    for gifs_, truth in (("generated", "source"), ("stored", "lossless")):
        recipe = load_recipe(str(tiny_recipe), {"gifs": gifs_, "truth": truth, **settings})
        pair.append(run_build(recipe, ROWS[1:2], str(tmp_path / gifs_), sources=videos, workers=1))
    assert pair[0].fingerprint == pair[1].fingerprint
    same_gifs(pair[0]["tail"], pair[1]["tail"])
    part = pair[0]["tail"].gif_frames([3], dithered=True)
    np.testing.assert_array_equal(part.palettes[0], pair[1]["tail"].gif(dithered=True).palettes[3])


def test_delays_that_a_rounded_clock_made_are_kept(made: Dataset, stored: Dataset) -> None:
    """The film's times are exact in the index, but its GIFs were timed by the milliseconds of its container."""
    assert made["film"].row.ticks is None
    assert made["film"].row.gif_delays is not None
    assert made["head"].row.gif_delays is None
    assert made["uneven"].row.ticks is not None
    assert made["film"].read("plain") == stored["film"].read("plain")


def test_a_shard_holds_no_gif_and_the_index_says_so(made: Dataset) -> None:
    row = made["tail"].row
    with tarfile.open(Path(made.url, row.shard)) as tar:
        names = tar.getnames()
    assert {name.split(".", 1)[1] for name in names} == {"truth.mkv", "json"}
    assert (row.to_dict()["plain_offset"], row.to_dict()["truth_offset"] is None) == (None, False)
    assert row.plain.bytes == len(made["tail"].read("plain"))
    assert made.about["bytes"] == sum(each.truth.bytes for each in made.rows)
    assert made.about["recipe"]["gifs"] == "generated"


def test_stored_gifs_are_described_as_ever(stored: Dataset) -> None:
    """A shard of before this option has the same bytes after it."""
    assert b"gif_" not in about_clip(stored["tail"].row)
    assert stored["tail"].row.stored == tuple(MEMBERS)


def test_single_frames_are_those_of_the_whole(made: Dataset, stored: Dataset) -> None:
    clip, whole = made["tail"], stored["tail"].gif(dithered=True)
    for frames in ([4], [0, 3, 10], [2, 4, 6, 8]):
        part, expected = clip.gif_frames(frames, dithered=True), whole.select(frames)
        np.testing.assert_array_equal(part.indices, expected.indices)
        np.testing.assert_array_equal(part.frames, expected.frames)
        assert (part.times, part.duration, part.dithered) == (expected.times, expected.duration, True)
        np.testing.assert_array_equal(stored["tail"].gif_frames(frames, dithered=True).frames, expected.frames)
    for wrong in ([11], []):
        with pytest.raises(UsageError):
            clip.gif_frames(wrong)


def test_a_single_frame_is_made_alone(made: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    whole = PairQuantizer.__call__

    def counted(self: PairQuantizer, frame: Pixels) -> tuple[Pixels, Pixels, Pixels]:
        asked.append(frame.shape)
        return whole(self, frame)

    monkeypatch.setattr(PairQuantizer, "__call__", counted)
    made["tail"].gif_frames([4])
    assert len(asked) == 1


@pytest.mark.parametrize("dithered", [False, True])
def test_training_samples_are_the_same(dithered: bool, made: Dataset, stored: Dataset) -> None:
    pytest.importorskip("torch")
    from gifbench.dataset.torch_dataset import FrameDataset

    ours, theirs = (FrameDataset(each, dithered=dithered, keep=2) for each in (made, stored))
    assert len(ours) == len(theirs) > 50
    for number in np.random.default_rng(0).permutation(len(ours))[:25]:
        sample, expected = ours[int(number)], theirs[int(number)]
        np.testing.assert_array_equal(sample["gif"], expected["gif"])
        np.testing.assert_array_equal(sample["palette"], expected["palette"])
        np.testing.assert_array_equal(sample["truth"], expected["truth"])
        assert sample["colors"] == expected["colors"]


def test_windows_and_validation_are_the_same(made: Dataset, stored: Dataset) -> None:
    pytest.importorskip("torch")
    from gifbench.training.config import DataOptions
    from gifbench.training.window_sampler import Windows

    options = DataOptions(dithered="both", crop=24, windows=(3,))
    ours, theirs = (Windows(each, options, seed=0, length=6) for each in (made, stored))
    for number in range(6):
        for mine, other in zip(ours[number], theirs[number], strict=True):
            np.testing.assert_array_equal(mine, other)


def test_scores_and_exported_tasks_are_the_same(made: Dataset, stored: Dataset, tmp_path: Path) -> None:
    for name, dataset in (("generated", made), ("stored", stored)):
        common = ["--task", "dithered-2", "--split", "test"]
        for line in (
            ["evaluate", "gif", "--data", dataset.url, "--out", str(tmp_path / name / "results"), *common],
            ["task-export", dataset.url, "--out", str(tmp_path / name / "task"), *common],
        ):
            succeed(*line)
    gif_files = sorted(path.relative_to(tmp_path / "generated") for path in (tmp_path / "generated").rglob("*.gif"))
    tables = sorted(path.relative_to(tmp_path / "generated") for path in (tmp_path / "generated").rglob("*.parquet"))
    assert len(gif_files) == 4
    for file in gif_files:
        assert (tmp_path / "generated" / file).read_bytes() == (tmp_path / "stored" / file).read_bytes()
    assert tables
    for file in tables:
        ours, theirs = (pq.read_table(tmp_path / name / file) for name in ("generated", "stored"))
        scores = [name for name in ours.column_names if "seconds" not in name]
        assert ours.select(scores).equals(theirs.select(scores))


def test_an_exported_clip_is_the_same(made: Dataset, stored: Dataset, tmp_path: Path) -> None:
    ours, theirs = (export_clip(each["tail"], tmp_path / name) for name, each in (("a", made), ("b", stored)))
    assert [file.read_bytes() for file in ours[1:]] == [file.read_bytes() for file in theirs[1:]]


def test_any_flipped_bit_of_a_shard_is_found(copy: Path) -> None:
    row = open_dataset(copy)["tail"].row
    shard = copy / row.shard
    whole = shard.read_bytes()
    start, end = group_range(row)
    for place in (start + 3, row.truth.offset + row.truth.bytes // 2, row.members_end, end - 700, end - 1):
        flip(shard, place)
        assert "tail" in dict(verify_dataset(str(copy), workers=1)), place
        shard.write_bytes(whole)
    assert list(verify_dataset(str(copy), workers=1)) == []


def test_a_gif_that_is_not_the_one_of_the_index_is_refused(made: Dataset) -> None:
    clip = made["tail"]
    other = replace(clip.row, dithered=replace(clip.row.dithered, sha256="0" * 64))
    wrong = DatasetClip(made.folder, other)
    with pytest.raises(
        DatasetDamaged, match=r"clip tail: dithered: what is made of the truth differs.*gifbench verify"
    ):
        wrong.gif(dithered=True)
    wrong.gif()  # the plain one is whole
    assert next(wrong.check()).startswith("dithered: what is made of the truth differs")
    short = DatasetClip(made.folder, replace(clip.row, gif_delays=(4, 4)))
    assert "11 frames, the index says 2" in next(short.check())


@pytest.fixture
def other_maker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A version of gifbench whose palettes are a little different, and with them its GIFs."""
    whole = PairQuantizer.__call__

    def other(self: PairQuantizer, frame: Pixels) -> tuple[Pixels, ...]:
        palette, *both = whole(self, frame)
        return palette ^ np.uint8(1), *both

    monkeypatch.setattr(PairQuantizer, "__call__", other)
    gifs_from_truth.maker_signature.cache_clear()
    yield
    gifs_from_truth.maker_signature.cache_clear()


@pytest.mark.usefixtures("other_maker")
def test_another_maker_is_one_clear_error(made: Dataset, copy: Path, recipe: Recipe, videos: Path) -> None:
    reading: list[Callable[[], object]] = [
        made["tail"].gif,
        lambda: made["tail"].gif_frames([4]),
        lambda: list(verify_dataset(str(copy), workers=1)),
        # What is new would be of another maker than what is there.
        lambda: run_build(recipe, ROWS, str(copy), sources=videos, workers=1),
    ]
    for read in reading:
        with pytest.raises(DatasetError, match=r"clip \w+: its GIFs are made .* dataset.json names"):
            read()
    said = invoke("verify", copy)
    assert said.exit_code == 1
    assert said.stderr.strip().count("\n") <= 1
    assert len(made["tail"].truth) == 11  # the truth needs no maker


@pytest.mark.parametrize("change", [{"gif_quantizer": "octree"}, {"gif_colors": 9999}])
def test_a_maker_of_a_later_gifbench_is_refused(change: dict[str, object], made: Dataset) -> None:
    with pytest.raises(DatasetError, match="clip tail"):
        DatasetClip(made.folder, replace(made["tail"].row, **change)).gif()  # type: ignore[arg-type]


def test_a_dataset_that_grew_is_the_one_built_at_once(
    recipe: Recipe, videos: Path, made: Dataset, tmp_path: Path
) -> None:
    out = str(tmp_path / "grown")
    for rows in (ROWS[2:4], ROWS[:2], ROWS):
        run_build(recipe, rows, out, sources=videos, workers=1)
        assert list(verify_dataset(out, workers=1)) == []
    assert tree(out) == tree(made.url)


WAIT = """
import time
from pathlib import Path

def wait(out, most):
    \"\"\"As long as there is as much of the dataset as there may be.\"\"\"
    while len([*Path(out).glob("staging/*.group"), *Path(out).glob("*/*.tar")]) >= int(Path(most).read_text()):
        time.sleep(0.01)
"""


def test_a_killed_build_goes_on(tiny_recipe: Path, videos: Path, made: Dataset, tmp_path: Path) -> None:
    out, most, waiting = tmp_path / "killed", tmp_path / "most", tmp_path / "waiting.py"
    wait = f"        wait({str(out)!r}, {str(most)!r})\n        if video"
    waiting.write_text(WAIT + tiny_recipe.read_text().replace("        if video", wait))
    manifest = tmp_path / "list.parquet"
    manifest.write_bytes(manifest_bytes(ROWS))
    for video in videos.iterdir():
        shutil.copy(video, tmp_path / video.name)
    settings = ["--set", "gifs=generated", "--set", "truth=source", "--workers", "1"]
    command = ["build", str(waiting), "--manifest", str(manifest), "--out", str(out)]
    for groups in (1, 3):
        most.write_text(str(groups))
        process = ForkedCommand(*command, *settings)
        while (
            process.poll() is None and len(list(out.glob("staging/*.group"))) + len(list(out.glob("*/*.tar"))) < groups
        ):
            time.sleep(0.02)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    most.write_text("9")
    succeed(*command, *settings)
    assert tree(out) == tree(made.url)


@pytest.mark.parametrize("damage", ["truth", "truncated", "index", "index and description"])
def test_a_repaired_dataset_is_the_one_it_was(
    damage: str, copy: Path, recipe: Recipe, videos: Path, made: Dataset
) -> None:
    row = made["tail"].row
    shard = copy / row.shard
    if damage == "truncated":
        shard.write_bytes(shard.read_bytes()[:-3000])
    if damage.startswith("index"):
        (copy / "index.parquet").unlink()
    if damage in ("truth", "index and description"):
        flip(shard, row.truth.offset + 90 if damage == "truth" else group_range(row)[1] - 700)
    assert mend(copy, recipe, videos)
    assert tree(copy) == tree(made.url)


@pytest.mark.parametrize("truth", ["lossless", "source"])
def test_a_repacked_dataset_is_the_one_that_a_build_gives(truth: str, build: Build, tmp_path: Path) -> None:
    pair = {gifs_: build(gifs=gifs_, truth=truth) for gifs_ in ("stored", "generated")}
    for wanted, given in (("stored", "generated"), ("generated", "stored"), ("generated", "generated")):
        out = tmp_path / f"{wanted} of {given}"
        succeed("repack", pair[given].url, "--out", out, "--gifs", wanted)
        assert tree(out) == tree(pair[wanted].url)
        assert list(verify_dataset(str(out), workers=1)) == []
        again = invoke("repack", pair[given].url, "--out", out, "--gifs", wanted)
        assert "choose another folder" in again.stderr


def test_an_interrupted_repacking_goes_on(made: Dataset, build: Build, tmp_path: Path) -> None:
    out, reports = tmp_path / "out", []

    def stop(now: Progress) -> None:
        if now.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        repack_dataset(made.url, str(out), gifs="stored", workers=1, progress=stop)
    assert not (out / "dataset.json").exists()
    repack_dataset(
        made.url, str(out), gifs="stored", workers=1, progress=lambda now: reports.append((now.done, now.total))
    )
    assert reports[0] == (2, 3)
    assert tree(out) == tree(build(gifs="stored", truth="source").url)


def test_a_repacked_dataset_can_grow(
    recipe: Recipe, videos: Path, made: Dataset, tiny_recipe: Path, tmp_path: Path
) -> None:
    some, out = str(tmp_path / "some"), str(tmp_path / "out")
    stored = load_recipe(str(tiny_recipe), {"truth": "source"})
    run_build(stored, ROWS[:3], some, sources=videos, workers=1)
    repack_dataset(some, out, gifs="generated", workers=1)
    run_build(recipe, ROWS, out, sources=videos, workers=1)
    assert tree(out) == tree(made.url)


def test_damage_is_not_repacked(copy: Path, tmp_path: Path) -> None:
    row = open_dataset(copy)["tail"].row
    flip(copy / row.shard, row.truth.offset + row.truth.bytes // 2)
    for gifs_ in ("stored", "generated"):
        done = invoke("repack", copy, "--out", tmp_path / gifs_, "--gifs", gifs_)
        assert done.exit_code == 1
        assert "clip tail: truth: its bytes differ" in done.stderr


@pytest.mark.usefixtures("stored", "other_maker")
def test_gifs_that_would_not_come_back_are_not_left_out(stored: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be left out"):
        repack_dataset(stored.url, str(tmp_path / "out"), gifs="generated", workers=1)


def test_a_dataset_that_lies_elsewhere_is_read_alike(made: Dataset, stored: Dataset) -> None:
    folder = Folder("memory://made-gifs")
    for path in Path(made.url).rglob("*"):
        if path.is_file():
            folder.write(path.relative_to(made.url).as_posix(), path.read_bytes())
    elsewhere = open_dataset(folder.url)
    same_gifs(elsewhere["film"], stored["film"])
    assert list(verify_dataset(folder.url)) == []


def test_a_card_says_that_there_are_no_gifs(made: Dataset, stored: Dataset) -> None:
    text = card(made, [])
    assert "plain.gif" not in text.split("---\n")[1]
    assert re.search(r"GIFs are made .*`gifbench repack", text, re.DOTALL)
    assert "PATH" in text and "{" not in text.split("## Opening it")[1].split("## How")[0]
    assert "plain.gif" in card(stored, []).split("---\n")[1]
