"""Which clips a page shows of a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gifbench.leaderboard.boards_of_comparable_runs import Board
from gifbench.leaderboard.scored_run import Run


@dataclass(frozen=True, slots=True)
class ClipChoice:
    """A clip chosen to show a run; `place` is best, median, worst, between, only, or shared (the
    clip that every method of the board is shown on).

    Scores are those of the results file. `shown` holds PSNR and SSIM of the unrestored GIF on that clip, None where the
    board has no such run.
    """

    run: Run
    protocol: str
    place: str
    clip_id: str
    psnr: float
    ssim: float
    shown: tuple[float, float] | None


def choose(board: Board, run: Run, *, count: int) -> tuple[ClipChoice, ...]:
    """`count` clips of a run, from the best gain in PSNR over the unrestored GIF to the worst, evenly spread.

    Where the board has no run of the GIF itself, and for that run, PSNR stands for the gain. Equal gains are told apart
    by the clip's name, so that the choice is always the same.
    """
    gif = _gif_scores(board, run.protocol) if not run.is_gif else {}
    gains = {
        clip_id: psnr - (gif[clip_id][0] if gif else 0.0)
        for clip_id, (psnr, _) in run.clip_scores.items()
        if not gif or clip_id in gif
    }
    order = sorted(gains, key=lambda clip_id: (-gains[clip_id], clip_id))
    count = min(count, len(order))
    if count == 0:
        return ()
    places = [i * (len(order) - 1) // max(1, count - 1) for i in range(count)]
    if count == 1:
        places = [(len(order) - 1) // 2]
    names = {places[-1]: "worst", places[0]: "best"} | ({places[count // 2]: "median"} if count % 2 else {})
    if len(order) == 1:
        names = {0: "only"}
    return tuple(_choice(run, order[place], names.get(place, "between"), gif) for place in places)


def shared_clips(board: Board) -> tuple[str, ...]:
    """The clips on which a board's methods are compared in pictures: one where all tables share one, else one a table.

    It is the median clip by the mean PSNR of the runs that share it.
    """
    runs = [run for table in board.tables for run in table.runs]
    if (clip := _median_clip(runs)) is not None:
        return (clip,)
    found = (_median_clip(table.runs) for table in board.tables)
    return tuple(dict.fromkeys(clip for clip in found if clip is not None))


def _median_clip(runs: Sequence[Run]) -> str | None:
    clips = set.intersection(*(set(run.clip_scores) for run in runs)) if runs else set()
    order = sorted(clips, key=lambda clip: (sum(run.clip_scores[clip][0] for run in runs), clip))
    return order[(len(order) - 1) // 2] if order else None


def choices(board: Board, run: Run, *, count: int) -> tuple[ClipChoice, ...]:
    """What `choose` chooses, and the board's shared clips that are not among it."""
    chosen = choose(board, run, count=count)
    there = {choice.clip_id for choice in chosen}
    gif = _gif_scores(board, run.protocol) if not run.is_gif else {}
    shared = [clip for clip in shared_clips(board) if clip in run.clip_scores and clip not in there]
    return (*chosen, *(_choice(run, clip, "shared", gif) for clip in shared)) if chosen else ()


def _choice(run: Run, clip_id: str, place: str, gif: Mapping[str, tuple[float, float]]) -> ClipChoice:
    psnr, ssim = run.clip_scores[clip_id]
    return ClipChoice(run, run.protocol, place, clip_id, psnr, ssim, shown=gif.get(clip_id))


def _gif_scores(board: Board, protocol: str) -> Mapping[str, tuple[float, float]]:
    return next((t.gif.clip_scores for t in board.tables if t.gif and t.gif.protocol == protocol), {})
