"""Results of runs as a leaderboard takes them, the journal of an evaluation, and what a blind study brings back."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st

from gifbench.blind_study.study_pages import KEY
from gifbench.blind_study.vote_counting import _read, preferences, read_key
from gifbench.evaluation.score_journal import ScoreJournal
from gifbench.leaderboard.boards_of_comparable_runs import boards
from gifbench.leaderboard.markdown_csv_tables import csv_table, markdown
from gifbench.leaderboard.runs_from_results import run_of
from gifbench.results.io import load_results, save_result
from gifbench.storage import Folder
from tests.fuzz.damage import Draw, damaged, edited, json_files, parquet_files, written
from tests.fuzz.target import Target, ends_well
from tests.leaderboard.factories import make_result


@functools.cache
def _result() -> tuple[str, bytes, bytes]:
    """The name of a results file, its JSON, and the Parquet beside it."""
    with TemporaryDirectory() as out:
        saved = save_result(make_result("mine", options={"sigma": 0.5}, metrics={"lpips": 0.2}), Folder(out))
        path = Path(str(saved.path))
        return path.name, path.read_bytes(), path.with_suffix(".parquet").read_bytes()


def _on_board(about: bytes, table: bytes) -> None:
    name, *_ = _result()
    with TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(about)
        (Path(folder) / name).with_suffix(".parquet").write_bytes(table)
        results = ends_well(lambda: load_results(folder))
        run = ends_well(lambda: run_of(results[0])) if results else None
        if run is not None:
            others = [run_of(make_result("gif", psnr=29.0)), run_of(make_result("mine", day=2))]
            found = boards([run, *others])
            csv_table(found)
            markdown(found)


def _read_json(data: bytes) -> None:
    _on_board(data, _result()[2])


def _read_parquet(data: bytes) -> None:
    about = json.loads(_result()[1])
    about["clip_scores_sha256"] = hashlib.sha256(data).hexdigest()
    _on_board(json.dumps(about).encode(), data)


_IDENTITY = {"dataset": "0123456789abcdef", "task": "plain-1", "protocols": {"standard": "1"}}


def _read_journal(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        path.write_bytes(data)

        def opened() -> None:
            with ScoreJournal.open(path, _IDENTITY):
                pass

        ends_well(opened)


def _journal_seeds() -> list[bytes]:
    score = {
        "clip_id": "a",
        "frames": 3,
        "psnr": 30.0,
        "ssim": 0.9,
        "capped": 0,
        "seconds": 0.1,
        "metrics": {"x": None},
    }
    record = {"clip_id": "a", "scores": {"standard": score}, "seconds": 0.2, "notes": ["halved"]}
    lines = ({"gifbench_journal": 1, "identity": _IDENTITY}, record, {**record, "clip_id": "b"})
    return [b"".join(json.dumps(line).encode() + b"\n" for line in lines)]


@st.composite
def _json_lines(draw: Draw, seeds: Sequence[bytes]) -> bytes:
    lines = draw(edited([json.loads(line) for line in draw(st.sampled_from(seeds)).splitlines()]))
    data = b"".join(written(line) + b"\n" for line in lines)
    return draw(damaged([data], most=2)) if draw(st.integers(0, 3)) == 0 else data


_KEY = {
    "gifbench_study": 1,
    "study": "0" * 16,
    "question": "Which?",
    "seed": 1,
    "dataset": "gif-faces",
    "fingerprint": "0123456789abcdef",
    "task": "plain-1",
    "methods": ["gif", "gaussian-0.5", "fcdr"],
    "pairs": [
        {"pair": f"{i:016x}", "clip": "ant", "first": f"{i + 10:016x}", "second": f"{i + 20:016x}", "methods": methods}
        for i, methods in enumerate(([0, 1], [2, 0], [1, 2]))
    ],
}
_CHOICES = {
    "gifbench_choices": 1,
    "study": "0" * 16,
    "session": "f" * 16,
    "participant": "Ada",
    "choices": [
        {"pair": pair["pair"], "left": pair["first"], "right": pair["second"], "chosen": chosen, "seconds": 1.5}
        for pair, chosen in zip(_KEY["pairs"], ("left", "right", "none"), strict=True)  # type: ignore[arg-type, index]
    ],
}


def _counted(key: bytes, choices: bytes) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / KEY).write_bytes(key)
        (Path(folder) / "ada.json").write_bytes(choices)
        read = ends_well(lambda: read_key(Path(folder)))
        if read is None:
            return
        person = ends_well(lambda: _read(read, Path(folder) / "ada.json"))
        for preference in preferences(read, [person] if person else []):
            json.dumps(asdict(preference), allow_nan=False)


def _bytes(document: object) -> bytes:
    return json.dumps(document).encode()


TARGETS = (
    Target("results-json", _read_json, lambda: [_result()[1]], json_files),
    Target("results-parquet", _read_parquet, lambda: [_result()[2]], parquet_files),
    Target("evaluation-journal", _read_journal, _journal_seeds, _json_lines),
    Target("study-key", lambda data: _counted(data, _bytes(_CHOICES)), lambda: [_bytes(_KEY)], json_files),
    Target("study-choices", lambda data: _counted(_bytes(_KEY), data), lambda: [_bytes(_CHOICES)], json_files),
)
