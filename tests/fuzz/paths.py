"""Files of strangers whose names lead elsewhere: nothing outside is read or written, nothing is run or fetched.

An input is a JSON list of changes to a whole folder and of the commands that are tried on it. `VICTIM` in a text stands
for the absolute path of a folder beside it, into which nobody may look; `../victim` is the same one.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st
from typer.testing import CliRunner

from gifbench.blind_study.study_pages import make_study
from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import load_recipe
from gifbench.cli.app import app
from gifbench.dataset.dataset_reader import open_dataset
from gifbench.dataset.fingerprint import fingerprint
from gifbench.dataset.table_checksums import checksum_lines
from gifbench.dataset.verify import KNOWN
from gifbench.download import MemorySource
from gifbench.download.fetch_queue_and_pauses import fetch_sources
from gifbench.download.store import Store
from gifbench.errors import GifbenchError
from gifbench.evaluation.evaluate import evaluate
from gifbench.evaluation.task_export import export_task
from gifbench.manifest.rows import ManifestRow, from_folder
from gifbench.media.png import png_bytes
from gifbench.methods.registry import LoadedMethod, load_method
from tests.conftest import TINY_RECIPE, moving_picture, write_video
from tests.fuzz.damage import TEXTS, Draw
from tests.fuzz.sandbox import nothing_outside
from tests.fuzz.target import Target, ends_well

URL = "http://example.org/far.mp4"

_PLACES = (
    *("../victim/secret", "../../victim/secret", "../victim", "VICTIM", "VICTIM/secret", "//VICTIM/secret", "/VICTIM"),
    *("shards/../../victim/secret", "./../victim/secret", "..\\victim\\secret", "C:\\victim\\secret", "c:secret"),
    *("\\\\host\\share\\x", "file://VICTIM/secret", "file:../victim/secret", "local://VICTIM/secret", "..%2fvictim"),
    *("http://127.0.0.1:9/x", "https://example.org/x", "s3://bucket/x", "memory://x", "zip://a::VICTIM/secret", "-"),
    *("simplecache::file://VICTIM/secret", "concat:VICTIM/secret", "subfile,,start,0,end,9,,:VICTIM/secret", "pipe:0"),
    *(
        "VICTIM/secret\0.mp4",
        "../victim/secret\n",
        "\0",
        "a\tb",
        "\x1b]0;x\x07",
        "..",
        ".",
        "",
        "/",
        "~/x",
        "~root",
        "*",
    ),
    *(
        "․․/victim/secret",
        "．．／victim／secret",
        "..∕victim∕secret",
        "\u202e../victim",
        "é" * 200,
        "x" * 5000,
        "$HOME",
    ),
    *("../" * 40 + "etc/hostname", "/etc/hostname", "/dev/zero", "/proc/self/environ", "con", "a" * 81, "staging/lock"),
    *("linked/secret", "linked/clip.mp4", "link.mp4", "linked/../ant.mp4", "../victim/clip.mp4", "VICTIM/clip.mp4"),
    *("evil.py", "evil.py:Evil", "VICTIM/evil.py:Evil", "../victim/evil.py", "evil", "evil:Evil", "os:system"),
)
_METHODS = (
    *("gif", "gaussian:sigma={}", "stable:{}", "stable:[{}]", "gif2video:color={},time=dis", "superslomo:color=[{}]"),
    *("gif2video:color=stable:[{}],time={}", "pix2pix:weights={}", "ccdnet:weights={}", "stable:[gif],weights={}"),
    *("LABEL={}", "ccdnet-video:color={}", "ccdnet:plain={}", "gif2video:color=[ccdnet:weights={}],time=blend", "{}"),
)


@st.composite
def names(draw: Draw) -> str:
    """A name that leads elsewhere, alone or within others."""
    text: str = draw(st.one_of(st.sampled_from(_PLACES), TEXTS))
    for _ in range(draw(st.integers(0, 2))):
        kind = draw(st.sampled_from(("join", "method", "suffix")))
        if kind == "join":
            text = draw(st.sampled_from(("shards/", "a/../", "./", "linked/", "//"))) + text
        elif kind == "method":
            text = draw(st.sampled_from(_METHODS)).format(text, text)
        else:
            text += draw(st.sampled_from((".mp4", ".tar", ".py", ":Evil", "/", "#sha256=0", "\0", ".json", "@0")))
    return text


def _at(places: Sequence[str], values: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[list[Any]]:
    return st.tuples(st.sampled_from(places), values if values is not None else names()).map(list)


def _crafted(
    places: Sequence[str], commands: Sequence[str], links: Sequence[str]
) -> Callable[[Sequence[bytes]], st.SearchStrategy[bytes]]:
    """Inputs that put names at `places` and links at `links`, and try one or two of `commands`."""
    linked = _at(
        [f"link {name}" for name in links], st.sampled_from(("", "secret", "clip.mp4", "shard.tar", "evil.py"))
    )
    changes = st.lists(st.one_of(_at(places), _at(places), linked), min_size=1, max_size=4)
    tried = st.lists(st.sampled_from(commands), min_size=1, max_size=2, unique=True)
    return lambda seeds: st.tuples(changes, tried).map(lambda drawn: json.dumps(drawn).encode())


class _Place:
    """A folder of its own, with what is read, where may be written, and the victim beside them."""

    def __init__(self) -> None:
        self.home = Path(mkdtemp(prefix="gifbench-paths-"))
        self.victim, self.out = self.home / "victim", self.home / "out"
        self.victim.mkdir()
        self.recipe = Path(mkdtemp(prefix="gifbench-recipe-")) / "tiny.py"
        self.recipe.write_text(TINY_RECIPE, encoding="utf-8")
        self.videos = self.home / "videos"
        self.videos.mkdir()
        for i, name in enumerate(("ant", "bee")):
            write_video(self.videos / f"{name}.mp4", moving_picture(4 + i, 32, 48, seed=i))
        shutil.copy(self.videos / "ant.mp4", self.victim / "clip.mp4")
        (self.victim / "secret").write_bytes(b"secret" * 100)
        evil = "class Evil:\n    def restore_frames(self, frames, palettes):\n        return frames\n"
        (self.victim / "evil.py").write_text(evil, encoding="utf-8")
        (self.videos / "link.mp4").symlink_to(self.victim / "clip.mp4")
        (self.videos / "linked").symlink_to(self.victim)

    def text(self, value: object) -> object:
        """`value` with the victim's path in it."""
        return value.replace("VICTIM", str(self.victim)) if isinstance(value, str) else value

    def read(
        self, data: bytes, folder: str, change: Callable[[Path, str, Any], None], run: Callable[..., None]
    ) -> None:
        """Change a copy of `folder` as `data` says, and try its commands on it."""
        try:
            changes, commands = json.loads(data)
            pairs = [(str(place), value) for place, value in changes]
            wanted = [str(command) for command in commands]
        except (ValueError, TypeError, RecursionError):
            return
        copy = self.home / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.home / folder, copy, symlinks=True)
        (copy / "evil.py").write_bytes((self.victim / "evil.py").read_bytes())
        for place, value in pairs:
            with contextlib.suppress(
                OSError, ValueError, KeyError, TypeError, IndexError, OverflowError, StopIteration, pa.ArrowException
            ):
                if place.startswith("link "):
                    self._link(copy / place[5:], str(value))
                else:
                    change(copy, place, self.text(value))
        for command in wanted[:4]:
            shutil.rmtree(self.out, ignore_errors=True)
            self.out.mkdir()
            with nothing_outside(self.home, writable=(copy, self.out, _logs()), victim=self.victim):
                run(copy, command)

    def _link(self, path: Path, target: str) -> None:
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(self.victim / target)


