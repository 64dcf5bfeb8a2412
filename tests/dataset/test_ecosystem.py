"""A built dataset opens without gifbench: Hugging Face datasets, Croissant, DuckDB, polars, and what a card says."""

from __future__ import annotations

import io
import json
import logging
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from PIL import Image

from gifbench.dataset import Dataset, open_dataset, verify_dataset
from gifbench.dataset.card import card, write_card
from gifbench.dataset.columns import COLUMNS, INDEX_SCHEMA
from gifbench.errors import AlreadyExists, UsageError
from tests.conftest import invoke, succeed

HUGGING_FACE = """
import datasets, json, sys
folder = sys.argv[1]
raw = datasets.load_dataset("webdataset", data_files={"test": folder + "/shards/test-*.tar"}, split="test")
carded = datasets.load_dataset(folder, split="test")
index = datasets.load_dataset("parquet", data_files=folder + "/index.parquet", split="train")
uneven = datasets.load_dataset(sys.argv[2], split="test").select_columns("json")
assert not [name for name in sys.modules if name.split(".")[0] == "gifbench"]
said = []
raw = raw.cast_column("truth.mkv", datasets.Video(decode=False))
for clips in (raw, carded):
    read = [(c["__key__"], c["json"]["frames"], c["plain.gif"].n_frames, c["truth.mkv"]) for c in clips]
    said.append([(*first, len(truth["bytes"] if clips is raw else truth)) for *first, truth in read])
ticks = [clip["json"]["ticks"] for clip in uneven]
print(json.dumps({"said": said, "ticks": ticks, "index": index["clip_id"][:]}))
"""


