"""The jinja2 environment of every page that gifbench writes, and what its filters say."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable
from functools import cache
from importlib import metadata, resources

import jinja2
from markupsafe import Markup, escape

from gifbench.benchmark_tasks import known_task
from gifbench.evaluation.scoring_protocols import PROTOCOLS
from gifbench.gif_maker_registry import load_maker
from gifbench.leaderboard.boards_of_comparable_runs import Board, BoardTable
from gifbench.leaderboard.filmstrips_and_magnified_detail import ERROR_TOP
from gifbench.leaderboard.installed_papers import reported_by, reported_note
from gifbench.leaderboard.safe_names import SHOWN_CHARACTERS, visible
from gifbench.progress import count_text
from gifbench.results.dataframe import speed_text

_PROTOCOLS = {
    "standard": "gifbench’s own, for new work: frames are rounded to 8 bits and held against the lossless truth; SSIM "
    "as Wang et al. 2004 define it, with a gaussian window.",
    "gif2video": "As the code of 2019 measures, to stand beside the paper: unrounded frames, SSIM with a uniform "
    "window on [−1, 1]. Its SSIM differs from the other protocol’s by up to 0.03 on the same pictures.",
}

_KINDS = {"learned": "learned", "fixed": "nothing learned", "outside": "program or submission"}


def render(template: str, *, scripts: tuple[str, ...], **values: object) -> str:
    """A page from a template of the package, with the style and the scripts (file names) inside it."""
    codes = list(map(_source, scripts))
    hashes = [base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in codes]
    page = _environment().get_template(template)
    return page.render(
        style=Markup(_source("site.css")),  # noqa: S704  # ours, from the package, as are the scripts
        scripts=list(map(Markup, codes)),
        script_hashes=" ".join(f"'sha256-{each}'" for each in hashes) or "'none'",
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
        signed=lambda value, digits=2: "–" if value is None else f"{value:+.{digits}f}".replace("-", "−"),
        percent=lambda value: f"{100 * value:.0f}",
        number=lambda value: f"{value:,}",
        speed=speed_text,
        count=count_text,
        kind=lambda kind: _KINDS.get(kind, kind),
        name=_name,
        short=lambda text, limit=SHOWN_CHARACTERS: visible(text, limit=limit),
        scale=_scale,
        about_task=_about_task,
        about_protocol=_about_protocol,
        about_reported=lambda board: reported_note(board.dataset, board.task),
        reported_by=lambda board: reported_by(board.dataset, board.task),
    )
    environment.globals["error_top"] = ERROR_TOP
    return environment


def _name(text: str) -> Markup:
    """A method's name, which may break before an option where a column is narrow."""
    return Markup(escape(visible(text, limit=SHOWN_CHARACTERS)).replace(":", Markup(":<wbr>")))  # noqa: S704


def _digits(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−") if math.isfinite(value) else "∞" if value > 0 else "–"


def _scale(table: BoardTable) -> Callable[[float], str | None]:
    """Where a PSNR stands between the lowest and the highest of the ranked runs, in per cent; None for one outside."""
    values = [value for row in table.ranked for value in (row.run.psnr.mean, *(row.paired or ()))]
    low, high = min(values, default=0.0), max(values, default=1.0)

    def place(value: float) -> str | None:
        if not low <= value <= high:
            return None
        return f"{100 * (value - low) / (high - low) if high > low else 50:.1f}"

    return place


def _about_task(board: Board) -> str:
    task = known_task(board.task)
    if task is None:
        return "A task that this version of gifbench, and what is installed beside it, does not know."
    variant = "GIFs dithered by Floyd-Steinberg" if task.dithered else "Plain GIFs, without dithering"
    if task.maker is not None:
        versions = f" ({visible(board.maker, limit=200)})" if board.maker else ""
        variant = f"GIFs as people make them, by {visible(load_maker(task.maker).maker.summary, limit=200)}{versions}"
    if task.every == 1:
        return f"{variant}, with every frame of the video: the colors are to be given back."
    nth = {2: "second", 4: "fourth", 8: "eighth"}.get(task.every, f"{task.every}th")
    return (
        f"{variant}, that keep every {nth} frame of the video: the colors and the frames between are to be given back."
    )


def _about_protocol(name: str) -> str:
    name = name.partition(" (")[0]
    if name in _PROTOCOLS:
        return _PROTOCOLS[name]
    if name in PROTOCOLS:
        return f"PSNR: {PROTOCOLS[name].psnr_text}. SSIM: {PROTOCOLS[name].ssim_text}."
    return "A protocol that this version of gifbench does not know."