@functools.cache
def _logs() -> Path:
    from gifbench.cli.run_log import home

    return home()


def _command(*arguments: object) -> None:
    """A command that ends by itself: with a value, or one of its own errors."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code == 1:
        lines = [line for line in result.stderr.splitlines() if "a fault of gifbench" in line]
        if lines:
            raise AssertionError(lines[0])


# A dataset ------------------------------------------------------------------------------------------------------------

_COLUMNS = {
    "index": ("clip_id", "split", "shard", "source", "locator", "crop_filter", "pixels_sha256", "title"),
    "manifest": ("clip_id", "split", "source", "locator", "note", "license"),
    "outcomes": ("clip_id", "reason", "detail", "state"),
}
_OPTIONS = {
    "info": ("--clips", "--html", "OUT/page.html"),
    "verify": ("--workers", "1"),
    "repair": ("--repair", "--workers", "1", "--source", "VIDEOS", "--recipe", "RECIPE"),
    "retry": ("--workers", "1", "--source", "VIDEOS", "--recipe", "RECIPE"),
    "repair-bare": ("--repair", "--workers", "1", "--source", "VIDEOS"),
    "retry-bare": ("--workers", "1", "--source", "VIDEOS"),
    "export": ("--all", "--png", "--overwrite", "--out", "OUT"),
    "task-export": ("--task", "plain-2", "--out", "OUT"),
    "repack": ("--out", "OUT/made", "--gifs", "made", "--workers", "1"),
    "card": ("--overwrite",),
    "remove": ("ant", "--reason", "taken down"),
}
_DATASET_COMMANDS = (*_OPTIONS, "build", "evaluate", "study")


@functools.cache
def _two() -> list[LoadedMethod]:
    return [load_method("gif"), load_method("gaussian-0.5")]


@functools.cache
def _dataset() -> _Place:
    place = _Place()
    recipe = load_recipe(str(place.recipe))
    rows = [row for row in from_folder(place.videos) if row.clip_id in ("ant", "bee")]
    run_build(recipe, rows, str(place.home / "dataset"), sources=place.videos, workers=1)
    shutil.copy(next((place.home / "dataset" / "shards").iterdir()), place.victim / "shard.tar")
    return place


def _change_dataset(folder: Path, at: str, value: Any) -> None:
    """Change one value; checksums and fingerprint follow, as a stranger would have them do."""
    kind, _, name = at.partition(" ")
    if kind in _COLUMNS:
        path = folder / f"{kind}.parquet"
        table = pq.read_table(path)
        values = table[name].to_pylist()
        values[0] = value
        number = table.schema.get_field_index(name)
        pq.write_table(table.set_column(number, name, pa.array(values, table.schema.field(name).type)), path)
        if kind == "index":
            with contextlib.suppress(GifbenchError):
                (folder / "staging").mkdir(exist_ok=True)
                rows = open_dataset(folder).rows
                _change_dataset(folder, "about fingerprint", fingerprint(rows))
            (folder / "staging").rmdir()
    elif kind == "about":
        about = json.loads((folder / "dataset.json").read_text())
        inside, keys = about, name.split(".")
        for key in keys[:-1]:
            inside = inside.setdefault(key, {})
        inside[keys[-1]] = value
        (folder / "dataset.json").write_text(json.dumps(about))
    elif kind == "member":
        _rename_member(next((folder / "shards").iterdir()), str(value))
    elif kind == "shards":
        path = folder / "shards" / str(value)
        path.parent.mkdir(parents=True, exist_ok=True)
        if _inside(path, folder):
            path.write_bytes(b"stray")
    elif kind == "journal":
        path = folder / "staging" / "journal" / "00000000.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        row = pq.read_table(folder / "index.parquet").to_pylist()[0]
        outcome = {"clip_id": "ant", "state": "built", "reason": "", "detail": "", "attempts": 1, "seconds": 0.5}
        changed = {"outcome": {**outcome, name: value, "row": row}}.get("outcome")
        if name in row:
            changed = {**outcome, "row": {**row, name: value}}
        path.write_text(json.dumps([changed], default=str))
    sums = {each: hashlib.sha256((folder / each).read_bytes()).hexdigest() for each in KNOWN}
    (folder / "SHA256SUMS").write_bytes(checksum_lines(sums))


def _inside(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(folder)


def _rename_member(shard: Path, name: str) -> None:
    """Give the shard's first member another name, or make it a link or a device of that name."""
    file = io.BytesIO()
    with tarfile.open(shard) as source, tarfile.open(fileobj=file, mode="w") as written:
        for number, member in enumerate(source.getmembers()):
            data = source.extractfile(member)
            if number == 0:
                member.name = name
                member.type = tarfile.SYMTYPE if name.startswith("..") else tarfile.REGTYPE
            written.addfile(member, data)
    shard.write_bytes(file.getvalue())


