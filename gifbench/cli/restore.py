"""`gifbench restore`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gifbench.cli.progress_bar import progress_bar
from gifbench.cli.shared_options import Device, Json, MaxPixels, Salvage, gif_advice, gif_limits
from gifbench.cli.terminal_text import note, say, say_json
from gifbench.errors import UsageError

if TYPE_CHECKING:
    from gifbench.file_restoration import Restored

DEFAULT_METHOD = "ccdnet"


def restore(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[METHOD] IN [OUT]",
            help="METHOD: as gifbench methods lists them, FILE.py:CLASS, a run folder or a .safetensors; ccdnet unless "
            "given. IN: any GIF, or a video, for a method that needs no palettes. "
            "OUT: .mp4, .webm, .mov, .mkv (lossless), .webp, .gif, or a folder for PNGs; unless given, .mp4 beside IN.",
        ),
    ],
    fps_factor: Annotated[int, typer.Option(help="Give N times the frames: others are interpolated.")] = 1,
    gray: Annotated[
        bool, typer.Option("--gray", help="Give the method only the luminance, as of a black-and-white film.")
    ] = False,
    audio: Annotated[
        Literal["keep", "drop"], typer.Option(help="Keep the sound where OUT is a video, or drop it.")
    ] = "keep",
    device: Device = "auto",
    precision: Annotated[
        str, typer.Option(help="auto (what is faster on this CPU, and nearly the same) or fp32, which is exact.")
    ] = "auto",
    page: Annotated[Path | None, typer.Option(help="A folder for a before/after page with a line to drag.")] = None,
    max_pixels: MaxPixels = None,
    salvage: Salvage = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT and the page if there.")] = False,
    as_json: Json = False,
) -> None:
    """Restore any GIF, or a video, by a method; frames keep their times.

    The shortest form is `gifbench restore my.gif`, which writes my.mp4 beside it with the bundled ccdnet. A video takes
    a method that needs no palettes: `gifbench restore colorize film.mp4 --gray` writes film-restored.mp4.
    """
    from gifbench.file_restoration import check_draws_between, is_gif, restore_gif, restore_video
    from gifbench.media.video import VideoLimits
    from gifbench.methods.fastest_cpu_precision import faster_on_cpu
    from gifbench.methods.registry import find_method

    method, source, out = _parts(arguments)
    if precision not in ("auto", "fp32"):
        raise UsageError(f"--precision must be auto or fp32, got {precision}")
    gif = is_gif(source)
    for option, given in (("--page", page), ("--salvage", salvage)):
        if given and not gif:
            raise UsageError(f"{option} is for GIFs, and {source} is none. Leave it out")
    if page and gray:
        raise UsageError("--page shows a GIF as it is beside what was made of it, so it does not go with --gray")
    if out is None:
        out = source.with_suffix(".mp4") if gif else source.with_name(f"{source.stem}-restored.mp4")
    run: Callable[..., Restored]
    if not gif:
        limits = VideoLimits() if max_pixels is None else VideoLimits(max_pixels=max_pixels)
        run = partial(restore_video, gray=gray, audio=audio, limits=limits)
    elif page is None:
        to_file: Callable[..., Restored] = restore_gif  # since it is given OUT
        run = partial(to_file, gray=gray, salvage=salvage, limits=gif_limits(max_pixels))
    else:
        from gifbench.leaderboard.before_after import restore_with_page

        run = partial(restore_with_page, page=page, salvage=salvage, limits=gif_limits(max_pixels))
    with progress_bar(f"Restoring {source.name}") as step, gif_advice():
        loaded = faster_on_cpu(method, device) if precision == "auto" else find_method(method)
        check_draws_between(loaded, fps_factor)
        made = run(loaded, source, out, fps_factor=fps_factor, device=device, overwrite=overwrite, progress=step)
    for line in made.notes:
        note(f"{source.name}: {line}")
    if as_json:
        say_json({"file": str(out), **asdict(made), **({"page": str(page / "index.html")} if page else {})})
        return
    what = f"{made.gif_frames} frames in, {made.frames} out, {made.width}×{made.height}, {made.seconds:.2f} s"
    say(f"{out}: {what}, by {made.method}")
    if page:
        say(f"{page / 'index.html'}: before and after")


def _parts(arguments: list[str]) -> tuple[str, Path, Path | None]:
    """Method, input and output, if given: with two arguments the first is the input if it is a file that is there."""
    if not 1 <= len(arguments) <= 3:
        raise UsageError(f"restore takes [METHOD] IN [OUT], got {len(arguments)} arguments")
    given = list(arguments)
    first = Path(given[0])
    is_input = first.suffix.lower() == ".gif" or (
        first.is_file() and first.suffix.lower() not in (".py", ".safetensors")
    )
    if len(given) == 1 or (len(given) == 2 and is_input):
        given.insert(0, DEFAULT_METHOD)
    method, source, *out = given
    return method, Path(source), Path(out[0]) if out else None
