"""A store lies anywhere, and every damage to it is found, taken away and fetched anew."""

from __future__ import annotations

import json
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from gifbench.download import MemorySource
from gifbench.download.fetch_ledger import Fetch, FetchLedger
from gifbench.download.fetch_queue_and_pauses import fetch_sources
from gifbench.download.store import Store
from gifbench.download.store_verify import take_away, verify_store
from gifbench.errors import DatasetDamaged, Gone, SourceError, StorageError
from gifbench.media.video import Span, decode, unreliable_seek_detection
from tests.builder.servers import s3
from tests.conftest import invoke, succeed
from tests.download.conftest import rows
from tests.media.video_files import stamped


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3() as bucket:
        yield bucket


@pytest.fixture(params=["local", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if request.param == "local":
        return Store(tmp_path / "store")
    if request.param == "memory":
        return Store(f"memory://{tmp_path.name}/store")
    return Store(f"{request.getfixturevalue('bucket')}/{tmp_path.name}/store")


@pytest.fixture
def videos(tiny_videos: Path) -> dict[str, bytes | SourceError]:
    return {**{name: (tiny_videos / name).read_bytes() for name in ("ant.mp4", "bee.mp4")}, "x.mp4": Gone("deleted")}


def fetch(store: Store, videos: dict[str, bytes | SourceError]) -> None:
    fetch_sources(rows(*videos), store, {"http": MemorySource(videos)})


def damage(store: Store) -> list[tuple[str, str]]:
    return [(found.place, found.what) for found in verify_store(store, workers=1)]


def test_a_store_lies_anywhere(store: Store, videos: dict[str, bytes | SourceError], tmp_path: Path) -> None:
    fetch(store, videos)
    assert store.is_there()
    assert damage(store) == []
    keys = [("http", name) for name in videos]
    assert store.present(keys) == {("http", "ant.mp4"), ("http", "bee.mp4")}
    for source, name in keys[:2]:
        with store.borrowed(source, name) as path:
            assert path is not None
            assert path.read_bytes() == videos[name]
    with store.borrowed("http", "x.mp4") as path:
        assert path is None
    again = FetchLedger(store.folder.url)
    assert {key.locator: fetch.reason for key, fetch in again.fetches.items()} == {
        "ant.mp4": "",
        "bee.mp4": "",
        "x.mp4": "unavailable",
    }
    again.compact()
    assert FetchLedger(store.folder.url).fetches == again.fetches
    assert not list(tmp_path.rglob("*.partial"))


def find(store: Store, ending: str) -> str:
    return next(name for name in store.folder.names("http") if "/ant_" in name and name.endswith(ending))


SAYS = {
    "flip": "differ from their sha256",
    "truncate": "bytes instead of",
    "video": "it is missing",
    "description": "no description",
    "both": "it was stored, and is not here",
    "garbage": "cannot be read",
    "swapped": "describes another source",
}


@pytest.mark.parametrize(
    ("store", "spoil"),
    [
        # On S3 what is written over and what is deleted; what else a file may hold, the memory behind a URL has alike.
        pytest.param(where, spoil, marks=[pytest.mark.slow] if where == "s3" and spoil not in ("flip", "both") else [])
        for where in ("local", "memory", "s3")
        for spoil in SAYS
    ],
    indirect=["store"],
)
def test_every_damage_is_found_and_fetched_anew(
    spoil: str, store: Store, videos: dict[str, bytes | SourceError]
) -> None:
    fetch(store, videos)
    video, description = find(store, ".mp4"), find(store, ".json")
    data = store.folder.read(video)
    if spoil == "flip":
        store.folder.write(video, data[:500] + bytes([data[500] ^ 8]) + data[501:])
    elif spoil == "truncate":
        store.folder.write(video, data[:-1])
    elif spoil == "garbage":
        store.folder.write(description, b'{"source": ')
    elif spoil == "swapped":
        about = json.loads(store.folder.read(description))
        store.folder.write(description, json.dumps({**about, "locator": "bee.mp4"}).encode())
    if spoil in ("video", "both"):
        store.folder.delete(video)
    if spoil in ("description", "both"):
        store.folder.delete(description)
    found = list(verify_store(store, workers=1))
    assert SAYS[spoil] in " ".join(entry.what for entry in found)
    take_away(store, found)
    fetch(store, videos)
    assert damage(store) == []
    assert store.folder.read(video) == data


def test_the_command_verifies_and_repairs_a_store(store: Store, videos: dict[str, bytes | SourceError]) -> None:
    fetch(store, videos)
    if store.folder.in_memory:
        pytest.skip("a command's memory ends with it")
    command = ("verify", store.folder.url, "--workers", 1)
    assert "whole" in invoke(*command).stdout
    store.folder.delete(find(store, ".mp4"))
    found = invoke(*command, "--json")
    assert found.exit_code == 1
    document, _ = json.JSONDecoder().raw_decode(found.stdout)
    assert [entry["what"] for entry in document["damage"]] == ["it is missing"]
    repaired = succeed(*command, "--repair")
    assert "gifbench fetch" in repaired.stdout
    fetch(store, videos)
    succeed(*command)


def test_what_a_fetch_has_not_finished_is_no_damage(tmp_path: Path, videos: dict[str, bytes | SourceError]) -> None:
    store = Store(tmp_path / "store")
    fetch(store, videos)
    (store.scratch("http", "later.mp4") / "body.mp4").write_bytes(b"half")
    assert list(verify_store(store, workers=1)) == []


def test_what_a_killed_fetch_was_about_to_write_is_cleared_away_by_the_next(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    lefts = [tmp_path / "store" / ".README.0a1b2c3d.partial", tmp_path / "store/http/ab/.video.json.0a1b2c3d.partial"]
    for left in lefts:
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_bytes(b"half")
    kept = store.scratch("http", "https://example.org/video.mp4")
    (kept / "video.part").write_bytes(b"half")
    with store.alone():
        store.make()
    assert not any(left.exists() for left in lefts)
    assert store.is_there()
    assert (kept / "video.part").exists(), "a download goes on"


@pytest.mark.parametrize("file", ["/etc/passwd", "../../x.mp4", "a/b.mp4", "", ".", "a\nb", 5, None])
@pytest.mark.parametrize("where", ["local", "memory"])
def test_a_description_names_a_file_beside_it_or_is_refused(file: object, where: str, tmp_path: Path) -> None:
    """A stranger's store, also one behind a URL, whose video would be copied to where its name says."""
    store = Store(tmp_path / "store" if where == "local" else f"memory://{tmp_path.name}/store")
    name = store.descriptions("http", "http://example.org/a.mp4")[0]
    stored = {"source": "http", "locator": "http://example.org/a.mp4", "file": file, "sha256": "0" * 64, "bytes": 1}
    stored |= {"width": 1, "height": 1, "codec": "h264", "frame_rate": "25"}
    store.folder.write(name, json.dumps(stored).encode())
    store.folder.write(f"{name.rsplit('/', 1)[0]}/passwd", b"x")
    with pytest.raises(DatasetDamaged, match="cannot be read"), store.borrowed("http", "http://example.org/a.mp4"):
        pass


def test_links_in_a_stranger_s_store_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious").write_bytes(b"precious")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / ".lock").symlink_to(tmp_path / "mine" / "precious")
    (tmp_path / "store" / "unfinished").symlink_to(tmp_path / "mine")
    store = Store(tmp_path / "store")
    with pytest.raises(StorageError), store.alone():
        pass
    with pytest.raises(StorageError, match="leads out"):
        store.scratch("http", "http://example.org/a.mp4")
    assert (tmp_path / "mine" / "precious").read_bytes() == b"precious"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["precious"]


def test_reasons_of_an_earlier_version_are_read_by_their_present_names(tmp_path: Path) -> None:
    from gifbench.dataset.failure_reasons import KINDS
    from gifbench.dataset.row_outcomes import Outcome

    lines = [
        f'{{"source": "http", "locator": "{old}", "state": "failed", "reason": "{old}"}}'
        for old in ("gone", "not_yet", "no_format", "corrupt")
    ]
    (tmp_path / "fetches.jsonl").write_text("\n".join(lines))
    read = {key.locator: fetch.reason for key, fetch in FetchLedger(tmp_path).fetches.items()}
    assert read == {
        "gone": "unavailable",
        "not_yet": "not_yet_available",
        "no_format": "no_matching_format",
        "corrupt": "corrupt",
    }
    for old, new in read.items():
        assert Outcome.from_dict({"clip_id": "a", "state": "failed", "reason": old}).reason == new in KINDS


def test_a_signed_url_s_secrets_stand_nowhere_and_its_video_is_found(tmp_path: Path, video: bytes) -> None:
    """Neither in names nor in the ledger nor in the description; two signatures are two sources, and found again."""
    urls = [f"https://host/ant.mp4?X-Amz-Signature=geheim{i}&X-Amz-Credential=AKIA0123456789ABCD" for i in range(3)]
    videos: dict[str, bytes | SourceError] = {urls[0]: video, urls[1]: video, urls[2]: Gone(f"{urls[2]}: status 404")}
    store = Store(tmp_path)
    heard: list[str] = []
    for _ in range(2):
        source = MemorySource(videos)
        done = fetch_sources(rows(*urls), store, {"http": source}, progress=lambda now: heard.append(str(now)))
        assert (done.stored, done.failed) == (2, {"unavailable": 1})
        videos = {}
    assert store.present(("http", url) for url in urls) == {("http", url) for url in urls[:2]}
    assert store.find("http", urls[0]) != store.find("http", urls[1])
    with store.borrowed("http", urls[0]) as path:
        assert path is not None
    assert list(verify_store(store, workers=1)) == []
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    kept = " ".join([*map(str, written), *(path.read_text() for path in written if path.suffix != ".mp4")])
    assert "geheim" not in kept
    assert "AKIA0123456789ABCD" not in kept
    assert "host/ant.mp4" in kept


def test_a_store_of_an_earlier_version_with_a_signed_url_is_read(tmp_path: Path, video: bytes) -> None:
    from dataclasses import asdict, replace

    from gifbench.download import store as module

    url = "https://host/ant.mp4?X-Amz-Signature=geheim"
    store = Store(tmp_path)
    fetch(store, {url: video})
    stored = store.find("http", url)
    with store.borrowed("http", url) as found:
        path = found
    assert stored is not None and path is not None
    place = tmp_path / module._place("http", url)
    place.parent.mkdir(exist_ok=True)
    before = replace(stored, locator=url, file=f"{place.name}.mp4")
    path.rename(place.with_suffix(".mp4"))
    path.with_suffix(".json").unlink()
    place.with_suffix(".json").write_text(json.dumps(asdict(before)))
    with store.borrowed("http", url) as found:
        assert found == place.with_suffix(".mp4")
    assert list(verify_store(store, workers=1)) == []


def long_video() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return stamped(Path(folder, "long.mkv"), [40 * i for i in range(60)]).read_bytes()


@pytest.mark.parametrize(
    ("store", "kept"),
    [
        # Where a description is read and written is one thing, and what it says another.
        pytest.param(where, kept, marks=[pytest.mark.slow] if where == "s3" and kept != "regular" else [])
        for where in ("local", "memory", "s3")
        for kept in ("", "regular", "something else", ["regular"], None)
    ],
    indirect=["store"],
)
def test_time_stamps_are_looked_through_when_a_video_comes_and_not_again(
    kept: object, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(store, {"long.mkv": long_video()})
    description = store.descriptions("http", "long.mkv")[0]
    values = json.loads(store.folder.read(description))
    assert values["about"]["time_stamps"].startswith("regular ")
    if kept is None:
        values["about"] = ["no", "mapping"]
    elif kept:
        values["about"]["time_stamps"] = kept
    store.folder.write(description, json.dumps(values).encode())
    looked = []
    find = unreliable_seek_detection._regular
    monkeypatch.setattr(unreliable_seek_detection, "_known", OrderedDict())
    monkeypatch.setattr(unreliable_seek_detection, "_regular", lambda video: looked.append(video.path) or find(video))
    for _ in range(2):
        with store.borrowed("http", "long.mkv") as path:
            assert path is not None
            (frame,) = decode(path, Span(start=Fraction(50, 25), end=Fraction(51, 25)), pixels="gray")
            assert frame.video_time == 2
            if not kept and kept is not None:
                assert not looked
            else:
                assert looked
    assert damage(store) == []


def test_verify_names_changed_lines_of_the_ledger_and_repair_takes_them_out(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.make()
    ledger = FetchLedger(tmp_path)
    for name in "ab":
        ledger.record(Fetch("http", name, "failed", "unavailable"))
    path = tmp_path / "fetches.jsonl"
    path.write_text(path.read_text().replace('"unavailable"', '"private"', 1))
    damage = list(verify_store(store, workers=1))
    assert [entry.place for entry in damage] == ["fetches.jsonl line 1"]
    take_away(store, damage)
    assert list(verify_store(store, workers=1)) == []
    assert [key.locator for key in FetchLedger(tmp_path).fetches] == ["b"]
