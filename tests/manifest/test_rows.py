"""Manifests read alike from three formats, and a bad row is named by its number and column."""

from __future__ import annotations

import contextlib
import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gifbench.builder.recipe import load_recipe
from gifbench.errors import ManifestError, NotFound
from gifbench.manifest import rows as manifest
from gifbench.manifest.rows import (
    ManifestRow,
    check_rows,
    from_folder,
    manifest_bytes,
    official_rows,
    official_splits,
    parse_manifest,
    read_manifest,
)

ROW = {"clip_id": "a-1_b", "split": "test", "source": "file", "locator": "a.mp4"}


def test_three_formats_read_alike(tmp_path: Path) -> None:
    rows = [
        ManifestRow(**ROW, start=1.5, end=3.25, frames=44, licence="CC0"),
        ManifestRow(**{**ROW, "clip_id": "b"}, start_frame=3, end_frame=9, note="with, a comma and ü"),
    ]
    (tmp_path / "m.parquet").write_bytes(manifest_bytes(rows))
    (tmp_path / "m.jsonl").write_text("\n".join(json.dumps(row.model_dump()) for row in rows))
    columns = list(ManifestRow.model_fields)
    lines = [",".join(columns)]
    for row in rows:
        values = ("" if value is None else str(value) for value in row.model_dump().values())
        lines.append(",".join(f'"{value}"' if "," in value else value for value in values))
    (tmp_path / "m.csv").write_text("\n".join(lines), encoding="utf-8-sig")
    for name in ("m.parquet", "m.jsonl", "m.csv"):
        assert read_manifest(tmp_path / name) == rows


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"clip_id": "../etc/passwd"}, "row 2, column clip_id is '../etc/passwd'"),
        ({"clip_id": "a.b"}, "column clip_id"),
        ({"clip_id": "x" * 81}, "column clip_id"),
        ({"split": "valid"}, "row 2, column split is 'valid'"),
        ({"source": "../ftp"}, "column source is '../ftp'"),
        ({"locator": ""}, "column locator"),
        ({"start": "soon"}, "column start is 'soon'"),
        ({"start": -1}, "column start"),
        ({"start": float("nan")}, "column start"),
        ({"start": 3, "end": 2}, "ends at 2.0, at or before its start at 3"),
        ({"start_frame": 5, "end_frame": 5}, "ends at 5"),
        ({"start": 1, "start_frame": 5}, "both in seconds and in frames"),
        ({"frames": 0}, "column frames is '0'"),
        ({"colour": "blue"}, "column colour is 'blue': no column is called so; there are clip_id, split"),
        ({"split": None}, "column split: Field required"),
        ({"clip_id": "first"}, "is 'first': it is also in row 1"),
        ({"clip_id": 7}, "column clip_id is '7'"),
        ({"locator": ["a"]}, "column locator"),
        ({"frames": True}, "column frames is True: a text or a number"),
        ({"end_frame": 2**40}, "column end_frame is '1099511627776'"),
        ({"end": 1e300}, "column end is '1e+300'"),
        ({"note": "caf\udce9"}, "column note is 'caf\\udce9': it is not UTF-8"),
    ],
)
def test_a_bad_row_is_named_by_number_and_column(change: dict[str, object], says: str) -> None:
    rows = [{**ROW, "clip_id": "first"}, {**ROW, **change}]
    with pytest.raises(ManifestError) as caught:
        check_rows(rows, name="list.csv")
    assert "list.csv: row 2" in str(caught.value)
    assert says in str(caught.value)


def test_a_file_that_is_no_manifest_at_all_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from gifbench.manifest import io as manifest_files
    from gifbench.manifest import rows as manifest

    monkeypatch.setattr(manifest, "MAX_FINDINGS", 9)
    monkeypatch.setattr(manifest_files, "MAX_ROWS", 20)
    with pytest.raises(ManifestError, match=r"more than 9 cells.*row 1, column"):
        check_rows(({} for _ in iter(int, 1)), name="endless.csv")
    rows = "\n".join(json.dumps({**ROW, "clip_id": f"c{i}"}) for i in range(21))
    with pytest.raises(ManifestError, match=r"m\.jsonl: it has more than 20 rows"):
        parse_manifest(rows.encode(), name="m.jsonl")


