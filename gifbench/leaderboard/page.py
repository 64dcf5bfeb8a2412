"""From boards to HTML: the pages of a site, each one file.

Everything that comes from a results file is escaped by jinja2, and cut to a length that a page can bear. A page's style
and scripts stand in it, and a content security policy lets nothing else run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gifbench.leaderboard.board import Board, Row, Run, Table
from gifbench.leaderboard.clip_examples import Example, Shown
from gifbench.leaderboard.clip_pages import ClipPage, Key, clip_lines
from gifbench.leaderboard.plots import plots
from gifbench.leaderboard.render import render
from gifbench.leaderboard.sanitize import visible

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
    """What the first page says of a table: the first runs of its first group, how many more it has, and runs in all."""

    table: Table
    first: tuple[Row, ...]
    more: int
    runs: int


def index_page(boards: Sequence[Board], *, shown: ShownOn, date: str | None) -> str:
    """The first page: what leads where, and one clip of the first board that has any."""
    example = next((found for board in boards if (found := featured(board, shown))), None)
    of = next((board for board in boards if example and featured(board, shown) is example), None)
    return render(
        "index.html",
        scripts=(TABLES, PLAYER),
        date=date,
        sets=board_sets(boards),
        leaders={board.slug: [_leader(table) for table in board.tables] for board in boards},
        example=example,
        example_board=of,
    )


def board_page(
    board: Board,
    table: Table,
    boards: Sequence[Board],
    *,
    shown: ShownOn,
    clips: Mapping[Key, ClipPage],
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
        example=featured(board, shown),
        clips=clips,
    )


def method_page(
    run: Run, boards: Sequence[Board], *, shown: ShownOn, clips: Mapping[Key, ClipPage], date: str | None
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


def featured(board: Board, shown: ShownOn) -> Example | None:
    """The median clip of the best method that has any to show; the GIF itself only where there is no other."""
    for run in sorted(board.tables[0].runs, key=lambda run: run.is_gif):
        if (found := shown.get((board.slug, run.method_slug))) and found.examples:
            chosen = [example for example in found.examples if example.choice.place != "shared"]
            return (chosen or found.examples)[(len(chosen or found.examples) - 1) // 2]
    return None


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


def _leader(table: Table) -> Leader:
    ranked = [row for row in table.rows if row.run is not None and row.rank is not None]
    first = tuple(row for row in ranked if row.standing is None or row.standing.group == 1)
    return Leader(table, first[:4], max(0, len(first) - 4), len(table.runs))
