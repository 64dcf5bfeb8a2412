"""Builds with a fetch that are killed again and again: what both the tests and benchmarks/kill_test.py run.

The driver is a process of its own: it fetches what a manifest names from a server that stalls, truncates, lies about
sizes and answers 403, 404, 429, 500 and 503, then builds with two workers.
"""

from __future__ import annotations

import os
import shutil
import signal
import tarfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import load_recipe
from gifbench.dataset import open_dataset, verify_dataset
from gifbench.download.fetch_queue_and_pauses import fetch_sources
from gifbench.download.resumable_http_source import HttpSource
from gifbench.download.retry_wait_times import RetryPolicy
from gifbench.download.store import Store
from gifbench.download.store_verify import verify_store
from gifbench.manifest.rows import ManifestRow, manifest_bytes, read_manifest
from tests.cli.forked_command import ForkedProcess
from tests.conftest import TINY_RECIPE, moving_picture, write_video
from tests.dataset.changed_files import tree
from tests.download.http_server import Site, serve

LOCAL, ROUGH = 8, 10
DEAD = ("404", "403", "500")


@dataclass(frozen=True)
class Ended:
    """What a dataset ended with, as far as it is promised."""

    fingerprint: str
    files: dict[str, str]
    outcomes: dict[str, tuple[str, str]]


def prepare(folder: Path, site: Site, *, local: int = LOCAL, rough: int = ROUGH) -> None:
    """Videos, a recipe that takes its time, and the manifest; so many videos are files and on the bad server.

    The videos are encoded once for all folders in one place: encoders need not give the same bytes again.
    """
    videos = folder.parent / "videos"
    if not videos.exists():
        videos.mkdir(parents=True)
        for i in range(local):
            write_video(videos / f"v{i}.mp4", moving_picture(5 + i, 48, 64 if i else 32, seed=i))
    shutil.copytree(videos, folder)
    slow = TINY_RECIPE.replace("        if video", "        __import__('time').sleep(0.1)\n        if video")
    (folder / "tiny.py").write_text(slow)
    rows, common = [], {"split": "test"}
    for i in range(local):
        rows.append(ManifestRow(clip_id=f"file{i}", source="file", locator=f"v{i}.mp4", **common))
    for i in range(rough):
        site.bodies[f"{'x' * i}.mp4"] = (folder / f"v{1 + i % (local - 1)}.mp4").read_bytes()
        url = site.url(f"/rough/{'x' * i}.mp4")
        rows += [
            ManifestRow(clip_id=f"http{i}-{j}", source="http", locator=url, start_frame=j, end_frame=j + 4, **common)
            for j in range(2)
        ]
    rows += [
        ManifestRow(clip_id=f"dead{kind}", source="http", locator=site.url(f"/{kind}/x.mp4"), **common) for kind in DEAD
    ]
    (folder / "list.parquet").write_bytes(manifest_bytes(rows))


def drive(folder: Path, *, workers: int = 2) -> None:
    """Fetch, then build."""
    rows, store = read_manifest(folder / "list.parquet"), Store(folder / "store")
    policy = RetryPolicy(attempts=12, first_wait=0.01, longest_wait=0.05, pause=0.01, pauses=100, unreachable=100)
    fetch_sources(rows, store, {"http": HttpSource(trusted=True, timeout=0.3)}, policy=policy)
    recipe = load_recipe(str(folder / "tiny.py"))
    run_build(recipe, rows, str(folder / "out"), sources=folder, store=store, workers=workers)


def start(folder: Path) -> ForkedProcess:
    """The driver, in a session of its own."""
    return ForkedProcess(drive, folder)


def finish(folder: Path) -> Ended:
    """Run to the end without a kill, and look at what is there."""
    drive(folder, workers=1)
    return ended_with(folder)


def ended_with(folder: Path) -> Ended:
    """Look at what is there."""
    out = str(folder / "out")
    for found in (list(verify_store(Store(folder / "store"), workers=1)), list(verify_dataset(out, workers=1))):
        assert found == []
    dataset = open_dataset(out)
    names = Counter[str]()
    for shard in Path(out, "shards").iterdir():
        with tarfile.open(shard) as tar:
            names.update(tar.getnames())
    assert set(names.values()) == {1}
    assert len(names) == sum(len(row.stored) + 1 for row in dataset.rows)
    left = [path for path in folder.rglob("*") if "partial" in path.name or path.name == "staging"]
    assert left == []
    outcomes = {each.clip_id: (each.state, each.reason) for each in dataset.outcomes}
    return Ended(dataset.fingerprint, tree(out), outcomes)


def kill_until(
    kills: int,
    folder: Path,
    *,
    seed: int,
    report: Callable[[int, str], None],
    local: int = LOCAL,
    rough: int = ROUGH,
) -> tuple[Ended, list[Ended]]:
    """What an undisturbed build ends with, and what each of the others does that share `kills` kills."""
    rng = np.random.default_rng(seed)
    with serve() as site:
        site.retry_after = 0
        prepare(folder / "calm", site, local=local, rough=rough)
        drive(folder / "calm", workers=1)
        calm = ended_with(folder / "calm")
        ended, done = [], 0
        while done < kills:
            site.asked.clear()
            place = folder / f"killed-{len(ended)}"
            prepare(place, site, local=local, rough=rough)
            running = True
            while running and done < kills:
                process = start(place)
                for whom in kill_some(process, place, rng, most=kills - done):
                    done += 1
                    report(done, whom)
                running = process.poll() != 0
            ended.append(finish(place))
    return calm, ended


def kill_some(process: ForkedProcess, place: Path, rng: np.random.Generator, *, most: int) -> list[str]:
    """Kill workers of a driver, and then the driver, with its workers or alone, so that they outlive it.

    Some drivers are killed at any moment, the others when they have workers and a clip; gives who was killed.
    """
    killed: list[str] = []
    anywhere = rng.uniform() < 0.3
    until = time.monotonic() + (float(rng.uniform(0.3, 5.0)) if anywhere else 60.0)
    while process.poll() is None and time.monotonic() < until:
        if not anywhere and list(place.glob("out/staging/*.group")) and workers_of(process.pid):
            break
        time.sleep(0.02)
    while process.poll() is None and len(killed) < most:
        time.sleep(float(rng.uniform(0.0, 0.8)))
        dice, found = rng.uniform(), workers_of(process.pid)
        if process.poll() is not None:
            break
        if dice < 0.5 and found:
            found[int(rng.integers(len(found)))].kill()
            killed.append("worker")
        elif dice < 0.75:
            os.kill(process.pid, signal.SIGKILL)
            killed.append("driver")
            break
        else:
            os.killpg(process.pid, signal.SIGKILL)
            killed.append("all")
            break
    if killed[-1:] == ["worker"] and len(killed) == most and process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return killed


def workers_of(driver: int) -> list[psutil.Process]:
    try:
        children = psutil.Process(driver).children(recursive=True)
        return [child for child in children if any("popen_loky" in part for part in child.cmdline())]
    except psutil.Error:
        return []