def _try_dataset(folder: Path, command: str) -> None:
    place = _dataset()
    if command == "build":
        rows = [ManifestRow(clip_id="bee", split="test", source="file", locator="bee.mp4")]
        recipe = load_recipe(str(place.recipe))
        ends_well(lambda: run_build(recipe, rows, str(folder), sources=place.videos, workers=1))
    elif command == "evaluate":
        ends_well(lambda: evaluate("gif", str(folder), "plain-1", out=place.out, cache=place.out / "cache"))
    elif command == "study":
        ends_well(lambda: make_study(_two(), open_dataset(folder), "plain-1", place.out / "study"))
    elif command in _OPTIONS:
        given = {"OUT": str(place.out), "VIDEOS": str(place.videos), "RECIPE": str(place.recipe)}
        options = []
        for option in _OPTIONS[command]:
            head, slash, rest = option.partition("/")
            options.append(given.get(head, head) + slash + rest)
        name = {"repair": "verify", "repair-bare": "verify", "retry-bare": "retry"}.get(command, command)
        _command(name, folder, *options)


_DATASET_PLACES = (
    *(f"{table} {column}" for table, columns in _COLUMNS.items() for column in columns),
    *("index shard", "index clip_id", "manifest locator", "index locator", "member", "shards", "about name"),
    *("about title", "about recipe.manifest", "about recipe.truth", "about official.test", "about fingerprint"),
    *(
        "journal clip_id",
        "journal shard",
        "journal split",
        "journal reason",
        "journal locator",
        "about versions.gifbench",
    ),
)
_DATASET_LINKS = (
    *("shards", "shards/test-00000.tar", "index.parquet", "manifest.parquet", "outcomes.parquet", "dataset.json"),
    *("SHA256SUMS", "staging", "staging/lock", "staging/journal", "staging/run", "staging/README", "README.md"),
    *("croissant.json", "staging/ant.group", "shards/test-00001.tar", "card.webp", "staging/SHA256SUMS", "card.png"),
)

