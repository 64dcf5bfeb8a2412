"""The paper's tables, ours beside them: which method is which row, run under the paper's protocol, and what is missing.

A row runs if its method and its weights are at hand. Results are kept like those of any evaluation, so that a table
that was interrupted, or that gets its weights one after the other, goes on where it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from gifbench.devices import check_device
from gifbench.errors import DatasetDamaged, DatasetError, MethodError, MissingExtra, NotFound, UsageError
from gifbench.evaluation.clip_prefetch import ScoredDataset
from gifbench.evaluation.evaluate import evaluate
from gifbench.leaderboard.installed_papers import ReportedRow, installed_papers
from gifbench.methods.registry import find_method
from gifbench.progress import Progress, ProgressCallback, silent
from gifbench.results.schema import Result


@dataclass(frozen=True, slots=True)
class Planned:
    """A row of the paper, and the method that is run for it (`gifbench.find_method` loads it).

    `needs` is what a person does where that method has no weights; empty for a method that needs none.
    """

    reported: ReportedRow
    method: str
    needs: str


@dataclass(frozen=True, slots=True)
class Reproduced:
    """A row of the paper with ours beside it: `result`, or why there is none (`missing`, one line)."""

    planned: Planned
    result: Result | None
    missing: str | None

    def difference(self, name: str) -> float | None:
        """Ours less the paper's, for `psnr` (dB) or `ssim`; None where there is no result."""
        reported = self.planned.reported
        if self.result is None or math.isnan(reported.psnr):
            return None
        return self.result.scores[name].mean - (reported.psnr if name == "psnr" else reported.ssim)

    def summary(self) -> dict[str, Any]:
        """What `gifbench reproduce --json` prints of it."""
        reported, result = self.planned.reported, self.result
        own = result is None or math.isnan(reported.psnr)
        names = ("psnr", "ssim")
        return {
            "row": reported.row,
            "name": reported.method,
            "task": reported.task,
            "method": self.planned.method if result is None else result.method.name,
            "reported": None if math.isnan(reported.psnr) else {"psnr": reported.psnr, "ssim": reported.ssim},
            "ours": {name: result.scores[name].model_dump(mode="json") for name in names} if result else None,
            "difference": None if own else {name: self.difference(name) for name in names},
            "clips": result.clips if result else None,
            "coverage": result.coverage.model_dump() if result else None,
            "file": result.path if result else None,
            "missing": self.missing,
        }


def plan(
    table: int, *, dataset: str, runs: Path | None = None, methods: Mapping[str, str] | None = None
) -> list[Planned]:
    """The rows of Table 1 or 2 that a dataset of this name has, and the method for each.

    `runs` is a folder of trainings, as `gifbench train --out runs/NAME` leaves them; a row whose weights lie there
    (`NAME` for plain GIFs, `NAME-dithered` for dithered ones) takes them. `methods` names the method of a row by hand:
    `8`, or `8@dithered-1` for one task; in Table 2 `GIF2Video` or `GIF2Video@plain-4`. Raises `UsageError` for a
    dataset that the table is not of, and for a row that it has not.
    """
    papers = installed_papers()
    rows = [(row, paper) for paper in papers for row in paper.rows if (row.table, row.dataset) == (table, dataset)]
    if not rows:
        has = dict.fromkeys(row.dataset for paper in papers for row in paper.rows if row.table == table)
        raise UsageError(
            f"Table {table} of the paper is of {' and '.join(has) or 'nothing'}; this dataset is called {dataset}"
        )
    if runs is not None and not runs.is_dir():
        raise NotFound(f"{runs}: there is no such folder; it should hold what gifbench train --out {runs}/NAME leaves")
    named = {key.strip().lower(): method for key, method in (methods or {}).items()}
    planned, known = [], set()
    for row, paper in rows:
        key = row.key.lower()
        known |= {key, f"{key}@{row.task}"}
        found = named.get(f"{key}@{row.task}", named.get(key))
        planned.append(Planned(row, found, "") if found else Planned(row, *paper.method_of(row, runs)))
    if unknown := sorted(named.keys() - known):
        whole = ", ".join(sorted({key for key in known if "@" not in key}, key=lambda key: (len(key), key)))
        raise UsageError(f'Table {table} has no row "{unknown[0]}" on {dataset}: choose from {whole}, or ROW@TASK')
    return planned


def bundled(table: int, *, dataset: str) -> list[Planned]:
    """What comes along, on the tasks of a table: no rows of the paper, but to be seen beside its best."""
    made: dict[tuple[str, str], Planned] = {}
    for paper in installed_papers():
        for row in paper.rows:
            if (row.table, row.dataset) == (table, dataset) and (method := paper.bundled.get(row.task)):
                none = replace(row, row="", method="comes with gifbench", psnr=math.nan, ssim=math.nan, key="")
                made.setdefault((row.task, method), Planned(none, method, ""))
    return list(made.values())


def reproduce(
    planned: list[Planned],
    dataset: ScoredDataset,
    *,
    out: Path,
    device: str = "auto",
    workers: int = 1,
    limit: int | None = None,
    progress: ProgressCallback = silent,
) -> list[Reproduced]:
    """Run every row whose method can be loaded, under its protocol and on its split; one answer a row.

    Results are written below `out`; those that are there, whole and of the same run, are taken. A method that is not at
    hand, or fails, is said in its row and the others are run; so are clips too short for a task. Raises what
    `evaluate` raises about a damaged dataset and about the disk, and `UsageError` for what is no device.
    """
    check_device(device)  # which each row would say
    load = cache(find_method)
    made = []
    for row in planned:

        def tell(now: Progress, name: str = f"{row.reported.method} on {row.reported.task}") -> None:
            if not now.reused:
                progress(replace(now, what=f"{name}: {now.what}", run=name))

        try:
            (result,) = evaluate(
                load(row.method),
                dataset,
                row.reported.task,
                split=row.reported.split,
                protocols=(row.reported.protocol,),
                limit=limit,
                device=device,
                workers=workers,
                out=out,
                existing="keep",
                progress=tell,
            )
        except DatasetDamaged:
            raise
        except (MethodError, MissingExtra, NotFound, UsageError, DatasetError) as error:
            why = " ".join(str(error).split())
            if row.needs and isinstance(error, MethodError):
                why = f"{why.split(': train them', 1)[0]}; train them: {row.needs}"  # not said twice
            made.append(Reproduced(row, None, why))
        else:
            made.append(Reproduced(row, result, None))
    return made
