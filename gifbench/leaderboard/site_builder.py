"""A site from results: the pages, the clips' pictures, and the same tables as Markdown and CSV, put in place whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from gifbench.benchmark_tasks import known_task
from gifbench.dataset import Dataset
from gifbench.devices import check_device
from gifbench.errors import GifbenchError, ResultsError, storage_errors
from gifbench.gif_maker_registry import load_maker
from gifbench.gifbench_version import code_record
from gifbench.leaderboard.atomic_publish import made_of, published
from gifbench.leaderboard.boards_of_comparable_runs import Board, boards
from gifbench.leaderboard.clip_pages import clip_pages
from gifbench.leaderboard.example_pictures import Excerpts, Restore, Shown, restore_with, show
from gifbench.leaderboard.html_pages import HtmlPages
from gifbench.leaderboard.latex_tables import latex_table
from gifbench.leaderboard.markdown_csv_tables import csv_table, markdown, markdown_table
from gifbench.leaderboard.runs_from_results import Run, made_by, run_of
from gifbench.leaderboard.safe_names import visible
from gifbench.methods.registry import LoadedMethod, load_recorded_method
from gifbench.progress import Progress, ProgressCallback, silent
from gifbench.results.io import told_to
from gifbench.results.schema import Result
from gifbench.storage import file_sha256


def build_site(
    results: Sequence[Result],
    out: Path,
    *,
    dataset_for: Mapping[str, Dataset] | None = None,
    methods: Sequence[LoadedMethod] = (),
    clips_per_method: int = 3,
    overwrite: bool = False,
    date: str | None = None,
    device: str = "auto",
    progress: ProgressCallback = silent,
    on_error: Callable[[ResultsError], None] | None = None,
) -> Path:
    """Write a leaderboard page of `results` to the folder `out`, and give the path of its `index.html`.

    A static site that needs no server and no network: `index.html` says what leads where; below `boards/` is a page a
    dataset, split, task and protocol, below `methods/` one a method, below `clips/` one a clip (of a dataset with more
    than 250 only the clips that are shown). The tables are there as Markdown, CSV and LaTeX too. The same results give
    the same bytes.

    `dataset_for` holds datasets by fingerprint. Of results on one of these, `clips_per_method` clips a method and task
    are restored anew, on `device` (`auto`, `cpu`, `cuda`), and shown beside the GIF, the truth and the error, and so
    is one that all methods of a table share; without it the pages have tables only. The method of a result is the one
    of `methods`, loaded ones, that has its name, else the installed one. A method that cannot be loaded, or fails on a
    clip, is said on its page.

    A site at `out` that was made of the very same results, datasets and code is left as it is, and `progress` told so.
    `overwrite` replaces any site that stands there; a folder that holds anything else is never replaced. `date` is a
    text for the foot of the pages, such as "2025-01-31". `progress` is called with a message before each step that
    takes time. A result that cannot be shown raises; with `on_error` that is called with the error instead, and the
    others are shown.

    Raises
    ------
    AlreadyExists
        `out` is there, and is not an empty folder, this very site or, with `overwrite`, any site made here.
    ResultsError
        There are no results, or one has no PSNR or SSIM, no scores of clips, or two of one clip.
    UsageError
        `device` is no device.

    """
    check_device(device)
    runs = []
    for result in results:
        with told_to(on_error):
            runs.append(run_of(result))
    if not runs:
        raise ResultsError("no results to show: gifbench evaluate METHOD --data DATASET --out results/ writes some")

    datasets = dataset_for or {}
    inputs = _inputs(runs, datasets, methods, f"{clips_per_method} {device}")
    index = Path(out) / "index.html"
    if not overwrite and made_of(Path(out), inputs):
        progress(Progress(message=f"{out}: reused, the page shows these very results", reused=True))
        return index

    given = {method.name: method for method in methods}

    def restore_for(run: Run) -> Restore:
        # The file may be a stranger's: what is loaded by its name is installed, never a file, a path or a URL.
        return restore_with(given.get(run.method) or load_recorded_method(run.method), device=device)

    made = boards(runs)
    shown_methods = _methods(made)
    with published(Path(out), overwrite=overwrite, inputs=inputs) as site:
        shown: dict[tuple[str, str], Shown] = {}
        if clips_per_method > 0:
            excerpts = {fingerprint: Excerpts(dataset) for fingerprint, dataset in datasets.items()}
            for run in shown_methods:
                shown |= _show_method(
                    run, made, excerpts, restore_for, site=site, count=clips_per_method, progress=progress
                )
        progress(Progress(message="writing the pages"))
        with storage_errors(out):
            for path, text in _pages(made, shown_methods, shown, date=date):
                (site / path).parent.mkdir(parents=True, exist_ok=True)
                (site / path).write_bytes(text.encode("utf-8", "replace"))
    return index


def _inputs(runs: Sequence[Run], datasets: Mapping[str, Dataset], methods: Sequence[LoadedMethod], options: str) -> str:
    """A hash of all that a site depends on, but for the date at its foot and the order of the results."""
    code = sorted(Path(__file__).parent.rglob("*"))
    parts = [
        version("gifbench"),
        code_record().sha256,
        *(file_sha256(file) for file in code if file.suffix in (".py", ".html", ".css", ".js")),
        *sorted(f"{run.result.model_dump_json()}\n{sorted(run.clip_scores.items())}" for run in runs),
        *sorted(datasets),
        *sorted(f"{method.name} {method.code_sha256} {method.weights_sha256}" for method in methods),
        options,
    ]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _pages(
    made: Sequence[Board], methods: Sequence[Run], shown: Mapping[tuple[str, str], Shown], *, date: str | None
) -> Iterator[tuple[str, str]]:
    """Every text of a site, with its path below it."""
    pages = HtmlPages(made, shown, clip_pages(made, shown), date)
    latex = []
    yield "index.html", pages.index()
    for board in made:
        for table in board.tables:
            latex.append(latex_table(board, table, date=date))
            yield f"boards/{table.slug}.html", pages.board(board, table)
            yield f"boards/{table.slug}.md", markdown_table(board, table)
            yield f"boards/{table.slug}.tex", latex[-1]
    for run in methods:
        yield f"methods/{run.method_slug}.html", pages.method(run)
    for clip in pages.clips.values():
        yield clip.path, pages.clip(clip)
    yield "leaderboard.md", markdown(made, date=date)
    yield "leaderboard.csv", csv_table(made)
    yield "leaderboard.tex", "\n".join(latex)


def _can_be_made(board: Board) -> bool:
    """Whether the GIFs of a board are the dataset's own, or of a maker that makes the very same here."""
    asked = known_task(board.task)
    if asked is None or asked.maker is None:
        return asked is not None
    try:
        facts = load_maker(asked.maker).facts
    except GifbenchError:
        return False
    return board.maker == made_by(facts["version"], facts["signature"])


