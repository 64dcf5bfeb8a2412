"""A Dask cluster scores as this process does, to the bit; its workers may die, and it says what it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gifbench import dask_cluster as of_cluster
from gifbench import evaluate
from gifbench.dataset import Dataset
from gifbench.errors import ClusterError, MethodFailed, UsageError
from gifbench.evaluation.score_identity import RunSpec
from gifbench.progress import Progress
from gifbench.results.dataframe import Results
from tests.builder.servers import dask_cluster, kill_a_worker, shut_down
from tests.conftest import answer, invoke

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

KILLER = """
import os, signal
from pathlib import Path

class Killer:
    def restore_frames(self, frames, palettes):
        if not Path({mark!r}).exists() or {always}:
            Path({mark!r}).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return frames

class Raises:
    def restore_frames(self, frames, palettes):
        raise ValueError("not today")

class Noise:
    def restore_frames(self, frames, palettes):
        import numpy as np
        return np.clip(frames.astype(int) + np.random.randint(-3, 4, frames.shape), 0, 255).astype(np.uint8)
"""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that were killed are started anew, which takes a busy machine more than a minute."""
    monkeypatch.setattr(of_cluster, "WORKERS_SECONDS", 600.0)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with dask_cluster() as address:
        yield address


def scores(results: Results) -> list[object]:
    """All that a result says of its clips but for how long it took."""
    return [
        (each.method, each.identity, each.scores, [replace(clip, seconds=0.0) for clip in each.clip_scores])
        for each in results
    ]


def method(tmp_path: Path, name: str, *, always: bool = False) -> str:
    path = tmp_path / "killer.py"
    path.write_text(KILLER.format(mark=str(tmp_path / "mark"), always=always))
    return f"{path}:{name}"


def test_a_cluster_gives_the_scores_of_this_process(cluster: str, tiny_dataset: Dataset, tmp_path: Path) -> None:
    asked = (["gif", "gaussian:sigma=0.7", method(tmp_path, "Noise")], tiny_dataset.url, ["plain-1", "dithered-2"])
    here = evaluate(*asked, metrics=["flat"], out=tmp_path / "here")
    there = evaluate(*asked, metrics=["flat"], out=tmp_path / "there", cluster=cluster)
    assert scores(there) == scores(here) != []
    names = sorted(path.relative_to(tmp_path / "here") for path in (tmp_path / "here").rglob("*.parquet"))
    assert names == sorted(path.relative_to(tmp_path / "there") for path in (tmp_path / "there").rglob("*.parquet"))
    for name in names:
        tables = [pq.read_table(tmp_path / where / name).drop_columns(["seconds"]) for where in ("here", "there")]
        assert tables[0].equals(tables[1])


def test_the_command_scores_on_it_and_what_was_scored_is_reused(
    cluster: str, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    command = ["evaluate", "gif", "--data", tiny_dataset.url, "--task", "plain-1", "--out", str(tmp_path / "out")]
    assert {each["protocol"] for each in answer(*command, "--cluster", cluster)} == {"standard", "gif2video"}
    again = invoke(*command)
    assert again.exit_code == 0 and "reused" in again.stderr
    assert not list(tmp_path.rglob("*.journal.jsonl"))


def test_a_worker_that_is_killed_costs_nothing(cluster: str, tiny_dataset: Dataset, tmp_path: Path) -> None:
    here = evaluate("gaussian-0.5", tiny_dataset.url, "plain-1")
    killed: list[Progress] = []

    def kill_one(now: Progress) -> None:
        if not killed:
            killed.append(now)
            kill_a_worker(cluster)

    there = evaluate("gaussian-0.5", tiny_dataset.url, "plain-1", cluster=cluster, progress=kill_one)
    assert killed
    assert scores(there) == scores(here)


def test_a_method_that_kills_its_worker_once_is_given_to_another(
    cluster: str, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    found = evaluate(method(tmp_path, "Killer"), tiny_dataset.url, "plain-1", cluster=cluster)
    assert {each.clips for each in found} == {len(tiny_dataset.split("test"))}


def test_a_worker_that_dies_as_it_is_asked_is_no_reason_to_stop(
    cluster: str, tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import Client

    ask = Client.run

    def ask_one_more(self: Client, *args: object, **options: object) -> dict[str, object]:
        return ask(self, *args, **options) | {"tcp://127.0.0.1:9": OSError("it has died")}

    monkeypatch.setattr(Client, "run", ask_one_more)
    assert len(evaluate("gif", tiny_dataset.url, "plain-1", cluster=cluster)) == 2


def test_a_method_that_kills_every_worker_is_named_with_its_clip_and_what_was_scored_is_kept(
    cluster: str, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(MethodFailed, match=r"several workers of the cluster died on clip \w+"):
        evaluate(method(tmp_path, "Killer", always=True), tiny_dataset.url, "plain-1", cluster=cluster)


def test_what_a_method_raises_there_is_raised_here(cluster: str, tiny_dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(MethodFailed, match="not today"):
        evaluate(method(tmp_path, "Raises"), tiny_dataset.url, "plain-1", cluster=cluster)


def test_a_scheduler_that_goes_away_keeps_the_clips_that_are_scored(tiny_dataset: Dataset, tmp_path: Path) -> None:
    def end(now: Progress) -> None:
        if now.done == 1:
            shut_down(address)

    out = tmp_path / "out"
    with dask_cluster(workers=1) as address, pytest.raises(ClusterError, match="run the same command again"):
        evaluate("gif", tiny_dataset.url, "plain-1", out=out, cluster=address, progress=end)
    (journal,) = out.rglob("*.journal.jsonl")
    assert len(journal.read_text().splitlines()) >= 2
    went_on: list[int] = []
    evaluate("gif", tiny_dataset.url, "plain-1", out=out, progress=lambda now: went_on.append(now.done))
    assert went_on[0] >= 2 and not list(out.rglob("*.journal.jsonl"))


def test_workers_that_would_give_other_scores_are_named(
    cluster: str, tiny_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = RunSpec.of

    def other(*arguments: object, **named: object) -> RunSpec:
        spec: RunSpec = real(*arguments, **named)  # type: ignore[arg-type]
        return replace(spec, versions={**spec.versions, "av": "0.0"})

    monkeypatch.setattr(RunSpec, "of", other)
    with pytest.raises(ClusterError, match=r"would give other scores: it has another versions \(av"):
        evaluate("gif", tiny_dataset.url, "plain-1", cluster=cluster)


def test_what_cannot_be_sent_is_wrong_usage(cluster: str, tiny_dataset: Dataset) -> None:
    class Mine:
        def restore_frames(self, frames: object, palettes: object) -> object:
            return frames

    with pytest.raises(UsageError, match="cannot be sent to a cluster"):
        evaluate(Mine(), tiny_dataset.url, "plain-1", cluster=cluster)
    for more in ({"workers": 2}, {"time_limit": 5.0}, {"device": "cuda:0,cuda:1"}):
        with pytest.raises(UsageError, match="give one of the two"):
            evaluate("gif", tiny_dataset.url, "plain-1", cluster=cluster, **more)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="as in tcp://host:8786"):
        evaluate("gif", tiny_dataset.url, "plain-1", cluster="nonsense")
