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
from gifbench.leaderboard.runs_from_results import MeanScore, Run
from gifbench.leaderboard.safe_names import slug, visible
from gifbench.results.schema import MetricRecord


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A line of a table: a run and its rank.

    `rank` is None for a run that lacks clips which others have (`missing` of them). `standing` says how sure the rank
    is, None where there is nothing to compare. `behind` is, for a run without a rank, what it is behind the best on so
    many clips that both have; `gain` is the PSNR less that of the GIF itself, in dB, None where they did not score the
    same clips. `detail` is the line below the name: with all options only where another run of the table has the same
    name.
    """

    run: Run
    rank: int | None
    missing: int
    standing: Standing | None
    behind: tuple[MeanScore, int] | None
    gain: float | None
    detail: str

    @property
    def paired(self) -> tuple[float, float] | None:
        """What is drawn around the mean: the interval of its difference to the best, moved to where the mean is.

        The interval of the mean itself says how much the clips differ, and hides how surely two methods do.
        """
        behind = self.standing.behind if self.standing else None
        if behind is None or behind.low is None or behind.high is None:
            return None
        best = self.run.psnr.mean - behind.mean
        return best + behind.low, best + behind.high


@dataclass(frozen=True, slots=True)
class BoardColumn:
    """A chosen metric, by one definition, on a table: `digits` is how many decimals are written.

    `best` is the best mean of a ranked run, None where none has one.
    """

    metric: MetricRecord
    digits: int
    label: str
    best: float | None

    def of(self, run: Run) -> MeanScore | None:
        """The run's mean, None where it has none, or one of another definition."""
        return run.measures.get((self.metric.name, self.metric.sha256))


