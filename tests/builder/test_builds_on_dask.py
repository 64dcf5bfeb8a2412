"""A Dask cluster gives the dataset that this machine gives; its workers may die, and it says what it lacks."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gifbench import dask_cluster as of_cluster
from gifbench.builder import build_loop
from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import Recipe, load_recipe
from gifbench.dataset import Dataset
from gifbench.download import MemorySource
from gifbench.download.fetch_queue_and_pauses import fetch_sources
from gifbench.download.store import Store
from gifbench.errors import BuildError, StorageError, UsageError
from gifbench.manifest.rows import ManifestRow, from_folder
from gifbench.progress import Progress
from tests.builder.servers import dask_cluster, kill_a_worker, shut_down
from tests.builder.test_build_loop import CRASHER, outcomes
from tests.conftest import succeed
from tests.dataset.changed_files import tree

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with dask_cluster() as address:
        yield address


def test_a_cluster_gives_the_same_bytes_as_one_worker(
    cluster: str, tiny_recipe: Path, tiny_videos: Path, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    succeed("build", tiny_recipe, "--source", tiny_videos, "--out", tmp_path / "out", "--cluster", cluster)
    assert tree(str(tmp_path / "out")) == tree(tiny_dataset.url)


def test_a_worker_that_is_killed_costs_nothing(
    cluster: str, recipe: Recipe, tiny_videos: Path, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    killed = []

    def kill_one(now: Progress) -> None:
        if now.what and not killed:
            killed.append(now.what)
            kill_a_worker(cluster)

    out = str(tmp_path / "out")
    run_build(recipe, from_folder(tiny_videos), out, sources=tiny_videos, cluster=cluster, progress=kill_one)
    assert killed
    assert tree(out) == tree(tiny_dataset.url)


def test_a_clip_that_kills_every_worker_fails_alone(cluster: str, tiny_videos: Path, tmp_path: Path) -> None:
    (tmp_path / "crasher.py").write_text(CRASHER)
    recipe = load_recipe(str(tmp_path / "crasher.py"))
    dataset = run_build(recipe, from_folder(tiny_videos), str(tmp_path / "out"), sources=tiny_videos, cluster=cluster)
    found = outcomes(dataset)
    assert found.pop("bee") == ("failed", "crashed")
    assert set(found.values()) == {("built", "")}


def test_a_scheduler_that_is_not_there_is_one_clear_error(
    recipe: Recipe, tiny_videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_cluster, "ANSWER_SECONDS", 0.2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(BuildError, match=f"--cluster {address}: no Dask scheduler answers"):
        run_build(recipe, from_folder(tiny_videos), str(tmp_path / "out"), sources=tiny_videos, cluster=address)
    assert not list(tmp_path.rglob("*.tar"))


def test_workers_that_differ_or_do_not_see_the_folders_are_named(
    cluster: str, recipe: Recipe, tiny_videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = from_folder(tiny_videos)
    with pytest.raises(BuildError, match=r"the worker tcp://\S+ does not see the dataset at memory://"):
        run_build(recipe, rows, f"memory://{tmp_path.name}/x", sources=tiny_videos, cluster=cluster)
    monkeypatch.setattr(build_loop, "RECORDED_VERSIONS", ("gifbench", "a-package-of-this-test"))
    real = of_cluster.versions_here
    monkeypatch.setattr(of_cluster, "versions_here", lambda names: {**real(names), "a-package-of-this-test": "1.0"})
    with pytest.raises(BuildError, match=r"the worker tcp://\S+ has no a-package-of-this-test, here it is 1\.0"):
        run_build(recipe, rows, str(tmp_path / "out"), sources=tiny_videos, cluster=cluster)


def test_what_is_no_address_or_too_much_is_wrong_usage(recipe: Recipe, tiny_videos: Path, tmp_path: Path) -> None:
    for address in ("nonsense", "tcp://host", "tcp://host:x", "", "tcp://a b:1"):
        with pytest.raises(UsageError, match="as in tcp://host:8786"):
            run_build(recipe, [], str(tmp_path / "out"), sources=tiny_videos, cluster=address)
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="one of the two"):
        run_build(recipe, [], str(tmp_path / "out"), sources=tiny_videos, workers=2, cluster="tcp://x:1")


def test_a_scheduler_that_goes_away_stops_the_build_and_keeps_what_was_done(
    recipe: Recipe, tiny_videos: Path, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    out = str(tmp_path / "out")

    def end(now: Progress) -> None:
        if now.what and now.done == 1:
            shut_down(address)

    with dask_cluster(workers=1) as address, pytest.raises(BuildError, match="run the same command again"):
        run_build(recipe, from_folder(tiny_videos), out, sources=tiny_videos, cluster=address, progress=end)
    assert Path(out, "staging").is_dir()
    shutil.rmtree(Path(out, "shards"), ignore_errors=True)
    run_build(recipe, from_folder(tiny_videos), out, sources=tiny_videos, workers=1)
    assert tree(out) == tree(tiny_dataset.url)


def test_what_a_store_holds_is_made_on_a_cluster_that_sees_it(
    cluster: str, recipe: Recipe, tiny_videos: Path, tmp_path: Path
) -> None:
    videos = {f"http://example.org/{name}.mp4": (tiny_videos / f"{name}.mp4").read_bytes() for name in ("ant", "bee")}
    rows = [ManifestRow(clip_id=url[19:22], split="test", source="http", locator=url) for url in videos]
    store = Store(tmp_path / "store")
    fetch_sources(rows, store, {"http": MemorySource(videos)})
    out = str(tmp_path / "out")
    dataset = run_build(recipe, rows, out, sources=tmp_path, store=store, cluster=cluster)
    assert [clip.clip_id for clip in dataset] == ["ant", "bee"]
    away = Store(f"memory://{tmp_path.name}/store")
    fetch_sources(rows, away, {"http": MemorySource(videos)})
    with pytest.raises(BuildError, match=r"does not see the store at memory://"):
        run_build(recipe, rows, out, sources=tmp_path, store=away, cluster=cluster, remake=["ant"])


def test_a_scheduler_without_workers_is_not_waited_for_for_ever(
    recipe: Recipe, tiny_videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_cluster, "WORKERS_SECONDS", 0.3)
    rows = from_folder(tiny_videos)
    with dask_cluster(workers=0) as address, pytest.raises(BuildError, match="has no workers; start some"):
        run_build(recipe, rows, str(tmp_path / "out"), sources=tiny_videos, cluster=address)


def test_a_disk_that_is_full_for_a_worker_stops_the_build(cluster: str, tiny_videos: Path, tmp_path: Path) -> None:
    file = tmp_path / "full.py"
    file.write_text(CRASHER.replace("os.kill(os.getpid(), signal.SIGKILL)", FULL))
    with pytest.raises(StorageError, match="no space left"):
        run_build(
            load_recipe(str(file)), from_folder(tiny_videos), str(tmp_path / "o"), sources=tiny_videos, cluster=cluster
        )


FULL = "from gifbench.builder.clip_builder import OutputError; from gifbench.errors import DiskFull; " + (
    "raise OutputError(DiskFull('no space left on the worker'))"
)
