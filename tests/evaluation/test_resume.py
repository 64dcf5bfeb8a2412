"""A killed evaluation goes on by the same call: finished clips stay, and another run is never mixed in."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gifbench.dataset import Dataset
from gifbench.errors import MethodFailed, ResultsError
from gifbench.evaluation.evaluate import evaluate
from tests.cli.forked_command import ForkedCommand
from tests.conftest import answer


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


def with_line(text: str, line: str) -> str:
    """A journal with another line for its first clip."""
    first, _, *rest = text.split("\n")
    return "\n".join([first, line, *rest])


SPOILED = {
    "cut": lambda text: text[:-1],
    "cut deep": lambda text: text[:-40],
    "cut deeper": lambda text: text[:-200],
    "edited": lambda text: text.replace('"psnr": ', '"psnr": "<b>"+', 1),
    "without scores": lambda text: with_line(text, '{"clip_id": "clip-0"}'),
    "no record": lambda text: with_line(text, "[]"),
    "scores that are none": lambda text: with_line(text, '{"clip_id": "clip-0", "scores": 5, "seconds": 1}'),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_a_line_that_is_half_written_edited_or_no_score_costs_its_clip_alone(dataset, as_loaded, tmp_path, spoil):
    journal = interrupted(dataset, as_loaded, tmp_path)
    journal.write_text(spoil(journal.read_text()))
    method = Stops()
    evaluate(as_loaded(method), dataset, "plain-1", out=tmp_path)
    assert method.calls == 2


def test_a_first_line_that_names_no_run_is_another_run(dataset, as_loaded, tmp_path):
    journal = interrupted(dataset, as_loaded, tmp_path)
    _, *rest = journal.read_text().splitlines()
    journal.write_text("\n".join(['{"gifbench_journal": 1, "identity": "mine"}', *rest]) + "\n")
    with pytest.raises(ResultsError, match=r"another version of gifbench.*overwrite"):
        evaluate(as_loaded(Stops()), dataset, "plain-1", out=tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dataset": "fedcba9876543210"}, "another dataset"),
        ({"options": {"metrics": ["flat"]}}, "another metrics"),
        ({"gifbench": "1" * 64}, "another versions"),
    ],
    ids=lambda change: next(iter(change)) if isinstance(change, dict) else None,
)
def test_another_run_is_refused_and_harms_nothing(dataset, as_loaded, tmp_path, monkeypatch, change, said):
    journal = interrupted(dataset, as_loaded, tmp_path)
    before = journal.read_bytes()
    method = Stops()
    dataset.fingerprint = change.get("dataset", dataset.fingerprint)
    if "dataset" in change:  # the folder has eight digits of the fingerprint, and could be renamed
        place = tmp_path / f"gif-faces-test-{change['dataset'][:8]}"
        journal.parent.rename(place)
        journal = place / journal.name
    if "gifbench" in change:
        from gifbench.evaluation import score_identity

        record = score_identity.code_record().model_copy(update={"sha256": change["gifbench"]})
        monkeypatch.setattr(score_identity, "code_record", lambda: record)
    with pytest.raises(ResultsError, match=said + r" \(.*overwrite"):
        evaluate(as_loaded(method), dataset, "plain-1", out=tmp_path, **change.get("options", {}))
    assert method.calls == 0
    assert journal.read_bytes() == before
    evaluate(as_loaded(method), dataset, "plain-1", out=tmp_path, existing="overwrite", **change.get("options", {}))
    assert method.calls == 3


@pytest.mark.parametrize(
    "change",
    [
        {"loaded": {"weights_sha256": "1" * 64}},
        {"loaded": {"code_sha256": "1" * 64}},
        {"loaded": {"options": {"sigma": 2}}},
        {"options": {"limit": 2}},
        {"options": {"seed": 1}},
    ],
    ids=lambda change: next(iter(next(iter(change.values())))),
)
def test_another_method_limit_or_seed_has_a_journal_of_its_own(dataset, as_loaded, tmp_path, change):
    journal = interrupted(dataset, as_loaded, tmp_path)
    before = journal.read_bytes()
    method = Stops()
    loaded = replace(as_loaded(method), **change.get("loaded", {}))
    evaluate(loaded, dataset, "plain-1", out=tmp_path, **change.get("options", {}))
    assert method.calls == change.get("options", {}).get("limit", 3)
    assert journal.read_bytes() == before


def test_a_run_of_a_method_that_is_not_known_begins_anew(dataset, as_loaded, tmp_path):
    unknown = {"unknown": ("it starts a program",)}
    with pytest.raises(KeyboardInterrupt):
        evaluate(replace(as_loaded(Stops(3)), **unknown), dataset, "plain-1", out=tmp_path)
    method = Stops()
    for calls in (3, 6):
        (result, _) = evaluate(replace(as_loaded(method), **unknown), dataset, "plain-1", out=tmp_path)
        assert method.calls == calls
        assert result.unknown == ["it starts a program"]


@pytest.mark.parametrize(
    ("before", "after"),
    [('"psnr": ', '"psnr": 9'), ('"seconds": ', '"seconds": -'), ('"clip_id": "clip-0"', '"clip_id": "clip-2"')],
)
def test_a_line_with_another_value_is_not_believed(dataset, as_loaded, tmp_path, before, after):
    whole = evaluate(as_loaded(Stops()), dataset, "plain-1")
    journal = interrupted(dataset, as_loaded, tmp_path)
    journal.write_text(journal.read_text().replace(before, after))
    results = evaluate(as_loaded(Stops()), dataset, "plain-1", out=tmp_path)
    assert [result.scores for result in results] == [result.scores for result in whole]


def test_an_overwriting_run_that_was_interrupted_goes_on_too(dataset, as_loaded, tmp_path):
    evaluate(as_loaded(Stops()), dataset, "plain-1", out=tmp_path)
    interrupted(dataset, as_loaded, tmp_path, options={"existing": "overwrite"})
    method = Stops()
    evaluate(as_loaded(method), dataset, "plain-1", out=tmp_path, existing="overwrite")
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
            time.sleep(3600)
        return gif.frames
'''


def test_kill_9_loses_one_clip_and_the_same_command_goes_on(tiny_dataset: Dataset, tmp_path, monkeypatch):
    (tmp_path / "slow.py").write_text(SLOW)
    calls = tmp_path / "calls"
    calls.mkdir()
    monkeypatch.setenv("CALLS", str(calls))
    words = ["evaluate", "gif", "--method-file", f"{tmp_path}/slow.py:Slow", "--data", tiny_dataset.url]
    words += ["--task", "plain-1", "--out", str(tmp_path / "results")]
    process = ForkedCommand(*words)
    while len(list(calls.iterdir())) < 2 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, process.stderr
    assert len(list(calls.iterdir())) == 2
    assert [(each["method"], each["clips"]) for each in answer(*words)] == [
        ("gif", 3),
        ("gif", 3),
        ("Slow", 3),
        ("Slow", 3),
    ]
    assert len(list(calls.iterdir())) == 4  # of three clips one was begun twice


def test_a_kill_between_the_results_of_two_protocols_is_gone_on_from(dataset, as_loaded, tmp_path, monkeypatch):
    """The same command was refused: its journal is of both protocols, and only one was left to score."""
    from gifbench.evaluation import reuse_or_score

    saved: list[object] = []
    save = reuse_or_score.save_result

    def save_one(*arguments, **named):
        if saved:
            raise KeyboardInterrupt
        saved.append(save(*arguments, **named))
        return saved[0]

    monkeypatch.setattr(reuse_or_score, "save_result", save_one)
    with pytest.raises(KeyboardInterrupt):
        evaluate(as_loaded(Stops()), dataset, "plain-1", out=tmp_path)
    monkeypatch.setattr(reuse_or_score, "save_result", save)
    assert list(tmp_path.rglob("*.journal.jsonl"))
    method = Stops()
    results = evaluate(as_loaded(method), dataset, "plain-1", out=tmp_path)
    assert {result.protocol.name for result in results} == {"standard", "gif2video"}
    assert method.calls == 0
    assert not list(tmp_path.rglob("*.journal.jsonl"))
