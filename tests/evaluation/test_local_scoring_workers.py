"""Several processes give the same scores to the bit, and one that hangs, dies or forks is ended alone, in one line."""

from __future__ import annotations

import contextlib
import json
import math
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gifbench.dataset import Dataset
from gifbench.errors import MethodFailed, UsageError
from gifbench.evaluation import local_scoring_workers
from gifbench.evaluation import score_identity as jobs
from gifbench.evaluation.evaluate import evaluate
from gifbench.evaluation.score_identity import RunSpec, ScoringJob
from gifbench.methods.command import load_method_command
from gifbench.methods.registry import load_method, load_method_file
from gifbench.results.schema import DatasetRecord
from tests.cli.forked_command import ForkedCommand
from tests.conftest import invoke, succeed
from tests.evaluation.forked_workers import fork_workers

RANDOM = '''
import random
import numpy as np

class Noisy:
    """Noise that a clip has whatever came before it."""

    def restore(self, gif, times):
        return np.clip(gif.frames + np.random.normal(0, random.random() * 9, gif.frames.shape), 0, 255)
'''


def file(tmp_path, source: str, name: str = "mine") -> str:
    path = tmp_path / f"{name}.py"
    path.write_text(source)
    return str(path)


@pytest.fixture(autouse=True)
def forked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but those marked `started` have workers that are forks, for the time that a start of Python takes."""
    if request.node.get_closest_marker("started") is None:
        fork_workers(monkeypatch)


@pytest.mark.started
def test_the_scores_are_the_same_to_the_bit_whatever_the_number_of_workers(tiny_dataset: Dataset, tmp_path):
    method = load_method_file(file(tmp_path, RANDOM))
    alone, together = (
        evaluate(method, tiny_dataset, "plain-1", metrics=["gradient", "tof"], workers=workers) for workers in (1, 2)
    )
    for one, other in zip(alone, together, strict=True):
        assert one.scores == other.scores
        assert [clip.metrics for clip in one.clip_scores] == [clip.metrics for clip in other.clip_scores]
        assert other.environment.workers == 2
    other_seed = evaluate(method, tiny_dataset, "plain-1", protocols=["standard"], seed=1)[0]
    assert other_seed.scores["psnr"] != alone[0].scores["psnr"]


HANGS = """
import subprocess, time

class Hangs:
    def restore(self, gif, times):
        subprocess.Popen(["sleep", "7654.5"])
        time.sleep(3600)
"""

DIES = """
import os

class Dies:
    def restore(self, gif, times):
        os.kill(os.getpid(), 9)
"""


def sleepers() -> list[Path]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found += [process] if b"7654.5" in (process / "cmdline").read_bytes() else []
    return found


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (HANGS, r"took longer than the limit of 0.3 seconds on clip ant, and was ended$"),
        (DIES, r"its process was ended by signal 9 on clip ant$"),
        (
            "class Raises:\n    def restore(self, gif, times): raise ValueError('no')",
            r"clip ant: it raised ValueError: no$",
        ),
        ("class Raises:\n    def __init__(self): 1 / 0\n    def restore(self, gif, times): ...", "cannot be set up"),
    ],
    ids=["hangs", "dies", "raises", "never ready"],
)
def test_what_it_does_wrong_is_one_line_and_nothing_is_left(tiny_dataset: Dataset, tmp_path, source, said):
    limit = "0.3" if source == HANGS else "300"
    words = ["evaluate", "--method-file", file(tmp_path, source), "--data", tiny_dataset.url, "--task", "plain-1"]
    words += ["--time-limit", limit, "--out", str(tmp_path / "results"), "--json"]
    result = invoke(*words)
    assert result.exit_code == 1, result.output
    message = json.loads(result.stdout)["error"]["message"]
    assert re.search(said, message), message
    assert "\n" not in message
    while sleepers():  # they are killed, and a busy machine takes a moment
        time.sleep(0.05)
    assert not list(tmp_path.rglob("*.json*"))


FORKS = """
import os

class Forks:
    def restore(self, gif, times):
        os.fork()
        return gif.frames