def _methods(made: Sequence[Board]) -> list[Run]:
    """One run of each method, in the order of the first board that has it; the GIF itself comes last.

    The first that is shown on a clip decides which detail is enlarged: where it differs from the GIF.
    """
    found: dict[str, Run] = {}
    for run in (run for board in made for table in board.tables for run in table.runs):
        found.setdefault(run.method_key, run)
    return sorted(found.values(), key=lambda run: run.is_gif)


def _show_method(
    method: Run,
    made: Sequence[Board],
    excerpts: Mapping[str, Excerpts],
    restore_for: Callable[[Run], Restore],
    *,
    site: Path,
    count: int,
    progress: ProgressCallback,
) -> dict[tuple[str, str], Shown]:
    """The clips of one method on every board whose dataset is at hand; one method is in memory at a time."""
    mine = []
    for board in made:
        # Its run on the first of the board's tables that has one: `standard` where it was scored.
        runs = (run for table in board.tables for run in table.runs if run.method_key == method.method_key)
        if board.fingerprint in excerpts and _can_be_made(board) and (first := next(runs, None)):
            mine.append((board, first))
    if not mine:
        return {}
    try:
        restore = restore_for(method)
    except GifbenchError as error:
        trouble = visible(f"No clips: the method could not be loaded here ({error}).")
        return {(board.slug, method.method_slug): Shown((), trouble) for board, _ in mine}
    shown = {}
    for board, run in mine:
        where = f"{visible(run.method, limit=60)}, {board.dataset}, {board.task}"
        progress(Progress(message=f"restoring clips for the page: {where}"))
        source = excerpts[board.fingerprint]
        shown[board.slug, method.method_slug] = show(
            board, run, excerpts=source, restore=restore, site=site, count=count
        )
    return shown
