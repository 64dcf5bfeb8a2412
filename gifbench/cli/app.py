"""The command's list of commands."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from gifbench.cli import (
    build,
    card,
    consistency,
    demo,
    doctor,
    evaluate,
    export,
    fetch,
    info,
    leaderboard,
    make,
    manifest,
    methods,
    recipes,
    remove,
    repack,
    reproduce,
    restore,
    results,
    score,
    study,
    train,
    verify,
)
from gifbench.cli.exit_codes_and_error_messages import command
from gifbench.cli.plugin_commands import add_command, add_commands
from gifbench.cli.terminal_text import say

app = typer.Typer(name="gifbench", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich")


def _version(wanted: bool) -> None:  # typer calls it so
    if wanted:
        from gifbench.doctor_checks import versions

        for name, number in versions().items():
            say(f"{name} {number or 'not installed'}")
        raise typer.Exit


@app.callback()
def gifbench(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the versions that matter and exit."),
    ] = False,
) -> None:
    """Turn GIFs back into video, and measure how well: restore, build datasets, score methods, keep a leaderboard."""
    # Before anything loads OpenMP, in this process or those it starts: on a machine that others use too, threads that
    # spin while they wait make networks several times slower (benchmarks/restore_speed.py).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


for _function, _example in (
    (build.build, "gifbench build gif-faces --source videos/ --out data/gif-faces"),
    (fetch.fetch, "gifbench fetch clips.csv --store store/"),
    (fetch.retry, "gifbench retry data/gif-faces --source videos/"),
    (recipes.recipes, "gifbench recipes gif-faces"),
    (info.info, "gifbench info data/gif-faces"),
    (verify.verify, "gifbench verify data/gif-faces"),
    (export.export, "gifbench export data/gif-faces CLIP --out clip/"),
    (remove.remove, "gifbench remove data/gif-faces CLIP --reason 'taken down'"),
    (repack.repack, "gifbench repack data/gif-moments --out data/with-gifs --gifs stored"),
    (card.card, "gifbench card data/gif-faces --url https://example.org/gif-faces"),
    (make.make, "gifbench make talk.mp4 talk.gif --colors 32 --start 3 --end 5"),
    (evaluate.tasks, "gifbench tasks"),
    (evaluate.metrics, "gifbench metrics"),
    (evaluate.evaluate, "gifbench evaluate gif gaussian-0.5 --data data/gif-faces --task plain-1 --out results/"),
    (results.results, "gifbench results results/"),
    (score.task_export, "gifbench task-export data/gif-faces --task dithered-4 --out task/"),
    (score.score, "gifbench score frames/ --data data/gif-faces --task dithered-4 --name mine"),
    (restore.restore, "gifbench restore cat.gif"),
    (train.train, "gifbench train ccdnet-1 --data data/gif-faces --out runs/ccdnet-1"),
    (train.convert_weights, "gifbench convert-weights ccdnet2_nogan.pt ccdnet-2.safetensors --first ccdnet1_nogan.pt"),
    (consistency.consistency, "gifbench consistency colorized.mp4 --source film.mp4"),
    (reproduce.reproduce, "gifbench reproduce table1 --data data/gif-faces --runs runs/"),
    (leaderboard.leaderboard, "gifbench leaderboard results/ --data data/gif-faces --out site/"),
    (doctor.doctor, "gifbench doctor --network"),
    (demo.demo, "gifbench demo --out demo/"),
):
    add_command(app, _function, _example)


_methods = typer.Typer(no_args_is_help=False, invoke_without_command=True)
_methods.callback(epilog="Example: [bold]gifbench methods[/bold]")(command(methods.methods))
add_command(_methods, methods.new, "gifbench methods new my-method")
add_command(_methods, methods.check, "gifbench methods check mine.py:Mine")
app.add_typer(_methods, name="methods")


_manifest = typer.Typer(
    help="Make and check manifests: tables that say which part of which video each clip is.", no_args_is_help=True
)
add_command(_manifest, manifest.from_folder, "gifbench manifest from-folder videos/ --splits train=8,test=2")
add_command(_manifest, manifest.check, "gifbench manifest check clips.csv")
app.add_typer(_manifest, name="manifest")


_study = typer.Typer(
    help="Blind studies: ask people which of two methods looks better. `gifbench study DATASET METHOD METHOD` is short "
    "for `gifbench study make`.",
    no_args_is_help=True,
    cls=study.StudyGroup,
    epilog="Example: [bold]gifbench study data/gif-faces gif fcdr --task plain-1 --out study/[/bold]",
)
add_command(_study, study.make, "gifbench study data/gif-faces gif fcdr --task plain-1 --out study/")
add_command(_study, study.report, "gifbench study report study/ choices/")
app.add_typer(_study, name="study")


add_commands(app, {"manifest": _manifest, "methods": _methods, "study": _study})


def main() -> None:
    """Run the command with the arguments of the process."""
    for stream in (sys.stdout, sys.stderr):  # a locale without × or …, a name that is no text
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()
