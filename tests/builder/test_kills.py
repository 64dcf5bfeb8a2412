"""Whoever is killed, whenever: no clip is lost, none is there twice, and nothing unfinished is left."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil
import pytest

from gifbench.manifest.rows import manifest_bytes, read_manifest
from tests.builder.kills import DEAD, LOCAL, ROUGH, kill_until, prepare, start, workers_of
from tests.download.http_server import serve


@pytest.mark.parametrize(
    ("kills", "local", "rough"), [(1, 5, 3), pytest.param(8, LOCAL, ROUGH, marks=pytest.mark.slow)]
)
def test_a_build_with_a_fetch_that_is_killed_is_the_one_that_was_not(
    tmp_path: Path, kills: int, local: int, rough: int
) -> None:
    """Few kills here; benchmarks/kill_test.py does fifty and more. Every video on the server meets all its faults.

    The first one is of a driver whose workers outlive it for a moment, with a clip and more under way.
    """
    calm, killed = kill_until(kills, tmp_path, seed=31, report=lambda count, whom: None, local=local, rough=rough)
    assert len(calm.outcomes) == local + 2 * rough + len(DEAD)
    assert sum(state == "built" for state, _ in calm.outcomes.values()) == local - 1 + 2 * rough
    assert {calm.outcomes[f"dead{kind}"] for kind in DEAD} == {
        ("failed", "unavailable"),
        ("failed", "forbidden"),
        ("failed", "server_error"),
    }
    for ended in killed:
        assert ended == calm


def test_workers_end_soon_after_their_driver(tmp_path: Path) -> None:
    with serve() as site:
        prepare(tmp_path / "build", site, rough=0)
        rows = [row for row in read_manifest(tmp_path / "build" / "list.parquet") if row.source == "file"]
        (tmp_path / "build" / "list.parquet").write_bytes(manifest_bytes(rows))
        process = start(tmp_path / "build")
        while not (workers := workers_of(process.pid)) or not list((tmp_path / "build").glob("out/staging/*.group")):
            assert process.poll() is None, process.stderr
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        gone, alive = psutil.wait_procs(workers, timeout=10)
    assert (len(gone), alive) == (len(workers), [])
