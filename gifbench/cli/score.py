"""`gifbench task-export` and `score`: for methods in any language, on any machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gifbench.cli.evaluate import ExistingResults, MetricFile, Metrics, chosen_metrics
from gifbench.cli.progress_bar import progress_bar
from gifbench.cli.shared_options import DatasetPlace, Json, Limit, OneTask, Split
from gifbench.cli.terminal_text import note, say, say_json

OneProtocol = Annotated[str, typer.Option(help="standard or gif2video, which cuts sparse GIFs into segments.")]


def task_export(
    data: DatasetPlace,
    task: OneTask,
    out: Annotated[Path, typer.Option(help="The folder for the GIFs and task.json.")],
    split: Split = "test",
    protocol: OneProtocol = "standard",
    limit: Limit = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a task that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a task's GIFs without their truth, and which frames to restore: for methods in any language."""
    from gifbench.dataset import open_dataset
    from gifbench.evaluation.task_export import export_task

    with progress_bar("Exporting") as step:
        count = export_task(
            open_dataset(data),
            task,
            out,
            split=split,
            protocol_name=protocol,
            limit=limit,
            overwrite=overwrite,
            progress=step,
        )
    if as_json:
        say_json({"folder": str(out), "gifs": count, "task": task, "split": split, "protocol": protocol})
        return
    say(f"{out}: {count} GIFs, and task.json with the times that are wanted")
    say(f"Restore each to FRAMES/<name>/00000.png … (or FRAMES/<name>.mkv), then gifbench score FRAMES --data {data}")


def score(
    folder: Annotated[Path, typer.Argument(help="The restored frames: <name>/00000.png … or <name>.mkv each.")],
    data: Annotated[str, typer.Option(help="The dataset that the task was exported from.")],
    task: OneTask,
    name: Annotated[str, typer.Option(help="What the method is called.")],
    split: Split = "test",
    protocol: OneProtocol = "standard",
    metrics: Metrics = None,
    metric_file: MetricFile = None,
    limit: Limit = None,
    partial: Annotated[bool, typer.Option("--partial", help="Score only clips that have frames.")] = False,
    licence: Annotated[str, typer.Option(help="The method's license.")] = "",
    out: Annotated[Path, typer.Option(help="The folder for results.")] = Path("results"),
    existing: ExistingResults = "keep",
    overwrite: Annotated[bool, typer.Option("--overwrite", hidden=True)] = False,
    as_json: Json = False,
) -> None:
    """Score restored frames that another program wrote; everything is checked before anything is scored."""
    from gifbench.dataset import open_dataset
    from gifbench.evaluation.submission import score_submission

    with progress_bar(f"Scoring {name}") as step:
        result = score_submission(
            folder,
            open_dataset(data),
            task,
            name=name,
            split=split,
            protocol_name=protocol,
            metrics=chosen_metrics(metrics, metric_file),
            limit=limit,
            partial=partial,
            licence=licence,
            out=out,
            existing="overwrite" if overwrite else existing,  # type: ignore[arg-type]  # it is checked there
            progress=step,
            on_fault=note,
        )
    if as_json:
        say_json([result.summary()])
        return
    psnr, ssim = result.scores["psnr"].mean, result.scores["ssim"].mean
    shown = [f"PSNR {psnr:.3f} dB", f"SSIM {ssim:.4f}"]
    shown += [
        f"{each.name} {result.scores[each.name].mean:.4f}" for each in result.metrics if each.name in result.scores
    ]
    say(f"{name} on {task}, {protocol}: {result.clips} clips, {', '.join(shown)}; {result.path}")