@dataclass(frozen=True, slots=True)
class BoardTable:
    """The runs of one protocol, best PSNR first, the incomplete ones after the ranked, and what papers report of it.

    `protocol` is its name as shown, which tells two definitions of one name apart. `pairs` compares every two of the
    ranked runs, or, where fewer than two have a rank, all runs on the clips that they share. `columns` are the chosen
    metrics that some run holds.
    """

    protocol: str
    rows: tuple[BoardRow, ...]
    reported: tuple[ReportedRow, ...]
    notes: tuple[str, ...]
    slug: str
    pairs: Pairs | None
    columns: tuple[BoardColumn, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs of the rows, in their order."""
        return tuple(row.run for row in self.rows)

    @property
    def ranked(self) -> tuple[BoardRow, ...]:
        """The rows that have a rank."""
        return tuple(row for row in self.rows if row.rank is not None)

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


def boards(runs: Iterable[Run]) -> tuple[Board, ...]:
    """All boards, in the order of dataset, split, dithering, and how sparse the GIF is."""
    groups: dict[tuple[str, str, str, str, str], list[Run]] = defaultdict(list)
    fingerprints: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        of = run.result
        groups[of.dataset.name, of.dataset.fingerprint, of.split, of.task, run.maker].append(run)
        fingerprints[of.dataset.name].add(of.dataset.fingerprint)
    made = []
    for key in sorted(groups, key=lambda k: (*k[:3], _task_order(k[3]), k[4])):
        (dataset, fingerprint, split, task, maker), found = key, groups[key]
        protocols: dict[tuple[str, str], list[Run]] = defaultdict(list)
        for run in found:
            protocols[run.result.protocol.name, run.definition].append(run)
        names = Counter(name for name, _ in protocols)
        order = sorted(protocols, key=lambda place: (place[0] != "standard", place[0] != "gif2video", place))
        made.append(
            Board(
                dataset=dataset,
                fingerprint=fingerprint,
                split=split,
                task=task,
                clips=len(set().union(*(run.clip_scores for run in found))),
                covered=max(run.result.coverage.scored for run in found),
                official=max(run.result.coverage.official for run in found),
                twins=len(fingerprints[dataset]) - 1,
                tables=tuple(_table(protocols[place], twin=names[place[0]] > 1) for place in order),
                slug=slug(f"{dataset} {task} {split}", key="\n".join(part for part in key if part)),
                maker=maker,
            )
        )
    return tuple(made)


def _task_order(task: str) -> tuple[int, int, str]:
    variant, _, every = task.rpartition("-")
    known = {"plain": 0, "dithered": 1}.get(variant, 2)
    return known, int(every) if every.isascii() and every.isdigit() and len(every) < 9 else 0, task


def _table(runs: Sequence[Run], *, twin: bool) -> BoardTable:
    kept, repeats = _without_repeats(runs)
    every_clip = set().union(*(run.clip_scores for run in kept))
    missing = {run: len(every_clip - set(run.clip_scores)) for run in kept}
    complete = [run for run in kept if not missing[run]]
    pairs = compare_runs(complete)
    stand = standings(pairs)
    best = min(complete, key=lambda run: (-run.psnr.mean, run.method_key), default=None)
    behind = behind_on_shared_clips([run for run in kept if missing[run]], best) if best else {}
    gif = next((run for run in kept if run.is_gif), None)
    rows = []
    for run in sorted(kept, key=lambda run: (bool(missing[run]), -run.psnr.mean, run.method_key)):
        rank = None if missing[run] else 1 + sum(other.psnr.mean > run.psnr.mean for other in complete)
        same_clips = gif is not None and gif is not run and gif.clip_scores.keys() == run.clip_scores.keys()
        gain = run.psnr.mean - gif.psnr.mean if gif is not None and same_clips else None
        detail = run.detail_among([other for other in kept if other.label == run.label])
        rows.append(BoardRow(run, rank, missing[run], stand.get(run), behind.get(run), gain, detail))
    of, maker, definition = kept[0].result, kept[0].maker, kept[0].definition
    dataset, protocol = of.dataset.name, of.protocol.name
    made_by = (maker,) if maker else ()
    key = "\n".join((dataset, of.dataset.fingerprint, of.split, of.task, *made_by, protocol))
    return BoardTable(
        protocol=f"{protocol} ({definition[:8]})" if twin else protocol,
        rows=tuple(rows),
        reported=reported_rows(dataset=dataset, split=of.split, task=of.task, protocol=protocol),
        notes=(*repeats, *_notes(kept, complete, pairs, twin=twin)),
        slug=slug(f"{dataset} {of.task} {protocol}", key=f"{key}\n{definition}" if twin else key),
        pairs=pairs or compare_runs(kept),
        columns=_columns(kept, complete),
    )


def _columns(runs: Sequence[Run], ranked: Sequence[Run]) -> tuple[BoardColumn, ...]:
    """One column a metric and definition: a metric that two runs define differently has two."""
    defined = {(each.name, each.sha256): each for run in runs for each in run.result.metrics}
    found = sorted({key for run in runs for key in run.measures})
    names = Counter(name for name, _ in found)
    made = []
    for key in found:
        metric = defined[key]
        largest = max(abs(run.measures[key].mean) for run in runs if key in run.measures)
        digits = min(6, max(0, 2 - math.floor(math.log10(largest)))) if largest > 0 else 3
        label = f"{metric.name} ({metric.sha256[:8]})" if names[metric.name] > 1 else metric.name
        means = [run.measures[key].mean for run in ranked if key in run.measures]
        best = (min if metric.better == "lower" else max)(means, default=None)
        made.append(BoardColumn(metric, digits, label, best))
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
    if any(run.result.clips == 1 for run in kept):
        notes.append("A single clip gives no interval: nothing is known of how the score would differ on others.")
    if limits := sorted({run.result.limit for run in kept if run.result.limit is not None}):
        notes.append(f"Some runs were limited to the first {' or '.join(f'{limit:,}' for limit in limits)} clips.")
    if short := max(len(run.result.too_short) for run in kept):
        notes.append(f"{short:,} clips are shorter than one segment of this task and were skipped.")
    return notes


def _without_repeats(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """Of several runs of one method (the same `method_key`), the one with most clips; of these the newest."""
    methods: dict[str, list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (len(run.clip_scores), run.result.created.isoformat())):
        methods[run.method_key].append(run)
    notes = [
        f"{len(same)} results of {visible(same[-1].method, limit=40)} were given: shown is the one with the most "
        "clips, of equals the newest."
        for _, same in sorted(methods.items())
        if len(same) > 1
    ]
    return [same[-1] for _, same in sorted(methods.items())], notes
