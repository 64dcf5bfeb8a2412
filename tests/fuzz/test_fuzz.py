"""Every reader ends well: with a value or one line of an error, in time, and within the memory that is stated."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from gifbench.errors import GifbenchError, ManifestError
from tests.fuzz.__main__ import replay
from tests.fuzz.engine import Runner
from tests.fuzz.regressions import FOUND
from tests.fuzz.target import MEMORY, SECONDS, BrokenPromise, Target, data_bytes, ends_well, memory_limit
from tests.fuzz.targets import NAMES, load

EXAMPLES = 12
_FEW = {"method": 6, "paths-dataset": 8, "paths-store": 5, "paths-results": 3, "paths-submission": 5}
"""Inputs of targets that are slow: an unknown method looks at all that are installed, paths try whole commands."""
_WARM: set[str] = set()
"""The targets that have read a whole input in this process, so that nothing is left to compile."""


def warm_up(target: Target, seed: bytes) -> None:
    if target.name not in _WARM:
        target.read(seed)
        _WARM.add(target.name)


def read_within_limits(target: Target, data: bytes) -> None:
    began = time.process_time()  # not the clock: other work on the machine is no fault of the reader
    with memory_limit(MEMORY):
        target.read(data)
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize("name", NAMES)
def test_crafted_inputs_end_well(name):
    crafted_inputs(name, _FEW.get(name, EXAMPLES))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_more_crafted_inputs_end_well(name):
    crafted_inputs(name, 5 * _FEW.get(name, EXAMPLES))


def crafted_inputs(name: str, examples: int) -> None:
    """Give a target so many inputs, the same ones every time."""
    target = load(name)
    seeds = [seed for seed in target.seeds() if len(seed) < 300_000]
    warm_up(target, seeds[0])
    read_within_limits(target, seeds[0])

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.crafted(seeds))
    def crafted(data: bytes) -> None:
        read_within_limits(target, data)

    crafted()


@pytest.mark.parametrize(("name", "what"), [(name, what) for name, each in FOUND.items() for what in each])
def test_what_was_found_ends_well(name, what):
    target = load(name)
    seed = target.seeds()[0]
    warm_up(target, seed)
    read_within_limits(target, FOUND[name][what](seed))


@pytest.mark.parametrize("message", ["", "x" * 5000])
def test_a_message_that_nobody_can_read_breaks_the_promise(message):
    def refuse():
        raise ManifestError(message)

    with pytest.raises(BrokenPromise, match=f"ManifestError of {len(message)} characters"):
        ends_well(refuse)


def test_every_message_is_one_line():
    assert str(GifbenchError("a name\nof two\r\nlines\u2028and more")) == "a name of two lines and more"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux says how much memory counts")
def test_more_memory_than_the_limit_is_an_error():
    with memory_limit(8 << 20), pytest.raises(MemoryError):
        bytearray(1 << 30)  # more than other tests have left free in this process
    assert len(bytearray(64 << 20)) < data_bytes()


def test_a_run_keeps_what_it_finds_and_replays_it(tmp_path, monkeypatch):
    def fragile(data: bytes) -> None:
        if b"!" in data:
            raise KeyError("!")

    monkeypatch.setattr(
        "tests.fuzz.targets.load", lambda name: Target(name, fragile, lambda: [b"a"], load("recipe").crafted)
    )
    monkeypatch.setattr("resource.setrlimit", lambda *limits: None)
    (tmp_path / "recipe").mkdir()
    runner = Runner("recipe", tmp_path / "recipe")
    for data in (b"", b"\0a", b"\0!", b"\0!!", b"\1" * 100):
        runner.one(data)
    kept = sorted((tmp_path / "findings" / "recipe").iterdir())
    assert [path.suffix for path in kept] == ["", ".txt"]
    assert kept[0].read_bytes() == b"!" and "KeyError" in kept[1].read_text()
    monkeypatch.setattr(
        "tests.fuzz.__main__.load", lambda name: Target(name, fragile, lambda: [], load("recipe").crafted)
    )
    with pytest.raises(KeyError):
        replay(kept[0])


@pytest.mark.slow
def test_the_long_run_says_what_it_did(tmp_path):
    pytest.importorskip("atheris")
    command = [sys.executable, "-m", "tests.fuzz", "--minutes", "0.05", "--out", str(tmp_path / "fuzz"), "recipe"]
    ended = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    header, row, total = ended.stdout.splitlines()
    assert header.split()[0] == "target" and row.split()[0] == "recipe" and total.endswith("executions, 0 findings")
    assert int(row.split()[1].replace(",", "")) > 0 and any((tmp_path / "fuzz" / "recipe" / "corpus").iterdir())
