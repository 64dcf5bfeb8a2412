"""A site appears whole or not at all, and replaces nothing but a site."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import pytest

from gifbench.errors import AlreadyExists, NotWritable, StorageError
from gifbench.leaderboard.atomic_publish import MARKER, published


def publish(out, text="new", *, overwrite=False):
    with published(out, overwrite=overwrite) as site:
        (site / "index.html").write_text(text)
        (site / "clips").mkdir()


def test_a_site_appears_with_its_marker_and_nothing_stays_beside_it(tmp_path):
    publish(tmp_path / "deep" / "site")
    assert (tmp_path / "deep" / "site" / "index.html").read_text() == "new"
    assert json.loads((tmp_path / "deep" / "site" / MARKER).read_text())["entries"] == ["clips", MARKER, "index.html"]
    assert [entry.name for entry in (tmp_path / "deep").iterdir()] == ["site"]
    assert (tmp_path / "deep" / "site").stat().st_mode & 0o777 == 0o755


def test_a_site_is_replaced_only_when_asked(tmp_path):
    publish(tmp_path / "site", "old")
    with pytest.raises(AlreadyExists, match="--overwrite"):
        publish(tmp_path / "site")
    assert (tmp_path / "site" / "index.html").read_text() == "old"
    publish(tmp_path / "site", overwrite=True)
    assert (tmp_path / "site" / "index.html").read_text() == "new"
    assert [entry.name for entry in (tmp_path).iterdir()] == ["site"]


@pytest.mark.parametrize("marker", [None, "not json", "[]", '{"made_by": "me", "entries": ["thesis.tex"]}'])
def test_a_folder_of_anything_else_is_never_replaced(tmp_path, marker):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    if marker is not None:
        (tmp_path / "home" / MARKER).write_text(marker)
    with pytest.raises(AlreadyExists, match="not a gifbench site"):
        publish(tmp_path / "home", overwrite=True)
    assert (tmp_path / "home" / "thesis.tex").read_text() == "years of work"


def test_what_was_put_into_a_site_is_not_lost(tmp_path):
    publish(tmp_path / "site", "old")
    (tmp_path / "site" / ".git").mkdir()
    with pytest.raises(AlreadyExists, match=r"\.git"):
        publish(tmp_path / "site", overwrite=True)
    assert (tmp_path / "site" / ".git").is_dir()
    assert (tmp_path / "site" / "index.html").read_text() == "old"


def test_an_empty_folder_is_filled_and_a_file_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    publish(tmp_path / "empty")
    assert (tmp_path / "empty" / "index.html").is_file()
    (tmp_path / "file").write_text("x")
    with pytest.raises(AlreadyExists, match="this is a file"):
        publish(tmp_path / "file", overwrite=True)


def test_a_failure_leaves_the_old_site_and_no_draft(tmp_path):
    publish(tmp_path / "site", "old")
    with pytest.raises(KeyboardInterrupt), published(tmp_path / "site", overwrite=True) as site:
        (site / "index.html").write_text("half")
        raise KeyboardInterrupt
    assert [entry.name for entry in (tmp_path).iterdir()] == ["site"]
    assert (tmp_path / "site" / "index.html").read_text() == "old"


def killed_while(tmp_path, place):
    """Publish in a process that ends, as by a kill, while it is `writing` the draft or `moving` the old site aside."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of threads, of which it needs none
        child = os.fork()
    if child:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        return
    rename = Path.rename

    def once(path, target):
        rename(path, target)
        os._exit(9)

    try:
        with published(tmp_path / "site", overwrite=True) as site:
            (site / "index.html").write_text("half")
            if place == "writing":
                os._exit(9)
            Path.rename = once
    finally:
        os._exit(1)


@pytest.mark.parametrize("place", ["writing", "moving"])
def test_what_a_kill_left_is_swept_by_the_next_run_and_the_old_site_is_not_lost(tmp_path, place):
    publish(tmp_path / "site", "old")
    killed_while(tmp_path, place)
    left = sorted(entry.name for entry in tmp_path.iterdir())
    assert len(left) == (1 if place == "moving" else 2), left  # the old site lies in the hidden folder, or beside it
    with pytest.raises(AlreadyExists, match="--overwrite"):
        publish(tmp_path / "site")
    assert [entry.name for entry in tmp_path.iterdir()] == ["site"]
    assert (tmp_path / "site" / "index.html").read_text() == "old"
    publish(tmp_path / "site", overwrite=True)
    assert (tmp_path / "site" / "index.html").read_text() == "new"


def test_a_draft_that_is_being_written_is_left_alone_and_so_is_what_is_not_ours(tmp_path):
    (tmp_path / ".site.file.draft").write_text("a file of that name")
    with published(tmp_path / "site", overwrite=False) as first:
        (first / "index.html").write_text("first")
        with pytest.raises(KeyboardInterrupt), published(tmp_path / "site", overwrite=False):
            raise KeyboardInterrupt
    assert (tmp_path / "site" / "index.html").read_text() == "first"
    assert (tmp_path / ".site.file.draft").is_file()


def test_what_a_kill_left_of_a_site_whose_name_goes_on_is_its_own(tmp_path):
    (tmp_path / ".site.b.abcd_123.draft" / "old").mkdir(parents=True)
    publish(tmp_path / "site")
    assert (tmp_path / ".site.b.abcd_123.draft" / "old").is_dir()


def test_a_link_to_a_site_stays_a_link(tmp_path):
    publish(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to("real")
    publish(tmp_path / "link", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "index.html").read_text() == "new"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    with pytest.raises(NotWritable, match="locked"):
        publish(tmp_path / "locked" / "site")


@pytest.mark.parametrize("stopped_by", [OSError("no"), KeyboardInterrupt()])
def test_a_site_that_stepped_aside_comes_back_where_the_new_one_cannot_take_its_place(
    tmp_path, monkeypatch, stopped_by
):
    publish(tmp_path / "site", "old")
    rename = Path.rename

    def only_aside(path, target):
        if path.name == "site" and path.parent != tmp_path:
            raise stopped_by
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", only_aside)
    with pytest.raises((StorageError, KeyboardInterrupt)):
        publish(tmp_path / "site", overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["site"]
    assert (tmp_path / "site" / "index.html").read_text() == "old"
