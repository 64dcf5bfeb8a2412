"""Seconds and memory of the readers on small (or sparse) files that stand for gigabytes: docs/robustness.md's table.

    python benchmarks/bombs.py [--only TEXT]

Each file is made here and read in a process of its own, twice: first an honest file of the same kind, so that what is
imported and compiled on first use is not counted, then the bomb. Memory is how much the process's peak grew.
"""

from __future__ import annotations

import argparse
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

from gifbench.training.presets import config_path
from tests.test_parquet import BOMBS, footer_that_lies

RUN = """
import resource, sys, time
from pathlib import Path
from gifbench.errors import GifbenchError
{read}
honest, bomb = map(Path, sys.argv[1:])
def tried(path):
    try:
        read(path)
    except (GifbenchError, ArithmeticError, *other) as error:
        return type(error).__name__
    return "read"
tried(honest)
before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
said = tried(bomb)
spent = time.perf_counter() - begun
print(said, spent, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""

TABLE = """
import pyarrow
from gifbench.parquet import parquet_rows
other = (pyarrow.ArrowException,)
read = lambda path: [None for _ in parquet_rows(path.read_bytes())]
"""
READERS = {
    "dataset.json": "from gifbench.dataset import open_dataset\nread = lambda path: open_dataset(path.parent)",
    "results": "from gifbench.results.io import load_results\nread = load_results",
    "manifest.jsonl": "from gifbench.manifest.rows import read_manifest\nread = read_manifest",
    "journal": (
        "from gifbench.evaluation.score_journal import ScoreJournal\n"
        "def read(path):\n    with ScoreJournal.open(path, {'protocols': {}}):\n        pass"
    ),
    "study key": "from gifbench.blind_study.vote_counting import read_key\nread = lambda path: read_key(path.parent)",
    "store": (
        "from gifbench.download.store import read_stored\nfrom gifbench.storage import Folder\n"
        "read = lambda path: read_stored(Folder(path.parent), path.name)"
    ),
    "config": "from gifbench.training.config import read_config\nread = read_config",
    "weights": "from gifbench import read_weights\nread = read_weights",
    "gif": "from gifbench import Gif\nread = lambda path: Gif.read(path.read_bytes())",
    "png": (
        "from gifbench.methods.frame_files import WantedFrames, check_frames_there, given_frames\n"
        "def read(path):\n"
        "    wanted = WantedFrames(path.parent.name, 1, 24, 32)\n"
        "    check_frames_there(path.parent, wanted)\n"
        "    list(given_frames(path.parent, wanted))"
    ),
}


def png(width: int, height: int, *more: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(24 * (1 + 32 * 3))))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(more) + rows + chunk(b"IEND", b"")


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(12_000_000_000)


def bytes_of(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data) and None


HUGE_GIF = b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0;"
KEY = b"a" + b".a" * 50_000 + b" = 1\n"

Row = tuple[str, str, str, Callable[[Path], None], str]


def rows() -> list[Row]:
    """What it is, what it stands for, its name on disk, how it is written, and the lines that read it."""
    names = {
        "strings in a dictionary": ("a text of 1 MB in a dictionary, 10,000 rows", "10 GB"),
        "strings in a column with a dot": ("the same in a column with a dot in its name", "10 GB"),
        "binary in a list": ("the same, 9,000 times in one list", "9 GB"),
        "fixed binary": ("100 binaries of fixed length, 1 MB", "100 MB"),
        "thirty million rows": ("30 million rows", "5 GB"),
        "a list without end": ("a list of 50 million numbers", "2 GB"),
        "strings of what they share": ("texts encoded by what they share (`DELTA_BYTE_ARRAY`)", "200 MB"),
        "a page of equal bytes": ("one text of 200 MB", "400 MB"),
    }
    found: list[Row] = []
    for name, (what, size) in names.items():
        found.append(
            (what, size, "bomb.parquet", lambda path, name=name: path.write_bytes(BOMBS[name]()) and None, TABLE)
        )
    lie = lambda path: path.write_bytes(footer_that_lies(BOMBS["a page of equal bytes"]())) and None  # noqa: E731
    found.append(("a page whose footer says 1000 bytes", "400 MB", "bomb.parquet", lie, TABLE))
    for reader, name in (
        ("dataset.json", "dataset.json"),
        ("results", "result.json"),
        ("manifest.jsonl", "rows.jsonl"),
        ("journal", "a.journal.jsonl"),
        ("study key", "key.json"),
        ("store", "far.json"),
        ("config", "training.toml"),
        ("weights", "net.safetensors"),
    ):
        found.append((f"a sparse file of 12 GB: {reader}", "12 GB", name, sparse, READERS[reader]))
    found.append(("TOML: a key of 50,000 dots", "10 GB", "training.toml", bytes_of(KEY), READERS["config"]))
    second = png(13_000, 13_000)[8:33]
    found.append(
        ("PNG: a second header of 13,000×13,000", "2 GB", "00000.png", bytes_of(png(32, 24, second)), READERS["png"])
    )
    found.append(("PNG: 60,000×60,000", "11 GB", "00000.png", bytes_of(png(60_000, 60_000)), READERS["png"]))
    found.append(("GIF: 65,535×65,535", "13 GB", "a.gif", bytes_of(HUGE_GIF), READERS["gif"]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="Rows whose first column holds this text.")
    arguments = parser.parse_args()
    print("| file | bytes | stands for | seconds | MiB taken | ends as |\n|---|--:|---|--:|--:|---|")
    honest = {
        ".parquet": lambda path: path.write_bytes(Path(sys.argv[0]).read_bytes()[:100]),
        ".toml": lambda path: path.write_bytes(config_path("ccdnet-1").read_bytes()),
        ".png": lambda path: path.write_bytes(png(32, 24)),
    }
    for what, size, name, write, read in rows():
        if arguments.only not in what:
            continue
        with tempfile.TemporaryDirectory() as folder:
            first, bomb = Path(folder, "honest", name), Path(folder, "bomb", name)
            for path in (first, bomb):
                path.parent.mkdir()
            honest.get(first.suffix, lambda path: path.write_bytes(b"{}\n"))(first)
            write(bomb)
            code = RUN.format(read=read if "other =" in read else f"other = ()\n{read}")
            command = [sys.executable, "-c", code, str(first), str(bomb)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
            if done.returncode:
                print(
                    f"| {what} | {bomb.stat().st_size:,} | {size} | | | {done.stderr.splitlines()[-1][:80]} |",
                    flush=True,
                )
                continue
            said, seconds, taken = done.stdout.split()
            length = f"{bomb.stat().st_size:,}" if bomb.stat().st_size < 1 << 30 else "(12 GB)"
            print(f"| {what} | {length} | {size} | {float(seconds):.2f} | {float(taken):.1f} | {said} |", flush=True)


if __name__ == "__main__":
    main()