@pytest.fixture(scope="module")
def carded(tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A copy of the tiny dataset with a card."""
    folder = tmp_path_factory.mktemp("carded") / "tiny"
    shutil.copytree(tiny_dataset.url, folder)
    dataset = open_dataset(folder)
    assert write_card(dataset, published="2026-08-31") == ["sample.webp", "croissant.json", "README.md"]
    return dataset


def header(text: str) -> dict[str, object]:
    _, yaml_text, _ = text.split("---\n", 2)
    return yaml.safe_load(yaml_text)  # type: ignore[no-any-return]


def with_uneven_times(dataset: Dataset, folder: Path) -> Path:
    """A copy whose last clip has times of its own, and packets as truth, by what its description says."""
    shutil.copytree(dataset.url, folder)
    shard = folder / dataset["cat"].row.shard
    with tarfile.open(shard) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    about = {**json.loads(members["cat.json"]), "ticks": [0, 33, 150], "truth_first": 2, "truth_filter": "area"}
    members["cat.json"] = json.dumps(about).encode()
    with tarfile.open(shard, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return folder


def offline(folder: Path) -> dict[str, str]:
    """The environment of a process that must see no network and has its caches in `folder`."""
    variables = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "PATH": ""}
    return {**variables, "HF_HOME": str(folder), "HOME": str(folder)}


NO_TORCHCODEC = """
import sys
sys.modules["torchcodec"] = None
{code}
assert {{key: split.num_rows for key, split in clips.items()}} == {{"test": 3}}
assert isinstance(clip["truth.mkv"], bytes) and clip["truth.mkv"][:4] == bytes.fromhex("1a45dfa3")
assert set(clips["test"][0]) >= {members}
assert not [name for name in sys.modules if name.split(".")[0] == "gifbench"]
print("index:", index["train"].num_rows)
"""


def test_the_code_of_a_card_runs_as_it_stands(carded: Dataset, tmp_path: Path) -> None:
    """Of one whose GIFs are stored, and then, in the same process, of one whose GIFs are made."""
    made = tmp_path / "made"
    for words in (["repack", carded.url, "--out", str(made), "--gifs", "made"], ["card", str(made)]):
        succeed(*words)
    scripts = []
    for folder, gifs in ((Path(carded.url), ("plain.gif", "dithered.gif")), (made, ())):
        text = (folder / "README.md").read_text(encoding="utf-8")
        code = text.split("```python\n")[1].split("```")[0].replace("PATH", str(folder))
        scripts.append(NO_TORCHCODEC.format(code=code, members={"truth.mkv", "json", "__key__", *gifs}))
    words = [sys.executable, "-I", "-c", "\n".join(scripts)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=offline(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("index: ")] == ["index: 3"] * 2


def test_hugging_face_datasets_loads_shards_and_index(carded: Dataset, tmp_path: Path) -> None:
    # In a process of its own: its caches are set when it is imported, and it must see neither gifbench nor a network.
    uneven = with_uneven_times(carded, tmp_path / "uneven")
    code = [sys.executable, "-I", "-c", HUGGING_FACE, carded.url, str(uneven)]
    done = subprocess.run(code, check=False, capture_output=True, text=True, env=offline(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    expected = [[clip.clip_id, clip.num_frames, clip.num_frames, clip.row.truth.bytes] for clip in carded]
    assert said["said"] == [expected, expected]
    assert said["ticks"] == [None, None, [0, 33, 150]]  # guessed from the first clips, their type would be null
    assert said["index"] == [clip.clip_id for clip in carded]


@pytest.mark.filterwarnings("ignore:.*ConjunctiveGraph is deprecated:DeprecationWarning")  # both within mlcroissant
@pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")
def test_croissant_is_valid_and_its_records_are_the_index(carded: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    import mlcroissant

    with caplog.at_level(logging.WARNING):
        read = mlcroissant.Dataset(jsonld=str(Path(carded.url, "croissant.json")))
    issues = read.metadata.ctx.issues
    assert not issues.errors
    assert not issues.warnings
    assert not caplog.records
    records = list(read.records("clips"))
    assert [record["clips/clip_id"].decode() for record in records] == [clip.clip_id for clip in carded]
    for record, row in zip(records, carded.rows, strict=True):
        assert set(record) == {f"clips/{name}" for name in INDEX_SCHEMA.names}
        assert record["clips/plain_offset"] == row.plain.offset
        assert record["clips/shard"].decode() == row.shard


def test_every_column_of_the_index_is_described() -> None:
    assert all(column.meaning.endswith(".") for column in COLUMNS)


def test_a_card_says_what_is_in_the_dataset(carded: Dataset) -> None:
    text = Path(carded.url, "README.md").read_text(encoding="utf-8")
    about = header(text)
    assert about["license"] == "other"
    assert about["size_categories"] == ["n<1K"]
    assert about["configs"][0]["data_files"] == [{"split": "test", "path": "shards/test-*.tar"}]  # type: ignore[index]
    assert "| test | 3 | 21 |" in text
    assert carded.fingerprint in text
    assert "Faces were not looked for" in text
    with Image.open(io.BytesIO(carded.folder.read("sample.webp"))) as picture:
        assert picture.size == (3 * 32 + 2 * 8, 3 * 24 + 2 * 8)


def test_the_same_dataset_has_the_same_card_and_is_still_whole(carded: Dataset) -> None:
    names = ("README.md", "sample.webp", "croissant.json")
    before = [carded.folder.read(name) for name in names]
    write_card(carded, published="2026-08-31", overwrite=True)
    assert [carded.folder.read(name) for name in names] == before
    assert list(verify_dataset(carded.url, workers=1)) == []


def test_names_and_licences_from_outside_are_escaped(tiny_dataset: Dataset) -> None:
    licence = 'CC\n---\n| <script>alert(1)</script> [x](javascript:1) "\u202e\x00`' + "a" * 1000
    rows = [replace(row, licence=licence) for row in tiny_dataset.rows]
    about = {**tiny_dataset.about, "title": 'A: "b"\n---\nlicense: mit # <img>'}
    text = card(Dataset(tiny_dataset.folder, about, rows), [])
    assert header(text)["pretty_name"] == 'A: "b" --- license: mit # <img>'
    assert header(text)["license"] == "other"
    assert text.count("\n---\n") == 1
    assert "<script>" not in text
    assert "<img>" not in text.split("\n---\n")[1]
    assert "[x](" not in text
    (line,) = [line for line in text.splitlines() if "alert" in line]
    assert line.count("|") == 3
    assert len(line) < 400


@pytest.mark.parametrize(
    ("licence", "name"),
    [("CC BY 3.0", "cc-by-3.0"), ("CC-BY-NC-4.0", "cc-by-nc-4.0"), ("CC BY 3.0 (YouTube)", "other")],
)
def test_a_licence_that_the_hub_knows_stands_in_the_header(tiny_dataset: Dataset, licence: str, name: str) -> None:
    rows = [replace(row, licence=licence) for row in tiny_dataset.rows]
    assert header(card(Dataset(tiny_dataset.folder, tiny_dataset.about, rows), []))["license"] == name


def test_a_card_says_how_faces_were_found(tiny_dataset: Dataset) -> None:
    about = {**tiny_dataset.about, "name": "gif-faces", "recipe": {"detector": "hog"}}
    assert "`detector=hog`" in card(Dataset(tiny_dataset.folder, about, tiny_dataset.rows), [])


def test_info_tells_of_a_card_of_another_state(carded: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(carded.url, folder)
    assert "another state" not in invoke("info", folder).output
    old = (folder / "croissant.json").read_text(encoding="utf-8")
    (folder / "croissant.json").write_text(old.replace(carded.fingerprint, "0" * 16), encoding="utf-8")
    assert "gifbench card" in invoke("info", folder).output


def test_a_card_is_not_overwritten_unless_asked(carded: Dataset) -> None:
    with pytest.raises(AlreadyExists, match="--overwrite"):
        write_card(carded)


@pytest.mark.parametrize("wrong", [{"url": "javascript:alert(1)"}, {"published": "31.8.2026"}])
def test_what_is_no_address_or_day_is_refused(carded: Dataset, wrong: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        write_card(carded, overwrite=True, **wrong)


def test_the_command_writes_a_card_without_a_picture(copy: Path) -> None:
    succeed("card", copy, "--no-picture", "--json")
    assert not (copy / "sample.webp").exists()
    assert "sample.webp" not in (copy / "README.md").read_text(encoding="utf-8")


PAGE = Path(__file__).parents[2] / "docs" / "opening.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_every_command_and_snippet_of_the_page_runs(
    tiny_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands, then every snippet in one process without gifbench and a network."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_dataset.url, "data/gif-faces")
    commands = [line for block in blocks("console") for line in block.splitlines()]
    assert len(commands) == 2
    for line in commands:
        succeed(*shlex.split(line)[2:])
    snippets = [*blocks("python"), "import sys\nassert 'gifbench' not in sys.modules\n"]
    assert len(snippets) == 6
    # In a process of its own, because datasets looks for its caches and for a network when it is imported.
    code = [sys.executable, "-I", "-c", "\n".join(snippets)]
    ran = subprocess.run(code, check=False, capture_output=True, text=True, env=offline(tmp_path))
    assert ran.returncode == 0, ran.stderr
    assert "ant 6" in ran.stdout
    assert (tmp_path / "sheet.html").stat().st_size > 10_000
