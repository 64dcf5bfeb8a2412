"""A built dataset gives back the truth, its GIFs and the exact times, and any tar tool reads its shards."""

from __future__ import annotations

import gc
import hashlib
import json
import tarfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from gifbench.dataset import Dataset, export_clip, open_dataset, verify_dataset
from gifbench.dataset.dataset_clip import DatasetClip
from gifbench.dataset.fingerprint import fingerprint
from gifbench.dataset.index_rows import IndexRow, Member
from gifbench.errors import AlreadyExists, CorruptMedia, DatasetDamaged, DatasetError, NoSuchClip, UsageError
from gifbench.media.colors.error_diffusion import floyd_steinberg
from gifbench.media.colors.quantize import quantize
from gifbench.media.gif import Gif
from gifbench.media.video.lossless_reader import read_lossless
from gifbench.storage import Folder
from tests.dataset.changed_files import flip


def test_clips_come_by_number_name_and_split(tiny_dataset: Dataset) -> None:
    assert len(tiny_dataset) == 3
    assert tiny_dataset[0].clip_id == "ant"
    assert tiny_dataset["cat"].num_frames == 8 == len(tiny_dataset["cat"])
    assert [clip.clip_id for clip in tiny_dataset.split("test")] == ["ant", "bee", "cat"]
    assert "ant" in tiny_dataset
    assert "narrow" not in tiny_dataset
    assert [clip.clip_id for clip in tiny_dataset[1:]] == ["bee", "cat"]
    assert "3 clips" in repr(tiny_dataset)
    assert "32×24" in repr(tiny_dataset["ant"])


def test_gifs_are_made_of_the_truth(tiny_dataset: Dataset) -> None:
    clip = tiny_dataset["ant"]
    truth, plain, dithered = clip.truth, clip.gif(), clip.gif(dithered=True)
    assert truth.frames.shape == (6, 24, 32, 3)
    assert truth.times == plain.times == dithered.times == tuple(Fraction(i, 25) for i in range(6))
    assert truth.duration == plain.duration == Fraction(6, 25)
    assert (plain.dithered, dithered.dithered) == (False, True)
    for i, frame in enumerate(truth.frames):
        indices, palette = quantize(frame)
        np.testing.assert_array_equal(plain.frame(i), palette[indices])
        np.testing.assert_array_equal(dithered.frame(i), palette[floyd_steinberg(frame, palette)])


def test_sparse_gifs_are_views_of_the_whole(tiny_dataset: Dataset) -> None:
    clip = tiny_dataset["cat"]
    whole, sparse = clip.gif(), clip.gif(every=3)
    np.testing.assert_array_equal(sparse.frames, whole.frames[::3])
    assert sparse.times == whole.times[::3]
    assert sparse.duration == whole.duration


def test_shards_are_webdataset_tars(tiny_dataset: Dataset) -> None:
    row = tiny_dataset["ant"].row
    with tarfile.open(Path(tiny_dataset.url, row.shard)) as tar:
        members = {member.name: member for member in tar}
        about = json.loads(tar.extractfile("ant.json").read())  # type: ignore[union-attr]
    assert list(members)[:4] == ["ant.truth.mkv", "ant.plain.gif", "ant.dithered.gif", "ant.json"]
    assert members["ant.plain.gif"].offset_data == row.plain.offset
    assert members["ant.plain.gif"].size == row.plain.bytes
    assert {member.mtime for member in members.values()} == {0}
    assert about["pixels_sha256"] == row.pixels_sha256
    assert about["frames"] == 6


def test_webdataset_reads_them_without_gifbench(tiny_dataset: Dataset) -> None:
    import webdataset

    shards = [str(path) for path in sorted(Path(tiny_dataset.url, "shards").iterdir())]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # webdataset leaves its files to the garbage collector
        samples = list(webdataset.WebDataset(shards, shardshuffle=False))
        gc.collect()
    assert [sample["__key__"] for sample in samples] == ["ant", "bee", "cat"]
    clip = tiny_dataset["bee"]
    assert samples[1]["dithered.gif"] == clip.read("dithered")
    np.testing.assert_array_equal(read_lossless(samples[1]["truth.mkv"]), clip.truth.frames)
    np.testing.assert_array_equal(Gif.read(samples[1]["plain.gif"]).frames, clip.gif().frames)


def test_the_fingerprint_sees_what_methods_see(tiny_dataset: Dataset) -> None:
    rows = list(tiny_dataset.rows)
    assert fingerprint(reversed(rows)) == tiny_dataset.fingerprint == fingerprint(rows)
    moved = [row.moved("elsewhere.tar", 512) for row in rows]
    assert fingerprint(moved) == tiny_dataset.fingerprint
    for change in ({"fps": "24"}, {"split": "train"}, {"pixels_sha256": "0"}, {"plain": Member(0, 0, "0")}):
        assert fingerprint([replace(rows[0], **change), *rows[1:]]) != tiny_dataset.fingerprint


