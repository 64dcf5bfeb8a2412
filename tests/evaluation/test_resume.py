"""A killed evaluation goes on by the same call: finished clips stay, and another run is never mixed in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gifbench.cli.app import app
from gifbench.dataset import Dataset
from gifbench.errors import MethodFailed, ResultsError
from gifbench.evaluation.evaluate import evaluate


class Stops:
    """Gives the GIF's frames, and stops at one of its calls, as a kill would."""

    def __init__(self, at: int | None = None) -> None:
        self.calls, self.at = 0, at

    def restore(self, gif, times):
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return gif.frames


def interrupted(dataset, as_loaded, out: Path, *, at: int = 3, **about) -> Path:
    """The journal of a run that was interrupted at its third clip."""
    options = about.pop("options", {})
    with pytest.raises(KeyboardInterrupt):
        evaluate(as_loaded(Stops(at), **about), dataset, "plain-1", out=out, **options)
    (journal,) = out.rglob("*.jsonl")
    return journal


def test_the_same_call_goes_on_and_gives_the_same_result(dataset, as_loaded, tmp_path):
    whole = evaluate(as_loaded(Stops()), dataset, "plain-1", metrics=["gradient", "tof"])
    journal = interrupted(dataset, as_loaded, tmp_path, options={"metrics": ["gradient", "tof"]})
    assert len(journal.read_bytes().splitlines()) == 3
    method = Stops()
    went_on = evaluate(as_loaded(method), dataset, "plain-1", metrics=["gradient", "tof"], out=tmp_path)
    assert method.calls == 1
    assert [result.scores for result in went_on] == [result.scores for result in whole]
    assert [clip.clip_id for clip in went_on[0].clip_scores] == ["clip-0", "clip-1", "clip-2"]
    assert not journal.exists()


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_half_written_line_costs_its_clip_alone(dataset, as_loaded, tmp_path, cut):
    journal = interrupted(dataset, as_loaded, tmp_path)
    journal.write_bytes(journal.read_bytes()[:-cut])
    method = Stops()
    evaluate(as_loaded(method), dataset, "plain-1", out=tmp_path)
    assert method.calls == 2


def test_a_line_that_was_edited_costs_its_clip_alone(dataset, as_loaded, tmp_path):
    journal = interrupted(dataset, as_loaded, tmp_path)
    first, second, third = journal.read_text().splitlines()
    journal.write_text("\n".join([first, second.replace('"psnr": ', '"psnr": "<b>"+'), third]) + "\n")
    method = Stops()
    evaluate(as_loaded(method), dataset, "plain-1", out=tmp_path)
    assert method.calls == 2


@pytest.mark.parametrize("line", ['{"clip_id": "clip-0"}', "[]", '{"clip_id": "clip-0", "scores": 5, "seconds": 1}'])
def test_a_line_that_is_json_and_no_score_costs_its_clip_alone(dataset, as_loaded, tmp_path, line):
    journal = interrupted(dataset, as_loaded, tmp_path)
    first, _, third = journal.read_text().splitlines()
    journal.write_text("\n".join([first, line, third]) + "\n")
    method = Stops()
    evaluate(as_loaded(method), dataset, "plain-1", out=tmp_path)
    assert method.calls == 2


