"""A build gives the same bytes however it was run, loses nothing, and says what it could not do."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gifbench.builder.build_loop import run_build
from gifbench.builder.local_build_workers import Work
from gifbench.builder.recipe import Recipe, load_recipe
from gifbench.builder.staging_folder_and_build_lock import WorkResult
from gifbench.dataset import Dataset, open_dataset, verify_dataset
from gifbench.download.store import Store
from gifbench.errors import AlreadyExists, BuildError, DiskFull, StorageError
from gifbench.evaluation.task_export import export_task
from gifbench.manifest.rows import ManifestRow, from_folder
from gifbench.media.video import decode
from gifbench.progress import Progress
from gifbench.storage import Folder
from tests.cli.forked_command import ForkedCommand
from tests.conftest import invoke, moving_picture, write_video
from tests.dataset.changed_files import tree


def outcomes(dataset: Dataset) -> dict[str, tuple[str, str]]:
    import pyarrow.parquet as pq

    table = pq.read_table(f"{dataset.url}/outcomes.parquet").to_pylist()
    return {row["clip_id"]: (row["state"], row["reason"]) for row in table}


def test_every_row_has_an_outcome(tiny_dataset: Dataset) -> None:
    assert outcomes(tiny_dataset) == {
        "ant": ("built", ""),
        "bee": ("built", ""),
        "cat": ("built", ""),
        "narrow": ("rejected", "too_small"),
        "short": ("rejected", "too_short"),
    }
    assert tiny_dataset.about["outcomes"] == {
        "built": 3,
        "rejected": {"too_short": 1, "too_small": 1},
        "failed": {},
    }


def test_the_truth_is_the_decoded_frames_resized(tiny_dataset: Dataset, tiny_videos: Path) -> None:
    import cv2

    source = [frame.pixels for frame in decode(tiny_videos / "bee.mp4")]
    expected = np.stack([cv2.resize(pixels, (32, 24), interpolation=cv2.INTER_AREA) for pixels in source])
    np.testing.assert_array_equal(tiny_dataset["bee"].truth.frames, expected)


def test_two_workers_give_the_same_bytes_as_one(
    recipe: Recipe, tiny_videos: Path, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    run_build(recipe, from_folder(tiny_videos), str(tmp_path / "two"), sources=tiny_videos, workers=2)
    assert tree(str(tmp_path / "two")) == tree(tiny_dataset.url)


def test_a_dataset_can_lie_anywhere(recipe: Recipe, tiny_videos: Path, tiny_dataset: Dataset, tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}/tiny"
    dataset = run_build(recipe, from_folder(tiny_videos), url, sources=tiny_videos, workers=1)
    assert tree(url) == tree(tiny_dataset.url)
    np.testing.assert_array_equal(dataset["ant"].truth.frames, tiny_dataset["ant"].truth.frames)
    assert list(verify_dataset(url, workers=1)) == []


def test_a_dataset_that_grew_is_the_one_built_at_once(
    recipe: Recipe, tiny_videos: Path, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    """New rows come before and between the old ones, so that shards change their clips."""
    out = str(tmp_path / "grown")
    rows = {row.clip_id: row for row in from_folder(tiny_videos)}
    for names in (["bee"], ["cat", "short"], ["ant", "narrow", "bee"]):
        dataset = run_build(recipe, [rows[name] for name in names], out, sources=tiny_videos, workers=1)
        assert list(verify_dataset(out, workers=1)) == []
    assert tree(out) == tree(tiny_dataset.url)
    assert dataset.fingerprint == tiny_dataset.fingerprint


def test_running_again_does_nothing_twice(recipe: Recipe, tiny_videos: Path, tmp_path: Path) -> None:
    out, made = str(tmp_path / "again"), []
    rows = from_folder(tiny_videos)
    run_build(recipe, rows, out, sources=tiny_videos, workers=1)
    before = {name: Path(out, name).stat().st_mtime_ns for name in Folder(out).names("shards")}
    run_build(recipe, rows, out, sources=tiny_videos, workers=1, progress=made.append)
    assert [now.what for now in made] == [""]
    assert {name: Path(out, name).stat().st_mtime_ns for name in Folder(out).names("shards")} == before


def test_a_failed_clip_is_tried_again_and_the_dataset_mended(
    recipe: Recipe, tiny_videos: Path, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    videos, out = tmp_path / "videos", str(tmp_path / "mended")
    shutil.copytree(tiny_videos, videos)
    whole = (videos / "bee.mp4").read_bytes()
    (videos / "bee.mp4").write_bytes(whole[: len(whole) // 2])
    dataset = run_build(recipe, from_folder(videos), out, sources=videos, workers=1)
    assert outcomes(dataset)["bee"] == ("failed", "corrupt")
    assert [clip.clip_id for clip in dataset] == ["ant", "cat"]
    (videos / "bee.mp4").write_bytes(whole)
    run_build(recipe, from_folder(videos), out, sources=videos, workers=1)
    assert tree(out) == tree(tiny_dataset.url)


def test_clips_that_would_be_one_file_are_refused_where_case_is_not_told(
    recipe: Recipe, tiny_videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(tiny_videos / "ant.mp4", tmp_path / "ant.mp4")
    shutil.copy(tiny_videos / "bee.mp4", tmp_path / "other.mp4")
    first, second = from_folder(tmp_path)
    rows, out = [first, second.model_copy(update={"clip_id": "Ant"})], tmp_path / "out"
    monkeypatch.setattr(Folder, "_ignores_case", lambda folder: True)
    with pytest.raises(StorageError, match=r"(ant: Ant|Ant: ant) would be the same file"):
        run_build(recipe, rows, str(out), sources=tmp_path, workers=1)
    monkeypatch.setattr(Folder, "_ignores_case", lambda folder: False)
    dataset = run_build(recipe, rows, str(out), sources=tmp_path, workers=1)
    assert [clip.clip_id for clip in dataset] == ["Ant", "ant"] and not list(verify_dataset(str(out), workers=1))
    monkeypatch.setattr(Folder, "_ignores_case", lambda folder: True)
    with pytest.raises(StorageError, match="would be the same file"):
        export_task(dataset, "plain-1", tmp_path / "task")
    said = invoke("export", out, "--all", "--out", tmp_path / "all", "--overwrite")
    assert said.exit_code == 1 and "ant: Ant would be the same file" in said.stderr
    assert not [*(tmp_path / "task").rglob("*"), *(tmp_path / "all").iterdir()]


def test_other_parameters_do_not_mix(recipe: Recipe, tiny_videos: Path, copy: Path) -> None:
    other = recipe.model_copy(update={"colors": 16})
    with pytest.raises(BuildError, match=r"colors=32.*colors=16"):
        run_build(other, from_folder(tiny_videos), str(copy), sources=tiny_videos, workers=1)
    dataset = run_build(other, from_folder(tiny_videos), str(copy), sources=tiny_videos, workers=1, overwrite=True)
    assert max(len(palette) for palette in dataset["ant"].gif().palettes) <= 16


def test_a_dataset_older_than_a_parameter_goes_on(
    recipe: Recipe, tiny_videos: Path, tiny_dataset: Dataset, copy: Path
) -> None:
    about = json.loads((copy / "dataset.json").read_text())
    del about["recipe"]["kmeans_steps"]
    (copy / "dataset.json").write_text(json.dumps(about))
    run_build(recipe, from_folder(tiny_videos), str(copy), sources=tiny_videos, workers=1)
    assert tree(copy) == tree(tiny_dataset.url)


def test_a_built_clip_is_not_silently_replaced(recipe: Recipe, tiny_videos: Path, copy: Path) -> None:
    row = ManifestRow(clip_id="ant", split="test", source="file", locator="bee.mp4")
    with pytest.raises(BuildError, match=r"locator=ant.mp4.*locator=bee.mp4"):
        run_build(recipe, [row], str(copy), sources=tiny_videos, workers=1)


def test_a_folder_with_something_else_in_it_is_left_alone(recipe: Recipe, tiny_videos: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(AlreadyExists, match="holds no dataset"):
        run_build(recipe, from_folder(tiny_videos), str(tmp_path), sources=tiny_videos, workers=1, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_two_builds_cannot_work_on_one_dataset(recipe: Recipe, tiny_videos: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")

    def second(now: Progress) -> None:
        with pytest.raises(BuildError, match="another gifbench build is at work"):
            run_build(recipe, from_folder(tiny_videos), out, sources=tiny_videos, workers=1)

    run_build(recipe, from_folder(tiny_videos), out, sources=tiny_videos, workers=1, progress=second)


def test_spans_by_time_and_by_frame(recipe: Recipe, tmp_path: Path) -> None:
    write_video(tmp_path / "long.mp4", moving_picture(30, 48, 64))
    common = {"split": "train", "source": "file", "locator": "long.mp4"}
    rows = [
        ManifestRow(clip_id="frames", start_frame=10, end_frame=15, **common),
        ManifestRow(clip_id="seconds", start=0.4, end=0.6, **common),
        ManifestRow(clip_id="outside", start=0.8, end=2.0, **common),
        ManifestRow(clip_id="gone", split="train", source="file", locator="nothing.mp4"),
        ManifestRow(clip_id="later", split="train", source="youtube", locator="dQw4w9WgXcQ"),
    ]
    dataset = run_build(recipe, rows, str(tmp_path / "out"), sources=tmp_path, workers=1)
    assert outcomes(dataset) == {
        "frames": ("built", ""),
        "seconds": ("built", ""),
        "outside": ("failed", "span_outside"),
        "gone": ("failed", "not_found"),
        "later": ("failed", "not_fetched"),
    }
    np.testing.assert_array_equal(dataset["frames"].truth.frames, dataset["seconds"].truth.frames)
    assert (dataset["frames"].row.start_seconds, dataset["frames"].row.end_seconds) == (0.4, 0.6)


def test_a_count_that_differs_from_the_expected_is_recorded(recipe: Recipe, tiny_videos: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    row = ManifestRow(clip_id="ant", split="test", source="file", locator="ant.mp4", frames=9)
    run_build(recipe, [row], str(tmp_path / "out"), sources=tiny_videos, workers=1)
    (line,) = pq.read_table(tmp_path / "out" / "outcomes.parquet").to_pylist()
    assert line["detail"] == "9 frames were expected, there are 6"


def test_a_full_disk_stops_the_build_and_keeps_what_was_done(
    recipe: Recipe, tiny_videos: Path, tiny_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = str(tmp_path / "full")
    from gifbench.builder import clip_builder as clip

    real, calls = clip.write_member, []

    def full(*args: object) -> object:
        calls.append(args)
        if len(calls) > 6:
            raise OSError(28, "No space left on device")
        return real(*args)

    monkeypatch.setattr(clip, "write_member", full)
    with pytest.raises(DiskFull, match="free some"):
        run_build(recipe, from_folder(tiny_videos), out, sources=tiny_videos, workers=1)
    monkeypatch.undo()
    assert Folder(out).names("staging/journal")
    run_build(recipe, from_folder(tiny_videos), out, sources=tiny_videos, workers=1)
    assert tree(out) == tree(tiny_dataset.url)


def test_a_folder_that_vanishes_stops_the_build_and_is_no_clips_fault(
    recipe: Recipe, tiny_videos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "vanishing"

    def vanish(now: Progress) -> None:
        shutil.rmtree(out)

    with pytest.raises(StorageError, match="vanishing"):
        run_build(recipe, from_folder(tiny_videos), str(out), sources=tiny_videos, workers=1, progress=vanish)


CRASHER = '''
import os, signal
from gifbench.builder import Geometry, Recipe, SourceVideo

class Crasher(Recipe):
    """Kills its worker on one clip, as a bug in a C library would."""
    name = "crasher"
    title = "Crasher"

    def geometry(self, video: SourceVideo) -> Geometry:
        if video.path.name == "bee.mp4":
            os.kill(os.getpid(), signal.SIGKILL)
        return Geometry(crop=None, width=32, height=24, filter="area")
'''


@pytest.mark.filterwarnings("ignore:A worker stopped:UserWarning")
def test_a_clip_that_kills_its_worker_fails_alone(tiny_videos: Path, tmp_path: Path) -> None:
    (tmp_path / "crasher.py").write_text(CRASHER)
    recipe = load_recipe(str(tmp_path / "crasher.py"))
    dataset = run_build(recipe, from_folder(tiny_videos), str(tmp_path / "out"), sources=tiny_videos, workers=2)
    found = outcomes(dataset)
    assert found.pop("bee") == ("failed", "crashed")
    assert set(found.values()) == {("built", "")}
    assert len(found) == 4


@pytest.fixture
def slow_recipe(tiny_recipe: Path, tmp_path: Path) -> Path:
    path = tmp_path / "slow.py"
    path.write_text(
        tiny_recipe.read_text().replace("        if video", "        __import__('time').sleep(0.3)\n        if video")
    )
    return path


def running(recipe: Path, videos: Path, out: Path, workers: int) -> ForkedCommand:
    return ForkedCommand("build", recipe, "--source", videos, "--out", out, "--workers", workers)


@pytest.mark.parametrize("kills", [1, pytest.param(6, marks=pytest.mark.slow)])
def test_kills_at_any_moment_lose_nothing(
    kills: int, slow_recipe: Path, recipe: Recipe, tiny_videos: Path, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    """Of one process; tests/builder/test_kills.py has two workers. The first kill finds it at work."""
    out = tmp_path / "killed"
    rng = np.random.default_rng(1)
    for number in range(kills):
        process = running(slow_recipe, tiny_videos, out, 1)
        while not number and process.poll() is None and not list(out.glob("staging/*.group")):
            time.sleep(0.01)
        time.sleep(float(rng.uniform(0.0, 0.6 if number else 0.3)))
        if number and process.poll() is not None:
            assert process.wait() == 0, process.stderr
            break
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    run_build(recipe, from_folder(tiny_videos), str(out), sources=tiny_videos, workers=1)
    assert tree(str(out)) == tree(tiny_dataset.url)


def test_ctrl_c_ends_with_130_and_keeps_what_was_finished(slow_recipe: Path, tiny_videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "interrupted"
    process = running(slow_recipe, tiny_videos, out, 2)
    for _ in range(9000):
        time.sleep(0.01)
        if list(out.glob("staging/journal/*.json")) and list(out.glob("staging/*.group")):
            break
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait() == 130, process.stderr
    assert "kept" in process.stderr
    assert "Traceback" not in process.stderr
    about = open_dataset(out).about
    assert sum(about["outcomes"]["rejected"].values()) + about["outcomes"]["built"] >= 1


def test_an_interrupted_build_says_that_the_file_of_its_recipe_has_changed(
    tiny_recipe: Path, tiny_videos: Path, tmp_path: Path
) -> None:
    """What is built stays as it is, and the dataset would be of two recipes under the name of one."""
    file, out = tmp_path / "tiny.py", tmp_path / "interrupted"

    def said(code: str, most: int, *, overwrite: bool = False) -> list[str]:
        messages: list[str] = []

        def tell(now: Progress) -> None:
            messages.append(now.message)
            if len(messages) > most:
                raise KeyboardInterrupt

        file.write_text(code)
        with contextlib.suppress(KeyboardInterrupt):
            run_build(
                load_recipe(str(file)),
                from_folder(tiny_videos),
                str(out),
                sources=tiny_videos,
                workers=1,
                progress=tell,
                overwrite=overwrite,
            )
        return [each for each in messages if "file has changed" in each]

    code = tiny_recipe.read_text()
    other = code.replace('"area"', '"bilinear"')
    assert code != other
    assert said(other, 0) == [], "nothing is built yet"
    assert said(code, 1) == [] and said(code, 1) == []
    assert len(said(other, 1)) == 1
    assert said(other, 1, overwrite=True) == []
    assert said(other, 99) == [] and not (out / "staging").exists()


@pytest.fixture(autouse=True)
def _no_partial_files(tmp_path: Path) -> Iterator[None]:
    yield
    assert not [path for path in tmp_path.rglob("*.partial") if "interrupted" not in str(path)]


def test_starting_over_clears_what_a_killed_build_left_and_nothing_of_others(
    recipe: Recipe, tiny_videos: Path, copy: Path
) -> None:
    (copy / "staging").mkdir()
    for name in ("staging/ant.group", "staging/journal-1.json", "staging/of mine.txt", "notes.txt"):
        (copy / name).write_text("old")
    run_build(recipe, from_folder(tiny_videos)[:1], str(copy), sources=tiny_videos, workers=1, overwrite=True)
    assert [clip.clip_id for clip in open_dataset(copy)] == ["ant"]
    assert (copy / "notes.txt").read_text() == "old"


def test_another_official_list_is_taken_over_and_costs_nothing(
    recipe: Recipe, tiny_videos: Path, tiny_dataset: Dataset, copy: Path
) -> None:
    shards = [path.stat().st_mtime_ns for path in (copy / "shards").iterdir()]
    out, rows = str(copy), from_folder(tiny_videos)
    dataset = run_build(recipe, rows, out, sources=tiny_videos, workers=1, official={"test": 104})
    assert (dataset.official, dataset.fingerprint) == ({"test": 104}, tiny_dataset.fingerprint)
    assert run_build(recipe, rows, out, sources=tiny_videos, workers=1).official == {"test": 104}
    assert [path.stat().st_mtime_ns for path in (copy / "shards").iterdir()] == shards


def test_a_fault_of_a_recipe_is_the_clips_and_says_what_it_was(tiny_videos: Path, tmp_path: Path) -> None:
    """An error that gifbench has no name for, in code that is not its own."""
    file = tmp_path / "faulty.py"
    file.write_text(CRASHER.replace("os.kill(os.getpid(), signal.SIGKILL)", "raise KeyError('no such thing')"))
    dataset = run_build(
        load_recipe(str(file)), from_folder(tiny_videos), str(tmp_path / "out"), sources=tiny_videos, workers=1
    )
    assert outcomes(dataset)["bee"] == ("failed", "internal")


def test_a_video_that_leaves_the_store_during_a_build_is_fetched_another_time(recipe: Recipe, tmp_path: Path) -> None:
    row = ManifestRow(clip_id="gone", split="test", source="http", locator="http://example.org/gone.mp4")
    work = Work(recipe, Folder(tmp_path / "out"), tmp_path, Store(tmp_path / "store"), "a run", os.getpid())
    result = work(row)
    assert isinstance(result, WorkResult)
    assert (result.outcome.reason, result.outcome.detail) == ("not_fetched", "it left the store during the build")
