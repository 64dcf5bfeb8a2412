"""`existing="keep"` runs what is missing, and takes for there only what the very same run wrote, whole."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gifbench.dataset import Dataset
from gifbench.errors import MethodFailed, UsageError
from gifbench.evaluation.evaluate import evaluate
from tests.conftest import succeed


class Counted:
    def __init__(self) -> None:
        self.calls = 0

    def restore_frames(self, frames, palettes):
        self.calls += 1
        return frames


def run(loaded, dataset, out, **options):
    return evaluate(loaded, dataset, "plain-1", out=out, existing="keep", **options)


def test_what_is_there_is_not_run_again(dataset, as_loaded, tmp_path: Path) -> None:
    method = Counted()
    loaded = as_loaded(method, version="1")
    first = run(loaded, dataset, tmp_path)
    calls = method.calls
    again = run(loaded, dataset, tmp_path)
    assert calls > 0
    assert method.calls == calls
    assert [result.scores for result in again] == [result.scores for result in first]
    assert [result.path for result in again] == [result.path for result in first]


def test_a_protocol_that_is_missing_is_run_alone(dataset, as_loaded, tmp_path: Path) -> None:
    loaded = as_loaded(Counted())
    evaluate(loaded, dataset, "plain-2", protocols=["gif2video"], out=tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    results = evaluate(loaded, dataset, "plain-2", out=tmp_path, existing="keep")
    assert [result.protocol.name for result in results] == ["standard", "gif2video"]
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert len(list(tmp_path.rglob("*.json"))) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"declared": {"version": "2"}},
        {"code_sha256": "1" * 64},
        {"weights_sha256": "1" * 64},
        {"options": {"sigma": 2}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_version_of_the_method_is_run(dataset, as_loaded, tmp_path: Path, change) -> None:
    method = Counted()
    loaded = as_loaded(method, version="1")
    run(loaded, dataset, tmp_path)
    calls = method.calls
    if "declared" in change:
        change = {"declared": replace(loaded.declared, **change["declared"])}
    run(replace(loaded, **change), dataset, tmp_path)
    assert method.calls == 2 * calls


def test_another_limit_is_run(dataset, as_loaded, tmp_path: Path) -> None:
    loaded = as_loaded(Counted())
    run(loaded, dataset, tmp_path)
    assert [result.clips for result in run(loaded, dataset, tmp_path, limit=2)] == [2, 2]


@pytest.mark.parametrize("spoil", ["json", "parquet", "half", "edited"])
def test_what_is_not_whole_is_run(dataset, as_loaded, tmp_path: Path, spoil: str) -> None:
    method = Counted()
    loaded = as_loaded(method)
    (result,) = run(loaded, dataset, tmp_path, protocols=["standard"])
    path, calls = Path(result.path), method.calls
    if spoil == "json":
        path.unlink()
    elif spoil == "parquet":
        path.with_suffix(".parquet").unlink()
    elif spoil == "half":
        path.write_text(path.read_text()[:200])
    else:
        path.write_text(path.read_text().replace(str(result.scores["psnr"].mean), "99.0"))
    (again,) = run(loaded, dataset, tmp_path, protocols=["standard"])
    assert method.calls == 2 * calls
    assert again.scores == result.scores


@pytest.mark.parametrize("when", ["it is set up", "it measures"])
def test_a_metric_is_measured_again_where_what_it_reads_has_changed(dataset, as_loaded, tmp_path, when: str) -> None:
    read = "float(Path(__file__).with_name('level.txt').read_text())"
    code = "from pathlib import Path\n\nclass Level:\n    spec = 'a level'\n"
    if when == "it is set up":
        code += f"    def __init__(self): self.level = {read}\n    def measure(self, pair): return self.level\n"
    else:
        code += f"    def measure(self, pair): return {read}\n"
    (tmp_path / "level.py").write_text(code)
    loaded, means = as_loaded(Counted(), version="1"), []
    for level in "12":
        (tmp_path / "level.txt").write_text(level)
        results = run(loaded, dataset, tmp_path / "results", metrics=[str(tmp_path / "level.py")])
        means.append(results[0].scores["level"].mean)
    assert means == [1, 2]


def test_a_failure_leaves_what_was_there(dataset, as_loaded, tmp_path: Path) -> None:
    class Fails:
        def restore_frames(self, frames, palettes):
            raise ValueError

    run(as_loaded(Counted(), version="1"), dataset, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    with pytest.raises(MethodFailed):
        run(as_loaded(Fails(), version="2"), dataset, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_results_that_exist_are_told_in_a_local_folder_only(dataset, as_loaded) -> None:
    assert len(run(as_loaded(Counted()), dataset, None)) == 2
    run(as_loaded(Counted()), dataset, "memory://kept")
    with pytest.raises(UsageError, match="local folder"):
        run(as_loaded(Counted()), dataset, "memory://kept")


def test_the_command_goes_on_where_it_stopped(tiny_dataset: Dataset, tmp_path: Path) -> None:
    common = ["evaluate", "--data", tiny_dataset.url, "--task", "plain-1", "--out", str(tmp_path), "--json"]
    succeed(*common, "gif")
    result = succeed(*common, "gif", "gaussian-0.5", "--existing", "keep")
    assert [each["method"] for each in json.loads(result.stdout)] == ["gif", "gif", "gaussian-0.5", "gaussian-0.5"]
