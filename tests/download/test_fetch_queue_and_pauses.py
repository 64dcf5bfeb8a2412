"""Each source is fetched once, whatever the server does; a rate limit is never taken for a dead link."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from gifbench.dataset.failure_reasons import KINDS, REASONS
from gifbench.download import MemorySource, fetch_ledger
from gifbench.download.fetch_ledger import Fetch, FetchLedger, SourceKey
from gifbench.download.fetch_queue_and_pauses import FetchSummary, fetch_sources
from gifbench.download.resumable_http_source import HttpSource
from gifbench.download.retry_wait_times import Clock, RetryPolicy
from gifbench.download.source_interface import Fetched
from gifbench.download.store import Store
from gifbench.download.store_verify import verify_store
from gifbench.errors import (
    BotCheck,
    BuildError,
    DiskFull,
    GifbenchError,
    Gone,
    ManifestError,
    NoNetwork,
    RateLimited,
    SourceError,
    TimedOut,
    Unreachable,
    UsageError,
)
from gifbench.manifest.locator_check import check_locators
from gifbench.manifest.rows import ManifestRow
from gifbench.progress import Progress
from gifbench.storage import Folder
from tests.conftest import invoke, succeed
from tests.download.conftest import FastClock, rows
from tests.download.hasty_fetch import start_fetch
from tests.download.http_server import Site


def run(
    store: Path, videos: dict[str, object], *, clock: FastClock | None = None, **options: object
) -> tuple[FetchSummary, list[Progress]]:
    said: list[Progress] = []
    source = MemorySource(videos)
    clock = clock or FastClock()
    done = fetch_sources(rows(*videos), Store(store), {"http": source}, progress=said.append, clock=clock, **options)
    return done, said


def reasons(store: Path) -> dict[str, tuple[str, int]]:
    return {key.locator: (fetch.reason, fetch.attempts) for key, fetch in FetchLedger(store).fetches.items()}


def answers(*values: object) -> object:
    """A function that gives these one after the other, and the last for ever."""
    left = list(values)

    def answer() -> object:
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


def test_a_source_lands_with_its_provenance(video: bytes, tmp_path: Path) -> None:
    done, _ = run(tmp_path, {"a": video})
    assert done == FetchSummary(wanted=1, stored=1, failed={}, untried=0)
    stored = Store(tmp_path).find("http", "a")
    assert stored is not None
    assert (stored.width, stored.height, stored.codec, stored.frame_rate) == (64, 48, "h264", "25")
    assert stored.about["gifbench"]
    with Store(tmp_path).borrowed("http", "a") as path:
        assert path is not None
    assert path.read_bytes() == video
    path.write_bytes(video[:-1])
    assert Store(tmp_path).find("http", "a") is None


def test_a_video_that_many_clips_need_is_fetched_once(video: bytes, site: Site, tmp_path: Path) -> None:
    site.bodies["many.mp4"] = video
    url = site.url("/good/many.mp4")
    many = rows(*[url] * 10)
    for _ in range(2):
        done = fetch_sources(many, Store(tmp_path), {"http": HttpSource(trusted=True)})
        assert (done.wanted, done.stored) == (1, 1)
    assert site.asked["/good/many.mp4"] == 1


def test_ids_that_differ_in_case_alone_are_two(video: bytes, tmp_path: Path) -> None:
    run(tmp_path, {"aBc": video, "abc": video})
    names = [path.name for path in tmp_path.rglob("*.mp4")]
    assert len({name.lower() for name in names}) == 2


def test_what_may_pass_is_tried_again_later_and_later(video: bytes, tmp_path: Path) -> None:
    clock = FastClock()
    flaky = answers(TimedOut("slow"), TimedOut("slow"), video)
    done, _ = run(tmp_path, {"a": flaky}, clock=clock, policy=RetryPolicy(first_wait=100))
    assert done.stored == 1
    first, second = clock.waits
    assert 50 <= first <= 150
    assert 100 <= second <= 300
    assert reasons(tmp_path) == {"a": ("", 3)}


def test_what_stays_away_is_left_for_the_next_run(video: bytes, tmp_path: Path) -> None:
    away = {"a": TimedOut("no answer"), "b": Gone("deleted by its owner"), "c": b"no video at all" * 100}
    done, _ = run(tmp_path, away, policy=RetryPolicy(attempts=2))
    assert done.failed == {"timeout": 1, "unavailable": 1, "corrupt": 1}
    assert reasons(tmp_path) == {"a": ("timeout", 2), "b": ("unavailable", 1), "c": ("corrupt", 1)}
    assert FetchLedger(tmp_path).fetches[SourceKey("http", "b")].detail == "deleted by its owner"
    clock = FastClock()
    clock.time += 1e6
    done, _ = run(tmp_path, {"a": video, "b": video, "c": video}, clock=clock)
    assert done.stored == 1
    done, _ = run(tmp_path, {"a": video, "b": video, "c": video}, retry=["unavailable", "corrupt"])
    assert done.stored == 3
    assert reasons(tmp_path) == {"a": ("", 3), "b": ("", 2), "c": ("", 2)}


@pytest.mark.parametrize("kind", [RateLimited, BotCheck])
def test_a_rate_limit_pauses_all_and_blames_nobody(kind: type[SourceError], video: bytes, tmp_path: Path) -> None:
    clock, limited = FastClock(), kind("slow down")
    limited.retry_after = 5000
    times: list[float] = []

    def later() -> bytes:
        times.append(clock.now())
        return video

    done, said = run(tmp_path, {"a": answers(limited, video), "b": later, "c": later}, clock=clock)
    assert done.stored == 3
    assert all(time >= 1e9 + 5000 for time in times)
    assert [now.message for now in said if "everything there waits" in now.message]


def test_a_group_that_only_asks_for_pauses_is_left_for_another_day(tmp_path: Path) -> None:
    videos: dict[str, object] = {f"v{i}": RateLimited("slow down") for i in range(20)}
    clock = FastClock()
    done, _ = run(tmp_path, videos, clock=clock, policy=RetryPolicy(pauses=3))
    assert (done.stored, done.untried) == (0, 20)
    assert set(done.failed) == {"rate_limited"}
    assert len(clock.waits) == 3
    assert KINDS["rate_limited"] == "transient"


def test_no_network_stops_the_run_instead_of_failing_every_source(video: bytes, tmp_path: Path) -> None:
    videos: dict[str, object] = {f"v{i}": Unreachable("no route") for i in range(50)}
    with pytest.raises(NoNetwork, match="is there a network"):
        run(tmp_path, videos)
    assert len(reasons(tmp_path)) == 5
    clock = FastClock()
    clock.time += 1e6
    done, _ = run(tmp_path, dict.fromkeys(videos, video), clock=clock)
    assert done.stored == 50


def test_a_full_disk_stops_the_run_and_blames_no_source(video: bytes, tmp_path: Path) -> None:
    with pytest.raises(DiskFull):
        run(tmp_path, {"a": video, "b": DiskFull("no space is left there"), "c": video})
    assert reasons(tmp_path) == {"a": ("", 1)}


def test_the_pace_of_a_service_is_kept_and_the_time_estimated(video: bytes, tmp_path: Path) -> None:
    clock = FastClock()
    videos = {f"v{i}": video for i in range(6)}
    done, said = run(tmp_path, videos, clock=clock, policy=RetryPolicy(per_hour={"memory": 300}))
    assert done.stored == 6
    assert clock.now() - 1e9 == 5 * 12
    assert said[0].seconds_left == 72
    assert "at least 72 seconds" in said[0].message


def test_two_fetches_cannot_work_on_one_store(video: bytes, tmp_path: Path) -> None:
    def second(_: Progress) -> None:
        with pytest.raises(BuildError, match="another gifbench fetch"):
            run(tmp_path, {"a": video})

    fetch_sources(rows("a"), Store(tmp_path), {"http": MemorySource({"a": video})}, progress=second)


def test_a_torn_line_of_the_ledger_is_no_loss(video: bytes, tmp_path: Path) -> None:
    run(tmp_path, {"a": Gone("deleted")})
    with (tmp_path / "fetches.jsonl").open("ab") as file:
        file.write(b'{"source": "http", "locat')
    run(tmp_path, {"b": video})
    assert reasons(tmp_path) == {"a": ("unavailable", 1), "b": ("", 1)}


@pytest.mark.parametrize(
    "changed",
    [{"locator": 5}, {"source": ["http"]}, {"retry_at": "soon"}, {"attempts": None}, {"state": "?"}, {"reason": "?"}],
)
def test_a_line_of_the_ledger_that_no_fetch_writes_is_not_believed(
    changed: dict[str, object], video: bytes, tmp_path: Path
) -> None:
    run(tmp_path, {"a": Gone("deleted")})
    path = tmp_path / "fetches.jsonl"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed) + "\n" + "[" * 100_000 + "\n")
    run(tmp_path, {"a": video})
    assert reasons(tmp_path) == {"a": ("", 1)}


def test_a_kind_of_source_that_was_not_set_up_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="youtube"):
        fetch_sources(rows("dQw4w9WgXcQ", source="youtube"), Store(tmp_path), {})


@pytest.mark.parametrize(
    ("source", "locator"),
    [
        ("file", "/etc/passwd"),
        ("file", "../../etc/passwd"),
        ("file", "file:///etc/passwd"),
        ("file", "C:\\secret.mp4"),
        ("http", "file:///etc/passwd"),
        ("http", "ftp://example.org/a.mp4"),
        ("http", "http://10.0.0.1/a.mp4"),
        ("http", "http://[::1]/a.mp4"),
        ("http", "http://localhost/a.mp4"),
        ("http", "http://localhost./a.mp4"),
        ("http", "http://metadata.google.internal/a.mp4"),
        ("http", "http://169.254.169.254/a.mp4"),
        ("http", "http://100.64.0.1/a.mp4"),
        ("http", "http://0/a.mp4"),
        ("http", "http://2130706433/a.mp4"),
        ("http", "http://0x7f.1/a.mp4"),
        ("http", "http://１０.0.0.1/a.mp4"),
        ("http", "http://[::ffff:10.0.0.1]/a.mp4"),
        ("http", "http://[64:ff9b::a00:1]/a.mp4"),
        ("http", "http://[2002:a00:1::]/a.mp4"),
        ("http", "http://[::a00:1]/a.mp4"),
        ("http", "http://[fec0::1]/a.mp4"),
        ("http", "http://[fd00::1]/a.mp4"),
        ("file", "a\x1b[2J.mp4"),
        ("http", "http://me:secret@example.org/a.mp4"),
        ("http", "http://example.org/a b.mp4"),
        ("http", "http://[/a.mp4"),
        ("youtube", "https://example.org/watch"),
        ("youtube", "../../../etc"),
        ("faceforensics", "../a.avi"),
    ],
)
def test_bad_locators_are_named_before_anything_is_fetched(source: str, locator: str) -> None:
    good = ManifestRow(clip_id="good", split="test", source="http", locator="https://example.org/a.mp4")
    bad = ManifestRow(clip_id="bad", split="test", source=source, locator=locator)
    with pytest.raises(ManifestError, match=r"list.csv: row 2 \(bad\), column locator: "):
        check_locators([good, bad], name="list.csv")
    assert check_locators([good], name="list.csv") is None


@pytest.mark.parametrize(
    "host", ["example.org", "8.8.8.8", "[2606:4700::1111]", "[64:ff9b::808:808]", "bücher.example"]
)
def test_public_servers_pass(host: str) -> None:
    row = ManifestRow(clip_id="a", split="test", source="http", locator=f"https://{host}:8443/a.mp4?b=c")
    check_locators([row], name="list.csv")


def test_every_reason_has_a_kind_and_every_source_error_a_reason() -> None:
    assert KINDS.keys() == REASONS.keys()
    kinds = SourceError.__subclasses__()
    assert len(kinds) >= 16
    assert {kind.code for kind in kinds} <= REASONS.keys()
    assert all(issubclass(kind, GifbenchError) for kind in kinds)


def test_fetch_build_and_retry_from_the_command(video: bytes, site: Site, tiny_recipe: Path, tmp_path: Path) -> None:
    site.bodies["cli.mp4"] = video
    site.bodies["later.mp4"] = b"damaged"
    lines = ["clip_id,split,source,locator,start_frame,end_frame"]
    lines += [
        f"{name},test,http,{site.url(path)},{span}"
        for name, path, span in (
            ("head", "/good/cli.mp4", "0,4"),
            ("tail", "/good/cli.mp4", "2,6"),
            ("dead", "/404/cli.mp4", ","),
            ("later", "/good/later.mp4", ","),
        )
    ]
    manifest, store, out = tmp_path / "list.csv", tmp_path / "store", tmp_path / "out"
    manifest.write_text("\n".join(lines))
    common = ("fetch", "--manifest", manifest, "--store", store)
    refused = invoke(*common)
    assert refused.exit_code == 1
    assert "row 1 (head), column locator" in refused.stderr
    fetched = invoke(*common, "--trust-manifest", "--attempts", 1, "--json")
    assert fetched.exit_code == 3, fetched.output
    assert json.loads(fetched.stdout) == {
        "wanted": 3,
        "stored": 1,
        "failed": {"unavailable": 1, "corrupt": 1},
        "untried": 0,
    }
    build = ("build", tiny_recipe, "--manifest", manifest, "--store", store, "--out", out, "--workers", 1)
    built = invoke(*build, "--trust-manifest", "--json")
    assert built.exit_code == 3, built.output
    succeed(*build, "--trust-manifest", "--allow-failed")
    assert json.loads(built.stdout)["outcomes"] == {
        "built": 2,
        "rejected": {},
        "failed": {"corrupt": 1, "unavailable": 1},
    }
    site.bodies["later.mp4"] = video
    wrong = invoke(*common, "--trust-manifest", "--retry", "corupt")
    assert (wrong.exit_code, 'did you mean "corrupt"?' in wrong.stderr) == (2, True)
    again = succeed(*common, "--trust-manifest", "--retry", "corrupt", "--allow-failed")
    assert "1 failed, unavailable" in again.stdout
    retry = ("retry", out, "--store", store, "--recipe", tiny_recipe, "--workers", 1, "--json")
    assert json.loads(invoke(*retry).stdout)["outcomes"]["built"] == 2
    retried = succeed(*retry, "--only", "corrupt")
    assert json.loads(retried.stdout)["outcomes"] == {"built": 3, "rejected": {}, "failed": {"unavailable": 1}}


def test_kills_and_a_bad_server_lose_nothing(video: bytes, site: Site, tmp_path: Path) -> None:
    names = [f"k{i}.mp4" for i in range(12)]
    site.bodies |= dict.fromkeys(names, video)
    urls = [site.url(f"/{kind}/{name}") for name, kind in zip(names, ("shaky", "cut", "good") * 4, strict=True)]
    for requests in (1, 3, 6):
        before = sum([*site.asked.values()])
        process, done = start_fetch(tmp_path / "store", urls)
        while process.exitcode is None and sum([*site.asked.values()]) < before + requests:
            time.sleep(0.002)
        process.kill()
        process.join()
        done.close()
    process, done = start_fetch(tmp_path / "store", urls)
    with done:
        assert done.recv() == 12
    process.join()
    store = Store(tmp_path / "store")
    for url in urls:
        with store.borrowed("http", url) as path:
            assert path is not None
            assert path.read_bytes() == video
    assert list(verify_store(store, workers=1)) == []
    assert not [path for path in (tmp_path / "store").rglob("*") if "partial" in path.name]


def test_a_video_that_is_here_needs_no_ledger(video: bytes, tmp_path: Path) -> None:
    """As after a kill between the video's landing and its line in the ledger."""
    run(tmp_path, {"a": video})
    (tmp_path / "fetches.jsonl").unlink()
    done, said = run(tmp_path, {"a": Gone("it is asked again")})
    assert (done.stored, done.failed, [entry.what for entry in said]) == (1, {}, [""])
    assert {key.locator: fetch.state for key, fetch in FetchLedger(tmp_path).fetches.items()} == {"a": "stored"}


