"""What the pages of single clips show: one clip, every method that was scored on it, board by board."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gifbench.leaderboard.boards_of_comparable_runs import Board, BoardColumn, BoardTable
from gifbench.leaderboard.example_pictures import Example, Lane, Pictures, Shown
from gifbench.leaderboard.runs_from_results import Run
from gifbench.leaderboard.safe_names import slug
from gifbench.results.schema import ClipScore

MOST_PAGES = 250
"""A dataset of more clips has pages only for those that are shown with pictures."""

ClipKey = tuple[str, str]
"""A dataset's fingerprint and a clip's name."""


@dataclass(frozen=True, slots=True)
class ClipScoreRow:
    """A method on a clip, and its gain over the GIF in dB, None where the GIF was not scored on it."""

    run: Run
    score: ClipScore
    gain: float | None

    def measure(self, column: BoardColumn) -> float | None:
        """The clip's value of a chosen metric, None where there is none."""
        return self.score.metrics.get(column.metric.name) if column.of(self.run) else None


@dataclass(frozen=True, slots=True)
class ClipTable:
    """A clip on one table, best PSNR first; `columns` are the chosen metrics that have a value on it.

    `gif` is the PSNR of the GIF itself, None where it was not scored on the clip.
    """

    table: BoardTable
    rows: tuple[ClipScoreRow, ...]
    gif: float | None

    @property
    def columns(self) -> tuple[BoardColumn, ...]:
        """The metrics to show."""
        return tuple(each for each in self.table.columns if any(row.measure(each) is not None for row in self.rows))


@dataclass(frozen=True, slots=True)
class ClipPlace:
    """A clip on one board, with the pictures of all methods that are shown on it, None where none is."""

    board: Board
    tables: tuple[ClipTable, ...]
    pictures: Pictures | None


@dataclass(frozen=True, slots=True)
class ClipPage:
    """All of one clip; `path` is its page below the site."""

    clip_id: str
    dataset: str
    path: str
    places: tuple[ClipPlace, ...]


def clip_pages(boards: Sequence[Board], shown: Mapping[tuple[str, str], Shown]) -> dict[ClipKey, ClipPage]:
    """The pages of clips: every clip of a dataset with at most `MOST_PAGES`, of others those with pictures."""
    pictured: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for (board_slug, _), found in shown.items():
        for example in found.examples:
            pictured[board_slug, example.choice.clip_id].append(example)
    by_dataset: dict[str, list[Board]] = defaultdict(list)
    for board in boards:
        by_dataset[board.fingerprint].append(board)
    pages = {}
    for fingerprint, together in by_dataset.items():
        runs = [run for board in together for table in board.tables for run in table.runs]
        scored = {clip for run in runs for clip in run.clip_scores}
        if len(scored) > MOST_PAGES:
            scored = {clip for board in together for clip in scored if (board.slug, clip) in pictured}
        for clip in sorted(scored):
            places = tuple(
                ClipPlace(board, tables, together_on(seen) if (seen := pictured.get((board.slug, clip))) else None)
                for board in together
                if (tables := _tables(board, clip))
            )
            path = f"clips/{slug(together[0].dataset, key=fingerprint)}/{slug(clip)}.html"
            pages[fingerprint, clip] = ClipPage(clip, together[0].dataset, path, places)
    return pages


def clip_lines(table: BoardTable, pages: Iterable[ClipPage]) -> list[tuple[ClipPage, ClipTable]]:
    """The clips of a table that have a page, hardest first: by the PSNR of the GIF, or of the best where that lacks."""
    lines = [(page, found) for page in pages for place in page.places for found in place.tables if found.table is table]

    def ease(line: tuple[ClipPage, ClipTable]) -> tuple[float, str]:
        page, found = line
        return found.rows[0].score.psnr if found.gif is None else found.gif, page.clip_id

    return sorted(lines, key=ease)


def _tables(board: Board, clip: str) -> tuple[ClipTable, ...]:
    made = []
    for table in board.tables:
        gif = table.gif.clip_scores[clip].psnr if table.gif and clip in table.gif.clip_scores else None
        rows = [
            ClipScoreRow(run, score, None if gif is None or run.is_gif else score.psnr - gif)
            for run in table.runs
            if (score := run.clip_scores.get(clip))
        ]
        if rows:
            made.append(ClipTable(table, tuple(sorted(rows, key=lambda row: -row.score.psnr)), gif))
    return tuple(made)


def together_on(examples: Sequence[Example]) -> Pictures:
    """One set of pictures for a clip: the GIF, each method that is shown on it, the truth, and all errors.

    Methods come in the order of `examples`, of which there is one at least.
    """
    lanes: dict[tuple[str, ...], Lane] = {}
    for example in examples:
        lanes |= {lane.film: lane for lane in example.pictures.lanes}
    order = ("gif", "restored", "truth", "error")
    kept = sorted(lanes.values(), key=lambda lane: (order.index(lane.kind), lane.label != "Error of the GIF"))
    return replace(examples[0].pictures, lanes=tuple(kept))
