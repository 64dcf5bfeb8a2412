"""`gifbench fetch LIST` takes what people have: a table, a table without names, a list of URLs."""

from __future__ import annotations

from pathlib import Path

import pytest

from gifbench.download.store import Store
from gifbench.errors import ManifestError, NotFound
from gifbench.manifest.rows import official_rows
from gifbench.manifest.url_list import read_source_list
from tests.conftest import invoke, succeed
from tests.download.http_server import serve


def test_a_list_of_urls_names_its_sources(tmp_path: Path) -> None:
    path = tmp_path / "urls.txt"
    path.write_text(
        "\ufeff# my videos\nhttps://host/a b.mp4\nhttps://host/a.mp4?id=1\n\nhttps://host/a.mp4?id=2 # a note\r\n"
        "https://host/a.mp4?id=1\nhttps://www.youtube.com/watch?t=3&v=dQw4w9WgXcQ\nhttps://youtu.be/dQw4w9WgXcQ?t=1\n"
        "https://m.youtube.com/shorts/abcdefghijk\nhttps://youtube.com/@somebody\n"
    )
    rows = read_source_list(path)
    assert [(row.source, row.locator) for row in rows] == [
        *(("http", f"https://host/{name}") for name in ("a b.mp4", "a.mp4?id=1", "a.mp4?id=2")),
        *(("youtube", video) for video in ("dQw4w9WgXcQ", "abcdefghijk")),
        ("http", "https://youtube.com/@somebody"),
    ]
    assert len({row.clip_id for row in rows}) == len(rows)
    assert {row.split for row in rows} == {"test"}
    assert read_source_list(path) == rows


def test_a_table_may_lack_names_splits_and_kinds(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("locator,start,end,split\nhttps://host/a.mp4,0,1,train\nhttps://host/a.mp4,1,2,\n")
    first, second = read_source_list(path)
    assert (first.source, first.split, second.split) == ("http", "train", "test")
    assert first.clip_id != second.clip_id
    assert first.clip_id.startswith("a_mp4-")
    assert len(read_source_list("gif-faces")) == len(official_rows("gif-faces"))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("urls.txt", "https://host/a.mp4\nvideos/a.mp4\n", "line 2 must be a URL"),
        ("urls.txt", "# nothing\n", "no row is in it"),
        ("list.csv", "locator\nvideos/a.mp4\n", "row 1, column source"),
        ("list.csv", "name\na\n", "row 1, column"),
    ],
)
def test_what_is_no_list_is_said(name: str, text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ManifestError, match=says):
        read_source_list(tmp_path / name)
    with pytest.raises(NotFound):
        read_source_list(tmp_path / "other.txt")


def test_one_command_fetches_a_list(tiny_videos: Path, tmp_path: Path) -> None:
    with serve() as site:
        site.bodies["ant.mp4"] = (tiny_videos / "ant.mp4").read_bytes()
        (tmp_path / "urls.txt").write_text(site.url("/good/ant.mp4"))
        command = ("fetch", tmp_path / "urls.txt", "--store", tmp_path / "store")
        assert invoke(*command).exit_code == 1  # an address of this machine
        succeed(*command, "--trust-manifest")
        assert Store(tmp_path / "store").find("http", site.url("/good/ant.mp4")) is not None
    wrong = invoke("fetch")
    assert (wrong.exit_code, "gifbench fetch LIST" in wrong.stderr) == (2, True)
