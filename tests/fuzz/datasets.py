"""A built dataset in which one file is broken: opened, looked at, verified, and taken up by another build."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import mkdtemp

from hypothesis import strategies as st

from gifbench.builder.build_ledger import Ledger
from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import Recipe, load_recipe
from gifbench.dataset.dataset_reader import open_dataset
from gifbench.dataset.lost_index_recovery import rows_in_shards
from gifbench.dataset.verify import verify_dataset
from gifbench.manifest.rows import from_folder
from gifbench.storage import Folder
from tests.conftest import TINY_RECIPE, moving_picture, write_video
from tests.fuzz.damage import Draw, damaged, edited, json_files, parquet_files, written
from tests.fuzz.target import Target, ends_well

JOURNAL = "staging/journal/00000000.json"


@functools.cache
def _built() -> tuple[Path, Recipe]:
    """A dataset of two small clips, made once; it stays as long as the process, in a folder of its own."""
    home = Path(mkdtemp(prefix="gifbench-fuzz-"))
    (home / "videos").mkdir()
    for i, name in enumerate(("ant", "bee")):
        write_video(home / "videos" / f"{name}.mp4", moving_picture(4 + i, 32, 48, seed=i))
    (home / "tiny.py").write_text(TINY_RECIPE, encoding="utf-8")
    recipe = load_recipe(str(home / "tiny.py"))
    rows = from_folder(home / "videos")
    run_build(recipe, rows, str(home / "dataset"), sources=home / "videos", workers=1)
    return home / "dataset", recipe


def _read(name: str, data: bytes) -> None:
    folder, recipe = _built()
    path = folder / name
    before = path.read_bytes() if path.exists() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    try:
        dataset = ends_well(lambda: open_dataset(folder))
        if dataset is not None:
            ends_well(lambda: (dataset.name, dataset.fingerprint, dataset.official))
            for number in range(min(len(dataset), 4)):
                clip = ends_well(lambda number=number: dataset[number])  # type: ignore[misc]
                if clip is not None:
                    ends_well(lambda clip=clip: clip.gif(dithered=True))  # type: ignore[misc]
                    ends_well(lambda clip=clip: sum(frame.size for frame in clip.iter_truth()))  # type: ignore[misc]
        ends_well(lambda: list(verify_dataset(str(folder), workers=1)))
        ends_well(lambda: rows_in_shards(Folder(folder)))
        ends_well(lambda: Ledger(Folder(folder), recipe))
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)


def _journal() -> bytes:
    row = open_dataset(_built()[0])[0].row
    about = {"clip_id": "cat", "state": "failed", "reason": "gone", "detail": "", "attempts": 1, "seconds": 0.5}
    return json.dumps([{**about, "row": None}, {**about, "state": "built", "row": row.to_dict()}]).encode()


@st.composite
def _shards(draw: Draw, seeds: Sequence[bytes]) -> bytes:
    """A shard with damage to its bytes, or whose first clip is described otherwise."""
    seed = draw(st.sampled_from(seeds))
    at = seed.find(b'{\n "clip_id"')
    if at < 0 or draw(st.booleans()):
        return draw(damaged([seed]))
    end = seed.index(b"\0", at)
    about = written(draw(edited(json.loads(seed[at:end]), most=2)))
    return seed[:at] + about[: end - at].ljust(end - at) + seed[end:]


def _target(
    name: str, file: str, crafted: Callable[[Sequence[bytes]], st.SearchStrategy[bytes]], *, made: bool = False
) -> Target:
    def seeds() -> list[bytes]:
        return [_journal() if made else (_built()[0] / file).read_bytes()]

    return Target(f"dataset-{name}", functools.partial(_read, file), seeds, crafted)


TARGETS = (
    _target("json", "dataset.json", json_files),
    _target("index", "index.parquet", parquet_files),
    _target("shard", "shards/test-00000.tar", _shards),
    _target("outcomes", "outcomes.parquet", parquet_files),
    _target("manifest", "manifest.parquet", parquet_files),
    _target("journal", JOURNAL, json_files, made=True),
)
