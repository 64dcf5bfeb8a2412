"""Runs become boards: one table for a dataset, split, task and protocol, ranked, with what a reader must know of it.

Two fingerprints are two datasets, even under one name, and two protocols (or two definitions of one) are two measures:
neither is ever mixed on a table. Only runs that scored the same clips are ranked against each other.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gifbench.leaderboard.installed_papers import ReportedRow, reported_rows
from gifbench.leaderboard.ranking import (
    FEWEST_CLIPS,
    Pairs,
    Standing,
    behind_on_shared_clips,
    clips_to_tell,
    compare_runs,
    standings,
)
from gifbench.leaderboard.safe_names import slug, visible
from gifbench.leaderboard.scored_run import MeanScore, MetricMean, Run

__all__ = ["Board", "BoardColumn", "BoardRow", "BoardTable", "MeanScore", "Run", "Standing", "boards"]


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A line of a table: a run and its rank, or a row that the paper reports.

    `rank` is None for a run that lacks clips which others have (`missing` of them), and for the paper's rows.
    `standing` says how sure the rank is, None where there is nothing to compare. `behind` is, for a run without a rank,
    what it is behind the best on so many clips that both have; `gain` is the PSNR less that of the GIF itself, in dB,
    None where they did not score the same clips. `detail` is the line below the name: with all options only where
    another run of the table has the same name.
    """

    entry: Run | ReportedRow
    rank: int | None = None
    missing: int = 0
    standing: Standing | None = None
    behind: tuple[MeanScore, int] | None = None
    gain: float | None = None
    detail: str = ""

    @property
    def run(self) -> Run | None:
        """The run, None for a row of the paper."""
        return self.entry if isinstance(self.entry, Run) else None

    @property
    def reported(self) -> ReportedRow | None:
        """The paper's row, None for a run."""
        return self.entry if isinstance(self.entry, ReportedRow) else None

    @property
    def psnr(self) -> MeanScore:
        """PSNR in dB."""
        return self.entry.psnr if isinstance(self.entry, Run) else MeanScore(self.entry.psnr)

    @property
    def paired(self) -> tuple[float, float] | None:
        """What is drawn around the mean: the interval of its difference to the best, moved to where the mean is.

        The interval of the mean itself says how much the clips differ, and hides how surely two methods do.
        """
        behind = self.standing.behind if self.standing else None
        if behind is None or behind.low is None or behind.high is None:
            return None
        return self.psnr.mean - behind.mean + behind.low, self.psnr.mean - behind.mean + behind.high

    @property
    def ssim(self) -> MeanScore:
        """SSIM, at most 1."""
        return self.entry.ssim if isinstance(self.entry, Run) else MeanScore(self.entry.ssim)


@dataclass(frozen=True, slots=True)
class BoardColumn:
    """A chosen metric on a table: `example` is the value of one run, `digits` how many decimals are written.

    `best` is the best mean of a ranked run, None where none has one.
    """

    name: str
    example: MetricMean
    digits: int
    label: str
    best: float | None

    def of(self, run: Run) -> MetricMean | None:
        """The run's mean, None where it has none, or one of another definition."""
        found = run.measures.get(self.name)
        return found if found is not None and found.sha256 == self.example.sha256 else None


