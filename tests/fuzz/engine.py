"""One target under atheris, in a process of its own: `python -m tests.fuzz` starts it.

An input of the fuzzer is a byte and what follows: after an even one the rest is what is read, after an odd one the rest
makes the target's own strategy draw it. So libFuzzer mends and breaks whole files and turns the knobs of crafted ones.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings

ROOT = Path(__file__).parents[2]
CURRENT, FIGURES = "current", "figures.json"
_PACKAGES = {"gifbench": ROOT / "gifbench", "gifbench_baselines": ROOT / "baselines"}
_CRAFTED_SEEDS, _CRAFTED_BYTES = 24, 4096


def compiled_modules() -> list[str]:
    """The modules whose functions numba compiles, which it could not with the fuzzer's probes in them."""
    return [
        ".".join((package, *path.relative_to(folder).with_suffix("").parts))
        for package, folder in _PACKAGES.items()
        for path in folder.rglob("*.py")
        if "from numba import" in path.read_text(encoding="utf-8")
    ]


class Runner:
    """Reads inputs of one target, writes down those that break the promise, and keeps count."""

    def __init__(self, name: str, out: Path) -> None:
        from tests.fuzz.target import MEMORY, data_bytes
        from tests.fuzz.targets import load

        self._target, self._out = load(name), out
        self.seeds = list(self._target.seeds())
        for seed in self.seeds:
            self._target.read(seed)
        self._draw = self._crafted()
        self._counts: Counter[str] = Counter()
        self._seen: set[str] = set()
        self._began = _peak()
        self._told = time.monotonic()
        limit = data_bytes() + MEMORY
        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.getrlimit(resource.RLIMIT_DATA)[1]))

    def one(self, data: bytes) -> None:
        """Read one input of the fuzzer."""
        if data[:1] and data[0] % 2:
            self._draw(data[1:])
        else:
            self._read(data[1:], "bytes")
        if time.monotonic() - self._told > 1:
            self.tell()

    def tell(self) -> None:
        """Write the figures down."""
        self._told = time.monotonic()
        figures = {**self._counts, "findings": len(self._seen), "before": self._began, "peak": _peak()}
        (self._out / FIGURES).write_text(json.dumps(figures), encoding="utf-8")

    def _crafted(self) -> Callable[[bytes], object]:
        @settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
        @given(self._target.crafted(self.seeds))
        def read(data: bytes) -> None:
            self._read(data, "crafted")

        found: Callable[[bytes], object] = read.hypothesis.fuzz_one_input
        return found

    def _read(self, data: bytes, way: str) -> None:
        self._counts[way] += 1
        (self._out / CURRENT).write_bytes(data)  # what is there if the process dies of it
        try:
            self._target.read(data)
        except Exception as error:
            self._keep(data, error)

    def _keep(self, data: bytes, error: Exception) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename).is_relative_to(ROOT)] or frames
        signature = f"{type(error).__name__} {own[-1].filename}:{own[-1].lineno}"
        if signature not in self._seen:
            self._seen.add(signature)
            path = keep_finding(self._out, data)
            path.with_suffix(".txt").write_text("".join(traceback.format_exception(error)), encoding="utf-8")


def keep_finding(out: Path, data: bytes) -> Path:
    """Write an input that breaks the promise where `--replay` finds it."""
    folder = out.parent / "findings" / out.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(data).hexdigest()[:12]
    path.write_bytes(data)
    return path


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def main(name: str, out: Path, seconds: int) -> None:
    """Fuzz the target `name` for so many seconds; with 0, read what earlier runs came to, without the fuzzer."""
    corpus = out / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    if not seconds:
        runner = Runner(name, out)
        for path in sorted(corpus.iterdir()):
            runner.one(path.read_bytes())
        runner.tell()
        return
    import atheris

    excluded = [] if os.environ.get("NUMBA_DISABLE_JIT") == "1" else compiled_modules()
    with atheris.instrument_imports(include=list(_PACKAGES), exclude=excluded, enable_loader_override=False):
        runner = Runner(name, out)
    for number, seed in enumerate(runner.seeds):
        (corpus / f"seed-{number:04d}").write_bytes(b"\0" + seed)
    for number in range(_CRAFTED_SEEDS):
        (corpus / f"crafted-{number:04d}").write_bytes(b"\1" + random.Random(number).randbytes(_CRAFTED_BYTES))
    from tests.fuzz.target import SECONDS

    longest = max(1 << 16, 2 * max(map(len, runner.seeds)))
    options = (
        *(f"-max_total_time={seconds}", f"-timeout={SECONDS}", "-rss_limit_mb=0", f"-max_len={longest}"),
        *("-len_control=0", "-print_final_stats=1", f"-artifact_prefix={out}/", "-seed=1"),
    )
    atheris.Setup([sys.argv[0], str(corpus), *options], runner.one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
