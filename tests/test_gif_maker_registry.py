"""Makers of GIFs: names, plug-ins, what they may leave out, and every place that names a task."""

from __future__ import annotations

import json
from fractions import Fraction
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import gifbench
from gifbench import gif_maker_registry
from gifbench.benchmark_tasks import TASKS, Task, does_task, known_task, parse_tasks, task
from gifbench.blind_study.study_pages import make_study
from gifbench.dataset import Dataset
from gifbench.errors import MakerError, UsageError
from gifbench.evaluation.submission import score_submission
from gifbench.evaluation.task_export import export_task
from gifbench.gif_maker_registry import MakerClip, generated_gif, list_makers, load_maker, made_frames
from gifbench.leaderboard.site_builder import build_site
from gifbench.media.gif import Gif
from gifbench.results.io import load_results
from tests.conftest import answer, moving_picture, succeed

GREEN = np.array([[0, 200, 0], [200, 0, 0]], np.uint8)


class Threshold:
    """A maker of two colors, which merges equal frames as its variant says; what it says of itself can be changed."""

    variants = ("", "merged")
    summary = "two colors"
    dithered = None
    version = "1"
    level = 128

    def __init__(self, variant: str) -> None:
        if variant not in self.variants:
            raise UsageError(f'there is no maker "mine-{variant}"')
        self.merged = variant == "merged"

    def make(self, clip: MakerClip) -> bytes:
        kept: list[np.ndarray] = []
        times, now = [], 0
        for pixels, delay in zip(clip.frames(), clip.delays, strict=True):
            indices = (pixels[..., 1] > self.level).astype(np.uint8)
            if not (self.merged and kept and (indices == kept[-1]).all()):
                kept.append(indices)
                times.append(Fraction(now, 100))
            now += delay
        return Gif(np.stack(kept), (GREEN,) * len(kept), tuple(times), Fraction(now, 100)).to_bytes()


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The family `mine` beside the installed ones, and its class, changed at will."""
    real = list(gif_maker_registry.entry_points(group=gif_maker_registry.GROUP))
    point = SimpleNamespace(name="mine", value="package:Threshold", load=lambda: Threshold)
    monkeypatch.setattr(gif_maker_registry, "entry_points", lambda group: [*real, point])
    for cached in (gif_maker_registry.load_maker, gif_maker_registry._signature):
        cached.cache_clear()
    yield Threshold
    for cached in (gif_maker_registry.load_maker, gif_maker_registry._signature):
        cached.cache_clear()


def times(count: int) -> tuple[list[Fraction], Fraction]:
    return [Fraction(i, 25) for i in range(count)], Fraction(count, 25)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ffmpeg-256-bayer-1", ["ffmpeg-256-bayer-1"]),
        ("ffmpeg-256-sierra2_4a-8", ["ffmpeg-256-sierra2_4a-8"]),
        ("ffmpeg-single-128-2", ["ffmpeg-single-128-2"]),
        ("pillow", ["pillow-1", "pillow-2", "pillow-4", "pillow-8"]),
        ("plain", ["plain-1", "plain-2", "plain-4", "plain-8"]),
        (["plain-1", "plain-1"], ["plain-1"]),
        ("ffmpeg-64-none,plain-1", [*(f"ffmpeg-64-none-{k}" for k in (1, 2, 4, 8)), "plain-1"]),
        ("all", list(TASKS)),
        ("mine-merged-4,mine-4", ["mine-merged-4", "mine-4"]),
    ],
)
def test_tasks_are_named_one_by_one_or_together(mine: Any, text: Any, names: list[str]) -> None:
    assert [each.name for each in parse_tasks(text)] == names


@pytest.mark.parametrize(
    "name",
    [
        *("ffmpeg-256-bayer-3", "ffmpeg-256-baye-1", "ffmpeg-256-1", "ffmpeg-8-bayer-1", "ffmpeg-257-bayer-1"),
        *("ffmpeg-single-128-bayer-1", "ffmpeg-1", "ffmpeg", "pillow-x-1", "gifsicle-lossy0-1", "gifsicle-lossy201-1"),
        *("ffmpeg-single-4-1", "plain-1-1", "mine-x-1", "-1", "../x-1", "mine--1", "pillow-1-1", "all-1", "plain-16"),
    ],
)
def test_what_is_no_task_is_refused_by_name(mine: Any, name: str) -> None:
    with pytest.raises(UsageError, match=r"there is no (task|maker)"):
        parse_tasks(name)
    assert known_task(name) is None


def test_a_task_of_a_maker_says_who_and_how_sparse(mine: Any) -> None:
    assert task("ffmpeg-64-none-4") == Task("ffmpeg-64-none-4", False, 4, "ffmpeg-64-none")
    assert task("mine-2").dithered is None
    assert does_task(("plain-1", "dithered-1"), task("pillow-1"))
    assert not does_task(("plain-1", "dithered-1"), task("pillow-2"))
    assert does_task(None, task("pillow-8"))


def test_frames_that_a_maker_merges_are_shown_again(mine: Any) -> None:
    frames = moving_picture(6, 24, 32)
    frames[2:5] = frames[1]
    for name in ("mine", "mine-merged"):
        gif = generated_gif(load_maker(name), lambda: iter(frames), *times(6))
        assert gif.times == tuple(times(6)[0])
        assert gif.duration == times(6)[1]
        expected = GREEN[(frames[..., 1] > 128).astype(int)]
        np.testing.assert_array_equal(gif.frames, expected)
    still = generated_gif(load_maker("mine-merged"), lambda: iter(frames[1:5]), *times(4))
    assert len(still) == 4


def test_a_maker_that_fails_or_makes_something_else_is_one_error(mine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = moving_picture(3, 24, 32)
    small = Gif(np.zeros((3, 8, 8), np.uint8), (GREEN,) * 3, tuple(times(3)[0]), times(3)[1]).to_bytes()
    many = Gif(np.zeros((9, 24, 32), np.uint8), (GREEN,) * 9, tuple(times(9)[0]), times(9)[1]).to_bytes()
    for made, said in (
        (b"GIF", "not the GIF"),
        (small, "24|must stay"),
        (many, "9 frames of 3|more than 8 frames"),
        ("x", "bytes, got str"),
    ):
        monkeypatch.setattr(mine, "make", lambda self, clip, made=made: made)
        with pytest.raises(MakerError, match=said):
            generated_gif(load_maker("mine"), lambda: iter(frames), *times(3))
    monkeypatch.setattr(mine, "make", lambda self, clip: 1 / 0)
    with pytest.raises(MakerError, match="maker mine failed: ZeroDivisionError"):
        made_frames(load_maker("mine"), frames)


def test_a_package_that_is_broken_or_there_twice_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("broken", "nothing_of_that_name:Maker", gif_maker_registry.GROUP)
    twice = [SimpleNamespace(name="two", value=f"p{i}:Maker", load=lambda: Threshold) for i in range(2)]
    monkeypatch.setattr(gif_maker_registry, "entry_points", lambda group: [broken, *twice])
    with pytest.raises(MakerError, match=r"maker broken .* cannot be imported"):
        parse_tasks("broken-1")
    with pytest.raises(UsageError, match="several packages offer makers two"):
        load_maker("two")
    problems = {each.name: each.problem for each in list_makers()}
    assert "cannot be imported" in str(problems["broken"])
    assert "several packages" in str(problems["two"])


def test_results_know_who_made_the_gifs(mine: Any, tiny_dataset: Dataset, tmp_path: Path, monkeypatch) -> None:
    def run() -> Any:
        return gifbench.evaluate("gif", tiny_dataset, ["mine-1", "plain-1"], protocols="standard", out=tmp_path / "r")

    first, plain = run()
    assert first.maker is not None
    assert (first.maker.name, first.maker.version) == ("mine", "1")
    assert plain.maker is None
    assert first.dataset == plain.dataset
    told: list[Any] = []
    gifbench.evaluate("gif", tiny_dataset, "mine-1", protocols="standard", out=tmp_path / "r", progress=told.append)
    assert [each.reused for each in told] == [True]
    # Another version, or other GIFs of the same version, is another task.
    monkeypatch.setattr(mine, "version", "2")
    second, again = run()
    assert second.identity != first.identity
    assert again.identity == plain.identity
    gif_maker_registry._signature.cache_clear()
    monkeypatch.setattr(mine, "level", 60)
    third, _ = run()
    assert third.maker.version == "2"
    assert third.maker.signature != second.maker.signature
    assert third.scores["psnr"].mean != second.scores["psnr"].mean
    (read,) = [each for each in load_results(tmp_path / "r") if each.task == "mine-1"]
    assert read.maker == third.maker


def test_scores_are_those_of_the_gif_that_the_maker_makes(mine: Any, tiny_dataset: Dataset) -> None:
    from gifbench.metrics.psnr import psnr, squared_error

    (result,) = gifbench.evaluate("gif", tiny_dataset, "mine-merged-1", protocols="standard")
    for score in result.clip_scores:
        clip = tiny_dataset[score.clip_id]
        gif, truth = clip.gif(maker="mine-merged"), clip.truth.frames
        each = [psnr(squared_error(gif.frame(i), truth[i]), truth[i].size) for i in range(len(gif))]
        assert score.psnr == pytest.approx(sum(each) / len(each))


def test_sparse_tasks_keep_frames_of_the_whole_gif(mine: Any, tiny_dataset: Dataset) -> None:
    clip = tiny_dataset["bee"]
    whole, sparse = clip.gif(maker="pillow"), clip.gif(maker="pillow", every=2)
    np.testing.assert_array_equal(sparse.frames, whole.frames[::2])
    assert sparse.duration == clip.duration
    np.testing.assert_array_equal(clip.gif_frames([1, 4], maker="pillow").frames, whole.frames[[1, 4]])
    with pytest.raises(UsageError, match="dithered must be left out"):
        clip.gif(maker="pillow", dithered=True)


def test_an_exported_task_says_who_made_its_gifs_and_is_scored(
    mine: Any, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    export_task(tiny_dataset, "mine-merged-1", tmp_path / "task")
    about = json.loads((tmp_path / "task" / "task.json").read_text())
    assert about["maker"] == load_maker("mine-merged").facts
    for item in about["items"]:
        gif = Gif.read(tmp_path / "task" / item["gif"])
        np.testing.assert_array_equal(gif.frames, tiny_dataset[item["name"]].gif(maker="mine-merged").frames)
        folder = tmp_path / "back" / item["name"]
        folder.mkdir(parents=True)
        for i, frame in enumerate(gif.frames):
            from PIL import Image

            Image.fromarray(frame).save(folder / f"{i:05d}.png")
    (tmp_path / "back" / "task.json").write_text(json.dumps(about))
    result = score_submission(tmp_path / "back", tiny_dataset, "mine-merged-1", name="same")
    (gif,) = gifbench.evaluate("gif", tiny_dataset, "mine-merged-1", protocols="standard")
    assert result.scores["psnr"].mean == gif.scores["psnr"].mean
    about["maker"]["signature"] = "0" * 16
    (tmp_path / "back" / "task.json").write_text(json.dumps(about))
    said: list[str] = []
    with pytest.raises(gifbench.MethodError, match="nothing was scored"):
        score_submission(tmp_path / "back", tiny_dataset, "mine-merged-1", name="same", on_fault=said.append)
    assert "made for the maker" in said[0]


def test_boards_of_two_makers_are_never_one(mine: Any, tiny_dataset: Dataset, tmp_path: Path, monkeypatch) -> None:
    out = []
    for version, level in (("1", 128), ("2", 60)):
        monkeypatch.setattr(mine, "version", version)
        monkeypatch.setattr(mine, "level", level)
        gif_maker_registry._signature.cache_clear()
        out += gifbench.evaluate(["gif", "gaussian-0.5"], tiny_dataset, ["mine-1", "pillow-2"], protocols="standard")
    page = build_site(out, tmp_path / "site", dataset_for={tiny_dataset.fingerprint: tiny_dataset})
    boards = sorted(path.name for path in (page.parent / "boards").glob("*.html"))
    assert len(boards) == 3
    text = "".join(path.read_text(encoding="utf-8") for path in (page.parent / "boards").glob("*.html"))
    assert "GIFs as people make them, by two colors (1; signature" in text
    assert "GIFs as people make them, by Pillow" in text
    # Only the board whose GIFs are made here, now, shows clips.
    shown = [name for name in boards if ".webp" in (page.parent / "boards" / name).read_text(encoding="utf-8")]
    assert len(shown) == 2


def test_a_page_shows_results_of_a_maker_that_is_not_installed(
    mine: Any, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    (result,) = gifbench.evaluate("gif", tiny_dataset, "mine-1", protocols="standard")
    other = result.model_copy(update={"task": "unheard-of-1"})
    page = build_site([other], tmp_path / "site", dataset_for={tiny_dataset.fingerprint: tiny_dataset})
    text = "".join(path.read_text(encoding="utf-8") for path in (page.parent / "boards").glob("*.html"))
    assert "does not know" in text


def test_a_study_shows_the_makers_gifs(mine: Any, tiny_dataset: Dataset, tmp_path: Path) -> None:
    methods = [gifbench.load_method(name) for name in ("gaussian-0.5", "gaussian-1.0")]
    key = make_study(methods, tiny_dataset, "mine-1", tmp_path / "study", pairs=2)
    assert key.task == "mine-1"


def test_the_commands_name_makers(mine: Any, tiny_dataset: Dataset, tmp_path: Path) -> None:
    listed = answer("tasks")
    assert [each["name"] for each in listed[:8]] == list(TASKS)
    assert {"mine-1", "mine-merged-8", "ffmpeg-256-bayer-1", "pillow-4"} <= {each["name"] for each in listed}
    text = succeed("tasks").stdout
    assert "ffmpeg-single-128" in text
    command = ("export", tiny_dataset.url, "ant", "--out", tmp_path, "--maker", "mine,pillow")
    files = {Path(file).name for file in answer(*command)["files"]}
    assert {"ant.mine.gif", "ant.pillow.gif"} < files
    assert len(Gif.read(tmp_path / "ant.mine.gif")) == tiny_dataset["ant"].num_frames
    succeed(*command)


def test_restored_frames_of_a_removed_clip_leave_the_cache(mine: Any, tiny_dataset: Dataset, tmp_path: Path) -> None:
    from gifbench.cli.remove import forget_clips

    cache = tmp_path / "cache"
    for asked in ("mine-1", "mine-2"):
        gifbench.evaluate("gaussian-0.5", tiny_dataset, asked, cache=cache)
    before = len(list(cache.glob("*/*.frames")))
    assert forget_clips(tiny_dataset.url, ["ant"], cache) == before // 3 > 0


@pytest.mark.parametrize("group", ["plain", "pillow", "all", "plain-1,plain-2"])
def test_where_one_task_is_asked_for_a_name_of_several_is_one_error(
    mine: Any, tiny_dataset: Dataset, tmp_path: Path, group: str
) -> None:
    methods = [gifbench.load_method(name) for name in ("gaussian-0.5", "gaussian-1.0")]
    for call in (
        lambda: export_task(tiny_dataset, group, tmp_path / "task"),
        lambda: score_submission(tmp_path, tiny_dataset, group, name="mine"),
        lambda: make_study(methods, tiny_dataset, group, tmp_path / "study"),
    ):
        with pytest.raises(UsageError, match="task must be one task, got "):
            call()


def test_a_gif_that_is_too_large_to_be_held_is_a_sequence(mine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = moving_picture(6, 24, 32)
    frames[2:5] = frames[1]
    held = {
        name: generated_gif(load_maker(name), lambda: iter(frames), *times(6)) for name in ("mine-merged", "pillow")
    }
    monkeypatch.setattr("gifbench.media.gif.gif_reader.MOST_HELD", 0)
    for name, gif in held.items():
        sequence = generated_gif(load_maker(name), lambda: iter(frames), *times(6))
        assert sequence.is_sequence
        assert not gif.is_sequence
        assert sequence.times == gif.times
        np.testing.assert_array_equal(sequence.frames, gif.frames)
        np.testing.assert_array_equal(sequence.select([2, 5]).frames, gif.select([2, 5]).frames)
