"""A page for one GIF: as it is and as it was restored, with a line between them that is dragged, playing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from gifbench.errors import storage_errors
from gifbench.file_restoration import Restored, restore_gif, restored_timing
from gifbench.leaderboard.atomic_publish import published
from gifbench.leaderboard.example_pictures import Lane, Pictures, frame_ends, write_pictures
from gifbench.leaderboard.filmstrips_and_magnified_detail import error_map, telling_box
from gifbench.leaderboard.jinja_environment import render
from gifbench.leaderboard.safe_names import visible
from gifbench.media.clip import Pixels
from gifbench.media.gif import Gif, GifLimits
from gifbench.methods.registry import LoadedMethod
from gifbench.progress import ProgressCallback

MOST_FRAMES, MOST_BYTES = 240, 96 << 20
"""What a page shows of a long GIF: so many restored frames from its beginning, and no more bytes of pixels."""

_ORIGINAL = "films/original.gif"


def restore_with_page(
    method: LoadedMethod,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    page: Path,
    *,
    fps_factor: int = 1,
    device: str = "auto",
    limits: GifLimits | None = None,
    salvage: bool = False,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> Restored:
    """Restore the GIF at `source` to `out`, and write a page before and after to the folder `page`.

    The page is static and works from `file://`; of a long GIF it shows the beginning. It appears when it is whole, and
    after `out`. Raises what `restore_gif` raises, and `AlreadyExists` for either place unless `overwrite` (and, for the
    page, unless a page made here stands there).
    """
    with published(page, overwrite=overwrite) as folder:
        kept: list[Pixels] = []

        def keep(frame: Pixels) -> None:
            if len(kept) < MOST_FRAMES and (len(kept) + 1) * frame.nbytes <= max(MOST_BYTES, frame.nbytes):
                kept.append(frame.copy())

        made = restore_gif(
            method,
            source,
            out,
            fps_factor=fps_factor,
            device=device,
            limits=limits,
            salvage=salvage,
            overwrite=overwrite,
            progress=progress,
            seen=keep,
        )
        gif = Gif.open(source, limits=limits or GifLimits(), salvage=salvage)
        pictures = _pictures(gif, np.stack(kept), Path(source), folder, label=made.method, fps_factor=fps_factor)
        text = render(
            "before_after.html",
            scripts=("player.js",),
            date=None,
            pictures=pictures,
            name=visible(Path(source).name),
            made=made,
            shown=len(kept),
        )
        with storage_errors(page):
            (folder / "index.html").write_bytes(text.encode("utf-8", "replace"))
    return made


def _pictures(gif: Gif, restored: Pixels, source: Path, folder: Path, *, label: str, fps_factor: int) -> Pictures:
    timing = restored_timing(gif, fps_factor)
    gif = gif.select(range(-(-len(restored) // fps_factor)))
    before = gif.frames
    shown = np.repeat(before, fps_factor, axis=0)[: len(restored)]
    middle = len(restored) // 2
    box = telling_box(shown[middle], restored[middle])
    with storage_errors(folder):
        (folder / "films").mkdir()
        (folder / _ORIGINAL).write_bytes(source.read_bytes())
    drawn = (
        ("films/gif", Lane("gif", "GIF", fps_factor, _ORIGINAL), before),
        ("films/restored", Lane("restored", visible(label)), restored),
        ("films/change", Lane("error", "What changed"), error_map(restored, shown)),
    )
    ends = frame_ends((*timing.times, timing.duration)[: len(restored) + 1])
    return write_pictures(folder, drawn, box, ends, palette_colors=max(map(len, gif.palettes)))