"""


def scores_a_fork(tiny_dataset: Dataset, tmp_path: Path) -> list[str]:
    words = ["evaluate", "--method-file", file(tmp_path, FORKS), "--data", tiny_dataset.url, "--task", "plain-1"]
    return [*words, "--protocol", "standard", "--out", str(tmp_path / "results"), "--json"]


def test_a_method_that_forks_is_scored(tiny_dataset: Dataset, tmp_path):
    done = ForkedCommand(*scores_a_fork(tiny_dataset, tmp_path))
    assert done.wait() == 0, done.stderr
    (result,) = json.loads(done.stdout)
    assert result["clips"] == 3


def test_a_method_that_forks_in_a_worker_is_scored(tiny_dataset: Dataset, tmp_path):
    done = succeed(*scores_a_fork(tiny_dataset, tmp_path), "--time-limit", "300")
    (result,) = json.loads(done.stdout)
    assert result["clips"] == 3


def test_what_cannot_be_sent_to_a_worker_is_said(dataset, as_loaded):
    class Local:
        def restore(self, gif, times): ...

    with pytest.raises(UsageError, match="give the method by its name or from its file"):
        evaluate(as_loaded(Local()), dataset, "plain-1", workers=2)


@pytest.mark.parametrize("options", [{"workers": 0}, {"workers": 5000}, {"time_limit": 0}, {"time_limit": math.nan}])
def test_numbers_that_cannot_be_are_answered(dataset, options):
    with pytest.raises(UsageError, match="must be"):
        evaluate("gif", dataset, "plain-1", **options)


def test_without_a_limit_a_failure_in_a_worker_is_the_failure(tiny_dataset: Dataset, tmp_path):
    source = "class Nan:\n    def restore_frames(self, frames, palettes): return frames * float('nan')"
    with pytest.raises(MethodFailed, match="NaN"):
        evaluate(load_method_file(file(tmp_path, source)), tiny_dataset, "plain-1", workers=2, limit=1)


@pytest.mark.started
def test_a_worker_that_is_still_importing_ends_without_a_traceback(tmp_path, capfd, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import time\nopen('begun', 'w').close()\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    worker = local_scoring_workers._start("a job", None)
    while not (tmp_path / "begun").exists():
        time.sleep(0.01)
    local_scoring_workers._end(worker, at_once=True)
    assert capfd.readouterr().err == ""


STOPS = """
import os
from pathlib import Path

class Stops:
    def restore(self, gif, times):
        if Path(os.environ["STOP"]).exists() and len(gif) > 6:
            raise ValueError("stopped")
        return gif.frames
"""


def test_a_run_goes_on_with_another_number_of_workers(tiny_dataset: Dataset, tmp_path, monkeypatch):
    stop = tmp_path / "stop"
    stop.touch()
    monkeypatch.setenv("STOP", str(stop))
    method = load_method_file(file(tmp_path, STOPS))
    with pytest.raises(MethodFailed, match="clip bee: it raised ValueError: stopped"):
        evaluate(method, tiny_dataset, "plain-1", out=tmp_path / "results")
    stop.unlink()
    told = []
    evaluate(method, tiny_dataset, "plain-1", out=tmp_path / "results", workers=2, progress=told.append)
    assert sorted(each.what for each in told) == ["bee", "cat"]


def test_a_job_loads_elsewhere_what_this_process_has(tmp_path):
    """Here in the same process: by name, from a file, and a program with its limit of time."""
    path = file(tmp_path, RANDOM)
    program = load_method_command("true {gif} {out}", time_limit=7.5)
    for method in (load_method("gaussian:sigma=1"), load_method_file(path), program):
        about = {"split": "test", "task": "plain-1", "protocols": [jobs.protocol("standard")], "metrics": []}
        job = ScoringJob(
            RunSpec.of(method, DatasetRecord(name="tiny", fingerprint="0123"), **about),
            method=method.source,
            metrics=(),
            stride=None,
            device="cpu",
            metrics_device="cpu",
            cache=None,
        )
        assert job.scorer().method == method
    assert job.scorer().method.method.time_limit == 7.5
    with pytest.raises(UsageError, match="cannot be sent"):
        replace(job, method=None).scorer()
    assert (job.on("cuda:1").metrics_device, replace(job, metrics_device="cuda").on("cuda:1").metrics_device) == (
        "cpu",
        "cuda:1",
    )


FAULTY = """
from gifbench.evaluation import scoring_protocols as protocol

def broken(*_):
    raise RuntimeError("a fault of gifbench's own")

class Faulty:
    def __init__(self):
        import gifbench.evaluation.score_identity
        gifbench.evaluation.score_identity.protocol = broken

    def restore(self, gif, times): ...
"""


def test_a_fault_of_gifbench_s_own_in_a_worker_comes_with_where_it_was(tiny_dataset: Dataset, tmp_path, monkeypatch):
    # The method changes it here, too, and not for the tests that follow.
    monkeypatch.setattr(jobs, "protocol", jobs.protocol)
    with pytest.raises(RuntimeError, match=r"(?s)a worker failed:.*in broken.*a fault of gifbench's own"):
        _ = evaluate(load_method_file(file(tmp_path, FAULTY)), tiny_dataset, "plain-1", workers=2, limit=1)
