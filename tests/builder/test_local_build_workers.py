"""Processes of this machine: what they do for the time of a build."""

from __future__ import annotations

import gc
import os
import time
import warnings

import pytest

from gifbench.builder.local_build_workers import _was_frozen, outcomes_here
from gifbench.builder.staging_folder_and_build_lock import WorkResult
from gifbench.dataset.row_outcomes import Outcome
from gifbench.errors import DiskFull
from gifbench.manifest.rows import ManifestRow

ROWS = [ManifestRow(clip_id=f"clip{i}", split="test", source="file", locator=f"{i}.mp4") for i in range(3)]


def work(row):
    """Makes nothing, and says how many objects are left out of the search for garbage, and where."""
    seen = f"{gc.get_freeze_count()} {gc.isenabled()} {os.getpid()}"
    return WorkResult(Outcome(row.clip_id, "failed", "no_span", seen))


@pytest.fixture(autouse=True)
def _thawed():
    """What all tests have loaded is frozen when they are collected."""
    gc.unfreeze()
    _was_frozen.cache_clear()
    yield
    gc.freeze()
    _was_frozen.cache_clear()


def test_what_was_loaded_is_no_garbage_while_clips_are_made_here():
    for result in outcomes_here(work, ROWS, workers=1):
        frozen, enabled, process = result.outcome.detail.split()
        assert int(frozen) > 10_000 and enabled == "True" and int(process) == os.getpid()
    assert gc.get_freeze_count() == 0 and gc.isenabled()


def test_it_ends_with_an_error_and_with_who_no_longer_asks():
    with pytest.raises(DiskFull):
        list(outcomes_here(lambda row: DiskFull("full"), ROWS, workers=1))
    assert gc.get_freeze_count() == 0
    results = outcomes_here(work, ROWS, workers=1)
    next(results)
    results.close()
    assert gc.get_freeze_count() == 0


def full(row):
    """A disk that is full at the first clip; the others would take for ever."""
    if row.clip_id != "clip0":
        time.sleep(600)
    return DiskFull("full")


def test_an_error_of_a_worker_is_all_that_is_said():
    with warnings.catch_warnings(record=True, action="always") as said, pytest.raises(DiskFull):
        list(outcomes_here(full, ROWS, workers=2))
    gc.collect()
    assert [str(each.message) for each in said] == []


def test_what_was_frozen_before_stays_so():
    gc.freeze()
    list(outcomes_here(work, ROWS[:1], workers=1))
    assert gc.get_freeze_count() > 0
