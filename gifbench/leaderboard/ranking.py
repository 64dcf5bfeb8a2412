"""How the runs of a table stand to each other: ranks and how sure they are, groups, and every pair compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gifbench.leaderboard.runs_from_results import MeanScore, Run
from gifbench.results.mean_intervals import mean_interval
from gifbench.results.significance import Comparison, compare

FEWEST_CLIPS = 6
"""With fewer clips no difference can reach p < 0.05: all 2⁵ flips of five signs give p = 2/32 at best."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands among those ranked with it, by PSNR on the same clips.

    `group`: from 1, runs that the clips cannot tell from the head of their group share it; None with fewer than
    `FEWEST_CLIPS` clips, which tell nothing. `opens_group` marks that head. `rank_low` and `rank_high` are the 95%
    interval of the rank. `behind` is the mean PSNR less the best run's, in dB, with its paired interval; without an
    interval for the best itself. `wins` is the share of clips on which it is better than another run, mean over the
    others, ties half.
    """

    group: int | None
    opens_group: bool
    rank_low: int
    rank_high: int
    behind: MeanScore
    wins: float


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Every two of `runs`, best first, compared on the clips that all of them have; `found` numbers them alike."""

    runs: tuple[Run, ...]
    found: Comparison


def compare_runs(runs: Sequence[Run]) -> Pairs | None:
    """Compare runs on the clips that all of them have; None for fewer than two runs, or where they share no clip."""
    if len(runs) < 2:
        return None
    clips = sorted(set.intersection(*(set(run.clip_scores) for run in runs)))
    if not clips:
        return None
    scores = np.array([[run.clip_scores[clip].psnr for run in runs] for clip in clips])
    order = sorted(range(len(runs)), key=lambda i: (-float(scores[:, i].mean()), runs[i].method_key))
    return Pairs(tuple(runs[i] for i in order), compare(scores[:, order]))


def standings(pairs: Pairs | None) -> dict[Run, Standing]:
    """How each of the compared runs stands; empty where there is nothing to compare."""
    if pairs is None:
        return {}
    found = pairs.found
    grouped = found.clips >= FEWEST_CLIPS
    others = len(pairs.runs) - 1
    made = {}
    for i, run in enumerate(pairs.runs):
        known = i > 0 and found.clips > 1
        interval = (float(found.low[i, 0]), float(found.high[i, 0])) if known else (None, None)
        made[run] = Standing(
            group=int(found.groups[i]) if grouped else None,
            opens_group=grouped and (i == 0 or bool(found.groups[i] != found.groups[i - 1])),
            rank_low=int(found.rank_low[i]),
            rank_high=int(found.rank_high[i]),
            behind=MeanScore(float(found.differences[i, 0]), *interval),
            wins=(float(found.win_rates[i].sum()) - 0.5) / others,
        )
    return made


def clips_to_tell(pairs: int) -> int:
    """How many clips it takes at least before a test can tell each of so many pairs apart, after Holm's correction."""
    clips = FEWEST_CLIPS
    while 2.0 ** (1 - clips) * pairs >= 0.05:
        clips += 1
    return clips


def behind_on_shared_clips(runs: Sequence[Run], best: Run) -> Mapping[Run, tuple[MeanScore, int]]:
    """For runs that lack clips: their mean PSNR less that of `best` on the clips of both, and how many those are.

    A run that shares no clip with `best` is left out. It is no standing: fewer clips are other clips.
    """
    by_clips: dict[frozenset[str], list[Run]] = defaultdict(list)
    for run in runs:
        by_clips[frozenset(run.clip_scores) & frozenset(best.clip_scores)].append(run)
    made = {}
    for clips, together in by_clips.items():
        if not clips:
            continue
        ordered = sorted(clips)
        behind = np.array(
            [[run.clip_scores[clip].psnr - best.clip_scores[clip].psnr for run in together] for clip in ordered]
        )
        for run, mean, interval in zip(together, behind.mean(axis=0), mean_interval(behind), strict=True):
            low, high = interval if len(ordered) > 1 else (None, None)
            made[run] = (MeanScore(float(mean), low, high), len(ordered))
    return made
