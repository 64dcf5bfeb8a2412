"""From boards to HTML: the pages of a site, each one file.

Everything that comes from a results file is escaped by jinja2, and cut to a length that a page can bear. A page's style
and scripts stand in it, and a content security policy lets nothing else run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gifbench.leaderboard.boards_of_comparable_runs import Board, BoardRow, BoardTable, Run
from gifbench.leaderboard.clip_pages import ClipKey, ClipPage, clip_lines, together_on
from gifbench.leaderboard.example_pictures import Example, Pictures, Shown
from gifbench.leaderboard.example_selection import shared_clips
from gifbench.leaderboard.jinja_environment import render
from gifbench.leaderboard.plots import plots
from gifbench.leaderboard.ranking import FEWEST_CLIPS
from gifbench.leaderboard.safe_names import visible

ShownOn = Mapping[tuple[str, str], Shown]
"""What is shown, by the slugs of board and method."""

TABLES, PLAYER = "site.js", "player.js"


@dataclass(frozen=True, slots=True)
class BoardSet:
    """The boards of one dataset and split, for the page's navigation."""

    name: str
    detail: str
    boards: tuple[Board, ...]


@dataclass(frozen=True, slots=True)
class Leader:
    """What the first page says of a table: the methods in front, how many more they are, and how many runs it has.

    In front are the methods that these clips cannot tell from the best, and with too few clips for a test the best by
    its mean. The GIF itself is no method: where it leads, `beaten` is False and `first` empty.
    """

    table: BoardTable
    first: tuple[BoardRow, ...]
    more: int
    runs: int
    beaten: bool = True


@dataclass(frozen=True, slots=True)
class Headline:
    """The result in one sentence: the method that gains most over the GIF on some table, or the best without a gain."""

    board: Board
    table: BoardTable
    row: BoardRow

    @property
    def gif(self) -> float | None:
        """Mean PSNR of the GIF itself, None where the table has none on the same clips."""
        return None if self.row.gain is None else self.row.psnr.mean - self.row.gain


@dataclass(frozen=True, slots=True)
class ClipComparison:
    """One clip by the methods of a table, to be compared: the pictures, and each method's score there, best first."""

    board: Board
    table: BoardTable
    clip_id: str
    pictures: Pictures
    scores: tuple[tuple[Run, float, float], ...]


def index_page(boards: Sequence[Board], *, shown: ShownOn, clips: Mapping[ClipKey, ClipPage], date: str | None) -> str:
    """The first page: the result in one sentence, the comparison playing, and what leads where."""
    found = headline(boards)
    tables = [(board, table) for board in boards for table in board.tables]
    if found is not None:
        tables.sort(key=lambda place: place[1] is not found.table)
    return render(
        "index.html",
        scripts=(TABLES, PLAYER),
        date=date,
        sets=board_sets(boards),
        headline=found,
        leaders={board.slug: [leader(table) for table in board.tables] for board in boards},
        comparison=next((one for place in tables if (one := comparison(*place, shown))), None),
        clips=clips,
        fewest=FEWEST_CLIPS,
        few=any(table.pairs and table.pairs.found.clips < FEWEST_CLIPS for _, table in tables),
    )


def board_page(
    board: Board,
    table: BoardTable,
    boards: Sequence[Board],
    *,
    shown: ShownOn,
    clips: Mapping[ClipKey, ClipPage],
    date: str | None,
) -> str:
    """The page of one table: the table, its plots, every two methods, a clip, and the list of clips."""
    return render(
        "board.html",
        scripts=(TABLES, PLAYER),
        date=date,
        board=board,
        table=table,
        sets=board_sets(boards),
        plots=plots(table),
        lines=clip_lines(table, clips, board.fingerprint),
        comparison=comparison(board, table, shown),
        unseen=[run.label for run in table.runs if not run.is_gif and _unseen(board, run, shown)],
        clips=clips,
    )


