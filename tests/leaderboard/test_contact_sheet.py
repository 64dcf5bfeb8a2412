"""The contact sheet of a dataset: one bounded page that shows every split, whatever is in the dataset."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from gifbench.dataset import Dataset, open_dataset
from gifbench.leaderboard.contact_sheet import contact_sheet, spread
from tests.conftest import invoke, succeed
from tests.leaderboard.axe import serious_findings
from tests.leaderboard.chromium import Chromium


def test_a_sheet_shows_every_clip_and_loads_nothing(tiny_dataset: Dataset) -> None:
    page = contact_sheet(tiny_dataset)
    for clip in tiny_dataset:
        assert clip.clip_id in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sum(source.startswith("data:image/webp;base64,") for source in sources) == 6 * len(tiny_dataset)
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert tiny_dataset.fingerprint in page


def test_a_sheet_of_a_large_dataset_shows_some_of_every_split(
    tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gifbench.leaderboard.contact_sheet.MOST_CLIPS", 10)
    row = tiny_dataset.rows[0]
    rows = [replace(row, clip_id=f"c{i:03}", split="test" if i < 5 else "train") for i in range(200)]
    chosen = spread(Dataset(tiny_dataset.folder, tiny_dataset.about, rows))
    assert {clip.split for clip in chosen} == {"test", "train"}
    assert len(chosen) <= 11
    assert len({clip.clip_id for clip in chosen}) == len(chosen)


def test_what_comes_from_outside_is_escaped_and_cut(tiny_dataset: Dataset) -> None:
    evil = '"><script>alert(1)</script>' + "a" * 2000
    rows = [replace(row, licence=evil, locator=evil) for row in tiny_dataset.rows]
    about = {**tiny_dataset.about, "title": evil, "recipe": {evil: evil}}
    page = contact_sheet(Dataset(tiny_dataset.folder, about, rows))
    assert "<script>" not in page
    assert "a" * 500 not in page


def test_a_clip_that_cannot_be_read_is_named_and_the_others_are_shown(tiny_dataset: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_dataset.url, folder)
    (folder / tiny_dataset["cat"].row.shard).unlink()
    page = contact_sheet(open_dataset(folder))
    assert page.count("It cannot be read") == 1
    assert page.count("data:image/webp") == 6 * (len(tiny_dataset) - 1)


def test_info_writes_the_sheet_and_overwrites_it_only_when_asked(tiny_dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "contact_sheet.html"
    ask = ["info", tiny_dataset.url, "--html", str(out)]
    succeed(*ask)
    before = out.read_bytes()
    again = succeed(*ask)
    assert "reused" in again.output
    out.write_bytes(b"another page")
    assert invoke(*ask).exit_code == 1
    succeed(*ask, "--overwrite")
    assert out.read_bytes() == before


def test_a_browser_shows_the_sheet_without_a_complaint(
    tiny_dataset: Dataset, tmp_path: Path, browser: Chromium
) -> None:
    out = tmp_path / "contact_sheet.html"
    out.write_text(contact_sheet(tiny_dataset), encoding="utf-8")
    browser.look(width=390, dark=False)
    browser.open(f"file://{out}")
    browser.wait_for("[...document.images].every(image => image.complete)")
    assert browser.js("[...document.images].filter(image => image.naturalWidth > 0).length") == 18
    assert browser.js("document.documentElement.scrollWidth <= innerWidth")
    assert not [event for event in browser.events if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]
    assert serious_findings(browser) == []
