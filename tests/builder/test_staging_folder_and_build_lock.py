"""A worker returns a value: what it leaves counts only when the build that asked for it takes it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gifbench.builder.local_build_workers import Work
from gifbench.builder.recipe import Recipe
from gifbench.builder.staging_folder_and_build_lock import WorkResult, accept, begin_run, group_name
from gifbench.errors import StorageError
from gifbench.manifest.rows import from_folder
from gifbench.storage import Folder


def folder_of(kind: str, tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "out" if kind == "disk" else f"memory://{tmp_path.name}")
    folder.make()
    return folder


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_group_counts_when_it_was_accepted(kind: str, recipe: Recipe, tiny_videos: Path, tmp_path: Path) -> None:
    folder, row = folder_of(kind, tmp_path), from_folder(tiny_videos)[0]
    work = Work(recipe, folder, tiny_videos, None, begin_run(folder), os.getpid())
    result = work(row)
    assert isinstance(result, WorkResult) and result.outcome.state == "built"
    assert group_name(row.clip_id) not in folder.names("staging")
    assert accept(folder, result).row is not None
    assert [name for name in folder.names("staging") if name != "staging/run"] == [group_name(row.clip_id)]
    # Once more, as after a kill between the two: the newer one takes the place.
    again = work(row)
    assert isinstance(again, WorkResult)
    accept(folder, again)
    assert [name for name in folder.names("staging") if name != "staging/run"] == [group_name(row.clip_id)]


def test_a_worker_whose_build_has_gone_leaves_nothing_that_counts(
    recipe: Recipe, tiny_videos: Path, tmp_path: Path
) -> None:
    folder, row = folder_of("disk", tmp_path), from_folder(tiny_videos)[0]
    work = Work(recipe, folder, tiny_videos, None, begin_run(folder), os.getpid())
    begin_run(folder)
    assert isinstance(work(row), StorageError)
    assert folder.names("staging") == ["staging/run"]
