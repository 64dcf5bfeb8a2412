"""Datasets damaged in every way that was thought of, here and behind a URL: an error that names it, and no score."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gifbench
from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import load_recipe
from gifbench.dataset import open_dataset
from gifbench.dataset.fingerprint import fingerprint
from gifbench.dataset.index_rows import IndexRow
from gifbench.errors import GifbenchError
from gifbench.manifest.rows import from_folder
from gifbench.storage import Folder
from tests.conftest import moving_picture, write_video
from tests.dataset.changed_files import fit_checksums

Damage = Callable[[Path, dict[str, IndexRow]], None]


@pytest.fixture(scope="module")
def alike(tiny_recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips of one size and length, in two shards."""
    videos = tmp_path_factory.mktemp("alike")
    for number, name in enumerate("abc"):
        write_video(videos / f"{name}.mp4", moving_picture(6, 48, 64, seed=number))
    out = videos / "out"
    run_build(load_recipe(str(tiny_recipe)), from_folder(videos), str(out), sources=videos, workers=1)
    return out


def flip(member: str, at: int, bits: int = 1) -> Damage:
    """Turn bits of a byte of clip a's member; counted from its end where `at` is negative."""

    def damage(out: Path, rows: dict[str, IndexRow]) -> None:
        place = getattr(rows["a"], member)
        data = bytearray((out / rows["a"].shard).read_bytes())
        data[place.offset + at if at >= 0 else place.offset + place.bytes + at] ^= bits
        (out / rows["a"].shard).write_bytes(data)

    return damage


def cut(share: float) -> Damage:
    def damage(out: Path, rows: dict[str, IndexRow]) -> None:
        data = (out / rows["a"].shard).read_bytes()
        (out / rows["a"].shard).write_bytes(data[: int(share * len(data))])

    return damage


def exchange_shards(out: Path, rows: dict[str, IndexRow]) -> None:
    first, second = (out / rows[name].shard for name in "ac")
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)


def zeros(out: Path, rows: dict[str, IndexRow]) -> None:
    path = out / rows["a"].shard
    path.write_bytes(bytes(path.stat().st_size))


def other_member(member: str) -> Damage:
    """Bytes of clip b's member where those of clip a's were."""

    def damage(out: Path, rows: dict[str, IndexRow]) -> None:
        data = bytearray((out / rows["a"].shard).read_bytes())
        mine, other = getattr(rows["a"], member), getattr(rows["b"], member)
        there = data[other.offset : other.offset + other.bytes].ljust(mine.bytes, b"\0")[: mine.bytes]
        data[mine.offset : mine.offset + mine.bytes] = there
        (out / rows["a"].shard).write_bytes(data)

    return damage


def lie(change: Callable[[dict[str, dict[str, Any]]], None], *, listed: bool = True) -> Damage:
    """Change the index, and the list of checksums with it."""

    def damage(out: Path, rows: dict[str, IndexRow]) -> None:
        table = pq.read_table(out / "index.parquet")
        values = table.to_pylist()
        change({row["clip_id"]: row for row in values})
        pq.write_table(pa.Table.from_pylist(values, table.schema), out / "index.parquet")
        if listed:
            fit_checksums(out)

    return damage


def exchange(*columns: str) -> Callable[[dict[str, dict[str, Any]]], None]:
    def change(rows: dict[str, dict[str, Any]]) -> None:
        for column in columns:
            rows["a"][column], rows["b"][column] = rows["b"][column], rows["a"][column]

    return change


def put(**values: object) -> Callable[[dict[str, dict[str, Any]]], None]:
    def change(rows: dict[str, dict[str, Any]]) -> None:
        rows["a"].update(values)

    return change


def another_fingerprint(out: Path, rows: dict[str, IndexRow]) -> None:
    about = json.loads((out / "dataset.json").read_text())
    (out / "dataset.json").write_text(json.dumps({**about, "fingerprint": "0123456789abcdef"}))


TRUTH = tuple(f"truth_{part}" for part in ("offset", "bytes", "sha256"))
GIFS = tuple(f"{name}_{part}" for name in ("plain", "dithered") for part in ("offset", "bytes", "sha256"))

