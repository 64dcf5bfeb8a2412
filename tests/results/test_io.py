"""Results come back as they were written; what is broken, edited or from the future is said in one line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gifbench.errors import NotFound, ResultsError
from gifbench.evaluation.evaluate import evaluate
from gifbench.results.io import load_result, load_results, result_name
from gifbench.results.schema import DatasetRecord, Result


def edit(path: Path, change) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_what_is_written_comes_back(dataset, tmp_path):
    made = evaluate("gif", dataset, "plain-2", out=tmp_path) + evaluate(
        "gaussian-0.5", dataset, "plain-2", out=tmp_path
    )
    by_path = {result.path: result for result in made}
    read = load_results(tmp_path)
    assert [result.path for result in read] == sorted(by_path)
    assert all(result == by_path[result.path] for result in read)


def test_files_are_named_by_what_they_hold(written):
    assert written.parent.name == "gif-faces-test-01234567"
    assert sorted(path.name for path in written.parent.iterdir()) == [
        f"plain-1.standard.gif-{load_results(written)[0].method.identity[:8]}.{ending}"
        for ending in ("json", "parquet")
    ]


def test_the_parquet_has_a_row_a_clip(written):
    table = pq.read_table(written.with_suffix(".parquet"))
    assert table.column_names == ["clip_id", "frames", "psnr", "ssim", "capped", "seconds"]
    assert table.column("clip_id").to_pylist() == ["clip-0", "clip-1", "clip-2"]


def test_every_key_of_the_schema_has_a_comment_or_a_schema_of_its_own():
    schema = Result.model_json_schema()
    for name, part in {"Result": schema, **schema["$defs"]}.items():
        for key, said in part["properties"].items():
            if name == "ClipScore" or key in ("clip_scores", "path"):
                continue
            assert "description" in said or "$ref" in said, f"{name}.{key}"


def test_two_runs_never_share_a_name():
    def name(**changed):
        about = {"split": "test", "task": "plain-1", "protocol": "standard", "method": "a:b=1", "identity": "1" * 64}
        dataset = DatasetRecord(name="gif-faces", fingerprint="0123456789abcdef")
        return result_name(dataset=dataset, **(about | changed))

    names = {
        name(),
        name(method="a/b=1"),
        name(method="a_b=1"),
        name(method="é"),
        name(method="../../x"),
        name(task="x"),
        name(identity="2" * 64),
        name(seed=1),
        name(limit=3),
    }
    assert len(names) == 9
    assert all(len(Path(each).parts) == 2 and ".." not in Path(each).parts for each in names)
    assert all(len(Path(each).name) < 200 for each in (*names, name(method="x" * 300)))


HOSTILE = "\x1b[2J\x1b]0;owned\x07\nError: all is well" + "x" * 300


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(gifbench_result=99), "schema 99 is of a later gifbench"),
        (lambda c: c.pop("gifbench_result"), "not a results file of gifbench"),
        (
            lambda c: c["scores"]["psnr"].update(mean=9.0),
            "the mean psnr .* is not that of its clips.*changed after the run",
        ),
        (lambda c: c["scores"]["psnr"].update(mean=float("nan")), "scores.psnr.mean"),
        (lambda c: c.update(clips=4), "it says 4 clips, and the scores of 3 are beside it"),
        (lambda c: c.update(frames=43), "it says 43 frames, and those of its clips add up to another number"),
        (lambda c: c.update(rank=1), "rank: Extra inputs are not permitted"),
        (lambda c: c.update({HOSTILE: 1}), "Extra inputs are not permitted"),
        (lambda c: c.pop("task"), "task: Field required"),
        (lambda c: c["scores"].update(lpips=c["scores"].pop("ssim")), "its scores are lpips, psnr"),
        (lambda c: c.update(clip_scores_file="../other/scores.parquet"), "clip_scores_file: String should match"),
    ],
)
def test_an_edited_file_is_refused(written, change, said):
    edit(written, change)
    with pytest.raises(ResultsError, match=said) as error:
        load_results(written.parent)
    assert str(error.value).isprintable() and str(written) in str(error.value)
    assert len(str(error.value)) < len(str(written)) + 200


@pytest.mark.parametrize("text", ["", "{", '{"gifbench_result": 1, "meth', "[]", "null", "[" * 100_000, "\x00\xff"])
def test_a_half_written_or_foreign_file_is_refused(written, text):
    written.write_text(text, encoding="latin-1")
    with pytest.raises(ResultsError, match="not a results file") as error:
        load_results(written)
    assert "\n" not in str(error.value)


def test_a_parquet_that_is_missing_or_another_is_refused(written):
    table = written.with_suffix(".parquet")
    table.write_bytes(table.read_bytes()[:-1])
    with pytest.raises(ResultsError, match="sha256 differs"):
        load_results(written)
    table.unlink()
    with pytest.raises(ResultsError, match="scores of its clips are missing"):
        load_results(written)


def test_a_parquet_with_other_columns_is_refused_also_where_its_hash_fits(written):
    table = pq.read_table(written.with_suffix(".parquet"))
    for changed in (table.drop_columns(["psnr"]), table.set_column(2, "psnr", [["high"] * 3]), None):
        if changed is None:
            written.with_suffix(".parquet").write_bytes(b"PAR1")
        else:
            pq.write_table(changed, written.with_suffix(".parquet"))
        digest = hashlib.sha256(written.with_suffix(".parquet").read_bytes()).hexdigest()
        edit(written, lambda content, digest=digest: content.update(clip_scores_sha256=digest))
        with pytest.raises(ResultsError, match=r"\.parquet: ") as error:
            load_results(written)
        assert "\n" not in str(error.value)


def test_a_file_that_vanishes_between_listing_and_reading_is_an_error_of_results(tmp_path):
    with pytest.raises(ResultsError, match=r"gone\.json"):
        load_result(tmp_path / "gone.json")


def test_one_broken_file_leaves_the_others_readable(dataset, tmp_path):
    evaluate("gif", dataset, "plain-1", out=tmp_path)
    broken = sorted(tmp_path.rglob("*.json"))[0]
    broken.write_text("{", encoding="utf-8")
    errors: list[ResultsError] = []
    assert len(load_results(tmp_path, on_error=errors.append)) == 1
    assert len(errors) == 1 and str(broken) in str(errors[0])


def test_a_place_without_results(tmp_path):
    with pytest.raises(NotFound, match="gifbench evaluate"):
        load_results(tmp_path / "gone")
    assert load_results(tmp_path) == []


def test_files_of_version_1_are_read_and_what_they_lack_is_known_to_lack(written):
    def as_version_1(content):
        content["gifbench_result"] = 1
        for key in ("metrics", "seeds", "code", "notes"):
            del content[key]
        del content["protocol"]["sha256"], content["environment"]["metrics_device"], content["environment"]["workers"]
        content["coverage"]["scored"] = content["clips"]
        for score in content["scores"].values():
            del score["clips"]

    edit(written, as_version_1)
    (result,) = load_results(written)
    assert (result.gifbench_result, result.code, result.metrics, result.seeds) == (1, None, [], {})
    assert result.protocol.sha256 == ""
    edit(written, lambda content: content["coverage"].update(scored=2))
    with pytest.raises(ResultsError, match="the scores of 3 are beside it"):
        load_results(written)


def test_chosen_metrics_come_back_with_their_definitions_and_are_held_against_the_clips(dataset, tmp_path):
    (made,) = evaluate(
        "gif", dataset, "plain-1", protocols=["standard"], metrics=["gradient", "tof"], out=tmp_path / "results"
    )
    path = Path(made.path)
    assert load_results(path) == [made]
    assert pq.read_table(path.with_suffix(".parquet")).column_names[-2:] == ["gradient", "tof"]
    assert {each.name: len(each.sha256) for each in made.metrics} == {"gradient": 64, "tof": 64}
    assert (made.seeds["method"], made.code.version) == (0, "0.1.0")
    whole = path.read_text()
    for change, said in (
        (lambda c: c["scores"]["tof"].update(mean=9.0), "the mean tof 9.0 is not that of its clips"),
        (lambda c: c["scores"].pop("tof"), "its scores are gradient, psnr, ssim, not"),
        (lambda c: c["metrics"].append({**c["metrics"][0], "name": "flat"}), "the flat of its clips is missing"),
        (lambda c: c["metrics"][0].update(better="<b>"), "better: Input should be"),
        (lambda c: c["scores"]["tof"].update(clips=2), "it says that 2 clips have a tof, and 3 have"),
    ):
        edit(path, change)
        with pytest.raises(ResultsError, match=said):
            load_results(path)
        path.write_text(whole)
