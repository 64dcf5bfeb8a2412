"""`gifbench evaluate`, and the lists of `gifbench tasks` and `metrics`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gifbench.cli.build import Cluster
from gifbench.cli.missing_parameters import one_of
from gifbench.cli.progress_bar import progress_bar
from gifbench.cli.results import say_results
from gifbench.cli.shared_options import Json, Split
from gifbench.cli.terminal_text import note, say, say_json, table
from gifbench.errors import UsageError
from gifbench.progress import Progress, ProgressCallback

ExistingResults = Annotated[
    str,
    typer.Option(
        "--existing",
        metavar="keep|error|overwrite",
        help="Results that exist: keep those of the very same run and score the others, refuse, or score all again.",
    ),
]


Metrics = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME,NAME",
        help="Measured beside PSNR and SSIM, as gifbench metrics lists them; may be given more than once.",
    ),
]


MetricFile = Annotated[
    list[str] | None, typer.Option(metavar="FILE.py:CLASS", help="A metric in a Python file of your own.")
]


def tasks(as_json: Json = False) -> None:
    """List the tasks: which GIF a method is given, and how many of the video's frames it holds."""
    from gifbench.benchmark_tasks import STEPS, TASKS
    from gifbench.gif_maker_registry import list_makers

    makers = list_makers()
    if as_json:
        own = [{**asdict(task), "problem": None} for task in TASKS.values()]
        of_makers = [
            {
                "name": f"{each.name}-{every}",
                "dithered": each.dithered,
                "every": every,
                "maker": {"name": each.name, "version": each.version, "summary": each.summary},
                "problem": each.problem,
            }
            for each in makers
            for every in STEPS
        ]
        say_json(own + of_makers)
        return
    for task in TASKS.values():
        kept = "every frame" if task.every == 1 else f"frames 0, {task.every}, {2 * task.every}, …"
        dithered = "Floyd-Steinberg dithered" if task.dithered else "plain"
        say(f"{task.name:<12} {dithered} GIF of {kept}")
    say("\nGIFs as people make them, for MAKER-1, MAKER-2, MAKER-4, MAKER-8 (all does not include them):")
    rows = [(each.name, each.summary, each.version if each.problem is None else "not here") for each in makers]
    say(table(rows, header=("maker", "GIFs", "version")))
    for each in makers:
        if each.problem is not None:
            note(each.problem)


def metrics(as_json: Json = False) -> None:
    """List the metrics that evaluate --metrics NAME adds to PSNR and SSIM, with their exact definitions."""
    from gifbench.metrics.registry import list_metrics

    listed = list_metrics()
    if as_json:
        about = [
            {
                "name": each.name,
                "origin": each.origin,
                "better": each.described.better,
                "unit": each.described.unit,
                "spec": each.described.spec,
                "problem": each.problem,
            }
            for each in listed
        ]
        say_json(about)
        return
    rows = [(each.name, each.described.better, each.described.unit, each.described.spec) for each in listed]
    say(table(rows, header=("metric", "better", "unit", "definition")))
    for each in listed:
        if each.problem:
            note(f"{each.name}: {each.problem}")


def chosen_metrics(names: list[str] | None, files: list[str] | None) -> list[str]:
    """The metrics of --metrics and --metric-file; one with options stands alone, because these have commas too."""
    texts = [text for given in names or [] for text in ([given] if ":" in given else given.split(","))]
    return [text.strip() for text in texts if text.strip()] + list(files or [])