DAMAGE: dict[str, Damage] = {
    "a byte of the first palette": flip("plain", 20),
    "three bits of a palette": flip("dithered", 40, 0x15),
    "the GIF's compressed pixels": flip("plain", -30, 0x40),
    "the GIF's size": flip("plain", 6),
    "the GIF's end": flip("dithered", -1, 0xFF),
    "the truth's header": flip("truth", 60),
    "the truth's pixels": flip("truth", -200),
    "the shard's last half": cut(0.5),
    "the shard's end, within the last clip": cut(0.9),
    "an empty shard": cut(0),
    "two shards exchanged": exchange_shards,
    "zeros for a shard": zeros,
    "another clip's truth": other_member("truth"),
    "another clip's GIF": other_member("plain"),
    "another fingerprint": another_fingerprint,
    "rows exchanged: truth": lie(exchange(*TRUTH)),
    "rows exchanged: truth and pixels": lie(exchange(*TRUTH, "pixels_sha256")),
    "rows exchanged: GIFs": lie(exchange(*GIFS)),
    "rows exchanged: all": lie(exchange(*TRUTH, *GIFS, "pixels_sha256")),
    "rows exchanged, and not listed": lie(exchange(*TRUTH), listed=False),
    "fewer frames": lie(put(frames=5)),
    "more frames": lie(put(frames=7)),
    "another height": lie(put(height=20)),
    "truth through JPEG": lie(put(truth_first=0, truth_filter="area", truth_jpeg=50)),
    "other pixels": lie(put(pixels_sha256="0" * 64)),
    "another rate": lie(put(fps="24")),
    "another split": lie(put(split="train")),
    "a member before the shard": lie(put(truth_offset=-512)),
    "a member behind the shard": lie(put(plain_offset=1 << 40)),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_ends_in_an_error_and_no_score(name: str, alike: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(alike, tmp_path / "out"))
    rows = {row.clip_id: row for row in open_dataset(out).rows}
    DAMAGE[name](out, rows)
    with pytest.raises(GifbenchError) as damaged:
        gifbench.evaluate("gif", out)
    assert "\n" not in str(damaged.value)


@pytest.mark.parametrize(
    "name", ["three bits of a palette", "the truth's pixels", "two shards exchanged", "zeros for a shard"]
)
@pytest.mark.parametrize("where", ["memory", "simplecache"])
def test_damage_behind_a_url_ends_in_an_error_too(name: str, where: str, alike: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(alike, tmp_path / "out"))
    DAMAGE[name](out, {row.clip_id: row for row in open_dataset(out).rows})
    url = f"memory://damaged-{name.replace(' ', '-')}"
    for path in out.rglob("*"):
        if path.is_file():
            Folder(url).write(path.relative_to(out).as_posix(), path.read_bytes())
    with pytest.raises(GifbenchError):
        gifbench.evaluate("gif", url if where == "memory" else f"simplecache::{url}")


def test_a_dataset_that_is_damaged_in_one_clip_gives_no_score_of_the_others_either(alike: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(alike, tmp_path / "out"))
    flip("plain", 20)(out, {row.clip_id: row for row in open_dataset(out).rows})
    with pytest.raises(GifbenchError, match="clip a: plain: its bytes differ"):
        gifbench.evaluate("gif", out, out=tmp_path / "results")
    assert not list((tmp_path / "results").rglob("*.json"))


def test_each_byte_that_is_scored_is_hashed_once(alike: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gifbench.dataset.dataset_clip import DatasetClip

    held: list[tuple[str, str]] = []
    before = DatasetClip._hold
    monkeypatch.setattr(
        DatasetClip,
        "_hold",
        lambda self, member, sha256: (held.append((self.clip_id, member)), before(self, member, sha256)),
    )
    gifbench.evaluate("gif", alike, ["plain-1"])
    assert sorted(held) == sorted((clip, member) for clip in "abc" for member in ("truth", "plain"))
    assert fingerprint(open_dataset(alike).rows) == open_dataset(alike).fingerprint