def test_uneven_times_come_from_ticks() -> None:
    member = Member(0, 0, "")
    row = IndexRow(
        *("a", "test", "file", "a.mkv", "0", 0.0, 0.3, 3, "10", "1/1000", (0, 33, 150, 300), 8, 8, None, "", "0", ""),
        *(member, member, member),
    )
    assert row.times() == ((0, Fraction(33, 1000), Fraction(3, 20)), Fraction(3, 10))


def test_a_wrong_name_gets_a_hint(tiny_dataset: Dataset) -> None:
    with pytest.raises(NoSuchClip, match="did you mean ant"):
        tiny_dataset["annt"]
    with pytest.raises(DatasetError, match=r"its splits: test\. gifbench build with --split train"):
        tiny_dataset.split("train")
    with pytest.raises(DatasetError, match="no dataset is here"):
        open_dataset("/nowhere/at/all")


@pytest.mark.parametrize("member", ["truth", "plain", "dithered"])
def test_a_flipped_bit_is_found_and_named(copy: Path, member: str) -> None:
    row = open_dataset(copy)["bee"].row
    place = row.members[member]
    flip(copy / row.shard, place.offset + place.bytes // 2)
    assert list(verify_dataset(str(copy), workers=1)) == [
        ("bee", f"{member}: its bytes differ from the sha256 in the index")
    ]


def test_any_flipped_bit_of_a_shard_is_found(copy: Path) -> None:
    """Headers, padding and descriptions too, which have no checksum of their own."""
    shard = copy / "shards" / "test-00000.tar"
    whole = shard.read_bytes()
    rng = np.random.default_rng(0)
    row = open_dataset(copy)["ant"].row
    between = [row.truth.offset - 300, row.plain.offset - 1, row.dithered.offset + row.dithered.bytes + 600]
    for place in (*between, len(whole) - 1, *rng.integers(0, len(whole), 20)):
        flip(shard, place, bits=1 << int(rng.integers(8)))
        assert list(verify_dataset(str(copy), workers=1)), place
        shard.write_bytes(whole)
    assert list(verify_dataset(str(copy), workers=1)) == []


def test_damage_of_every_kind_is_found(copy: Path) -> None:
    shards = sorted((copy / "shards").iterdir())
    shards[0].write_bytes(shards[0].read_bytes()[:5000])
    (copy / "shards" / "test-99999.tar").write_bytes(b"")
    (copy / "outcomes.parquet").unlink()
    about = json.loads((copy / "dataset.json").read_text())
    (copy / "dataset.json").write_text(json.dumps({**about, "fingerprint": "0" * 16}))
    damage = dict(verify_dataset(str(copy), workers=1))
    assert set(damage) == {
        "shards/test-00000.tar",
        "shards/test-99999.tar",
        "outcomes.parquet",
        "dataset.json",
        "ant",
        "bee",
    }
    shards[0].unlink()
    assert ("shards/test-00000.tar", "the shard is missing") in verify_dataset(str(copy), workers=1)


@pytest.mark.parametrize("read", [lambda clip: clip.truth, lambda clip: next(clip.iter_truth())])
def test_reading_a_clip_whose_shard_is_gone_is_one_clear_error(
    copy: Path, read: Callable[[DatasetClip], object]
) -> None:
    clip = open_dataset(copy)["ant"]
    (copy / clip.row.shard).unlink()
    with pytest.raises(DatasetDamaged, match=r"clip ant: .*gifbench verify"):
        read(clip)


def rewritten(copy: Path, clip_id: str, change: Callable[[IndexRow, bytearray], IndexRow]) -> DatasetClip:
    """A clip of the copy whose shard or row of the index was changed, with checksums that fit what is there now."""
    dataset = open_dataset(copy)
    row = dataset[clip_id].row
    shard = copy / row.shard
    data = bytearray(shard.read_bytes())
    row = change(row, data)
    shard.write_bytes(data)
    for name in row.stored:
        member = row.members[name]
        digest = hashlib.sha256(data[member.offset : member.offset + member.bytes]).hexdigest()
        row = replace(row, **{name: replace(member, sha256=digest)})
    return DatasetClip(dataset.folder, row)


def test_pixels_that_no_checksum_of_bytes_tells_are_held_against_the_index(copy: Path) -> None:
    """As of a clip that was written anew by other software, which made its checksums fit."""

    def plain_is_none(row: IndexRow, data: bytearray) -> IndexRow:
        data[row.plain.offset : row.plain.offset + 6] = b"NOGIF!"
        return row

    (said,) = [line for line in rewritten(copy, "ant", plain_is_none).check() if line.startswith("plain")]
    assert said.startswith("plain: it does not decode (") and "not a GIF" in said

    def of_another_clip(row: IndexRow, data: bytearray) -> IndexRow:
        return replace(row, pixels_sha256="0" * 64)

    assert "truth: its pixels differ from pixels_sha256 in the index" in rewritten(copy, "ant", of_another_clip).check()

    def wider(row: IndexRow, data: bytearray) -> IndexRow:
        return replace(row, width=row.width + 2)

    lines = list(rewritten(copy, "bee", wider).check())
    assert "truth: it holds (frames, height, width) (7, 24, 32), the index says (7, 24, 34)" in lines
    assert "plain: it holds (frames, height, width) (7, 24, 32), the index says (7, 24, 34)" in lines


def test_the_truth_streams_also_from_where_no_disk_is(tiny_dataset: Dataset) -> None:
    place = Folder("memory://streamed-truth")
    for name in tiny_dataset.folder.names():
        place.write(name, tiny_dataset.folder.read(name))
    clip = open_dataset(place.url)["cat"]
    np.testing.assert_array_equal(np.stack(list(clip.iter_truth([1, 5]))), tiny_dataset["cat"].truth.frames[[1, 5]])
    assert repr(tiny_dataset[:2]) == "Clips(2 clips, 13 frames)"


@pytest.mark.parametrize("dithered", [False, True])
def test_some_frames_of_a_gif_are_read_alone(dithered: bool, tiny_dataset: Dataset, copy: Path) -> None:
    clip = tiny_dataset["cat"]
    part, expected = clip.gif_frames([2, 5], dithered=dithered), clip.gif(dithered=dithered).select([2, 5])
    np.testing.assert_array_equal(part.frames, expected.frames)
    assert (part.times, part.duration, part.dithered) == (expected.times, expected.duration, dithered)
    # Damage in the first frame shows that no other is looked at.
    member = clip.row.dithered if dithered else clip.row.plain
    with (copy / clip.row.shard).open("r+b") as shard:
        shard.seek(member.offset + 13 + 8 + 10 + 3 * 32 + 20)
        shard.write(b"\xff" * 40)
    with pytest.raises(DatasetDamaged, match="differ from the sha256"):
        open_dataset(copy)["cat"].gif_frames([5], dithered=dithered)
    spoilt = (copy / clip.row.shard).read_bytes()[member.offset : member.offset + member.bytes]
    changed = replace(member, sha256=hashlib.sha256(spoilt).hexdigest())
    row = replace(clip.row, dithered=changed) if dithered else replace(clip.row, plain=changed)
    damaged = DatasetClip(open_dataset(copy).folder, row)
    with pytest.raises(CorruptMedia):
        damaged.gif(dithered=dithered)
    np.testing.assert_array_equal(damaged.gif_frames([5], dithered=dithered).frame(0), expected.frame(1))
    with pytest.raises(UsageError, match=r"within 0\.\.7"):
        clip.gif_frames([8])


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"format": "x"}', '{"format": 99, "name": "a", "fingerprint": "", "recipe": {}}']
)
def test_a_foreign_description_is_refused(copy: Path, text: str) -> None:
    (copy / "dataset.json").write_text(text)
    with pytest.raises(DatasetError, match=r"dataset\.json"):
        open_dataset(copy)


