"""Every command that writes, killed at any touch of a file: the same command again ends as if nothing had been."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from gifbench.dataset import Dataset, open_dataset, verify_dataset
from gifbench.manifest.rows import from_folder, manifest_bytes
from tests.cli.fork_kills import kill_at_touches, touches_of
from tests.conftest import invoke, succeed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks a process that is at work")

POINTS = int(os.environ.get("GIFBENCH_KILL_POINTS", "2"))
"""Kills a command; `GIFBENCH_KILL_POINTS=100` tries each touch of a file."""


@pytest.fixture(scope="module")
def videos(tiny_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("some")
    for name in ("ant", "bee", "cat"):
        shutil.copy(tiny_videos / f"{name}.mp4", folder)
    return folder


@pytest.fixture
def copy(tiny_dataset: Dataset, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_dataset.url, tmp_path / "whole"))


def state(folder: Path, *, but: tuple[str, ...] = ()) -> dict[str, str]:
    """What a folder holds: each file's name and sha256."""
    found = {}
    for path in sorted(folder.rglob("*")) if folder.exists() else []:
        if path.is_file() and path.name not in but:
            found[path.relative_to(folder).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def again(command: Callable[[], Result]) -> None:
    result = command()
    assert result.exit_code == 0, result.output + result.stderr


def check(
    command: Callable[[], Result],
    place: Path,
    *,
    start: Callable[[], object] = lambda: None,
    look: Callable[[], object] = lambda: None,
    but: tuple[str, ...] = (),
    most: int = POINTS,
) -> None:
    """Kill `command`, which writes `place`, at many moments; the same command again must end as an undisturbed one."""

    def prepare() -> None:
        shutil.rmtree(place, ignore_errors=True)
        start()

    prepare()
    touches = touches_of(lambda: again(command))
    assert touches > 1
    calm = state(place, but=but)
    assert calm

    def after_a_kill() -> None:
        look()
        again(command)
        look()
        assert state(place, but=but) == calm

    kill_at_touches(command, prepare, after_a_kill, touches=touches, most=most, first=len(calm))


TABLES = ("outcomes.parquet", "SHA256SUMS")  # how long a clip took stands in them


def whole(folder: Path) -> None:
    assert list(verify_dataset(str(folder), workers=1)) == []


def test_build(tiny_recipe: Path, videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    check(lambda: invoke("build", tiny_recipe, "--source", videos, "--out", out, "--workers", 1), out, but=TABLES)
    whole(out)


def test_build_overwrite(tiny_recipe: Path, videos: Path, copy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("build", tiny_recipe, "--source", videos, "--out", out, "--workers", 1, "--overwrite")
    check(lambda: invoke(*arguments), out, start=lambda: shutil.copytree(copy, out), but=TABLES)


@pytest.mark.parametrize("damage", ["bit", "table", "shard"])
def test_repair(damage: str, tiny_recipe: Path, tiny_videos: Path, copy: Path, tmp_path: Path) -> None:
    out, row = tmp_path / "out", open_dataset(copy)["bee"].row
    expected = state(copy, but=TABLES)

    def start() -> None:
        shutil.copytree(copy, out)
        data = bytearray((out / row.shard).read_bytes())
        data[row.plain.offset + 30] ^= 1
        if damage == "bit":
            (out / row.shard).write_bytes(data)
        elif damage == "shard":
            (out / row.shard).unlink()
        else:
            (out / "index.parquet").write_bytes((out / "index.parquet").read_bytes()[:-30])
            (out / row.shard).write_bytes(data)

    def command() -> Result:
        return invoke("verify", out, "--repair", "--source", tiny_videos, "--recipe", tiny_recipe, "--workers", 1)

    def told() -> None:
        """What verify calls whole is whole."""
        if not list(verify_dataset(str(out), workers=1)):
            now = state(out, but=TABLES)
            assert {name: now[name] for name in now if not name.startswith("staging/")} == expected

    check(command, out, start=start, look=told, but=TABLES)
    assert state(out, but=TABLES) == expected


def test_retry(tiny_recipe: Path, videos: Path, tmp_path: Path) -> None:
    first, out, few = tmp_path / "first", tmp_path / "out", tmp_path / "few"
    few.mkdir()
    shutil.copy(videos / "ant.mp4", few)
    (videos / "list.parquet").write_bytes(manifest_bytes(from_folder(videos)))
    shutil.copy(videos / "list.parquet", few)
    (videos / "list.parquet").unlink()
    built = invoke("build", tiny_recipe, "--manifest", few / "list.parquet", "--out", first, "--workers", 1)
    assert built.exit_code == 3, built.output
    check(
        lambda: invoke("retry", out, "--source", videos, "--recipe", tiny_recipe, "--workers", 1),
        out,
        start=lambda: shutil.copytree(first, out),
        but=TABLES,
    )
    whole(out)
    assert len(open_dataset(out)) == 3


def test_remove(copy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def look() -> None:
        for clip in open_dataset(out):
            clip.read("truth")

    check(
        lambda: invoke("remove", out, "bee", "cat", "--reason", "asked for"),
        out,
        start=lambda: shutil.copytree(copy, out),
        look=look,
        but=TABLES,
    )
    whole(out)
    assert [clip.clip_id for clip in open_dataset(out)] == ["ant"]


def test_repack(copy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def command() -> Result:
        if (out / "dataset.json").exists():
            return invoke("info", out)
        return invoke("repack", copy, "--out", out, "--gifs", "generated", "--workers", 1)

    check(command, out, but=TABLES)
    whole(out)


@pytest.mark.parametrize("strip", [False, True])
def test_card(strip: bool, copy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    check(
        lambda: invoke(
            "card", out, "--overwrite", "--published", "2026-01-02", *(["--strip-secrets"] if strip else [])
        ),
        out,
        start=lambda: shutil.copytree(copy, out),
        look=lambda: whole(out),
    )


def test_export(copy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    check(lambda: invoke("export", copy, "--all", "--out", out, "--overwrite"), out)


def test_task_export(copy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    check(lambda: invoke("task-export", copy, "--task", "plain-2", "--out", out, "--overwrite"), out)


def test_make_and_restore(videos: Path, tmp_path: Path) -> None:
    out, gif = tmp_path / "out", tmp_path / "a.gif"
    check(lambda: invoke("make", videos / "ant.mp4", out / "a.gif", "--overwrite"), out, start=out.mkdir)
    succeed("make", videos / "ant.mp4", gif)
    for name in ("a.mkv", "frames", "b.webp"):
        check(lambda name=name: invoke("restore", "gif", gif, out / name, "--overwrite"), out, start=out.mkdir)


def test_fetch(videos: Path, tmp_path: Path) -> None:
    from tests.download.http_server import serve

    out, rows = tmp_path / "store", tmp_path / "list.csv"
    with serve() as site:
        lines = ["clip_id,split,source,locator"]
        for name in ("ant", "bee"):
            site.bodies[f"{name}.mp4"] = (videos / f"{name}.mp4").read_bytes()
            lines.append(f"{name},test,http,{site.url(f'/cut/{name}.mp4')}")
        rows.write_text("\n".join(lines))

        def look() -> None:
            for path in out.glob("http/*/*.json"):
                about = json.loads(path.read_text())
                assert hashlib.sha256((path.parent / about["file"]).read_bytes()).hexdigest() == about["sha256"]

        command = lambda: invoke("fetch", "--manifest", rows, "--store", out, "--trust-manifest")  # noqa: E731
        check(command, out, look=look, but=("fetches.jsonl",))
    succeed("verify", out)


def test_manifest_from_folder(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    check(
        lambda: invoke("manifest", "from-folder", videos, "--out", out / "list.csv", "--overwrite"),
        out,
        start=out.mkdir,
    )


def test_methods_new(tmp_path: Path) -> None:
    out = tmp_path / "out"
    check(lambda: invoke("methods", "new", "my-method", "--folder", out), out, most=max(POINTS, 8))


def test_convert_weights(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from tests.training.test_pickles_to_safetensors import authors_file, network

    torch.set_num_threads(1)
    source, out = authors_file(tmp_path / "first.pt", network().first), tmp_path / "out"

    def look() -> None:
        """Weights that are there have their card."""
        for path in out.glob("*.safetensors"):
            assert hashlib.sha256(path.read_bytes()).hexdigest() in path.with_suffix(".md").read_text()

    check(lambda: invoke("convert-weights", source, out / "one.safetensors"), out, look=look, most=max(POINTS, 8))


def test_manifest_import_video2gif(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gifbench.manifest.rows import ManifestRow
    from tests.pipelines.gif_moments.video2gif_table import table

    some = [  # the official list takes seconds to read
        ManifestRow(clip_id=f"{name}_001", split="test", source="youtube", locator=name, frames=50 + i)
        for i, name in enumerate(f"abcdefghij{i}" for i in range(9))
    ]
    monkeypatch.setattr("gifbench.manifest.official_rows", lambda name: some)
    out, metadata = tmp_path / "out", tmp_path / "metadata.txt"
    metadata.write_text("\n".join(table(some)), encoding="utf-8")
    command = ("manifest", "import-video2gif", metadata, "--out", out / "list.csv")
    check(lambda: invoke(*command), out, start=out.mkdir, most=max(POINTS, 8))


def scores(folder: Path) -> dict[str, object]:
    """What results say, without how long it took."""
    found = {}
    for path in sorted(folder.glob("*/*.json")):
        content = json.loads(path.read_text())
        found[path.name] = [content[key] for key in ("method", "task", "protocol", "scores") if key in content]
    return found


def check_scores(command: Callable[[], Result], results: Path) -> None:
    """Kill `command`, which writes results; the same command again must end with the same scores, and leave no more."""
    touches = touches_of(lambda: again(command))
    calm = scores(results)
    assert calm

    def look() -> None:
        again(command)
        assert scores(results) == calm
        assert not list(results.rglob("*.partial")) and not list(results.rglob("*.journal.jsonl"))

    def prepare() -> None:
        shutil.rmtree(results, ignore_errors=True)

    kill_at_touches(command, prepare, look, touches=touches, most=POINTS)


def test_evaluate_and_its_pages(copy: Path, tmp_path: Path) -> None:
    results, site, study = tmp_path / "results", tmp_path / "site", tmp_path / "study"
    evaluate = ("evaluate", "gif", "gaussian-0.5", "--data", copy, "--task", "plain-1", "--out", results)
    check_scores(lambda: invoke(*evaluate), results)
    page = ("leaderboard", results, "--data", copy, "--clips", 1, "--out", site, "--overwrite")
    check(lambda: invoke(*page), site)
    blind = ("study", "make", copy, "gif", "gaussian-0.5", "--task", "plain-1", "--out", study, "--overwrite")
    check(lambda: invoke(*blind), study)


def test_score(copy: Path, tmp_path: Path) -> None:
    from tests.evaluation.test_submission import answer_with

    task, results = tmp_path / "task", tmp_path / "results"
    again(lambda: invoke("task-export", copy, "--task", "plain-2", "--out", task))
    frames = answer_with("gif", task, tmp_path / "frames")
    command = ("score", frames, "--data", copy, "--task", "plain-2", "--name", "mine", "--out", results)
    check_scores(lambda: invoke(*command), results)


def test_train(dataset: Dataset, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    out = tmp_path / "run"
    small = ("--set", "training.steps=3", "--set", "training.checkpoint_seconds=0", "--set", "data.crop=24")
    small = (*small, "--set", "training.batch_size=2", "--device", "cpu")

    def command() -> Result:
        return invoke("train", "ccdnet-small", "--data", dataset.url, "--out", out, "--resume", *small)

    def look() -> None:
        again(command)
        assert list(out.glob("*.safetensors"))

    touches = touches_of(look)

    def prepare() -> None:
        shutil.rmtree(out)

    kill_at_touches(command, prepare, look, touches=touches, most=POINTS)
