"""A command names all that it wants in one message."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from gifbench.cli.app import app


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("build", ["RECIPE", "--out", "--source", "or --manifest", "build gif-faces --source videos/"]),
        ("build gif-faces", ["--out", "--source", "or --manifest"]),
        ("build gif-faces --source videos", ["--out"]),
        ("retry", ["DATASET", "--source", "or --store"]),
        ("export", ["DATASET", "CLIP", "or --all"]),
        ("evaluate", ["--data", "METHOD"]),
        ("make", ["VIDEO", "OUT.gif"]),
        ("restore", ["[METHOD] IN [OUT]"]),
        ("consistency", ["PROCESSED", "--source"]),
        ("reproduce", ["table1|table2", "--data"]),
        ("leaderboard", ["RESULTS", "--out"]),
        ("score", ["FOLDER", "--data", "--task", "--name"]),
        ("task-export", ["DATASET", "--task", "--out"]),
        ("remove", ["DATASET", "CLIP", "--reason"]),
        ("remove data/faces", ["CLIP", "--reason"]),
        ("repack", ["DATASET", "--out", "--gifs"]),
        ("study make", ["DATASET", "METHOD", "--out"]),
        ("study data/faces gif fcdr", ["--out"]),
        ("manifest check", ["FILE"]),
        ("methods new", ["NAME"]),
        ("train", ["ccdnet-small --data"]),
        ("fetch", ["gifbench fetch LIST"]),
    ],
)
def test_all_that_is_missing_is_named_at_once(words: str, wanted: list[str]) -> None:
    done = CliRunner().invoke(app, words.split(), env={"COLUMNS": "400"})
    assert done.exit_code == 2
    for one in wanted:
        assert one in done.output, done.output
    for given in ("--out", "--source", "DATASET", "RECIPE"):
        if given not in " ".join(wanted):
            assert f"  {given}" not in done.output, done.output


def test_a_wrong_value_is_named_as_before() -> None:
    done = CliRunner().invoke(app, ["build", "gif-faces", "--limit", "none", "--out", "x"], env={"COLUMNS": "400"})
    assert done.exit_code == 2
    assert "--limit" in done.output and "wants" not in done.output
