"""Everything that waits for a GPU, in one command of at most eight minutes.

    python benchmarks/gpu/run_all.py --out results/gpu                      # on the day
    python benchmarks/gpu/run_all.py --device pretend --out /tmp/gpu        # a rehearsal without one: equality alone
    python benchmarks/gpu/run_all.py --device cpu --out /tmp/gpu            # a rehearsal of all steps, with small sizes
    python benchmarks/gpu/run_all.py --list                                 # the steps, with their seconds

Each step is a script of this folder in a process of its own, with a time of its own: one that fails or takes too long
costs the others nothing. What a step prints goes to OUT/<step>.log, and OUT/summary.json is written after each.
`--wheels FOLDER` holds wheels that the machine lacks, such as PyAV's; those of its Python are unpacked into OUT/site,
where every step finds them. With `--data DATASET`, a small dataset that was built before, `gifbench evaluate` and
`gifbench train` run on it as well; they need an installed gifbench. Steps that need PyAV are skipped where it is not.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
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
    needs_pyav: bool = False
    small: tuple[str, ...] = ()
    """What is added on the CPU, where a step is only tried."""


def script(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, f"{HERE}/{name}.py", "--device", "{device}", *arguments)


def gifbench(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "gifbench", *arguments, "--data", "{data}", "--device", "{device}", "--json")


STEPS = (
    Step(
        "equality",
        60,
        script("equality", "--out", "{out}/equality.json"),
        rehearsed=True,
        small=("--methods", "ccdnet-plain", "stable:[gif]"),
    ),
    Step(
        "ccdnet",
        110,
        script("ccdnet_inference", "--rows", "ccdnet-2", "--out", "{out}/ccdnet.json"),
        small=("--side", "32", "--batches", "1", "2", "--no-compile", "--workers", "1"),
    ),
    Step("metrics", 40, script("metrics"), small=("--size", "192x176", "--frames", "2", "--repeats", "1")),
    Step("nearest-color", 30, script("nearest_color", "--out", "{out}/nearest_color.json")),
    Step(
        "superslomo",
        60,
        script("superslomo", "--out", "{out}/superslomo", "speed"),
        needs_pyav=True,
        small=("--base", "2", "--side", "64", "--gaps", "2"),
    ),
    Step(
        "evaluate",
        60,
        gifbench(
            *("evaluate", "ccdnet", "gif2video", "--task", "plain-1", "--metrics-device", "{device}"),
            *("--out", "{out}/results"),
        ),
        needs_data=True,
        needs_pyav=True,
        small=("--limit", "1"),
    ),
    Step(
        "train",
        75,
        gifbench(
            *("train", f"{ROOT}/baselines/ccdnet/ccdnet-2.toml", "--out", "{out}/run"),
            # Both networks learn, from nothing: the weights of UNet-3 are not here, and time is what is measured.
            *("--set", "training.steps=400", "--set", 'model.start=""', "--set", "model.freeze_first=false"),
        ),
        needs_data=True,
        needs_pyav=True,
        small=tuple(
            word
            for change in ("training.steps=1", "training.batch_size=2", "data.crop=24", "model.base=2")
            for word in ("--set", change)
        ),
    ),
)


def unpacked(wheels: Path, site: Path) -> None:
    """Put what is in the wheels of this Python where the steps find it."""
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    for wheel in sorted(wheels.glob("*.whl")):
        python, abi, _ = wheel.stem.split("-")[-3:]
        if version in python.split(".") or abi == "abi3" or "py3" in python.split("."):
            with zipfile.ZipFile(wheel) as held:
                held.extractall(site)


def has_pyav(environment: Mapping[str, str]) -> bool:
    """Whether a step could import it."""
    command = [sys.executable, "-c", "import av"]
    return not subprocess.run(command, env=environment, capture_output=True, check=False).returncode


def run(step: Step, out: Path, *, device: str, data: str, environment: Mapping[str, str]) -> dict[str, object]:
    """Run a step; what came of it. Its whole process group ends with it."""
    command = (*step.command, *(step.small if device == "cpu" else ()))
    filled = [part.format(out=out, device=device, data=data) for part in command]
    seconds = step.seconds if device not in ("cpu", "pretend") else 10 * step.seconds  # only tried there, and slow
    begun = time.monotonic()
    with (out / f"{step.name}.log").open("w") as log:
        process = subprocess.Popen(
            filled,
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )
        try:
            code: int | str = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = f"ended after {seconds} s"
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
    parser.add_argument("--wheels", type=Path, help="a folder of wheels that the machine lacks")
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
    given.out = given.out.resolve()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.wheels:
        unpacked(given.wheels, given.out / "site")
    paths = os.pathsep.join([str(given.out / "site"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "OMP_WAIT_POLICY": "passive", "PYTHONPATH": paths}
    pyav = has_pyav(environment)
    watcher = None if given.device in ("pretend", "cpu") else busy_share(given.out)
    summary: list[dict[str, object]] = []
    for step in steps:
        lacking = (step.needs_data and not given.data) or (step.needs_pyav and not pyav)
        skipped = lacking or (given.device == "pretend" and not step.rehearsed)
        done = (
            {"step": step.name, "exit": "skipped"}
            if skipped
            else run(step, given.out, device=given.device, data=given.data, environment=environment)
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