def method_page(
    run: Run, boards: Sequence[Board], *, shown: ShownOn, clips: Mapping[ClipKey, ClipPage], date: str | None
) -> str:
    """The page of one method: what is known of it, all its scores, and its clips board by board."""
    places = [
        (board, table, row)
        for board in boards
        for table in board.tables
        for row in table.rows
        if row.run is not None and row.run.method_key == run.method_key
    ]
    found = [(board, shown[key]) for board in boards if (key := (board.slug, run.method_slug)) in shown]
    facts = [(visible(name, limit=40), visible(value)) for name, value in run.facts.items()]
    return render(
        "method.html",
        scripts=(TABLES, PLAYER),
        date=date,
        method=run,
        places=places,
        shown=found,
        facts=facts,
        clips=clips,
    )


def clip_page(page: ClipPage, *, date: str | None) -> str:
    """The page of one clip: every method that was scored on it, and the pictures of those that are shown."""
    return render("clip.html", scripts=(TABLES, PLAYER), date=date, clip=page)


def headline(boards: Sequence[Board]) -> Headline | None:
    """The largest gain over the GIF that a ranked method has on the first table of a board; else the first best one."""
    rows = [
        Headline(board, board.tables[0], row)
        for board in boards
        for row in board.tables[0].rows
        if row.run is not None and row.rank is not None and not row.run.is_gif
    ]
    gained = [found for found in rows if found.row.gain is not None]
    if gained:
        return max(gained, key=lambda found: found.row.gain or 0.0)
    return rows[0] if rows else None


def comparison(board: Board, table: BoardTable, shown: ShownOn) -> ClipComparison | None:
    """The clip on which most of a table's methods can be seen, with their scores of that table; None without any."""
    examples: dict[str, list[Example]] = {}
    for run in sorted(table.runs, key=lambda run: run.is_gif):
        for example in found.examples if (found := shown.get((board.slug, run.method_slug))) else ():
            examples.setdefault(example.choice.clip_id, []).append(example)
    shared = shared_clips(board)
    order = sorted(examples, key=lambda clip: (-len(examples[clip]), clip not in shared, clip))
    if not order or (pictures := together_on(examples[order[0]])) is None:
        return None
    keys = {example.choice.run.method_key for example in examples[order[0]]}
    scores = [(run, *run.clip_scores[order[0]]) for run in table.runs if run.method_key in keys]
    return ClipComparison(board, table, order[0], pictures, tuple(sorted(scores, key=lambda one: -one[1])))


def _unseen(board: Board, run: Run, shown: ShownOn) -> bool:
    """Whether a method has no pictures although others of the board have."""
    seen = any(place == board.slug and found.examples for (place, _), found in shown.items())
    found = shown.get((board.slug, run.method_slug))
    return seen and not (found and found.examples)


def board_sets(boards: Sequence[Board]) -> list[BoardSet]:
    """The boards by dataset and split, each set named as shortly as tells it from the others."""
    keys = sorted({(board.dataset, board.fingerprint, board.split) for board in boards})
    names = {key: [other for other in keys if other[0] == key[0]] for key in keys}
    sets = []
    for key in keys:
        dataset, fingerprint, split = key
        details = [split] if len({other[2] for other in names[key]}) > 1 or split != "test" else []
        details += [fingerprint[:8]] if len({other[1] for other in names[key]}) > 1 else []
        mine = tuple(board for board in boards if (board.dataset, board.fingerprint, board.split) == key)
        sets.append(BoardSet(dataset, visible(" ".join(details), limit=40) if details else "", mine))
    return sets


def leader(table: BoardTable) -> Leader:
    """The methods in front on a table; never the GIF itself."""
    ranked = [row for row in table.rows if row.run is not None and row.rank is not None]
    runs = len(table.runs)
    if not ranked:
        return Leader(table, (), 0, runs)
    best = ranked[0]
    if best.run is not None and best.run.is_gif:
        return Leader(table, (), 0, runs, beaten=len(ranked) < 2)
    group = best.standing.group if best.standing else None
    first = [best] if group is None else [row for row in ranked if row.standing and row.standing.group == group]
    methods = tuple(row for row in first if row.run is not None and not row.run.is_gif)
    return Leader(table, methods[:4], max(0, len(methods) - 4), runs)
