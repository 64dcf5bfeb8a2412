"""Which clips a page shows of a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gifbench.leaderboard.boards_of_comparable_runs import Board
from gifbench.leaderboard.runs_from_results import Run
from gifbench.results.schema import ClipScore


@dataclass(frozen=True, slots=True)
class ClipChoice:
    """A clip chosen to show a run; `place` is best, median, worst, between, only, or shared (the
    clip that every method of the board is shown on).

    `score` is the run's own, `gif` that of the unrestored GIF on that clip, None where the board has no such run.
    """

    run: Run
    place: str
    score: ClipScore
    gif: ClipScore | None

    @property
    def clip_id(self) -> str:
        """The clip's name."""
        return self.score.clip_id


def choose(board: Board, run: Run, *, count: int) -> tuple[ClipChoice, ...]:
    """`count` clips of a run, from the best gain in PSNR over the unrestored GIF to the worst, evenly spread.

    Where the board has no run of the GIF itself, and for that run, PSNR stands for the gain. Equal gains are told apart
    by the clip's name, so that the choice is always the same.
    """
    gif = _gif_scores(board, run)
    gains = {
        clip_id: score.psnr - (gif[clip_id].psnr if gif else 0.0)
        for clip_id, score in run.clip_scores.items()
        if not gif or clip_id in gif
    }
    order = sorted(gains, key=lambda clip_id: (-gains[clip_id], clip_id))
    count = min(count, len(order))
    if count == 0:
        return ()
    places = [i * (len(order) - 1) // (count - 1) for i in range(count)] if count > 1 else [(len(order) - 1) // 2]
    names = {places[-1]: "worst", places[0]: "best"} | ({places[count // 2]: "median"} if count % 2 else {})
    if len(order) == 1:
        names = {0: "only"}
    return tuple(
        ClipChoice(run, names.get(place, "between"), run.clip_scores[order[place]], gif.get(order[place]))
        for place in places
    )


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
    order = sorted(clips, key=lambda clip: (sum(run.clip_scores[clip].psnr for run in runs), clip))
    return order[(len(order) - 1) // 2] if order else None


def choices(board: Board, run: Run, *, count: int) -> tuple[ClipChoice, ...]:
    """What `choose` chooses, and the board's shared clips that are not among it."""
    chosen = choose(board, run, count=count)
    others = {*run.clip_scores} - {choice.clip_id for choice in chosen} if chosen else ()
    gif = _gif_scores(board, run)
    shared = [ClipChoice(run, "shared", run.clip_scores[c], gif.get(c)) for c in shared_clips(board) if c in others]
    return (*chosen, *shared)


def _gif_scores(board: Board, run: Run) -> Mapping[str, ClipScore]:
    """The scores of the GIF itself by the protocol of a run; none for that run."""
    gifs = [table.gif for table in board.tables if table.gif and not run.is_gif]
    return next((gif.clip_scores for gif in gifs if gif.result.protocol.name == run.result.protocol.name), {})
