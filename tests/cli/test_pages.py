"""`leaderboard`, `reproduce`, `study` and `restore --page`: JSON, exit codes, one line for each thing that is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gifbench.cli.reproduce import show
from gifbench.dataset import Dataset
from gifbench.leaderboard.reproduce_paper_tables import Reproduced, plan
from gifbench.leaderboard.runs_from_results import run_of
from gifbench.results.io import save_result
from gifbench.results.schema import Result
from gifbench.storage import Folder
from tests.blind_study.test_vote_counting import answers
from tests.conftest import answer, invoke, succeed
from tests.leaderboard.factories import SmallClip, make_result


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder with two good results and files that are wrong in different ways."""
    place = tmp_path / "results"

    def named(name: str) -> Result:  # with an interval that its clips' values can have
        result = make_result(name)
        psnr = result.scores["psnr"]
        narrow = psnr.model_copy(update={"ci95": (psnr.mean - 0.1, psnr.mean + 0.1)})
        return result.model_copy(update={"scores": {**result.scores, "psnr": narrow}})

    good = [save_result(named(name), Folder(place)) for name in ("gif", '"><script>alert(1)</script>/../x')]
    text = Path(str(good[0].path)).read_text()
    (place / "half.json").write_text(text[: len(text) // 2])
    (place / "later.json").write_text(text.replace('"gifbench_result": 1', '"gifbench_result": 99'))
    (place / "edited.json").write_text(text.replace('"mean": 30.15', '"mean": 42.0'))
    (place / "other.json").write_text('{"a": "<script>alert(1)</script>"}')
    return place


def test_results_that_cannot_be_read_have_a_line_each_and_the_others_are_shown(results: Path, tmp_path: Path) -> None:
    told = succeed("leaderboard", results, "--out", tmp_path / "site")
    lines = [line for line in told.stderr.splitlines() if line.startswith("Left out: ")]
    assert [Path(line.split()[2].rstrip(":")).name for line in lines] == [
        "edited.json",
        "half.json",
        "later.json",
        "other.json",
    ]
    assert "of a later gifbench" in lines[2]
    assert told.stdout.startswith("2 results, 4 files left out: ")
    pages = [path.read_text() for path in (tmp_path / "site").rglob("*.html")]
    assert len(pages) == 1 + 1 + 2 + 4
    assert not any("<script>alert" in page for page in pages)
    found = answer("leaderboard", results, "--out", tmp_path / "again")
    assert (found["results"], len(found["refused"])) == (2, 4)


def test_where_no_result_can_be_read_there_is_no_page(results: Path, tmp_path: Path) -> None:
    told = invoke("leaderboard", results / "half.json", "--out", tmp_path / "site")
    assert told.exit_code == 1
    assert "half written" in told.stderr.splitlines()[-1]
    assert not (tmp_path / "site").exists()


@pytest.fixture
def faces(tiny_dataset: Dataset, tmp_path: Path) -> Path:
    """The tiny dataset under the name of the paper's."""
    copy = Path(shutil.copytree(tiny_dataset.url, tmp_path / "faces"))
    about = json.loads((copy / "dataset.json").read_text())
    about["name"] = "gif-faces"
    (copy / "dataset.json").write_text(json.dumps(about))
    return copy


def test_reproduce_prints_ours_beside_the_reported(faces: Path, tmp_path: Path) -> None:
    arguments = (
        "reproduce",
        "table2",
        "--data",
        faces,
        "--out",
        tmp_path / "results",
        "--row",
        "GIF2Video@plain-1=gif",
    )
    found = answer(*arguments)
    assert (found["table"], found["dataset"], found["protocol"]) == (2, "gif-faces", "gif2video")
    rows = {(row["name"], row["task"]): row for row in found["rows"]}
    assert len(rows) == 8
    by_hand = rows["GIF2Video", "plain-1"]
    assert by_hand["method"] == "gif" and by_hand["missing"] is None
    assert by_hand["difference"]["psnr"] == pytest.approx(by_hand["ours"]["psnr"]["mean"] - 34.05)
    assert rows["GIF", "plain-4"]["method"] == "nearest"
    missing = rows["GIF2Video", "plain-4"]
    assert missing["ours"] is None and "gifbench train" in missing["missing"]
    assert "no clip of the split test is long enough" in rows["GIF", "plain-8"]["missing"]
    told = succeed(*arguments)
    assert "have to be trained: 1/2 GIF2Video, 1/4 GIF2Video" in told.stdout
    assert "Train one: gifbench train ccdnet-2 --data DATASET" in told.stdout
    assert "--row 8=" not in told.stdout  # Table 2 has no such row
    (line,) = [line for line in told.stdout.splitlines() if "34.05 / 0.928" in line]
    assert line.split()[:3] == ["1/1", "GIF2Video", "plain-1"] and " gif " in line  # what ran for it
    ours = {(row["method"], row["task"]): row for row in found["bundled"]}
    assert ours["ccdnet", "plain-1"]["reported"] is None and ours["ccdnet", "plain-1"]["ours"]
    assert ("gif2video", "plain-2") in ours
    assert "comes with gifbench" in told.stdout


def test_rows_that_did_not_run_are_folded_into_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    show([Reproduced(row, None, f"it has no weights; train them: {row.needs}") for row in plan(1, dataset="gif-faces")])
    told = capsys.readouterr().out
    assert told.count("\n") <= 12
    assert "1 DRRN-1, 2 GLCIC-1, 3 UNet-1" in told
    assert "--row 1=METHOD" in told


def test_an_option_that_is_empty_is_not_shown() -> None:
    facts = run_of(make_result("net", options={"weights": "", "tile": 512, "strict": False, "factor": 0})).facts
    assert facts["Options"] == "factor = 0, strict = False, tile = 512"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("table3",), "table3"),
        (("table1", "--row", "8"), "write ROW=METHOD"),
        (("table1", "--row", "77=gif"), 'no row "77"'),
    ],
)
def test_wrong_usage_of_reproduce_is_said(faces: Path, arguments: tuple[str, ...], message: str) -> None:
    told = invoke("reproduce", *arguments, "--data", faces)
    assert told.exit_code == 2
    assert message in told.stderr


