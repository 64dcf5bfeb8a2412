"""Everything that waits for a GPU, in one command of at most eight minutes.

    python benchmarks/gpu/run_all.py --out results/gpu                      # on the day
    python benchmarks/gpu/run_all.py --device pretend --out /tmp/gpu        # a rehearsal without one: equality alone
    python benchmarks/gpu/run_all.py --list                                 # the steps, with their seconds

Each step is a script of this folder in a process of its own, with a time of its own: one that fails or takes too long
costs the others nothing. What a step prints goes to OUT/<step>.log, and OUT/summary.json is written after each. With
`--data DATASET`, a small dataset that was built before, `gifbench evaluate` and `gifbench train` run on it as well;
they need PyAV and an installed gifbench, the other steps neither.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


@dataclass(frozen=True)
class Step:
    """One script with its arguments and the seconds that it may take; `{out}`, `{device}`, `{data}` are filled in."""

    name: str
    seconds: int
    command: tuple[str, ...]
    rehearsed: bool = False
    """Whether it also runs on the pretend device of the tests."""
    needs_data: bool = False


PYTHON = sys.executable
STEPS = (
    Step("equality", 60, (PYTHON, f"{HERE}/equality.py", "--device", "{device}", "--out", "{out}/equality.json"), True),
    Step("ccdnet", 110, (PYTHON, f"{HERE}/ccdnet_inference.py", "--rows", "ccdnet-2", "--out", "{out}/ccdnet.json")),
    Step("metrics", 40, (PYTHON, f"{HERE}/metrics.py", "--device", "{device}")),
    Step("nearest-color", 30, (PYTHON, f"{HERE}/nearest_color.py", "--out", "{out}/nearest_color.json")),
    Step(
        "superslomo",
        60,
        (PYTHON, f"{HERE}/superslomo.py", "speed", "--device", "{device}", "--out", "{out}/superslomo"),
    ),
    Step(
        "evaluate",
        60,
        (
            *(PYTHON, "-m", "gifbench", "evaluate", "ccdnet", "gif2video", "--data", "{data}", "--task", "plain-1"),
            *("--device", "{device}", "--metrics-device", "{device}", "--out", "{out}/results", "--json"),
        ),
        needs_data=True,
    ),
    Step(
        "train",
        75,
        (
            *(PYTHON, "-m", "gifbench", "train", f"{ROOT}/baselines/ccdnet/ccdnet-2.toml", "--data", "{data}"),
            *("--out", "{out}/run", "--device", "{device}", "--set", "training.steps=400", "--json"),
        ),
        needs_data=True,
    ),
)


def run(step: Step, out: Path, *, device: str, data: str) -> dict[str, object]:
    """Run a step; what came of it. Its whole process group ends with it."""
    filled = [part.format(out=out, device=device, data=data) for part in step.command]
    begun = time.monotonic()
    with (out / f"{step.name}.log").open("w") as log:
        process = subprocess.Popen(
            filled,
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "OMP_WAIT_POLICY": "passive"},
        )
        try:
            code: int | str = process.wait(step.seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = f"ended after {step.seconds} s"
    return {"step": step.name, "exit": code, "seconds": round(time.monotonic() - begun, 1)}


def busy_share(out: Path) -> subprocess.Popen[bytes] | None:
    """`nvidia-smi dmon` beside everything, a line a second with how busy the GPU is; None where it is not there."""
    try:
        return subprocess.Popen(
            ["nvidia-smi", "dmon", "-s", "um", "-d", "1", "-o", "T", "-f", str(out / "busy.txt")], cwd=ROOT
        )
    except OSError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--data", default="", help="a small built dataset, for evaluate and train")
    parser.add_argument("--out", type=Path, default=Path("results/gpu"))
    parser.add_argument("--only", nargs="*", default=[], help="names of steps")
    parser.add_argument("--list", action="store_true")
    given = parser.parse_args()
    steps = [step for step in STEPS if not given.only or step.name in given.only]
    if given.list:
        for step in steps:
            print(f"{step.name:14}{step.seconds:5} s  {' '.join(step.command[1:])}")
        print(f"{'together':14}{sum(step.seconds for step in steps):5} s at most")
        return
    given.out.mkdir(parents=True, exist_ok=True)
    watcher = None if given.device == "pretend" else busy_share(given.out)
    summary: list[dict[str, object]] = []
    for step in steps:
        skipped = (step.needs_data and not given.data) or (given.device == "pretend" and not step.rehearsed)
        done = (
            {"step": step.name, "exit": "skipped"}
            if skipped
            else run(step, given.out, device=given.device, data=given.data)
        )
        summary.append(done)
        (given.out / "summary.json").write_text(json.dumps(summary, indent=1))
        print("  ".join(f"{key} {value}" for key, value in done.items()), flush=True)
    if watcher is not None:
        watcher.terminate()
    if any(line["exit"] not in (0, "skipped") for line in summary):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