def test_a_locator_that_can_be_no_url_is_refused_before_anything_is_asked(video: bytes, tmp_path: Path) -> None:
    """As where a program calls `fetch_sources` with rows that nobody has checked."""
    wanted = rows("http://[::1/a.mp4", "http://10.0.0.1/a.mp4")
    done = fetch_sources(wanted, Store(tmp_path), {"http": HttpSource(timeout=1)}, clock=FastClock())
    assert (done.stored, done.failed, done.untried) == (0, {"refused": 2}, 0)


def test_a_disk_that_is_full_for_several_fetches_ends_all_of_them(tmp_path: Path) -> None:
    """Those that are under way when the first one fails are waited for, and fail no louder than it."""
    together = threading.Barrier(2)

    class Full(MemorySource):
        def group(self, locator: str) -> str:
            return locator

        def fetch(self, locator: str, scratch: Path) -> Fetched:
            together.wait(10)
            raise DiskFull(f"{scratch}: no space left")

    with pytest.raises(DiskFull):
        fetch_sources(rows("a", "b"), Store(tmp_path), {"http": Full({})}, clock=Clock())
    assert FetchLedger(tmp_path).fetches == {}


def test_the_ledger_of_an_object_store_is_folded_into_one_file_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its events are a file each, since objects cannot be appended to."""
    monkeypatch.setattr(fetch_ledger, "_COMPACT_EVENTS", 4)
    url = "memory://ledger-of-this-test"
    ledger = FetchLedger(url)
    for number in range(10):
        ledger.record(Fetch("http", f"v{number % 3}", "stored", attempts=number))
    assert len(Folder(url).names("fetches")) == 2
    read = FetchLedger(url).fetches
    assert {key.locator: fetch.attempts for key, fetch in read.items()} == {"v0": 9, "v1": 7, "v2": 8}
    FetchLedger(url).record(Fetch("http", "v0", "failed", "gone"))
    ledger = FetchLedger(url)
    assert {key.locator: fetch.reason for key, fetch in ledger.fetches.items() if fetch.state == "failed"} == {
        "v0": "unavailable"
    }
    assert ledger.get("http", "nobody") is None


@pytest.mark.parametrize("kind", [RateLimited, Unreachable])
def test_a_wait_that_a_server_asks_for_is_capped_and_said(
    kind: type[SourceError], video: bytes, tmp_path: Path
) -> None:
    error = kind("slow down")
    error.retry_after = 999_999_999
    clock = FastClock()
    done, said = run(tmp_path, {"a": answers(error, video)}, clock=clock)
    assert done.stored == 1
    assert sum(clock.waits) <= 2 * 86400
    assert any("though it asks for 11574 days" in now.message for now in said)


def test_a_clock_that_was_set_back_delays_nothing(video: bytes, tmp_path: Path) -> None:
    ahead = FastClock()
    ahead.time += 365 * 86400
    error = Unreachable("away")
    run(tmp_path, {"a": error, "b": error}, clock=ahead, policy=RetryPolicy(attempts=1))
    clock = FastClock()
    done, said = run(tmp_path, {"new": video, "a": video, "b": video}, clock=clock)
    assert (done.stored, sum(clock.waits)) == (3, 0)
    (back,) = (now for now in said if "the clock was set back" in now.message)
    assert back.seconds_left is None


def test_setting_the_clock_during_a_run_moves_no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    before = clock.now()
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert 0 <= clock.now() - before < 3600


def test_most_answers_alike_are_believed_only_beside_one_that_is_there(video: bytes, tmp_path: Path) -> None:
    videos: dict[str, object] = {f"v{i}": Gone("it is said to be gone") for i in range(12)}
    policy = RetryPolicy(brake=5)
    done, said = run(tmp_path, videos, policy=policy)
    assert (done.failed, done.untried) == ({"unconfirmed": 5}, 7)
    assert any("nothing was ever fetched from there to compare" in now.message for now in said)
    done, _ = run(tmp_path, {"good": video, **videos}, policy=policy)
    assert (done.stored, done.failed, done.untried) == (1, {"unavailable": 12}, 0)
    more: dict[str, object] = {f"w{i}": Gone("gone") for i in range(12)}
    done, said = run(tmp_path, {"good": Gone("gone, too"), **more}, policy=policy)
    assert (done.failed, done.untried) == ({"unconfirmed": 5}, 7)
    assert any("none that was there before is there now" in now.message for now in said)
    done, _ = run(tmp_path, more, policy=RetryPolicy(brake=0))
    assert done.failed == {"unavailable": 12}


@pytest.mark.parametrize(
    "changed", [{"state": "stored"}, {"reason": "private"}, {"attempts": 9}, {"retry_at": 9e9}, {"check": "0" * 32}]
)
def test_a_line_of_the_ledger_that_was_changed_is_not_believed(
    changed: dict[str, object], video: bytes, tmp_path: Path
) -> None:
    run(tmp_path, {"a": Gone("deleted"), "b": Gone("deleted")})
    path = tmp_path / "fetches.jsonl"
    first, second = path.read_text().splitlines()
    path.write_text(json.dumps(json.loads(first) | changed) + "\n" + second + "\n")
    assert FetchLedger(tmp_path).changed == ["fetches.jsonl line 1"]
    run(tmp_path, {"a": video, "b": video})
    assert reasons(tmp_path) == {"a": ("", 1), "b": ("unavailable", 1)}


def test_what_came_before_a_changed_line_holds_no_longer(tmp_path: Path) -> None:
    ledger = FetchLedger(tmp_path)
    ledger.record(Fetch("http", "a", "failed", "unavailable"))
    ledger.record(Fetch("http", "a", "failed", "network"))
    path = tmp_path / "fetches.jsonl"
    path.write_text(path.read_text().replace('"network"', '"timeout"'))
    assert FetchLedger(tmp_path).fetches == {}


def test_a_line_whose_checksum_was_taken_out_is_not_believed_behind_one_that_has_it(tmp_path: Path) -> None:
    ledger = FetchLedger(tmp_path)
    for name in "ab":
        ledger.record(Fetch("http", name, "failed", "unavailable"))
    path = tmp_path / "fetches.jsonl"
    first, second = map(json.loads, path.read_text().splitlines())
    del second["check"]
    path.write_text(f"{json.dumps(first)}\n{json.dumps(second)}\n")
    assert [key.locator for key in FetchLedger(tmp_path).fetches] == ["a"]


def test_lines_of_an_earlier_version_are_believed_and_get_a_checksum(tmp_path: Path) -> None:
    lines = [{"source": "http", "locator": name, "state": "failed", "reason": "unavailable"} for name in "ab"]
    (tmp_path / "fetches.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    ledger = FetchLedger(tmp_path)
    assert [key.locator for key in ledger.fetches] == ["a", "b"]
    assert ledger.changed == []
    ledger.compact(always=True)
    assert all("check" in json.loads(line) for line in (tmp_path / "fetches.jsonl").read_text().splitlines())
    assert FetchLedger(tmp_path).fetches == ledger.fetches


def test_a_changed_event_of_an_object_store_is_not_believed() -> None:
    url = "memory://changed-ledger-of-this-test"
    FetchLedger(url).record(Fetch("http", "a", "failed", "unavailable"))
    (name,) = Folder(url).names("fetches")
    Folder(url).write(name, Folder(url).read(name).replace(b"unavailable", b"private"))
    assert FetchLedger(url).fetches == {}
    assert FetchLedger(url).changed == [f"{name} line 1"]
