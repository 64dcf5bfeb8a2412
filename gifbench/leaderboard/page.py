"""From boards to HTML: the jinja2 environment, what its filters say, and the pages of a site.

Everything that comes from a results file is escaped by jinja2, and cut to a length that a page can bear. Each page is
one file: its style and its script stand in it, and a content security policy lets nothing else run.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources

import jinja2
from markupsafe import Markup

from gifbench.leaderboard.board import Board, Row, Run, Table
from gifbench.leaderboard.examples import GIF_METHOD, Example, Shown
from gifbench.leaderboard.names import SHOWN_CHARACTERS, visible
from gifbench.leaderboard.paper import NOTES
from gifbench.score.protocol import PROTOCOLS
from gifbench.score.tasks import TASKS

_VARIANTS = {False: "Plain GIFs, without dithering", True: "GIFs dithered by Floyd-Steinberg"}

_PROTOCOLS = {
    "standard": "gifbench’s own, for new work: frames are rounded to 8 bits and held against the lossless truth; SSIM "
    "as Wang et al. 2004 define it, with a gaussian window.",
    "gif2video": "As the code of 2019 measures, to stand beside the paper: unrounded frames, SSIM with a uniform "
    "window on [−1, 1]. Its SSIM differs from the other protocol’s by up to 0.03 on the same pictures.",
}


@dataclass(frozen=True, slots=True)
class BoardSet:
    """The boards of one dataset and split, for the page's navigation."""

    name: str
    detail: str
    boards: tuple[Board, ...]


def index_page(boards: Sequence[Board], *, shown: Mapping[tuple[str, str], Shown], date: str | None) -> str:
    """The first page: every table, each board with one clip of its best method (`shown` by board and method slug)."""
    return _render(
        "index.html",
        date=date,
        boards=boards,
        sets=_sets(boards),
        featured={board.slug: example for board in boards if (example := _featured(board, shown))},
    )


def method_page(run: Run, boards: Sequence[Board], *, shown: Mapping[tuple[str, str], Shown], date: str | None) -> str:
    """The page of one method: what is known of it, all its scores, and its clips board by board."""
    places = [
        (board, table, row)
        for board in boards
        for table in board.tables
        for row in table.rows
        if row.run is not None and row.run.method_key == run.method_key
    ]
    clips = [(board, shown[key]) for board in boards if (key := (board.slug, run.method_slug)) in shown]
    facts = [(visible(name, limit=40), visible(value)) for name, value in run.facts.items()]
    return _render("method.html", date=date, method=run, places=places, clips=clips, facts=facts)


def _sets(boards: Sequence[Board]) -> list[BoardSet]:
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


def _featured(board: Board, shown: Mapping[tuple[str, str], Shown]) -> Example | None:
    """The median clip of the best method that has any to show; the GIF itself only where there is no other."""
    rows = [row for table in board.tables[:1] for row in table.rows if row.run is not None]
    for row in sorted(rows, key=lambda row: row.run is not None and row.run.method == GIF_METHOD):
        if row.run is not None and (found := shown.get((board.slug, row.run.method_slug))) and found.examples:
            return found.examples[(len(found.examples) - 1) // 2]
    return None


def _render(template: str, **values: object) -> str:
    environment = _environment()
    style, script = _source("site.css"), _source("site.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(
        style=Markup(style),  # noqa: S704  (ours, from the package)
        script=Markup(script),  # noqa: S704
        script_hash=f"sha256-{digest}",
        version=metadata.version("gifbench"),
        **values,
    )


@cache
def _source(name: str) -> str:
    return (resources.files("gifbench.leaderboard") / "templates" / name).read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        digits=_digits,
        number=lambda value: f"{value:,}",
        speed=_speed,
        short=lambda text, limit=SHOWN_CHARACTERS: visible(text, limit=limit),
        scale=_scale,
        about_task=_about_task,
        about_protocol=_about_protocol,
        about_reported=lambda board: NOTES.get((board.dataset, board.task), ""),
    )
    return environment


def _digits(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "∞" if value > 0 else "–"


def _speed(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _scale(table: Table) -> Callable[[float], str]:
    """Where a PSNR stands between the lowest and the highest that the table draws, in per cent."""
    values = [value for row in table.rows for value in _drawn(row)]
    low, high = min(values, default=0.0), max(values, default=1.0)

    def place(value: float) -> str:
        share = (value - low) / (high - low) if high > low else 0.5
        return f"{100 * share:.1f}"

    return place


def _drawn(row: Row) -> Iterator[float]:
    yield row.psnr.mean
    if row.psnr.low is not None and row.psnr.high is not None:
        yield row.psnr.low
        yield row.psnr.high


def _about_task(board: Board) -> str:
    if board.task not in TASKS:
        return "A task that this version of gifbench does not know."
    task = TASKS[board.task]
    if task.every == 1:
        return f"{_VARIANTS[task.dithered]}, with every frame of the video: the colours are to be given back."
    nth = {2: "second", 4: "fourth", 8: "eighth"}.get(task.every, f"{task.every}th")
    return (
        f"{_VARIANTS[task.dithered]}, that keep every {nth} frame of the video: the colours and the frames between are "
        "to be given back."
    )


def _about_protocol(name: str) -> str:
    if name in _PROTOCOLS:
        return _PROTOCOLS[name]
    if name in PROTOCOLS:
        return f"PSNR: {PROTOCOLS[name].psnr_text}. SSIM: {PROTOCOLS[name].ssim_text}."
    return "A protocol that this version of gifbench does not know."
