"""A stranger's results: numbers that no run gives, pipes, links and what is too large are left out by name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gifbench.errors import ResultsError
from gifbench.evaluation.evaluate import evaluate
from gifbench.results.io import load_result, load_results


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("method_seconds", 1e300),
        ("method_seconds", -1),
        ("wall_seconds", 1e300),
        ("method.parameters", 10**400),
        ("method.parameters", -1),
        ("method.options", {"x": 10**400}),
        ("scores.psnr.mean", 1e308),
        ("scores.psnr.ci95", [-1e308, 1e308]),
        ("scores.psnr.ci95", [40, 10]),
        ("scores.psnr.capped", 10**30),
        ("coverage.official", 10**30),
        ("coverage.share", 7),
        ("clips", 10**30),
        ("limit", 10**30),
        ("environment.cpus", 10**30),
        ("environment.workers", 10**30),
        ("gifbench_result", True),
        ("gifbench_result", 10**400),
    ],
)
def test_a_number_that_no_run_gives_is_refused_by_name(written: Path, place: str, value: object) -> None:
    content = json.loads(written.read_text())
    *sections, key = place.split(".")
    within = content
    for section in sections:
        within = within[section]
    within[key] = value
    written.write_text(json.dumps(content))
    with pytest.raises(ResultsError) as raised:
        load_result(written)
    assert str(written) in str(raised.value)
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize(
    ("column", "value"), [("psnr", 500.0), ("psnr", -3.0), ("ssim", 7.0), ("seconds", 1e-300), ("frames", 0)]
)
def test_a_clip_s_number_out_of_range_is_refused(written: Path, column: str, value: float) -> None:
    import hashlib

    import pyarrow as pa
    import pyarrow.parquet as pq

    path = written.with_suffix(".parquet")
    table = pq.read_table(path)
    place = table.column_names.index(column)
    values = [value] * len(table)
    pq.write_table(table.set_column(place, column, pa.array(values, table.schema.field(column).type)), path)
    content = json.loads(written.read_text())
    content["clip_scores_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    written.write_text(json.dumps(content))
    with pytest.raises(ResultsError, match=column):
        load_result(written)


@pytest.mark.parametrize("kind", ["pipe", "link", "pipe of scores", "device"])
def test_what_is_no_file_is_left_out_by_name(written: Path, tmp_path: Path, kind: str) -> None:
    strange = written.with_name("strange.json")
    if kind == "pipe":
        os.mkfifo(strange)
    elif kind == "link":
        strange.symlink_to(written)
    elif kind == "device":
        strange.symlink_to("/dev/zero")
    else:
        strange = written
        written.with_suffix(".parquet").unlink()
        os.mkfifo(written.with_suffix(".parquet"))
    refused: list[ResultsError] = []
    found = load_results(tmp_path / "results", on_error=refused.append)
    assert len(refused) == 1 and strange.stem in str(refused[0])
    assert len(found) == (0 if kind == "pipe of scores" else 1)


@pytest.mark.parametrize("name", ["a\0b.parquet", f"{'x' * 5000}.parquet"])
def test_scores_in_a_file_that_cannot_be_are_missing(written: Path, name: str) -> None:
    written.write_text(json.dumps({**json.loads(written.read_text()), "clip_scores_file": name}))
    with pytest.raises(ResultsError, match="the scores of its clips are missing"):
        load_result(written)


def test_a_file_of_terabytes_is_not_read(written: Path) -> None:
    with written.open("r+b") as file:
        file.truncate(12 << 30)
    with pytest.raises(ResultsError, match="bytes"):
        load_result(written)


def test_what_version_2_called_requantised_is_read(dataset, tmp_path: Path) -> None:
    (result,) = evaluate("gif", dataset, "plain-1", protocols="standard", metrics="requantised", out=tmp_path)
    assert set(result.scores) == {"psnr", "ssim", "requantized"}
    path = Path(str(result.path))
    content = json.loads(path.read_text())
    content["gifbench_result"] = 2
    for key in ("identity", "unknown"):
        del content[key]
    del content["method"]["identity"]
    content["environment"]["scored_on"] = content["environment"].pop("metrics_device")
    del content["environment"]["precision"]
    content["scores"]["requantised"] = content["scores"].pop("requantized")
    content["metrics"][0]["name"] = "requantised"
    path.write_text(json.dumps(content))
    assert load_result(path).scores == result.scores
