"""Building at scale: what a second worker brings, and what the driver costs when there are many rows.

    GIFBENCH_TEST_DATA=… python benchmarks/build_scaling.py workers [--rounds 2]
    python benchmarks/build_scaling.py driver [--rows 100000] [--workers 2]
    python benchmarks/build_scaling.py resume [--rows 71575]

`workers` builds the same real clips with one process and with two, turns about, from a warm start, and prints clips a
second; it wants a quiet machine with two cores. `driver` builds a dataset whose work is a stub, which leaves a group of
a few kilobytes for each row: all that remains is handing out, the ledger, the tables and the shards. `resume` leaves a
build of as many rows when 90% are done and prints what it takes from the start of the command to the first row that is
handed out.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from held_out import clips_folder

import gifbench.builder.build_loop as of_run
from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import load_recipe
from gifbench.builder.staging_folder_and_build_lock import WorkResult
from gifbench.dataset.index_rows import MEMBERS, IndexRow, Member
from gifbench.dataset.row_outcomes import Outcome
from gifbench.dataset.shard_format import about_clip, write_member
from gifbench.manifest.rows import ManifestRow, from_folder, manifest_bytes
from gifbench.progress import Progress
from gifbench.storage import PARTIAL


class Enough(Exception):
    """Ends a build from within."""


@dataclass(frozen=True, slots=True)
class Stub:
    """In place of `Work`: a group without media, written without waiting for the disk."""

    recipe: object
    folder: object
    sources: object
    store: object
    run: str
    driver: int

    def __call__(self, row: ManifestRow) -> Outcome:
        """Leave a group and say that the clip is built."""
        member, data = Member(0, 0, ""), row.clip_id.encode() * 20
        known = IndexRow(
            clip_id=row.clip_id,
            split=row.split,
            source=row.source,
            locator=row.locator,
            source_sha256="0" * 64,
            start_seconds=0.0,
            end_seconds=5.0,
            frames=150,
            fps="30000/1001",
            time_base="1001/30000",
            ticks=None,
            width=640,
            height=360,
            crop=None,
            licence="",
            pixels_sha256="0" * 64,
            shard="",
            truth=member,
            plain=member,
            dithered=member,
        )
        group = io.BytesIO()
        members = {
            name: write_member(group, f"{row.clip_id}.{ending}", io.BytesIO(data)) for name, ending in MEMBERS.items()
        }
        known = replace(known, **members)
        write_member(group, f"{row.clip_id}.json", io.BytesIO(about_clip(known)))
        name = f"staging/.{row.clip_id}{PARTIAL}"
        (self.folder.local / name).write_bytes(group.getvalue())
        return WorkResult(Outcome(row.clip_id, "built", seconds=0.0, row=known), name)


def wanted(rows: int) -> list[ManifestRow]:
    common = {"source": "file", "start": 1.0, "end": 6.0, "frames": 150, "height": 360, "width": 640}
    return [
        ManifestRow(clip_id=f"c{i:07d}", split="train" if i % 7 else "test", locator=f"v{i // 2}.mp4", **common)
        for i in range(rows)
    ]


def stub_build(out: Path, rows: list[ManifestRow], *, workers: int, stop_after: int | None = None) -> None:
    def report(now: Progress) -> None:
        if stop_after is not None and now.done >= stop_after:
            raise Enough

    of_run.Work = Stub
    recipe = load_recipe("gif-moments")
    run_build(recipe, rows, str(out), sources=Path("/"), workers=workers, progress=report)


def driver(rows: int, workers: int) -> None:
    """Milliseconds a row and memory of a build whose work is a stub, the stub included where it is in the driver."""
    many = wanted(rows)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "staging").mkdir()
        stub = Stub(None, type("Place", (), {"local": Path(folder)}), None, None, "", 0)
        started = time.process_time()
        for row in many[:2000]:
            stub(row)
        alone = (time.process_time() - started) / 2000
    print(f"the stub alone takes {1000 * alone:.2f} ms of processor time a row")
    print(f"{'rows':>8} {'processes':>9} {'ms a row':>9} {'of processor':>12} {'peak memory, MB':>16}")
    for count in sorted({1, workers}):
        with tempfile.TemporaryDirectory() as folder:
            started, processor = time.perf_counter(), time.process_time()
            stub_build(Path(folder, "out"), many, workers=count)
            took, processor = time.perf_counter() - started, time.process_time() - processor
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        took, processor = 1000 * took / rows, 1000 * processor / rows
        print(f"{rows:>8} {count:>9} {took:>9.2f} {processor:>12.2f} {peak:>16.0f}", flush=True)


def resume(rows: int) -> None:
    """Seconds from the start of the command to the first row that is made, on a build of which 90% are done."""
    many = wanted(rows)
    with tempfile.TemporaryDirectory() as folder:
        out, manifest = Path(folder, "out"), Path(folder, "manifest.parquet")
        manifest.write_bytes(manifest_bytes(many))
        with contextlib.suppress(Enough):
            stub_build(out, many, workers=1, stop_after=rows * 9 // 10)
        print(f"{'rows':>8} {'done':>6} {'start, s':>9} {'peak memory, MB':>16}")
        for number in range(3):
            again = Path(folder, f"again-{number}")
            shutil.copytree(out, again)
            command = [sys.executable, __file__, "first", str(manifest), str(again)]
            started = time.time()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            begun, peak = done.stdout.split()
            print(f"{rows:>8} {'90%':>6} {float(begun) - started:>9.2f} {float(peak):>16.0f}", flush=True)


def first(manifest: str, out: str) -> None:
    """Run `gifbench build` up to the first row that is handed out, and print when that was and the peak memory."""
    from gifbench.builder.local_build_workers import Work
    from gifbench.cli.app import app

    def stop(work: Work, row: ManifestRow) -> None:
        print(time.time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, flush=True)
        os._exit(0)

    Work.__call__ = stop
    app(["build", "gif-moments", "--manifest", manifest, "--out", out, "--workers", "1"])


def workers(clips: Path, rounds: int) -> None:
    """Clips a second with one process and with two."""
    recipe = load_recipe("gif-moments")
    with tempfile.TemporaryDirectory() as folder:
        videos = Path(folder, "videos")
        videos.mkdir()
        for file in sorted((clips / "moments").glob("*.mp4")):
            shutil.copy(file, videos)
        rows = [row.model_copy(update={"end_frame": 60, "frames": None}) for row in from_folder(videos)]
        rows = [row.model_copy(update={"clip_id": f"{row.clip_id[:60]}-{i}"}) for i in range(2) for row in rows]
        best = {1: float("inf"), 2: float("inf")}
        for number in range(rounds + 1):
            for count in (1, 2):
                out = Path(folder, f"out-{number}-{count}")
                since: list[float] = []

                def report(now: Progress, since: list[float] = since) -> None:
                    since.append(time.perf_counter())

                run_build(recipe, rows, str(out), sources=videos, workers=count, progress=report)
                if number:  # the first round starts the processes and compiles
                    best[count] = min(best[count], time.perf_counter() - since[0])
                shutil.rmtree(out)
        print(f"{'processes':>9} {'clips':>6} {'clips/s':>8} {'ratio':>6}")
        for count, took in best.items():
            print(f"{count:>9} {len(rows):>6} {len(rows) / took:>8.2f} {best[1] / took:>6.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("workers").add_argument("--rounds", type=int, default=2)
    of_driver = commands.add_parser("driver")
    of_driver.add_argument("--rows", type=int, default=100_000)
    of_driver.add_argument("--workers", type=int, default=2)
    commands.add_parser("resume").add_argument("--rows", type=int, default=71_575)
    of_first = commands.add_parser("first")
    of_first.add_argument("manifest")
    of_first.add_argument("out")
    arguments = parser.parse_args()
    if arguments.command == "first":
        first(arguments.manifest, arguments.out)
    elif arguments.command == "driver":
        driver(arguments.rows, arguments.workers)
    elif arguments.command == "resume":
        resume(arguments.rows)
    else:
        workers(clips_folder(), arguments.rounds)


if __name__ == "__main__":
    main()