def test_a_first_line_that_names_no_run_is_another_run(dataset, as_loaded, tmp_path):
    journal = interrupted(dataset, as_loaded, tmp_path)
    _, *rest = journal.read_text().splitlines()
    journal.write_text("\n".join(['{"gifbench_journal": 1, "identity": "mine"}', *rest]) + "\n")
    with pytest.raises(ResultsError, match=r"no readable first line.*--overwrite"):
        evaluate(as_loaded(Stops()), dataset, "plain-1", out=tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"loaded": {"weights_sha256": "1" * 64}}, "another weights"),
        ({"loaded": {"code_sha256": "1" * 64}}, "another method code"),
        ({"loaded": {"options": {"sigma": 2}}}, "another options"),
        ({"dataset": "fedcba9876543210"}, "another dataset"),
        ({"options": {"metrics": ["flat"]}}, "another metrics"),
        ({"options": {"limit": 3}}, "another limit"),
        ({"options": {"seed": 1}}, "another seed"),
        ({"gifbench": "1" * 64}, "another code of gifbench"),
    ],
    ids=lambda change: next(iter(change)) if isinstance(change, dict) else None,
)
def test_another_run_is_refused_and_harms_nothing(dataset, as_loaded, tmp_path, monkeypatch, change, said):
    journal = interrupted(dataset, as_loaded, tmp_path)
    before = journal.read_bytes()
    method = Stops()
    loaded = replace(as_loaded(method), **change.get("loaded", {}))
    dataset.fingerprint = change.get("dataset", dataset.fingerprint)
    if "dataset" in change:  # the folder has eight digits of the fingerprint, and could be renamed
        place = tmp_path / f"gif-faces-test-{change['dataset'][:8]}"
        journal.parent.rename(place)
        journal = place / journal.name
    if "gifbench" in change:
        from gifbench.evaluation import evaluate as module

        record = module.code_record()
        monkeypatch.setattr(
            "gifbench.evaluation.evaluate.code_record", lambda: record.model_copy(update={"sha256": change["gifbench"]})
        )
    with pytest.raises(ResultsError, match=said + r" \(.*--overwrite"):
        evaluate(loaded, dataset, "plain-1", out=tmp_path, **change.get("options", {}))
    assert method.calls == 0
    assert journal.read_bytes() == before
    evaluate(loaded, dataset, "plain-1", out=tmp_path, overwrite=True, **change.get("options", {}))
    assert method.calls == 3


def test_an_overwriting_run_that_was_interrupted_goes_on_too(dataset, as_loaded, tmp_path):
    evaluate(as_loaded(Stops()), dataset, "plain-1", out=tmp_path)
    interrupted(dataset, as_loaded, tmp_path, options={"overwrite": True})
    method = Stops()
    evaluate(as_loaded(method), dataset, "plain-1", out=tmp_path, overwrite=True)
    assert method.calls == 1


def test_a_run_that_scored_nothing_leaves_nothing(dataset, as_loaded, tmp_path):
    class Fails:
        def restore(self, gif, times):
            raise ValueError

    with pytest.raises(MethodFailed):
        evaluate(as_loaded(Fails()), dataset, "plain-1", out=tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_two_runs_of_one_result_do_not_mix(dataset, as_loaded, tmp_path):
    class Nested:
        def restore(self, gif, times):
            with pytest.raises(ResultsError, match="another gifbench evaluate is at work"):
                evaluate(as_loaded(Stops()), dataset, "plain-1", out=tmp_path)
            return gif.frames

    evaluate(as_loaded(Nested()), dataset, "plain-1", out=tmp_path)


SLOW = '''
import os, time
from pathlib import Path

class Slow:
    """Leaves a file for each clip, and takes its time from the second one on."""

    def restore(self, gif, times):
        calls = Path(os.environ["CALLS"])
        number = len(list(calls.iterdir()))
        (calls / str(number)).touch()
        if number == 1:
            time.sleep(60)
        return gif.frames
'''


def test_kill_9_loses_one_clip_and_the_same_command_goes_on(tiny_dataset: Dataset, tmp_path, monkeypatch):
    (tmp_path / "slow.py").write_text(SLOW)
    calls = tmp_path / "calls"
    calls.mkdir()
    monkeypatch.setenv("CALLS", str(calls))
    words = ["evaluate", "gif", "--method-file", f"{tmp_path}/slow.py:Slow", "--data", tiny_dataset.url]
    words += ["--task", "plain-1", "--out", str(tmp_path / "results")]
    process = subprocess.Popen([sys.executable, "-m", "gifbench", *words], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while len(list(calls.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(list(calls.iterdir())) == 2
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == 0, result.output
    assert [(each["method"], each["clips"]) for each in json.loads(result.stdout)] == [
        ("gif", 3),
        ("gif", 3),
        ("Slow", 3),
        ("Slow", 3),
    ]
    assert len(list(calls.iterdir())) == 4  # of three clips one was begun twice
