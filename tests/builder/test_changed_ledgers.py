"""A ledger's line, or a dataset's table, that somebody changed is not believed: one message, and a way out."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gifbench
from gifbench.builder.build_ledger import Ledger
from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import Recipe, load_recipe
from gifbench.builder.remove import remove_clips
from gifbench.dataset import Dataset, open_dataset, verify_dataset
from gifbench.dataset.row_outcomes import Outcome
from gifbench.errors import DatasetDamaged
from gifbench.manifest.rows import from_folder
from gifbench.storage import Folder
from tests.conftest import moving_picture, succeed, write_video
from tests.dataset.changed_files import change, fit_checksums, flip, mend

JOURNAL = "staging/journal/00000000.json"


def interrupted(copy: Path, recipe: Path) -> list[dict[str, Any]]:
    """Leave the journal of a build that was killed; its lines."""
    ledger = Ledger(Folder(copy), load_recipe(str(recipe)))
    ledger.record(Outcome("narrow", "failed", "corrupt", "no picture", source_sha256="0" * 64))
    ledger.record(Outcome("short", "rejected", "too_short", "2 (wanted 3)"))
    ledger.flush()
    return list(json.loads((copy / JOURNAL).read_text()))


@pytest.mark.parametrize(
    "value", [{"reason": "unavailable"}, {"state": "failed"}, {"attempts": 7}, {"check": "0" * 32}]
)
def test_a_changed_outcome_of_a_journal_is_refused(value: dict[str, object], copy: Path, tiny_recipe: Path) -> None:
    lines = interrupted(copy, tiny_recipe)
    lines[1] |= value
    (copy / JOURNAL).write_text(json.dumps(lines))
    with pytest.raises(DatasetDamaged, match=rf"{JOURNAL}: .*outcome 2: it was changed.*; delete it") as refused:
        Ledger(Folder(copy), load_recipe(str(tiny_recipe)))
    assert "\n" not in str(refused.value)


def test_an_outcome_without_its_checksum_is_refused_beside_those_that_have_one(copy: Path, tiny_recipe: Path) -> None:
    lines = interrupted(copy, tiny_recipe)
    del lines[0]["check"]
    (copy / JOURNAL).write_text(json.dumps(lines))
    with pytest.raises(DatasetDamaged, match="outcome 1"):
        Ledger(Folder(copy), load_recipe(str(tiny_recipe)))


def test_a_journal_of_an_earlier_version_is_believed(copy: Path, tiny_recipe: Path) -> None:
    lines = interrupted(copy, tiny_recipe)
    for line in lines:
        del line["check"]
    (copy / JOURNAL).write_text(json.dumps(lines))
    ledger = Ledger(Folder(copy), load_recipe(str(tiny_recipe)))
    assert ledger.outcomes["narrow"].reason == "corrupt"


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("outcomes.parquet", "reason", "unavailable"),
        ("outcomes.parquet", "state", "failed"),
        ("index.parquet", "locator", "other.mp4"),
        ("index.parquet", "source_sha256", "0" * 64),
        ("manifest.parquet", "locator", "other.mp4"),
    ],
)
def test_a_table_that_was_changed_is_no_part_of_a_build(
    table: str, column: str, value: str, copy: Path, recipe: Recipe, tiny_videos: Path
) -> None:
    """It was taken over, with a new list of checksums that made it look whole."""
    change(copy / table, column, value)
    sums = (copy / "SHA256SUMS").read_bytes()
    with pytest.raises(DatasetDamaged, match=f"{table}: its bytes differ from their sha256 in SHA256SUMS; .*--repair"):
        run_build(recipe, from_folder(tiny_videos), str(copy), sources=tiny_videos, workers=1)
    assert (copy / "SHA256SUMS").read_bytes() == sums
    assert table in {place for place, _ in verify_dataset(str(copy), workers=1)}


@pytest.mark.parametrize(
    ("column", "value"),
    [("locator", "x.mp4"), ("source_sha256", "0" * 64), ("licence", "mine"), ("start_seconds", 1.0)],
)
def test_an_index_that_was_changed_where_no_fingerprint_looks_is_warned_of(
    column: str, value: object, copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    open_dataset(copy)
    assert caplog.records == []
    change(copy / "index.parquet", column, value)
    open_dataset(copy)
    (record,) = caplog.records
    assert f"{copy}: index.parquet was changed since it was built" in record.getMessage()
    assert f"gifbench verify {copy}" in record.getMessage()


@pytest.mark.parametrize("key", ["title", "wanted", "released_stride", "official"])
def test_a_description_that_was_changed_is_warned_of(key: str, copy: Path) -> None:
    about = json.loads((copy / "dataset.json").read_text())
    new: dict[str, object] = {"title": "Mine", "wanted": 4, "released_stride": 7, "official": {"test": 3}}
    (copy / "dataset.json").write_text(json.dumps(about | {key: new[key]}, indent=1))
    shown = succeed("info", copy)
    assert "dataset.json was changed since it was built" in shown.stderr


def test_outcomes_that_were_changed_are_not_shown(copy: Path) -> None:
    change(copy / "outcomes.parquet", "reason", "unavailable")
    with pytest.raises(DatasetDamaged, match="SHA256SUMS"):
        _ = open_dataset(copy).outcomes


def test_the_way_out_is_a_repair_and_brings_back_nothing_that_was_removed(
    copy: Path, recipe: Recipe, tiny_videos: Path
) -> None:
    remove_clips(str(copy), ["ant"], reason="asked by its owner")
    change(copy / "outcomes.parquet", "seconds", 1.5)
    mend(copy, recipe, tiny_videos)
    assert {clip.clip_id for clip in open_dataset(copy)} == {"bee", "cat"}


def test_an_index_and_a_shard_that_were_changed_are_mended_together(
    copy: Path, tiny_dataset: Dataset, recipe: Recipe, tiny_videos: Path
) -> None:
    row = open_dataset(copy)["bee"].row
    # The truth, and the description, from which the index could be made.
    flip(copy / row.shard, row.truth.offset + 200, row.members_end + 1200, bits=4)
    change(copy / "index.parquet", "locator", "other.mp4")
    mend(copy, recipe, tiny_videos)
    assert open_dataset(copy).fingerprint == tiny_dataset.fingerprint


def test_what_0_1_0_left_when_it_was_killed_between_two_tables_is_gone_on_with(
    copy: Path, recipe: Recipe, tiny_videos: Path
) -> None:
    (copy / "staging" / "journal").mkdir(parents=True)
    (copy / "staging" / "journal" / "00000003.json").write_text("[]")
    change(copy / "outcomes.parquet", "seconds", 1.5)
    run_build(recipe, from_folder(tiny_videos), str(copy), sources=tiny_videos, workers=1)
    assert list(verify_dataset(str(copy), workers=1)) == []


def swap_members(row: dict[str, Any], other: dict[str, Any]) -> None:
    for part in ("offset", "bytes", "sha256"):
        row[f"truth_{part}"] = other[f"truth_{part}"]


@pytest.mark.parametrize("way", ["iter_truth", "truth", "scored"])
def test_another_clip_s_truth_under_the_right_fingerprint_is_not_scored(
    way: str, recipe: Recipe, tmp_path: Path
) -> None:
    """Whoever changes the index can change the list of checksums too: the pixels tell."""
    videos = tmp_path / "videos"
    videos.mkdir()
    for number, name in enumerate("abc"):
        write_video(videos / f"{name}.mp4", moving_picture(6, 48, 64, seed=number))
    out = tmp_path / "out"
    built = run_build(recipe, from_folder(videos), str(out), sources=videos, workers=1)
    table = pq.read_table(out / "index.parquet")
    rows = table.to_pylist()
    assert rows[0]["shard"] == rows[1]["shard"]
    swap_members(rows[0], rows[1])
    pq.write_table(pa.Table.from_pylist(rows, table.schema), out / "index.parquet")
    fit_checksums(out)
    changed = open_dataset(out)
    assert changed.fingerprint == built.fingerprint
    with pytest.raises(DatasetDamaged, match="clip a: truth: its pixels differ"):
        if way == "truth":
            _ = changed["a"].truth
        elif way == "iter_truth":
            for _ in zip(range(6), changed["a"].iter_truth(), strict=False):  # as scoring takes them, none more
                pass
        else:
            gifbench.evaluate("gif", changed)


def test_each_clip_s_pixels_are_held_against_the_index_once(
    tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = open_dataset(tiny_dataset.url)["ant"]
    held: list[str] = []
    monkeypatch.setattr(
        type(clip), "_hold_pixels", lambda self, sha256: (held.append(sha256), self._whole.add("pixels"))
    )
    for _ in range(2):
        list(clip.iter_truth())
        list(clip.iter_truth(range(clip.num_frames)))
        list(clip.iter_truth([0]))
        _ = clip.truth
    assert held == [clip.row.pixels_sha256]


def test_the_warning_goes_to_the_log_and_names_file_line_and_way_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from gifbench.builder.coverage_by_split import store_standing
    from gifbench.download.fetch_ledger import Fetch, FetchLedger
    from gifbench.download.store import Store

    ledger = FetchLedger(tmp_path)
    for name in ("a", "b"):
        ledger.record(Fetch("http", f"http://x.example/{name}.mp4", "failed", "unavailable"))
    lines = (tmp_path / "fetches.jsonl").read_text().replace('b.mp4", "state": "failed"', 'b.mp4", "state": "stored"')
    (tmp_path / "fetches.jsonl").write_text(lines)
    with caplog.at_level(logging.WARNING, "gifbench"):
        assert store_standing(Store(tmp_path)).stored == {}
    (record,) = caplog.records
    assert "fetches.jsonl line 2" in record.getMessage()
    assert "gifbench verify" in record.getMessage()