def test_a_foreign_index_is_refused(copy: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"clip_id": ["a"]}), copy / "index.parquet")
    with pytest.raises(DatasetDamaged, match="column"):
        open_dataset(copy)
    (copy / "index.parquet").write_bytes(b"PAR1")
    with pytest.raises(DatasetDamaged, match="not a Parquet file"):
        open_dataset(copy)


def test_an_exported_clip_is_the_clip(tiny_dataset: Dataset, tmp_path: Path) -> None:
    import cv2

    clip = tiny_dataset["ant"]
    files = export_clip(clip, tmp_path / "out", png=True)
    assert [file.name for file in files[:4]] == ["ant.truth.mkv", "ant.plain.gif", "ant.dithered.gif", "00000.png"]
    np.testing.assert_array_equal(read_lossless(files[0]), clip.truth.frames)
    np.testing.assert_array_equal(Gif.read(files[2]).frames, clip.gif(dithered=True).frames)
    np.testing.assert_array_equal(cv2.imread(str(files[5]))[..., ::-1], clip.truth.frames[2])
    before = [file.stat().st_mtime_ns for file in files]
    assert export_clip(clip, tmp_path / "out", png=True) == files  # the very same is kept
    assert [file.stat().st_mtime_ns for file in files] == before
    files[1].write_bytes(b"another")
    with pytest.raises(AlreadyExists, match="--overwrite"):
        export_clip(clip, tmp_path / "out")
    assert files[1].read_bytes() == b"another"
    export_clip(clip, tmp_path / "out", overwrite=True)
    np.testing.assert_array_equal(Gif.read(files[1]).frames, clip.gif().frames)
