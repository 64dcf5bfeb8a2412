"""Tables of papers: what others reported, to stand beside what gifbench measures, and the method of each row.

Packages offer them by the entry-point group `gifbench.papers`: an entry point is a `PaperTables`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gifbench.entry_points import entry_points
from gifbench.errors import MethodError
from gifbench.user_code_import import import_errors

GROUP = "gifbench.papers"
"""The entry points by which an installed package offers the tables of a paper."""


@dataclass(frozen=True, slots=True)
class ReportedRow:
    """One cell of a paper that a table of gifbench can stand beside.

    `table` is the number of the paper's table; `row` is the row's number or name in it, and `method` the name that the
    paper gives it. `dataset`, `task`, `protocol` and `split` say which of our tables it belongs to. `key` names the row
    where a person gives it a method by hand. `psnr` is in dB.
    """

    table: int
    row: str
    method: str
    dataset: str
    task: str
    psnr: float
    ssim: float
    key: str
    protocol: str
    split: str = "test"

    @property
    def where(self) -> str:
        """The place in the paper, for people: "Table 1, row 8"."""
        return f"Table {self.table}, {'row' if self.row.isdigit() else 'rate'} {self.row}"


@dataclass(frozen=True, slots=True)
class PaperTables:
    """The tables of one paper, which `citation` names for readers of a page.

    `method_of` is given a row and a folder of trainings, or None, and says which method is run for it
    (`gifbench.load_method` loads it) and what a person does where that method has no weights, empty for one that needs
    none. `notes` are what a reader should know of the rows of a (dataset, task). `bundled` names for a task the method
    that comes along with its weights, which `gifbench reproduce` runs beside the rows.
    """

    rows: tuple[ReportedRow, ...]
    method_of: Callable[[ReportedRow, Path | None], tuple[str, str]]
    notes: Mapping[tuple[str, str], str] = field(default_factory=dict)
    bundled: Mapping[str, str] = field(default_factory=dict)
    citation: str = "the paper"


def installed_papers() -> list[PaperTables]:
    """The papers that installed packages offer, by name; raises `MethodError` for one that cannot be imported."""
    papers = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        with import_errors(f"paper {point.name} ({point.value})"):
            paper = point.load()
        if not isinstance(paper, PaperTables):
            raise MethodError(f"paper {point.name}: {point.value} must be a gifbench.PaperTables, got {type(paper)}")
        if paper not in papers:
            papers.append(paper)
    return papers


def reported_rows(*, dataset: str, split: str, task: str, protocol: str) -> tuple[ReportedRow, ...]:
    """The rows of papers that may stand beside a table of ours; empty where there are none.

    A paper may repeat rows in another table; those of its first table are given.
    """
    place = (dataset, split, task, protocol)
    found: list[ReportedRow] = []
    for paper in installed_papers():
        here = [row for row in paper.rows if (row.dataset, row.split, row.task, row.protocol) == place]
        first = min((row.table for row in here), default=0)
        found += [row for row in here if row.table == first]
    return tuple(found)


def reported_by(dataset: str, task: str) -> str:
    """The papers that report rows on a dataset and task."""
    papers = (each for each in installed_papers() if any((r.dataset, r.task) == (dataset, task) for r in each.rows))
    return " and ".join(dict.fromkeys(paper.citation for paper in papers))


def reported_note(dataset: str, task: str) -> str:
    """What a reader should know of the rows that papers report on a dataset and task; empty where there is nothing."""
    notes = (paper.notes.get((dataset, task), "") for paper in installed_papers())
    return " ".join(note for note in notes if note)
