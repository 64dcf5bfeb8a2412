"""`gifbench tasks` and `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gifbench.cli.output import Json, progress, say, say_json, table
from gifbench.errors import UsageError


def tasks(as_json: Json = False) -> None:
    """List the tasks: which GIF a method is given, and how many of the video's frames it holds."""
    from gifbench.score.tasks import TASKS

    if as_json:
        say_json([{"name": task.name, "dithered": task.dithered, "every": task.every} for task in TASKS.values()])
        return
    for task in TASKS.values():
        kept = "every frame" if task.every == 1 else f"frames 0, {task.every}, {2 * task.every}, …"
        dithered = "Floyd-Steinberg dithered" if task.dithered else "plain"
        say(f"{task.name:<12} {dithered} GIF of {kept}")


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
    time_limit: Annotated[float, typer.Option(help="Seconds that a program has for one GIF.")] = 600,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    protocol: Annotated[
        list[str] | None, typer.Option(help="standard or gif2video; both if not given; may be given more than once.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda, for methods that use torch.")] = "auto",
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N clips; said so in the result.")] = None,
    out: Annotated[Path, typer.Option(help="The folder for results.")] = Path("results"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are there.")] = False,
    missing_only: Annotated[
        bool, typer.Option("--missing-only", help="Keep results that are there, whole, and of the same run.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Score methods on a dataset: PSNR and SSIM, averaged over frames, then over clips."""
    from gifbench.dataset import open_dataset
    from gifbench.score.command import load_method_command
    from gifbench.score.evaluate import Progress
    from gifbench.score.evaluate import evaluate as score
    from gifbench.score.methods import load_method, load_method_file
    from gifbench.score.protocol import PROTOCOLS

    loaded = [load_method(name) for name in method or []]
    loaded += [load_method_file(text) for text in method_file or []]
    loaded += [load_method_command(text, time_limit=time_limit) for text in method_command or []]
    if not loaded:
        raise UsageError(
            "name a method, as gifbench methods lists them, or give --method-file FILE.py:CLASS or --method-command"
        )
    dataset = open_dataset(data)
    results = []
    for one in loaded:
        for on in task:
            with progress(f"{one.name} on {on}") as step:

                def report(now: Progress, step: object = step) -> None:
                    assert callable(step)  # noqa: S101  # bound here, since the loop's variable moves on
                    step(now.clips, now.num_clips, now.clip_id)

                results += score(
                    one,
                    dataset,
                    on,
                    split=split,
                    protocols=protocol or tuple(PROTOCOLS),
                    limit=limit,
                    device=device,
                    out=out,
                    overwrite=overwrite,
                    missing_only=missing_only,
                    progress=report,
                )
    if as_json:
        say_json([result.summary() for result in results])
        return
    rows = [
        (
            result.method.name,
            result.task,
            result.protocol.name,
            result.clips,
            f"{result.scores['psnr'].mean:.3f}",
            f"{result.scores['ssim'].mean:.4f}",
        )
        for result in results
    ]
    say(table(rows, header=("method", "task", "protocol", "clips", "PSNR", "SSIM")))
    say(f"{len(results)} results in {out}; gifbench leaderboard {out} --data {data} --out site makes the page")