@one_of("method", "method_command", "method_file")
def evaluate(
    data: Annotated[str, typer.Option(help="The dataset: a folder or an fsspec URL.")],
    method: Annotated[
        list[str] | None,
        typer.Argument(
            help="Methods: gif gaussian:sigma=0.7 mine.py:Mine runs/1 net.safetensors, LABEL= before any to name it."
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            help="Tasks, as gifbench tasks lists them, with commas or given more than once; all, plain, dithered, or a "
            "maker (ffmpeg-256-bayer) for its four. plain-1 and dithered-1 if not given."
        ),
    ] = None,
    method_file: Annotated[list[str] | None, typer.Option(hidden=True)] = None,
    method_command: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COMMAND", help='A program: "./my_program {gif} {out}", or "NAME=./my_program {gif} {out}".'
        ),
    ] = None,
    metrics: Metrics = None,
    metric_file: MetricFile = None,
    time_limit: Annotated[
        float | None,
        typer.Option(help="Seconds for one GIF; a method that takes longer is ended. Programs have 600 if not given."),
    ] = None,
    split: Split = "test",
    protocol: Annotated[list[str] | None, typer.Option(help="standard, gif2video or both; both if not given.")] = None,
    device: Annotated[
        str,
        typer.Option(
            help="auto, cpu, or accelerators: cuda, mps, xpu, or several as cuda:0,cuda:1; for methods that use torch."
        ),
    ] = "auto",
    metrics_device: Annotated[
        str, typer.Option(help="What frames are measured on: cpu, torch (on the CPU), or an accelerator such as cuda.")
    ] = "cpu",
    score_on: Annotated[str | None, typer.Option(hidden=True)] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the clips.")] = 1,
    cluster: Cluster = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N clips; the result says so.")] = None,
    seed: Annotated[int, typer.Option(help="The seed of each clip's random numbers.")] = 0,
    cache: Annotated[Path | None, typer.Option(help="A folder that keeps restored frames for other metrics.")] = None,
    out: Annotated[Path, typer.Option(help="The folder for results.")] = Path("results"),
    existing: ExistingResults = "keep",
    overwrite: Annotated[bool, typer.Option("--overwrite", hidden=True)] = False,
    missing_only: Annotated[bool, typer.Option("--missing-only", hidden=True)] = False,
    as_json: Json = False,
) -> None:
    """Score methods on a dataset: PSNR, SSIM and chosen metrics, averaged over frames, then over clips.

    Results of the very same run are reused. Interrupt it whenever you like: the same command goes on with the clips
    that are left.
    """
    from gifbench.benchmark_tasks import DEFAULT_TASKS
    from gifbench.evaluation.evaluate import evaluate as score
    from gifbench.evaluation.scoring_protocols import PROTOCOLS
    from gifbench.methods.command import TIME_LIMIT, load_method_command
    from gifbench.methods.registry import find_method

    loaded = [find_method(text) for text in [*(method or []), *(method_file or [])]]
    loaded += [load_method_command(text, time_limit=time_limit or TIME_LIMIT) for text in method_command or []]
    if not loaded:
        raise UsageError("name a method, as gifbench methods lists them, FILE.py:CLASS, or give --method-command")
    if not task:
        note(f"No --task is given: {' and '.join(DEFAULT_TASKS)} are evaluated")
    names = [name for given in protocol or [] for name in given.split(",")]
    with ExitStack() as stack:
        bar: dict[str, ProgressCallback] = {}  # of the run that is under way

        def report(now: Progress) -> None:
            if now.reused:
                note(now.message)
                return
            if now.run not in bar:
                stack.close()
                bar.clear()
                bar[now.run] = stack.enter_context(progress_bar(now.run))
            bar[now.run](now)

        found = score(
            loaded,
            data,
            task or DEFAULT_TASKS,
            split=split,
            protocols=tuple(PROTOCOLS) if not names or "both" in names else names,
            metrics=chosen_metrics(metrics, metric_file),
            limit=limit,
            device=device,
            metrics_device=score_on or metrics_device,
            workers=workers,
            cluster=cluster,
            time_limit=time_limit,
            seed=seed,
            cache=cache,
            out=out,
            existing="overwrite" if overwrite else existing,  # type: ignore[arg-type]  # it is checked there
            progress=report,
        )
    for name, why in dict.fromkeys((each.method.name, "; ".join(each.unknown)) for each in found if each.unknown):
        note(f"{name}: its identity is not known ({why}), so that these results are never reused")
    if as_json:
        say_json([result.summary() for result in found])
        return
    say_results(found)
    say(f"{len(found)} results in {out}; gifbench leaderboard {out} --data {data} --out site makes the page")
