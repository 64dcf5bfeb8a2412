"""From boards to HTML: the pages of a site, each one file.

Everything that comes from a results file is escaped by jinja2, and cut to a length that a page can bear. A page's style
and scripts stand in it, and a content security policy lets nothing else run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gifbench.leaderboard.boards_of_comparable_runs import Board, BoardRow, BoardTable
from gifbench.leaderboard.clip_pages import ClipKey, ClipPage, clip_lines, together_on
from gifbench.leaderboard.example_clip_selection import shared_clips
from gifbench.leaderboard.example_pictures import Example, Pictures, Shown
from gifbench.leaderboard.jinja_environment import render
from gifbench.leaderboard.plots import plots
from gifbench.leaderboard.ranking import FEWEST_CLIPS
from gifbench.leaderboard.runs_from_results import Run
from gifbench.leaderboard.safe_names import visible

ShownOn = Mapping[tuple[str, str], Shown]
"""What is shown, by the slugs of board and method."""


@dataclass(frozen=True, slots=True)
class BoardSet:
    """The boards of one dataset and split, for the page's navigation."""

    name: str
    detail: str
    boards: tuple[Board, ...]


@dataclass(frozen=True, slots=True)
class Leader:
    """What the first page says of a table: the methods in front.

    These are the methods that these clips cannot tell from the best, and with too few clips for a test the best by
    its mean. The GIF itself is no method: where it leads, `beaten` is False and `first` empty.
    """

    table: BoardTable
    first: tuple[BoardRow, ...]
    beaten: bool = True


@dataclass(frozen=True, slots=True)
class ClipComparison:
    """One clip by the methods of a table, to be compared: the pictures, and each method's PSNR there, best first."""

    board: Board
    table: BoardTable
    clip_id: str
    pictures: Pictures
    scores: tuple[tuple[Run, float], ...]


@dataclass(frozen=True, slots=True)
class HtmlPages:
    """The pages of a site, of all its boards, what is shown of them, and its clips; `date` stands at the foot."""

    boards: Sequence[Board]
    shown: ShownOn
    clips: Mapping[ClipKey, ClipPage]
    date: str | None

    def index(self) -> str:
        """The first page: the result in one sentence, the comparison playing, and what leads where."""
        found = headline(self.boards)
        tables = [(board, table) for board in self.boards for table in board.tables]
        if found is not None:
            tables.sort(key=lambda place: place[1] is not found[0].tables[0])
        return self._render(
            "index.html",
            sets=board_sets(self.boards),
            headline=found,
            leaders={board.slug: [leader(table) for table in board.tables] for board in self.boards},
            comparison=next((one for place in tables if (one := comparison(*place, self.shown))), None),
            fewest=FEWEST_CLIPS,
            few=any(table.pairs and table.pairs.found.clips < FEWEST_CLIPS for _, table in tables),
        )

    def board(self, board: Board, table: BoardTable) -> str:
        """The page of one table: the table, its plots, every two methods, a clip, and the list of clips."""
        pictured = {method for (place, method), found in self.shown.items() if place == board.slug and found.examples}
        unseen = [run.label for run in table.runs if not run.is_gif and run.method_slug not in pictured]
        return self._render(
            "board.html",
            board=board,
            table=table,
            sets=board_sets(self.boards),
            plots=plots(table),
            lines=clip_lines(table, self.clips.values()),
            comparison=comparison(board, table, self.shown),
            unseen=unseen if pictured else [],
        )

    def method(self, run: Run) -> str:
        """The page of one method: what is known of it, all its scores, and its clips board by board."""
        tables = [(board, table) for board in self.boards for table in board.tables]
        keys = [(board, (board.slug, run.method_slug)) for board in self.boards]
        return self._render(
            "method.html",
            method=run,
            places=[(*place, row) for place in tables for row in place[1].rows if row.run.method_key == run.method_key],
            shown=[(board, self.shown[key]) for board, key in keys if key in self.shown],
            facts=[(visible(name, limit=40), visible(value)) for name, value in run.facts.items()],
        )

    def clip(self, page: ClipPage) -> str:
        """The page of one clip: every method that was scored on it, and the pictures of those that are shown."""
        return self._render("clip.html", clip=page)

    def _render(self, template: str, **values: object) -> str:
        return render(template, scripts=("site.js", "player.js"), date=self.date, clips=self.clips, **values)


def headline(boards: Sequence[Board]) -> tuple[Board, BoardRow] | None:
    """The result in one sentence: the ranked method that gains most over the GIF on the first table of a board.

    Where none has a gain it is the best method of the first of these tables that has one.
    """
    rows = [(board, row) for board in boards for row in board.tables[0].ranked if not row.run.is_gif]
    gains = [row.gain for _, row in rows if row.gain is not None]
    return next((place for place in rows if not gains or place[1].gain == max(gains)), None)


def comparison(board: Board, table: BoardTable, shown: ShownOn) -> ClipComparison | None:
    """The clip on which most of a table's methods can be seen, with their scores of that table; None without any."""
    examples: dict[str, list[Example]] = {}
    for run in sorted(table.runs, key=lambda run: run.is_gif):
        for example in found.examples if (found := shown.get((board.slug, run.method_slug))) else ():
            examples.setdefault(example.choice.clip_id, []).append(example)
    if not examples:
        return None
    shared = shared_clips(board)
    clip = min(examples, key=lambda clip: (-len(examples[clip]), clip not in shared, clip))
    keys = {example.choice.run.method_key for example in examples[clip]}
    scores = [(run, run.clip_scores[clip].psnr) for run in table.runs if run.method_key in keys]
    return ClipComparison(
        board, table, clip, together_on(examples[clip]), tuple(sorted(scores, key=lambda one: -one[1]))
    )


def board_sets(boards: Sequence[Board]) -> list[BoardSet]:
    """The boards by dataset and split, each set named as shortly as tells it from the others."""
    keys = sorted({(board.dataset, board.fingerprint, board.split) for board in boards})
    sets = []
    for key in keys:
        dataset, fingerprint, split = key
        same_name = [other for other in keys if other[0] == dataset]
        details = [split] if len({other[2] for other in same_name}) > 1 or split != "test" else []
        details += [fingerprint[:8]] if len({other[1] for other in same_name}) > 1 else []
        mine = [board for board in boards if (board.dataset, board.fingerprint, board.split) == key]
        sets.append(BoardSet(dataset, visible(" ".join(details), limit=40) if details else "", tuple(mine)))
    return sets


def leader(table: BoardTable) -> Leader:
    """The methods in front on a table; never the GIF itself."""
    ranked = table.ranked
    if not ranked or ranked[0].run.is_gif:
        return Leader(table, (), beaten=len(ranked) < 2)
    group = ranked[0].standing.group if ranked[0].standing else None
    first = ranked[:1] if group is None else [row for row in ranked if row.standing and row.standing.group == group]
    return Leader(table, tuple(row for row in first if not row.run.is_gif))
