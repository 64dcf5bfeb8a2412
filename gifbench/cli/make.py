"""`gifbench make`."""

from __future__ import annotations

import math
import re
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from gifbench.cli.progress_bar import progress_bar
from gifbench.cli.shared_options import Json
from gifbench.cli.terminal_text import note, say, say_json
from gifbench.errors import UsageError


def make(
    video: Annotated[Path, typer.Argument(help="Any video.")],
    out: Annotated[Path, typer.Argument(help="The GIF to write; .webp or .apng for all colors.", metavar="OUT.gif")],
    colors: Annotated[int, typer.Option(help="Colors in the palette of each frame, 2 to 256.")] = 256,
    dither: Annotated[bool, typer.Option(help="Dither, or show the nearest colors.")] = True,
    ditherer: Annotated[
        str,
        typer.Option(help="floyd-steinberg-damped, floyd-steinberg, floyd-steinberg-serpentine, sierra-2-4a or bayer."),
    ] = "floyd-steinberg-damped",
    quantizer: Annotated[str, typer.Option(help="minimum-variance or median-cut.")] = "minimum-variance",
    kmeans_steps: Annotated[int, typer.Option(min=0, max=100, help="Refine each palette by k-means; 2 helps.")] = 0,
    one_palette: Annotated[bool, typer.Option("--one-palette", help="One palette for the whole clip.")] = False,
    every: Annotated[int, typer.Option(help="Keep every k-th frame.")] = 1,
    fps: Annotated[
        str | None, typer.Option(help="Frames a second at most; 50 unless given, the most that browsers show.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="Begin at this second of the video.")] = None,
    end: Annotated[str | None, typer.Option(help="End at this second of the video.")] = None,
    size: Annotated[str | None, typer.Option(help="WIDTH, xHEIGHT or WIDTHxHEIGHT, in pixels.")] = None,
    background: Annotated[
        str, typer.Option(help="The color behind transparent pixels: #rrggbb, white or black; none keeps them so.")
    ] = "white",
    deinterlace: Annotated[bool, typer.Option("--deinterlace", help="Deinterlace the frames.")] = False,
    tonemap: Annotated[bool, typer.Option("--tonemap", help="Convert HDR to the range of a GIF.")] = False,
    optimize: Annotated[
        bool, typer.Option("--optimize", help="Write only what changes: smaller, same pixels.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.gif if it is there.")] = False,
    as_json: Json = False,
) -> None:
    """Make a GIF from any video, with a palette for each frame, and say how close its colors are."""
    from gifbench.media.make_gif import make_gif
    from gifbench.media.video import Span

    seconds = "seconds, as in 12.5"
    span = Span(_number(start, "--start", seconds), _number(end, "--end", seconds))
    with progress_bar(f"Making {out.name}") as step:
        made = make_gif(
            video,
            out,
            colors=colors,
            dither=ditherer if dither else None,
            quantizer=quantizer,
            kmeans_steps=kmeans_steps,
            one_palette=one_palette,
            every=every,
            fps=_number(fps, "--fps", "frames a second, as in 12.5"),
            span=span,
            size=_size(size),
            background=_color(background),
            deinterlace=deinterlace,
            tonemap=tonemap,
            optimize=optimize,
            overwrite=overwrite,
            progress=step,
        )
    psnr = round(made.psnr, 3) if math.isfinite(made.psnr) else None
    for line in made.notes:
        note(f"{video.name}: {line}")
    if as_json:
        say_json({"file": str(out), **asdict(made), "psnr": psnr})
        return
    quality = "every color exact" if math.isinf(made.psnr) else "" if psnr is None else f"PSNR {psnr:.2f} dB"
    what = f"{made.frames} frames of {made.width}×{made.height}, {made.seconds:.2f} s"
    say(", ".join(filter(None, (f"{out}: {what}", f"{made.bytes / 1e6:.2f} MB", quality))))
    if made.dropped:
        why = f"--fps {fps}" if fps else "a GIF shows 50 a second at most"
        say(f"{made.dropped} frames were dropped, so that it plays as fast as the video: {why}")


def _number(text: str | None, option: str, what: str) -> Fraction | None:
    try:
        return None if text is None else Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"{option} is {text!r}: write {what}") from None


def _color(text: str) -> tuple[int, int, int] | None:
    if text.lower() == "none":
        return None
    digits = {"white": "ffffff", "black": "000000"}.get(text.lower(), text.removeprefix("#"))
    if not re.fullmatch(r"[0-9a-fA-F]{6}", digits):
        raise UsageError(f"--background is {text!r}: write a color as #rrggbb, white, black or none")
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def _size(text: str | None) -> tuple[int | None, int | None]:
    match = re.fullmatch(r"(\d{1,5})?(?:x(\d{1,5}))?", text or "")
    if match is None or (text is not None and not any(match.groups())):
        raise UsageError(f"--size is {text!r}: write a width, as in 320, or x240, or 320x240")
    width, height = (int(side) if side else None for side in match.groups())
    if 0 in (width, height):
        raise UsageError(f"--size is {text!r}: no side may be 0")
    return width, height
