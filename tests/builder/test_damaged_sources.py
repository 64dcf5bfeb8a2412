"""A clip may lack damaged frames, and a source that cannot be used is not decoded by every build again."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from gifbench.builder import local_build_workers
from gifbench.builder.build_loop import run_build
from gifbench.builder.clip_builder import make_clip
from gifbench.builder.recipe import Recipe
from gifbench.dataset import verify_dataset
from gifbench.manifest.rows import from_folder
from gifbench.progress import Progress
from tests.conftest import answer, invoke, moving_picture, write_video
from tests.media.test_damaged_frames import write_damaged, write_whole


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    whole = write_whole(tmp_path / "whole.avi", "mpeg4")
    write_damaged(folder / "worn.avi", whole, 6)  # whose clock counts frames: a gap of two must not vanish
    write_video(folder / "good.mp4", moving_picture(6, 48, 64))
    return folder


@pytest.mark.parametrize("truth", ["lossless", "source"])
def test_a_clip_lacks_its_damaged_frames_and_says_so(recipe: Recipe, videos: Path, tmp_path: Path, truth: str) -> None:
    allowed = recipe.model_copy(update={"max_damaged": 2, "truth": truth})
    out = str(tmp_path / "out")
    dataset = run_build(allowed, from_folder(videos), out, sources=videos, workers=1)
    clip = dataset["worn"]
    assert clip.times == tuple(Fraction(i, 25) for i in range(20) if i not in (6, 7))
    assert len(clip.truth) == 18
    note = {outcome.clip_id: outcome.detail for outcome in dataset.outcomes}["worn"]
    assert note.startswith("2 frames of the video left out")
    assert list(verify_dataset(out, workers=1)) == []
    said = answer("info", out)
    assert said["lack_damaged_frames"] == {"worn": note}
    assert "1 built without their damaged frames" in invoke("info", out).stdout


def build_counted(monkeypatch: pytest.MonkeyPatch, *given: Any, **options: Any) -> tuple[list[str], list[Progress]]:
    """The clips that a build makes, and what it reports."""
    made: list[str] = []

    def counting(recipe: Recipe, row: Any, source: Path, scratch: Path) -> Any:
        made.append(row.clip_id)
        return make_clip(recipe, row, source, scratch)

    reports: list[Progress] = []
    with monkeypatch.context() as patched:
        patched.setattr(local_build_workers, "make_clip", counting)
        run_build(*given, **options, workers=1, progress=reports.append)
    return sorted(made), reports


def test_a_corrupt_source_is_decoded_again_when_it_changes_or_by_retry(
    recipe: Recipe, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = str(tmp_path / "out")
    rows = from_folder(videos)
    assert build_counted(monkeypatch, recipe, rows, out, sources=videos)[0] == ["good", "worn"]
    shutil.copy(videos / "worn.avi", videos / "copy")
    (videos / "copy").replace(videos / "worn.avi")  # the same bytes, and another time
    made, reports = build_counted(monkeypatch, recipe, rows, out, sources=videos)
    assert made == []
    last = reports[-1]
    assert (last.what, last.reason, last.reused) == ("worn", "corrupt", True)
    assert last.message.startswith("worn: failed, corrupt: ")
    made, _ = build_counted(monkeypatch, recipe, (), out, sources=videos, retry=["corrupt"], trust="everything")
    assert made == ["worn"]
    write_whole(videos / "worn.avi", "mpeg4")
    assert build_counted(monkeypatch, recipe, rows, out, sources=videos)[0] == ["worn"]


def test_another_version_tries_again(
    recipe: Recipe, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = str(tmp_path / "out")
    rows = from_folder(videos)
    build_counted(monkeypatch, recipe, rows, out, sources=videos)
    monkeypatch.setattr("gifbench.builder.build_ledger.recorded_versions", lambda: {"av": "99"})
    assert build_counted(monkeypatch, recipe, rows, out, sources=videos)[0] == ["worn"]
    assert build_counted(monkeypatch, recipe, rows, out, sources=videos)[0] == []