@dataclass(frozen=True, slots=True)
class BoardTable:
    """The rows of one protocol, best PSNR first, the incomplete runs after the ranked ones.

    `protocol` is its name as shown; `definition` tells two definitions of one name apart. `pairs` compares every two of
    the ranked runs, or, where fewer than two have a rank, all runs on the clips that they share. `columns` are the
    chosen metrics that some run holds.
    """

    protocol: str
    definition: str
    rows: tuple[BoardRow, ...]
    notes: tuple[str, ...]
    slug: str
    pairs: Pairs | None
    columns: tuple[BoardColumn, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs among the rows, in their order."""
        return tuple(row.run for row in self.rows if row.run is not None)

    @property
    def best(self) -> tuple[float, float] | None:
        """The highest mean PSNR and the highest mean SSIM of a ranked run, None where no run has a rank."""
        ranked = [row for row in self.rows if row.rank is not None]
        return (max(row.psnr.mean for row in ranked), max(row.ssim.mean for row in ranked)) if ranked else None

    @property
    def gif(self) -> Run | None:
        """The run of the unrestored GIF, None where the table has none."""
        return next((run for run in self.runs if run.is_gif), None)


@dataclass(frozen=True, slots=True)
class Board:
    """One dataset (by fingerprint), split, task and maker of its GIFs ("" for its own): its tables, one a protocol.

    `clips` were scored by some run; `covered` of the `official` ones (0 where there is no list) by the run with most.
    `twins` counts the other fingerprints that results under the same dataset name have.
    """

    dataset: str
    fingerprint: str
    split: str
    task: str
    clips: int
    covered: int
    official: int
    twins: int
    tables: tuple[BoardTable, ...]
    slug: str
    maker: str = ""


PROTOCOL_ORDER = ("standard", "gif2video")


def boards(runs: Iterable[Run]) -> tuple[Board, ...]:
    """All boards, in the order of dataset, split, dithering, and how sparse the GIF is."""
    groups: dict[tuple[str, str, str, str, str], list[Run]] = defaultdict(list)
    fingerprints: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        groups[run.dataset, run.fingerprint, run.split, run.task, run.maker].append(run)
        fingerprints[run.dataset].add(run.fingerprint)
    made = []
    for key in sorted(groups, key=lambda k: (*k[:3], _task_order(k[3]), k[4])):
        (dataset, fingerprint, split, task, maker), found = key, groups[key]
        protocols: dict[tuple[str, str], list[Run]] = defaultdict(list)
        for run in found:
            protocols[run.protocol, run.definition].append(run)
        names = Counter(name for name, _ in protocols)
        made.append(
            Board(
                dataset=dataset,
                fingerprint=fingerprint,
                split=split,
                task=task,
                clips=len(set().union(*(run.clip_scores for run in found))),
                covered=max(run.covered for run in found),
                official=max(run.official for run in found),
                twins=len(fingerprints[dataset]) - 1,
                tables=tuple(
                    _table(protocols[name, definition], twin=names[name] > 1)
                    for name, definition in sorted(protocols, key=_protocol_order)
                ),
                slug=slug(f"{dataset} {task} {split}", key="\n".join(part for part in key if part)),
                maker=maker,
            )
        )
    return tuple(made)


def _task_order(task: str) -> tuple[int, int, str]:
    variant, _, every = task.rpartition("-")
    known = {"plain": 0, "dithered": 1}.get(variant, 2)
    return known, int(every) if every.isascii() and every.isdigit() and len(every) < 9 else 0, task


def _protocol_order(protocol: tuple[str, str]) -> tuple[int, str, str]:
    name, definition = protocol
    return (PROTOCOL_ORDER.index(name) if name in PROTOCOL_ORDER else len(PROTOCOL_ORDER)), name, definition


def _table(runs: Sequence[Run], *, twin: bool) -> BoardTable:
    kept, repeats = _without_repeats(runs)
    every_clip = set().union(*(run.clip_scores for run in kept))
    missing = {run.method_key: len(every_clip - set(run.clip_scores)) for run in kept}
    complete = [run for run in kept if not missing[run.method_key]]
    pairs = compare_runs(complete)
    stand = standings(pairs)
    best = min(complete, key=lambda run: (-run.psnr.mean, run.method_key), default=None)
    behind = behind_on_shared_clips([run for run in kept if missing[run.method_key]], best) if best else {}
    gif = next((run for run in kept if run.is_gif), None)
    rows = []
    for run in sorted(kept, key=lambda run: (bool(missing[run.method_key]), -run.psnr.mean, run.method_key)):
        lacks, key = missing[run.method_key], run.method_key
        rank = None if lacks else 1 + sum(other.psnr.mean > run.psnr.mean for other in complete)
        same_clips = gif is not None and gif is not run and gif.clip_scores.keys() == run.clip_scores.keys()
        gain = run.psnr.mean - gif.psnr.mean if gif is not None and same_clips else None
        detail = run.detail_among([other for other in kept if other.label == run.label])
        rows.append(BoardRow(run, rank, lacks, stand.get(key), behind.get(key), gain, detail))
    first = kept[0]
    reported = reported_rows(dataset=first.dataset, split=first.split, task=first.task, protocol=first.protocol)
    rows += [BoardRow(row) for row in reported]
    made_by = (first.maker,) if first.maker else ()
    key = "\n".join((first.dataset, first.fingerprint, first.split, first.task, *made_by, first.protocol))
    return BoardTable(
        protocol=f"{first.protocol} ({first.definition[:8]})" if twin else first.protocol,
        definition=first.definition,
        rows=tuple(rows),
        notes=(*repeats, *_notes(kept, complete, pairs, twin=twin)),
        slug=slug(f"{first.dataset} {first.task} {first.protocol}", key=f"{key}\n{first.definition}" if twin else key),
        pairs=pairs or compare_runs(kept),
        columns=_columns(kept, complete),
    )


def _columns(runs: Sequence[Run], ranked: Sequence[Run]) -> tuple[BoardColumn, ...]:
    """One column a metric and definition: a metric that two runs define differently has two."""
    found = {(name, each.sha256): each for run in runs for name, each in run.measures.items()}
    names = Counter(name for name, _ in found)

    def means(of: Sequence[Run], name: str, sha256: str) -> list[float]:
        return [m.score.mean for run in of if (m := run.measures.get(name)) is not None and m.sha256 == sha256]

    made = []
    for (name, sha256), each in sorted(found.items(), key=lambda item: item[0]):
        largest = max(map(abs, means(runs, name, sha256)))
        digits = min(6, max(0, 2 - math.floor(math.log10(largest)))) if largest > 0 else 3
        label = f"{name} ({sha256[:8]})" if names[name] > 1 else name
        best = (min if each.better == "lower" else max)(means(ranked, name, sha256), default=None)
        made.append(BoardColumn(name, each, digits, label, best))
    return tuple(made)


def _notes(kept: Sequence[Run], complete: Sequence[Run], pairs: Pairs | None, *, twin: bool) -> list[str]:
    notes = []
    if twin:
        notes.append(
            "Results define this protocol in more than one way, by their records. Each definition has a table of its "
            "own, because their numbers are of different measures."
        )
    if len(kept) > 1 and not complete:
        notes.append("No run has all the clips that others have, so none has a rank.")
    if capped := [run for run in kept if run.psnr.capped]:
        which = ", ".join(f"{visible(run.method, limit=40)} ({run.psnr.capped:,})" for run in capped)
        notes.append(f"Identical pictures have an infinite PSNR, which counts as 100 dB in the mean: {which}.")
    if pairs is not None and pairs.found.clips < FEWEST_CLIPS:
        notes.append(
            f"Fewer than {FEWEST_CLIPS} clips cannot tell two methods apart, so there are no groups: a rank here is "
            "the order of the means and no more."
        )
    elif pairs is not None and pairs.found.clips < (needed := clips_to_tell(math.comb(len(pairs.runs), 2))):
        notes.append(
            f"To tell all of these {len(pairs.runs)} methods apart takes at least {needed} clips; here are "
            f"{pairs.found.clips}."
        )
    if any(run.clips == 1 for run in kept):
        notes.append("A single clip gives no interval: nothing is known of how the score would differ on others.")
    if limits := sorted({run.limit for run in kept if run.limit is not None}):
        notes.append(f"Some runs were limited to the first {' or '.join(f'{limit:,}' for limit in limits)} clips.")
    if short := max(run.too_short for run in kept):
        notes.append(f"{short:,} clips are shorter than one segment of this task and were skipped.")
    return notes


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