@pytest.mark.parametrize(("name", "data"), [("m.csv", b""), ("m.csv", b"clip_id,split\n"), ("m.jsonl", b"\n")])
def test_a_manifest_without_rows_is_refused(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ManifestError, match=r"m\.\w+: no row is in it"):
        read_manifest(tmp_path / name)


def test_further_bad_rows_are_counted() -> None:
    with pytest.raises(ManifestError, match=r"and 2 more bad rows"):
        check_rows([{}, {}, {}], name="list.csv")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("m.parquet", b"PAR1 not parquet"),
        ("m.jsonl", b"{broken"),
        ("m.jsonl", b"[1, 2]"),
        ("m.csv", b"\xff\xfe\x00bad"),
        ("m.csv", b"clip_id,split\na,test,too,many"),
        ("m.jsonl", b"[" * 100_000),
        ("m.csv", "clip_id,split".encode("utf-16")),
        ("m.txt", b""),
    ],
)
def test_what_is_no_manifest_is_one_error(name: str, data: bytes) -> None:
    with pytest.raises(ManifestError):
        parse_manifest(data, name=name)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_text_that_is_not_utf_8_is_named_by_row_and_column(ending: str, tmp_path: Path) -> None:
    """Latin-1 in the second row's locator, whatever the format."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / f"m.{ending}"
    rows = [{**ROW, "clip_id": "a"}, {**ROW, "clip_id": "b", "locator": "caf\xe9.mp4"}, {**ROW, "clip_id": "c"}]
    if ending == "csv":
        lines = [",".join(ROW), *(",".join(row.values()) for row in rows)]
        path.write_bytes("\n".join(lines).encode("latin-1"))
    elif ending == "jsonl":
        path.write_bytes("\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode("latin-1"))
    else:
        columns = {key: pa.array([row[key].encode("latin-1") for row in rows], pa.binary()) for key in ROW}
        text = [pa.Array.from_buffers(pa.string(), 3, column.buffers()) for column in columns.values()]
        pq.write_table(pa.table(text, names=list(columns)), path)
    with pytest.raises(ManifestError, match=r"row 2, column locator is 'caf\\udce9.mp4': it is not UTF-8 text"):
        read_manifest(path)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["m.csv", "m.jsonl", "m.parquet"]))
def test_any_bytes_give_rows_or_a_manifest_error(data: bytes, name: str) -> None:
    with contextlib.suppress(ManifestError):
        parse_manifest(data, name=name)


def test_a_missing_manifest_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_manifest(tmp_path / "nothing.csv")


def test_a_folder_gives_every_video_a_name_of_its_own(tmp_path: Path) -> None:
    names = ["one.mp4", "two.MKV", "sub/one.avi", "my holiday.v2.mp4", "видео.mp4", "notes.txt", ".hidden.mp4"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    rows = from_folder(tmp_path, split="train")
    assert len(rows) == 5
    assert len({row.clip_id for row in rows}) == 5
    assert {row.split for row in rows} == {"train"}
    assert {row.locator for row in rows} == {"one.mp4", "two.MKV", "sub/one.avi", "my holiday.v2.mp4", "видео.mp4"}
    assert [row.clip_id for row in rows if row.locator == "two.MKV"] == ["two"]


def test_known_names_take_their_split_from_the_official_list(tmp_path: Path) -> None:
    (tmp_path / "Xgor7M--cI4_0_Tg8HOuJT70A_0.avi").write_bytes(b"")
    (tmp_path / "mine.avi").write_bytes(b"")
    rows = {row.clip_id: row for row in from_folder(tmp_path, split="train", known=official_rows("gif-faces"))}
    assert (rows["Xgor7M--cI4_0_Tg8HOuJT70A_0"].split, rows["Xgor7M--cI4_0_Tg8HOuJT70A_0"].frames) == ("test", 480)
    assert (rows["mine"].split, rows["mine"].frames) == ("train", None)


def test_a_folder_without_videos_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no video")
    with pytest.raises(ManifestError, match="no video is in it"):
        from_folder(tmp_path)
    with pytest.raises(NotFound):
        from_folder(tmp_path / "nowhere")
    with pytest.raises(ManifestError, match="split is 'valid'"):
        from_folder(tmp_path, split="valid")


def test_a_file_name_that_no_table_can_hold_is_said(tmp_path: Path) -> None:
    import os

    name = os.fsencode(tmp_path) + b"/caf\xe9.mp4"
    try:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
    except OSError:
        pytest.skip("this file system holds UTF-8 names only")
    with pytest.raises(ManifestError, match=r"'caf\\udce9\.mp4' is not UTF-8"):
        from_folder(tmp_path)


@cache
def read_once(name: str) -> list[ManifestRow]:
    """An official list; the long one takes seconds to read."""
    return official_rows(name)


def test_the_official_lists_have_the_published_counts() -> None:
    """From the paper and the released lists."""

    def count(name: str, split: str) -> tuple[int, int]:
        rows = [row for row in read_once(name) if row.split == split]
        return len(rows), sum(row.frames or 0 for row in rows)

    assert count("gif-faces", "train") == (883, 457_788)
    assert count("gif-faces", "test") == (104, 51_368)
    assert count("gif-moments", "train") == (60_838, 10_265_045)
    assert count("gif-moments", "validation") == (3_578, 590_681)
    assert count("gif-moments", "test") == (7_159, 1_208_071)
    moments = read_once("gif-moments")
    assert len({row.locator for row in moments}) == 50_702
    recipe = load_recipe("gif-moments")
    assert all(recipe.missing_span(row) for row in moments)


def test_the_creative_commons_moments_are_those_of_the_test_list() -> None:
    rows = official_rows("video2gif-cc")
    assert len({row.locator for row in rows}) == 302
    test = [row for row in rows if row.split == "test"]
    assert (len({row.locator for row in test}), len(test), sum(row.frames or 0 for row in test)) == (27, 32, 5944)
    assert {row.licence for row in rows} == {"CC BY 3.0 (YouTube)"}
    whole = {row.clip_id: row for row in read_once("gif-moments")}
    assert all(row.model_copy(update={"licence": ""}) == whole[row.clip_id] for row in rows)


def test_the_manifests_are_what_their_script_makes(test_data: Path) -> None:
    from manifests import make

    for name, rows in (
        ("gif-faces", make.gif_faces(test_data / "lists")),
        ("gif-moments", make.gif_moments(test_data / "lists")),
        ("video2gif-cc", make.video2gif_cc(test_data / "lists")),
    ):
        assert sorted(rows, key=lambda row: (row.split, row.clip_id)) == read_once(name)
    shipped = Path(make.HERE, "faceforensics-plus-plus.parquet").read_bytes()
    assert make.faceforensics_plus_plus(test_data / "lists") == shipped


@pytest.mark.parametrize("name", ["gif-faces", "gif-faces.parquet"])
def test_official_lists_are_found_by_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(read_manifest(name)) == 987
    with pytest.raises(NotFound, match="nor an official list"):
        read_manifest("gif-facs")
    with pytest.raises(NotFound):
        read_manifest("./somewhere/gif-faces.parquet")


def test_a_manifest_that_is_too_large_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "list.csv").write_bytes(bytes(101))
    monkeypatch.setattr(manifest, "MAX_BYTES", 100)
    with pytest.raises(ManifestError, match="101 bytes, manifests of up to 100 are read"):
        read_manifest(tmp_path / "list.csv")


def test_a_recipe_of_ones_own_has_no_official_list() -> None:
    assert official_rows("holidays") == [] and official_splits("holidays") == {}
    assert official_rows(None) == [] and official_splits(None) == {}
