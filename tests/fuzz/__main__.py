"""`python -m tests.fuzz --minutes 15`: every target for its share of the time, then a table of what came of it."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.fuzz.engine import CURRENT, FIGURES, ROOT, keep_finding
from tests.fuzz.target import MEMORY, memory_limit
from tests.fuzz.targets import NAMES, load

_WITH_LOOPS = {"gif"}
"""Targets whose work is in what numba compiles: fuzzed as plain Python, which the fuzzer can look into."""

_STARTS = 5
"""How often a target is begun again after a process that died."""


def fuzz(name: str, out: Path, seconds: float) -> dict[str, Any]:
    """Run a target for so long; its figures."""
    out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {"bytes": 0, "crafted": 0, "findings": 0, "new": 0, "above": 0, "seconds": 0.0}
    for _ in range(_STARTS):
        if seconds - figures["seconds"] >= 1:
            _start(name, out, round(seconds - figures["seconds"]), figures)
    if name in _WITH_LOOPS:
        _start(name, out, 0, figures)
    return figures


def _start(name: str, out: Path, seconds: int, figures: dict[str, Any]) -> None:
    """One process; with 0 seconds the one that reads the corpus once more, compiled and with every index checked."""
    (out / FIGURES).unlink(missing_ok=True)
    (out / CURRENT).unlink(missing_ok=True)
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}  # torch's threads wait for each other on a busy machine
    if seconds and name in _WITH_LOOPS:
        variables["NUMBA_DISABLE_JIT"] = "1"
    if not seconds:
        variables |= {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(out.parent / "numba")}
    began = time.monotonic()
    with (out / "log").open("wb") as log:
        command = [sys.executable, "-m", "tests.fuzz.engine", name, str(out), str(seconds)]
        ended = subprocess.run(command, cwd=ROOT, env=variables, stdout=log, stderr=log, check=False)
    if seconds:
        figures["seconds"] += time.monotonic() - began
    said = json.loads((out / FIGURES).read_text()) if (out / FIGURES).exists() else {}
    for key in ("bytes", "crafted", "findings"):
        figures[key] += said.get(key, 0)
    figures["above"] = max(figures["above"], said.get("peak", 0) - said.get("before", 0))
    text = (out / "log").read_text(errors="replace")
    figures["new"] += sum(map(int, re.findall(r"stat::new_units_added:\s+(\d+)", text)))
    if ended.returncode:
        if not (out / CURRENT).exists():
            raise SystemExit(f"{name} did not start: {text[-2000:]}")
        figures["findings"] += 1
        path = keep_finding(out, (out / CURRENT).read_bytes())
        path.with_suffix(".txt").write_text(f"The process ended with {ended.returncode}.\n{text[-4000:]}")


def replay(path: Path) -> None:
    """Read one finding again; what breaks the promise is raised."""
    name = path.resolve().parent.name
    if name not in NAMES:
        raise SystemExit(f"{path}: the folder of a finding is named by its target: {', '.join(NAMES)}")
    with memory_limit(MEMORY):
        load(name).read(path.read_bytes())
    print(f"{path}: ends well")


def main() -> int:
    """Fuzz, or replay what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz gifbench's readers with atheris.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"all unless named: {', '.join(NAMES)}")
    parser.add_argument("--minutes", type=float, default=15, help="for all targets together")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "fuzz", help="corpus, logs and findings")
    parser.add_argument("--replay", type=Path, nargs="+", metavar="FINDING", help="read these again, and fuzz nothing")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(NAMES):
        parser.error(f"there is no target {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if options.replay:
        for path in options.replay:
            replay(path)
        return 0
    if importlib.util.find_spec("atheris") is None:
        raise SystemExit("the long run needs atheris, which there is for Linux: pip install atheris")
    chosen = options.targets or NAMES
    print(f"{'target':20} {'executions':>10} {'a second':>8} {'crafted':>8} {'new':>6} {'memory':>8} {'findings':>8}")
    total = findings = 0
    for name in chosen:
        found = fuzz(name, options.out.resolve() / name, 60 * options.minutes / len(chosen))
        count = found["bytes"] + found["crafted"]
        total, findings = total + count, findings + found["findings"]
        rate, memory = count / max(found["seconds"], 1), f"{found['above'] >> 20} MiB"
        print(f"{name:20} {count:10,} {rate:8,.0f} {found['crafted']:8,} {found['new']:6,}", end=" ")
        print(f"{memory:>8} {found['findings']:8}", flush=True)
    print(f"{total:,} executions, {findings} findings")
    if findings:
        print(f"replay: python -m tests.fuzz --replay {options.out}/findings/TARGET/*[0-9a-f]")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
