"""Several servers are fetched from at once, each politely; and what stops a run stops all of it."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from gifbench.download import Fetched
from gifbench.download.fetch_ledger import FetchLedger
from gifbench.download.fetch_queue_and_pauses import FetchSummary, fetch_sources
from gifbench.download.retry_wait_times import RetryPolicy
from gifbench.download.store import Store
from gifbench.download.unreachable_or_suspicious_server import GROUPS
from gifbench.errors import DiskFull, Gone, NoNetwork, Unreachable
from gifbench.progress import Progress
from tests.cli.forked_command import ForkedCommand
from tests.conftest import answer, invoke
from tests.download.conftest import FastClock, rows
from tests.download.http_server import serve


class Servers:
    """Sources called `<server>/<name>`; `answer` gives the bytes, and how many are asked at once is counted."""

    def __init__(self, video: bytes) -> None:
        self.video, self.asked = video, Counter[str]()
        self.most = Counter[str]()
        self._now = Counter[str]()
        self._lock = threading.Lock()

    def group(self, locator: str) -> str:
        return locator.split("/", 1)[0]

    def answer(self, locator: str) -> bytes:
        return self.video

    def fetch(self, locator: str, scratch: Path) -> Fetched:
        keys = (self.group(locator), "all")
        with self._lock:
            self.asked[locator] += 1
            self._now.update(keys)
            for key in keys:
                self.most[key] = max(self.most[key], self._now[key])
        try:
            data = self.answer(locator)
        finally:
            with self._lock:
                self._now.subtract(keys)
        (scratch / "video.mp4").write_bytes(data)
        return Fetched(scratch / "video.mp4")


def run(
    store: Path, source: Servers, locators: list[str], *, policy: RetryPolicy | None = None
) -> tuple[FetchSummary, list[str]]:
    said: list[Progress] = []
    how = {"policy": policy, "progress": said.append, "clock": FastClock()}
    done = fetch_sources(rows(*locators), Store(store), {"http": source}, **how)
    return done, [now.message for now in said if now.message]


def test_servers_are_asked_at_once_and_each_for_one_video_at_a_time(video: bytes, tmp_path: Path) -> None:
    met = threading.Barrier(3, timeout=200)

    class Meeting(Servers):
        def answer(self, locator: str) -> bytes:
            met.wait()  # breaks unless all three are under way
            return video

    source = Meeting(video)
    done, _ = run(tmp_path, source, [f"{server}/{i}" for i in range(3) for server in "abc"])
    assert done.stored == 9
    assert source.most == {"a": 1, "b": 1, "c": 1, "all": 3}


def test_no_more_servers_are_asked_at_once_than_wanted(video: bytes, tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=200)

    class Slow(Servers):
        def answer(self, locator: str) -> bytes:
            both.wait()  # breaks unless two are under way
            return video

    source = Slow(video)
    done, _ = run(tmp_path, source, [f"s{i}/x" for i in range(10)], policy=RetryPolicy(parallel=2))
    assert (done.stored, source.most["all"]) == (10, 2)


def test_a_server_that_is_away_is_left_and_the_others_go_on(video: bytes, tmp_path: Path) -> None:
    class Away(Servers):
        def answer(self, locator: str) -> bytes:
            if locator.startswith("away/"):
                raise Unreachable(f"{locator}: no route")
            return video

    source = Away(video)
    done, said = run(tmp_path, source, [f"{server}/{i}" for i in range(30) for server in ("away", "here")])
    assert done.stored == 30
    assert done.untried == 30
    tries = [source.asked[f"away/{i}"] for i in range(30)]  # how many come before the next source is a matter of load
    policy = RetryPolicy()  # as the last one fails that makes the server unreachable, others may be under way
    assert sum(map(bool, tries)) < policy.unreachable + policy.parallel and max(tries) <= policy.attempts
    assert [message for message in said if message.startswith("away: ") and "left for another day" in message]


def test_a_missing_network_stops_a_run_over_many_servers(video: bytes, tmp_path: Path) -> None:
    class Dark(Servers):
        def answer(self, locator: str) -> bytes:
            raise Unreachable(f"{locator}: no route")

    source = Dark(video)
    with pytest.raises(NoNetwork, match="is there a network"):
        run(tmp_path, source, [f"s{i}/x" for i in range(80)])
    assert len(source.asked) <= GROUPS * RetryPolicy().unreachable + RetryPolicy().parallel
    done, _ = run(tmp_path, Servers(video), [f"s{i}/x" for i in range(80)])
    assert done.stored == 80


def test_dead_links_on_many_servers_are_no_missing_network(video: bytes, tmp_path: Path) -> None:
    class Rotten(Servers):
        def answer(self, locator: str) -> bytes:
            if int(locator[1:-2]) % 3:
                raise Unreachable(f"{locator}: no such host")
            return video

    done, _ = run(tmp_path, Rotten(video), [f"s{i}/x" for i in range(90)], policy=RetryPolicy(attempts=1))
    assert (done.stored, done.failed) == (30, {"network": 60})


def test_a_full_disk_stops_all_and_keeps_what_was_under_way(video: bytes, tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=200)

    class Full(Servers):
        def answer(self, locator: str) -> bytes:
            both.wait()
            if locator.startswith("full/"):
                raise DiskFull("no space is left there")
            time.sleep(0.5)  # so that the full disk is noticed meanwhile
            return video

    source = Full(video)
    with pytest.raises(DiskFull):
        run(tmp_path, source, ["full/1", "fine/1", "full/2", "fine/2"])
    assert sum(source.asked.values()) == 2
    fetches = FetchLedger(tmp_path).fetches
    assert {key.locator: fetch.state for key, fetch in fetches.items()} == {"fine/1": "stored"}


def test_ctrl_c_does_not_wait_for_a_server_that_stalls(video: bytes, tmp_path: Path) -> None:
    with serve() as site:
        site.bodies["a.mp4"] = video
        manifest = tmp_path / "list.csv"
        manifest.write_text(f"clip_id,split,source,locator\na,test,http,{site.url('/stall/a.mp4')}\n")
        common = ["--manifest", str(manifest), "--store", str(tmp_path / "store"), "--trust-manifest"]
        process = ForkedCommand("fetch", *common, "--timeout", 3600)
        for _ in range(400):
            if site.asked["/stall/a.mp4"]:
                break
            time.sleep(0.05)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130, process.stderr
    assert "Traceback" not in process.stderr


def test_info_says_what_a_store_holds_and_lacks(video: bytes, tmp_path: Path) -> None:
    class Some(Servers):
        def answer(self, locator: str) -> bytes:
            if locator.endswith("/gone"):
                raise Gone("deleted")
            if locator.endswith("/away"):
                raise Unreachable("no route")
            return video

    wanted = ["http://a/1.mp4", "http://a/gone", "http://b/away"]
    run(tmp_path / "store", Some(video), wanted, policy=RetryPolicy(attempts=1))
    lines = ["clip_id,split,source,locator,start_frame,end_frame"]
    lines += ["c1,train,http,http://a/1.mp4,0,4", "c2,train,http,http://a/1.mp4,2,6", "c3,test,http,http://a/gone,,"]
    lines += ["c4,test,http,http://b/away,,", "c5,test,http,http://c/never,,"]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    info = ("info", tmp_path / "store", "--manifest", tmp_path / "list.csv")
    said = answer(*info)
    assert said["stored"] == {"http": 1}
    assert said["bytes"] > len(video)
    assert {(row["reason"], row["count"], row["kind"]) for row in said["reasons"]} == {
        ("unavailable", 1, "permanent"),
        ("network", 1, "transient"),
    }
    assert [row["next_retry"] is not None for row in said["reasons"]] == [True, False]
    assert said["coverage"] == {
        "test": {"wanted": 3, "here": 0, "missing": {"unavailable": 1, "network": 1, "": 1}},
        "train": {"wanted": 2, "here": 2, "missing": {}},
    }
    text = invoke(*info).stdout
    assert "1 http" in text
    assert "next retry is due" in text
    assert "100.0%" in text
    assert "1 unavailable, 1 network, 1 not tried" in text