# A store of sources ---------------------------------------------------------------------------------------------------

_STORE_COMMANDS = ("info", "verify", "repair", "build", "build-file", "check", "find")


@functools.cache
def _store() -> _Place:
    place = _Place()
    rows = [ManifestRow(clip_id="far", split="test", source="http", locator=URL)]
    fetch_sources(
        rows, Store(place.home / "store"), {"http": MemorySource({URL: (place.videos / "ant.mp4").read_bytes()})}
    )
    (place.home / "store" / "rows.jsonl").write_text(json.dumps(rows[0].model_dump(exclude_none=True)) + "\n")
    return place


def _change_store(folder: Path, at: str, value: Any) -> None:
    kind, _, name = at.partition(" ")
    if kind == "described":
        path = next(folder.glob("http/*/*.json"))
        about = json.loads(path.read_text())
        path.write_text(json.dumps({**about, name: value}))
    elif kind == "row":
        row = json.loads((folder / "rows.jsonl").read_text())
        (folder / "rows.jsonl").write_text(json.dumps({**row, name: value}) + "\n")
    elif kind == "ledger":
        path = folder / "fetches.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps({**line, name: value}) + "\n" for line in lines))


def _try_store(folder: Path, command: str) -> None:
    place = _store()
    rows, out = folder / "rows.jsonl", place.out
    if command == "find":
        ends_well(lambda: Store(folder).find("http", URL))
    elif command == "check":
        _command("manifest", "check", rows, "--store", folder)
    elif command == "info":
        _command("info", folder, "--manifest", rows)
    elif command in ("verify", "repair"):
        _command("verify", folder, "--workers", "1", *(["--repair"] if command == "repair" else []))
    elif command == "build":
        _command("build", place.recipe, "--manifest", rows, "--store", folder, "--workers", "1", "--out", out / "built")
    elif command == "build-file":  # the folder of a stranger's manifest is where its files are
        for video in place.videos.iterdir():
            (folder / video.name).symlink_to(video.readlink()) if video.is_symlink() else shutil.copy(video, folder)
        _command("build", place.recipe, "--manifest", rows, "--workers", "1", "--out", out / "built")


_STORE_PLACES = (
    *(f"described {name}" for name in ("file", "file", "source", "locator", "sha256", "codec", "about")),
    *(f"row {name}" for name in ("clip_id", "split", "source", "locator", "locator", "license", "note")),
    *(f"ledger {name}" for name in ("source", "locator", "key", "detail")),
)
_STORE_LINKS = (".lock", "fetches.jsonl", "README", "http", "http/53", ".partial", "ant.mp4", "scratch")

# Results, and the folder of a submission ------------------------------------------------------------------------------

_RESULTS_COMMANDS = ("results", "leaderboard", "leaderboard-data")


