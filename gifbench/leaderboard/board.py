"""Runs become boards: one table for a dataset, split, task and protocol, ranked, with what a reader must know of it.

Two fingerprints are two datasets, even under one name, and two protocols are two measures: neither is ever mixed on a
table. Only runs that scored the same clips are ranked against each other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gifbench.leaderboard.names import slug, visible
from gifbench.leaderboard.paper import ReportedRow, reported_rows
from gifbench.score.comparison import compare


@dataclass(frozen=True, slots=True)
class Score:
    """The mean over the clips, and its 95% interval where one is known.

    `capped` counts the clips or frames whose infinite PSNR entered the mean as 100 dB.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    capped: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One results file, reduced to what a page shows.

    `clip_scores` holds PSNR and SSIM by clip id; `seconds` is the time spent inside the method, None where unknown;
    `official` the clips of the official list, 0 where unknown. `facts` are lines for the method's card, `weights` the
    hash of its weights, `created` when it was run (ISO 8601), `limit` the number of clips that the run was limited to,
    `too_short` how many clips were skipped because they are shorter than one segment.
    """

    method: str
    version: str
    options: Mapping[str, object]
    dataset: str
    fingerprint: str
    split: str
    task: str
    protocol: str
    clips: int
    frames: int
    official: int
    psnr: Score
    ssim: Score
    seconds: float | None
    clip_scores: Mapping[str, tuple[float, float]]
    facts: Mapping[str, str]
    weights: str = ""
    created: str = ""
    limit: int | None = None
    too_short: int = 0

    @property
    def method_key(self) -> str:
        """What tells two methods apart: name, version, options and weights."""
        options = ",".join(f"{name}={value!r}" for name, value in sorted(self.options.items()))
        return f"{self.method}\n{self.version}\n{options}\n{self.weights}"

    @property
    def label(self) -> str:
        """The method as it is shown, safe for one line of text (not yet escaped for HTML)."""
        return visible(self.method)

    @property
    def detail(self) -> str:
        """Version, options and weights, for the line below the name; empty where there are none."""
        parts = [f"version {self.version}"] if self.version else []
        parts += [", ".join(f"{name}={value}" for name, value in sorted(self.options.items()))] if self.options else []
        parts += [f"weights {self.weights[:8]}"] if self.weights else []
        return visible("; ".join(parts), limit=120) if parts else ""

    @property
    def method_slug(self) -> str:
        """The method's name in files and anchors."""
        return slug(self.method, key=self.method_key)

    @property
    def frames_per_second(self) -> float | None:
        """Frames restored a second, None where the time is not known."""
        return self.frames / self.seconds if self.seconds else None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands among those ranked with it, by PSNR on the same clips.

    `group`: from 1, runs that the clips cannot tell from the head of their group share it; `opens_group` marks that
    head. `rank_low` and `rank_high` are the 95% interval of the rank. `behind` is the mean PSNR less the best run's, in
    dB, with its paired interval; without an interval for the best itself.
    """

    group: int
    opens_group: bool
    rank_low: int
    rank_high: int
    behind: Score


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: a run and its rank, or a row that the paper reports.

    `rank` is None for a run that lacks clips which others have (`missing` of them), and for the paper's rows.
    `standing` says how sure the rank is, None where there is nothing to compare.
    """

    entry: Run | ReportedRow
    rank: int | None = None
    missing: int = 0
    standing: Standing | None = None

    @property
    def run(self) -> Run | None:
        """The run, None for a row of the paper."""
        return self.entry if isinstance(self.entry, Run) else None

    @property
    def reported(self) -> ReportedRow | None:
        """The paper's row, None for a run."""
        return self.entry if isinstance(self.entry, ReportedRow) else None

    @property
    def psnr(self) -> Score:
        """PSNR in dB."""
        return self.entry.psnr if isinstance(self.entry, Run) else Score(self.entry.psnr)

    @property
    def ssim(self) -> Score:
        """SSIM, at most 1."""
        return self.entry.ssim if isinstance(self.entry, Run) else Score(self.entry.ssim)


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one protocol, best PSNR first, the incomplete runs after the ranked ones."""

    protocol: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    slug: str


@dataclass(frozen=True, slots=True)
class Board:
    """One dataset (by fingerprint), split and task: its tables, one a protocol.

    `twins` counts the other fingerprints that results under the same dataset name have.
    """

    dataset: str
    fingerprint: str
    split: str
    task: str
    clips: int
    official: int
    twins: int
    tables: tuple[Table, ...]
    slug: str


PROTOCOL_ORDER = ("standard", "gif2video")


def boards(runs: Iterable[Run]) -> tuple[Board, ...]:
    """All boards, in the order of dataset, split, dithering, and how sparse the GIF is."""
    groups: dict[tuple[str, str, str, str], list[Run]] = defaultdict(list)
    fingerprints: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        groups[run.dataset, run.fingerprint, run.split, run.task].append(run)
        fingerprints[run.dataset].add(run.fingerprint)
    made = []
    for key in sorted(groups, key=lambda k: (k[0], k[1], k[2], _task_order(k[3]))):
        dataset, fingerprint, split, task = key
        found = groups[key]
        protocols = sorted({run.protocol for run in found}, key=_protocol_order)
        made.append(
            Board(
                dataset=dataset,
                fingerprint=fingerprint,
                split=split,
                task=task,
                clips=len(set().union(*(run.clip_scores for run in found))) or max(run.clips for run in found),
                official=max(run.official for run in found),
                twins=len(fingerprints[dataset]) - 1,
                tables=tuple(_table([run for run in found if run.protocol == protocol]) for protocol in protocols),
                slug=slug(f"{dataset} {task} {split}", key="\n".join(key)),
            )
        )
    return tuple(made)


def _task_order(task: str) -> tuple[int, int, str]:
    variant, _, every = task.partition("-")
    known = {"plain": 0, "dithered": 1}.get(variant, 2)
    return known, int(every) if every.isascii() and every.isdigit() and len(every) < 9 else 0, task


def _protocol_order(protocol: str) -> tuple[int, str]:
    return (PROTOCOL_ORDER.index(protocol) if protocol in PROTOCOL_ORDER else len(PROTOCOL_ORDER)), protocol


def _table(runs: Sequence[Run]) -> Table:
    kept, notes = _without_repeats(runs)
    every_clip = set().union(*(run.clip_scores for run in kept))
    missing = {run.method_key: len(every_clip - set(run.clip_scores)) for run in kept}
    complete = [run for run in kept if not missing[run.method_key]]
    standings = _standings(complete)
    rows = []
    for run in sorted(kept, key=lambda run: (bool(missing[run.method_key]), -run.psnr.mean, run.method_key)):
        lacks = missing[run.method_key]
        rank = None if lacks else 1 + sum(other.psnr.mean > run.psnr.mean for other in complete)
        rows.append(Row(run, rank, lacks, standings.get(run.method_key)))
    first = kept[0]
    reported = reported_rows(dataset=first.dataset, split=first.split, task=first.task, protocol=first.protocol)
    rows += [Row(row) for row in reported]
    capped = [run for run in kept if run.psnr.capped]
    if capped:
        notes.append(
            "Identical pictures have an infinite PSNR, which counts as 100 dB in the mean: "
            + ", ".join(f"{visible(run.method, limit=40)} ({run.psnr.capped:,})" for run in capped)
            + "."
        )
    if any(run.clips == 1 for run in kept):
        notes.append("A single clip gives no interval: nothing is known of how the score would differ on others.")
    if limits := sorted({run.limit for run in kept if run.limit is not None}):
        notes.append(f"Some runs were limited to the first {' or '.join(f'{limit:,}' for limit in limits)} clips.")
    if short := max(run.too_short for run in kept):
        notes.append(f"{short:,} clips are shorter than one segment of this task and were skipped.")
    key = "\n".join((first.dataset, first.fingerprint, first.split, first.task, first.protocol))
    return Table(first.protocol, tuple(rows), tuple(notes), slug(f"{first.task} {first.protocol}", key=key))


def _standings(complete: Sequence[Run]) -> dict[str, Standing]:
    """How each of the runs that scored the same clips stands, by its `method_key`; empty for fewer than two."""
    if len(complete) < 2:
        return {}
    ordered = sorted(complete, key=lambda run: (-run.psnr.mean, run.method_key))
    clips = sorted(ordered[0].clip_scores)
    found = compare(np.array([[run.clip_scores[clip][0] for run in ordered] for clip in clips]))
    standings = {}
    for i, run in enumerate(ordered):
        known = i > 0 and len(clips) > 1
        interval = (float(found.low[i, 0]), float(found.high[i, 0])) if known else (None, None)
        standings[run.method_key] = Standing(
            group=int(found.groups[i]),
            opens_group=i == 0 or bool(found.groups[i] != found.groups[i - 1]),
            rank_low=int(found.rank_low[i]),
            rank_high=int(found.rank_high[i]),
            behind=Score(float(found.differences[i, 0]), *interval),
        )
    return standings


def _without_repeats(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """Of several runs of one method (the same `method_key`), the one with most clips; of these the newest."""
    best: dict[str, Run] = {}
    for run in runs:
        other = best.get(run.method_key)
        if other is None or (len(run.clip_scores), run.created) >= (len(other.clip_scores), other.created):
            best[run.method_key] = run
    count = Counter(run.method_key for run in runs)
    notes = [
        f"{count[key]} results of {visible(run.method, limit=40)} were given: shown is the one with the most clips, "
        "of equals the newest."
        for key, run in sorted(best.items())
        if count[key] > 1
    ]
    return [best[key] for key in sorted(best)], notes
