"""`gifbench fetch` and `retry`: sources into the store, and what failed once more."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_type_hints

import typer

from gifbench.cli.build import Cluster, RecipeFile, TrustManifest, Workers, say_built
from gifbench.cli.exit_codes_and_error_messages import SOME_FAILED
from gifbench.cli.missing_parameters import one_of
from gifbench.cli.progress_bar import progress_bar
from gifbench.cli.shared_options import DatasetPlace, Json
from gifbench.cli.terminal_text import say, say_json
from gifbench.download.source_interface import MAX_SIZE, FetchLimits
from gifbench.entry_points import SOURCES, entry_names, source_kind
from gifbench.errors import GifbenchError, UsageError

if TYPE_CHECKING:
    from gifbench.download import Source
    from gifbench.manifest import ManifestRow

_SOURCE_OPTIONS: dict[str, dict[str, str]] = {}
"""The options that each installed kind of source adds to `fetch`: their names, by kind and field of its `options`."""


def _with_source_options(function: Callable[..., None]) -> Callable[..., None]:
    """The same function, whose `**options` are spelled out in its signature, as typer wants them.

    An option whose name is taken, by the command or by another kind, gets the kind's name before its own.
    """
    signature = inspect.signature(function, eval_str=True)
    listed = {name: one for name, one in signature.parameters.items() if one.kind is not one.VAR_KEYWORD}
    for name in entry_names(SOURCES):
        try:
            kind = source_kind(name)
        except GifbenchError:  # what is wrong with it is said when a row needs it
            continue
        hints = get_type_hints(kind.options, include_extras=True)
        for field in fields(kind.options):
            option = field.name if field.name not in listed else f"{name.replace('-', '_')}_{field.name}"
            _SOURCE_OPTIONS.setdefault(name, {})[field.name] = option
            listed[option] = inspect.Parameter(
                option, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
            )
    keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in listed.values()]
    function.__signature__ = signature.replace(parameters=keywords)  # type: ignore[attr-defined]
    return function


def _open_sources(
    rows: Sequence[ManifestRow], given: Mapping[str, object], limits: FetchLimits
) -> tuple[dict[str, Source], dict[str, int]]:
    """The source of each kind that `rows` need, and the most fetches an hour by group; `given` are the options.

    Raises what a kind raises, a `UsageError` where nothing was said of where its videos are.
    """
    sources: dict[str, Source] = {}
    per_hour: dict[str, int] = {}
    for name in dict.fromkeys(row.source for row in rows if row.source != "file"):
        kind = source_kind(name)
        names = _SOURCE_OPTIONS.get(name, {})
        options = kind.options(**{field: given[option] for field, option in names.items()})
        sources[name] = kind.open([row for row in rows if row.source == name], options, limits)
        per_hour |= kind.per_hour(options)
    return sources, per_hour


@_with_source_options
def fetch(
    listed: Annotated[
        Path | None,
        typer.Argument(
            metavar="LIST",
            show_default=False,
            help="The table of clips (.parquet, .csv, .jsonl), the name of an official list, or a text file with a URL "
            "a line. A table may lack clip_id and split.",
        ),
    ] = None,
    manifest: Annotated[Path | None, typer.Option(help="The same as LIST.", show_default=False)] = None,
    store: Annotated[
        str, typer.Option(help="Where the sources go: a folder or an fsspec URL, made if not there.")
    ] = "store",
    limit: Annotated[int | None, typer.Option(min=1, help="Only what the first N rows need.")] = None,
    retry: Annotated[
        str,
        typer.Option(
            metavar="CODE,…", help="Also try again what failed for these permanent reasons, as in unavailable."
        ),
    ] = "",
    parallel: Annotated[
        int, typer.Option("--workers", min=1, help="Servers that are fetched from at once; from each, one at a time.")
    ] = 8,
    attempts: Annotated[int, typer.Option(min=1, help="Tries of one source in this run.")] = 4,
    pause: Annotated[
        float, typer.Option(min=0, help="Seconds that a service rests after a rate limit; doubled each time.")
    ] = 300.0,
    brake: Annotated[
        int,
        typer.Option(
            min=0,
            help="Stop asking a service when most of this many sources in a row got the same permanent answer, and one "
            "that was there before is not; 0: never.",
        ),
    ] = 20,
    max_size: Annotated[int, typer.Option(min=1, help="The largest video to fetch, in bytes.")] = MAX_SIZE,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that a server may be silent.")] = 30.0,
    allow_failed: Annotated[
        bool, typer.Option("--allow-failed", help="Exit with 0, not 3, if some sources failed.")
    ] = False,
    trust_manifest: TrustManifest = False,
    as_json: Json = False,
    **options: object,
) -> None:
    """Fetch the sources of a manifest into a store, each once. Run it again to go on."""
    from gifbench.dataset.failure_reasons import REASONS
    from gifbench.download.fetch_queue_and_pauses import fetch_sources
    from gifbench.download.retry_wait_times import RetryPolicy
    from gifbench.download.store import Store
    from gifbench.manifest.locator_check import check_locators
    from gifbench.manifest.url_list import read_source_list

    if (listed is None) == (manifest is None):
        raise UsageError("say what to fetch, once: gifbench fetch LIST, a table of clips or a file with a URL a line")
    manifest = listed or manifest or Path()
    rows = read_source_list(manifest)[:limit]
    check_locators(rows, name=str(manifest), trusted=trust_manifest)
    limits = FetchLimits(trusted=trust_manifest, timeout=timeout, max_size=max_size)
    sources, per_hour = _open_sources(rows, options, limits)
    again = _reasons(retry)
    with progress_bar("Fetching") as step:
        policy = RetryPolicy(parallel=parallel, attempts=attempts, pause=pause, per_hour=per_hour, brake=brake)
        done = fetch_sources(rows, Store(store), sources, policy=policy, retry=again, progress=step)
    if as_json:
        say_json({"wanted": done.wanted, "stored": done.stored, "failed": done.failed, "untried": done.untried})
    else:
        say(f"{store}: {done.stored} of {done.wanted} sources are here")
        for reason, count in sorted(done.failed.items()):
            say(f"{count} failed, {reason}: {REASONS[reason]}")
        if done.untried:
            why = "their server asked for too many pauses, or cannot be reached; run the same command another day"
            say(f"{done.untried} not tried: {why}")
    if (done.failed or done.untried) and not allow_failed:
        raise typer.Exit(SOME_FAILED)


@one_of("source", "store")
def retry(
    dataset: DatasetPlace,
    source: Annotated[Path | None, typer.Option(help="The folder that paths of local files are relative to.")] = None,
    store: Annotated[str | None, typer.Option(help="The store that gifbench fetch filled.")] = None,
    only: Annotated[
        str, typer.Option(metavar="CODE,…", help="Only what failed for these reasons; else all that may succeed now.")
    ] = "",
    recipe: RecipeFile = None,
    workers: Workers = None,
    cluster: Cluster = None,
    trust_manifest: TrustManifest = False,
    as_json: Json = False,
) -> None:
    """Retry the clips of a dataset that failed for a reason that may have passed."""
    from gifbench.builder.build_loop import run_build
    from gifbench.builder.recipe import recorded_recipe
    from gifbench.dataset.dataset_reader import read_about
    from gifbench.dataset.failure_reasons import KINDS
    from gifbench.download.store import Store
    from gifbench.storage import Folder

    if source is None and store is None:
        raise UsageError("say where the sources are: --source FOLDER, --store FOLDER, or both")
    about = read_about(Folder(dataset))
    wanted = _reasons(only, rules=about["outcomes"]["rejected"])
    wanted = wanted or [reason for reason, kind in KINDS.items() if kind != "permanent"]
    made = recorded_recipe(about["name"], about["recipe"], file=recipe, place=dataset)
    with progress_bar(f"Retrying {made.name}") as step:
        built = run_build(
            made,
            (),
            dataset,
            sources=(source or Path()).absolute(),
            store=Store(store) if store else None,
            retry=wanted,
            workers=workers,
            cluster=cluster,
            trust="everything" if trust_manifest else "nothing",
            progress=step,
        )
    say_built(built, as_json=as_json)


def _reasons(text: str, *, rules: Iterable[str] = ()) -> list[str]:
    """The reasons in a list with commas; raises `UsageError` for one that is neither on the list nor in `rules`."""
    from gifbench.dataset.failure_reasons import REASONS, current_reason
    from gifbench.did_you_mean import known_names

    reasons = [current_reason(part.strip()) for part in text.split(",") if part.strip()]
    for reason in reasons:
        if reason not in (known := dict.fromkeys((*REASONS, *rules))):
            raise UsageError(f"there is no reason {reason!r}: {known_names(reason, known)}")
    return reasons
