"""`gifbench restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gifbench.cli.output import Json, note, progress, say, say_json


def restore(
    method: Annotated[str, typer.Argument(help="A method, as gifbench methods lists them, or FILE.py:CLASS.")],
    source: Annotated[Path, typer.Argument(help="Any GIF.", metavar="IN.gif")],
    out: Annotated[Path, typer.Argument(help=".mp4, .mkv (lossless), .webp, .gif, or a folder for PNGs.")],
    fps_factor: Annotated[int, typer.Option(help="As many times the frames: what lies between is interpolated.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda, for methods that use torch.")] = "auto",
    page: Annotated[
        Path | None, typer.Option(help="A folder for a page before and after, with a line to drag between them.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT and the page if there.")] = False,
    as_json: Json = False,
) -> None:
    """Run a method on any GIF; each frame stays as long as the GIF shows it."""
    from functools import partial

    from gifbench.gif_restoration import restore_gif
    from gifbench.leaderboard.before_after import restore_with_page
    from gifbench.methods.registry import find_method

    run = restore_gif if page is None else partial(restore_with_page, page=page)
    with progress(f"Restoring {source.name}") as step:
        made = run(
            find_method(method),
            source,
            out,
            fps_factor=fps_factor,
            device=device,
            overwrite=overwrite,
            progress=lambda done, total: step(done, total, "frames"),
        )
    for line in made.notes:
        note(f"{source.name}: {line}")
    if as_json:
        about = {"method": made.method, "gif_frames": made.gif_frames, "frames": made.frames}
        about |= {"page": str(page / "index.html")} if page else {}
        say_json(
            {
                "file": str(out),
                **about,
                "width": made.width,
                "height": made.height,
                "seconds": made.seconds,
                "notes": list(made.notes),
            }
        )
        return
    what = f"{made.gif_frames} frames in, {made.frames} out, {made.width}×{made.height}, {made.seconds:.2f} s"
    say(f"{out}: {what}, by {made.method}")
    if page:
        say(f"{page / 'index.html'}: before and after")