@functools.cache
def _results() -> _Place:
    place = _dataset()
    if not (place.home / "results").exists():
        evaluate("gif", str(place.home / "dataset"), "plain-1", out=place.home / "results")
        evaluate("gaussian:sigma=0.7", str(place.home / "dataset"), "plain-1", out=place.home / "results")
    return place


def _change_results(folder: Path, at: str, value: Any) -> None:
    path = min(folder.rglob("*.json"))
    about = json.loads(path.read_text())
    inside, keys = about, at.split(".")
    for key in keys[:-1]:
        inside = inside[key]
    inside[keys[-1]] = value
    path.write_text(json.dumps(about))


def _try_results(folder: Path, command: str) -> None:
    place = _results()
    if command == "results":
        _command("results", folder)
    else:
        data = ["--data", place.home / "dataset"] if command == "leaderboard-data" else []
        _command("leaderboard", folder, *data, "--out", place.out / "site", "--clips", "1")


_RESULTS_PLACES = (
    *(
        "method.name",
        "method.name",
        "method.name",
        "method.origin",
        "method.weights",
        "method.licence",
        "method.version",
    ),
    *("method.options.a", "method.options.weights", "method.code_sha256", "task", "split", "dataset.name"),
    *("dataset.fingerprint", "protocol.name", "protocol.psnr", "clip_scores", "identity", "notes", "hardware.cpu"),
)


@functools.cache
def _submission() -> _Place:
    place = _dataset()
    folder = place.home / "frames"
    if not folder.exists():
        export_task(open_dataset(place.home / "dataset"), "plain-1", folder)
        for clip in open_dataset(place.home / "dataset"):
            (folder / clip.clip_id).mkdir()
            for number, frame in enumerate(clip.truth.frames):
                (folder / clip.clip_id / f"{number:05d}.png").write_bytes(png_bytes(frame))
        shutil.copy(folder / "ant" / "00000.png", place.victim / "secret.png")
    return place


def _change_submission(folder: Path, at: str, value: Any) -> None:
    if at == "rename":
        target = folder / str(value)
        if _inside(target, folder) and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            (folder / "ant").rename(target)
        return
    about = json.loads((folder / "task.json").read_text())
    inside, keys = about, at.split(".")
    for key in keys[:-1]:
        inside = inside[int(key) if key.isdigit() else key]
    inside[int(keys[-1]) if keys[-1].isdigit() else keys[-1]] = value
    (folder / "task.json").write_text(json.dumps(about))


def _try_submission(folder: Path, command: str) -> None:
    place = _submission()
    partial = ["--partial"] if command == "partial" else []
    arguments = [
        "--data",
        place.home / "dataset",
        "--task",
        "plain-1",
        "--name",
        "mine",
        "--out",
        place.out / "results",
    ]
    _command("score", folder, *arguments, *partial)


_SUBMISSION_PLACES = ("items.0.name", "items.0.gif", "dataset.name", "dataset.fingerprint", "task", "rename", "split")
_SUBMISSION_LINKS = ("ant", "ant/00000.png", "ant.mkv", "bee.mkv", "task.json", "bee", "bee/00001.png", "gifs/ant.gif")


def _target(
    name: str,
    place: Callable[[], _Place],
    folder: str,
    change: Callable[[Path, str, Any], None],
    run: Callable[[Path, str], None],
    crafted: tuple[Sequence[str], Sequence[str], Sequence[str]],
) -> Target:
    def seeds() -> list[bytes]:
        place()
        return [json.dumps([[], [command]]).encode() for command in crafted[1]]

    def read(data: bytes) -> None:
        place().read(data, folder, change, run)

    return Target(f"paths-{name}", read, seeds, _crafted(*crafted))


TARGETS = (
    _target(
        *("dataset", _dataset, "dataset", _change_dataset, _try_dataset),
        (_DATASET_PLACES, _DATASET_COMMANDS, _DATASET_LINKS),
    ),
    _target(
        *("store", _store, "store", _change_store, _try_store),
        (_STORE_PLACES, _STORE_COMMANDS, _STORE_LINKS),
    ),
    _target(
        *("results", _results, "results", _change_results, _try_results),
        (_RESULTS_PLACES, _RESULTS_COMMANDS, ("a.json", "a.parquet", "sub", "b.md")),
    ),
    _target(
        *("submission", _submission, "frames", _change_submission, _try_submission),
        (_SUBMISSION_PLACES, ("score", "partial"), _SUBMISSION_LINKS),
    ),
)