def test_a_study_is_made_and_counted(tiny_dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "study"
    made = answer("study", tiny_dataset.url, "gif", "gaussian-1.0", "--out", out, "--pairs", 3)
    assert made["pairs"] == 3 and Path(made["page"], "index.html").is_file()
    one = invoke("study", tiny_dataset.url, "gif", "gaussian-1.0", "--out", tmp_path / "one", "--pairs", 1)
    assert ": 1 pair; give this folder" in one.stdout
    from gifbench.blind_study.vote_counting import read_key

    key = read_key(out)
    back = tmp_path / "choices"
    back.mkdir()
    assert invoke("study", "report", out, back).exit_code == 1
    (back / "a.json").write_text(json.dumps(answers(key, "a", lambda names: "gif")))
    (back / "bad.json").write_text("<script>")
    report = answer("study", "report", out, back)
    assert (report["people"], len(report["refused"])) == (1, 1)
    (found,) = report["preferences"]
    assert (found["methods"], found["preferred"]) == (["gif", "gaussian-1.0"], [3, 0])
    told = invoke("study", "report", out, back)
    assert "3 : 0 : 0" in told.stdout
    assert told.stderr.count("Left out: ") == 1
    again = invoke("study", "make", tiny_dataset.url, "gif", "gaussian-1.0", "--out", out)
    assert again.exit_code == 1 and "--overwrite" in again.stderr


def test_restore_writes_a_page_before_and_after(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(SmallClip(num_frames=4).gif().to_bytes())
    arguments = ("restore", "gaussian-1.0", tmp_path / "a.gif", tmp_path / "a.webp", "--page", tmp_path / "page")
    found = answer(*arguments)
    assert Path(found["page"]).is_file() and Path(found["file"]).is_file()
    assert invoke(*arguments).exit_code == 1
    succeed(*arguments, "--overwrite")
