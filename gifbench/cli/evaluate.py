"""`gifbench tasks`, `metrics` and `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gifbench.cli.output import Json, note, progress, say, say_json, table
from gifbench.errors import UsageError

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
    from gifbench.tasks import TASKS

    if as_json:
        say_json([{"name": task.name, "dithered": task.dithered, "every": task.every} for task in TASKS.values()])
        return
    for task in TASKS.values():
        kept = "every frame" if task.every == 1 else f"frames 0, {task.every}, {2 * task.every}, …"
        dithered = "Floyd-Steinberg dithered" if task.dithered else "plain"
        say(f"{task.name:<12} {dithered} GIF of {kept}")


def metrics(as_json: Json = False) -> None:
    """List the metrics that evaluate can measure beside PSNR and SSIM, each with its definition."""
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


def evaluate(
    data: Annotated[str, typer.Option(help="The dataset: a folder or an fsspec URL.")],
    task: Annotated[list[str], typer.Option(help="A task, as gifbench tasks lists them; may be given more than once.")],
    method: Annotated[
        list[str] | None, typer.Argument(help="Methods, as in gif gaussian-0.5 gaussian:sigma=0.7.")
    ] = None,
    method_file: Annotated[
        list[str] | None, typer.Option(metavar="FILE.py:CLASS", help="A method in a Python file of your own.")
    ] = None,
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
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    protocol: Annotated[
        list[str] | None, typer.Option(help="standard or gif2video; both if not given; may be given more than once.")
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            help="auto, cpu, or accelerators: cuda, mps, xpu, or several as cuda:0,cuda:1; for methods that use torch."
        ),
    ] = "auto",
    score_on: Annotated[str, typer.Option(help="What frames are measured on: cpu, torch or cuda.")] = "cpu",
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the clips.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N clips; said so in the result.")] = None,
    seed: Annotated[int, typer.Option(help="What each clip's random numbers begin from.")] = 0,
    cache: Annotated[Path | None, typer.Option(help="A folder that keeps restored frames for other metrics.")] = None,
    out: Annotated[Path, typer.Option(help="The folder for results.")] = Path("results"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are there.")] = False,
    missing_only: Annotated[
        bool, typer.Option("--missing-only", help="Keep results that are there, whole, and of the same run.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Score methods on a dataset: PSNR, SSIM and chosen metrics, averaged over frames, then over clips.

    Interrupt it whenever you like: the same command goes on with the clips that are left.
    """
    from gifbench.dataset import open_dataset
    from gifbench.evaluation.evaluate import Progress, interrupted
    from gifbench.evaluation.evaluate import evaluate as score
    from gifbench.evaluation.scoring_protocols import PROTOCOLS
    from gifbench.methods.command import TIME_LIMIT, load_method_command
    from gifbench.methods.registry import load_method, load_method_file

    loaded = [load_method(name) for name in method or []]
    loaded += [load_method_file(text) for text in method_file or []]
    programs = [load_method_command(text, time_limit=time_limit or TIME_LIMIT) for text in method_command or []]
    if not loaded and not programs:
        raise UsageError(
            "name a method, as gifbench methods lists them, or give --method-file FILE.py:CLASS or --method-command"
        )
    dataset = open_dataset(data)
    runs = [(one, on) for one in (*loaded, *programs) for on in task]
    going_on = [interrupted(one, dataset, on, split=split, out=out) for one, on in runs]
    results = []
    for (one, on), begun in zip(runs, going_on, strict=True):
        with progress(f"{one.name} on {on}") as step:

            def report(now: Progress, step: object = step) -> None:
                assert callable(step)  # noqa: S101  # bound here, since the loop's variable moves on
                step(now.clips, now.num_clips, now.clip_id)
                if now.note:
                    note(f"{now.clip_id}: {now.note}")

            results += score(
                one,
                dataset,
                on,
                split=split,
                protocols=protocol or tuple(PROTOCOLS),
                metrics=chosen_metrics(metrics, metric_file),
                limit=limit,
                device=device,
                scored_on=score_on,
                workers=workers,
                time_limit=None if one in programs else time_limit,
                seed=seed,
                cache=cache,
                out=out,
                overwrite=overwrite,
                # Where this command was interrupted, what it had finished before is not in its way.
                missing_only=missing_only or (any(going_on) and not begun),
                progress=report,
            )
    if as_json:
        say_json([result.summary() for result in results])
        return
    further = list(dict.fromkeys(metric.name for result in results for metric in result.metrics))
    rows = [
        (
            result.method.name,
            result.task,
            result.protocol.name,
            result.clips,
            f"{result.scores['psnr'].mean:.3f}",
            f"{result.scores['ssim'].mean:.4f}",
            *(f"{result.scores[name].mean:.4f}" if name in result.scores else "–" for name in further),
        )
        for result in results
    ]
    say(table(rows, header=("method", "task", "protocol", "clips", "PSNR", "SSIM", *further)))
    say(f"{len(results)} results in {out}; gifbench leaderboard {out} --data {data} --out site makes the page")
