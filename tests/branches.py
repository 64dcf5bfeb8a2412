"""How many branches of the core the tests took, package by package (`make coverage`); fails below 95%.

The core is what reads, writes, scores and keeps count: `media`, `dataset`, `build` and `score`, with the errors, the
storage and the tables that all of them stand on. Compiled loops are left out: they run as machine code, which no tracer
sees, and are held to plain references value by value.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import coverage

WANTED = 0.95
COUNTS = ("covered_branches", "num_branches", "covered_lines", "num_statements")


def main() -> int:
    """Print the table of the last run that measured."""
    measured = coverage.Coverage()
    measured.load()
    with tempfile.TemporaryDirectory() as scratch:
        measured.json_report(outfile=f"{scratch}/all.json")
        files = json.loads(Path(scratch, "all.json").read_text())["files"]
    table: dict[str, list[int]] = defaultdict(lambda: [0] * len(COUNTS))
    for file, about in files.items():
        counts = [about["summary"][name] for name in COUNTS]
        part = Path(file).as_posix().rpartition("gifbench/")[2].partition("/")[0].removesuffix(".py")
        for row in (part, "all"):
            table[row] = [total + count for total, count in zip(table[row], counts, strict=True)]
    print(f"{'':10}{'branches':>18}{'lines':>20}")
    for row, (branches, of_branches, lines, of_lines) in sorted(table.items(), key=lambda item: item[0] == "all"):
        print(
            f"{row:10}{branches:6}/{of_branches:<5}{branches / max(1, of_branches):6.1%}"
            f"{lines:8}/{of_lines:<5}{lines / max(1, of_lines):6.1%}"
        )
    share = table["all"][0] / table["all"][1]
    if share < WANTED:
        print(
            f"{share:.1%} of the core's branches are tested, {WANTED:.0%} are wanted: `coverage report` names the rest"
        )
    return int(share < WANTED)


if __name__ == "__main__":
    sys.exit(main())
