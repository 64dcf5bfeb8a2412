"""`gifbench export`: clips of a dataset as files that any player opens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gifbench.cli.missing_parameters import one_of
from gifbench.cli.progress_bar import progress_bar
from gifbench.cli.shared_options import DatasetPlace, Json
from gifbench.cli.terminal_text import note, say, say_json
from gifbench.errors import UsageError
from gifbench.progress import Progress


@one_of("clip", "all_")
def export(
    dataset: DatasetPlace,
    clip: Annotated[str | None, typer.Argument(help="The clip's id; gifbench info DATASET --clips lists them.")] = None,
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("clips"),
    all_: Annotated[bool, typer.Option("--all", help="Every clip of the dataset.")] = False,
    png: Annotated[bool, typer.Option("--png", help="Also write every frame of the truth as a PNG.")] = False,
    maker: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Also write the GIF that this maker makes, as gifbench tasks lists them."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a clip's truth video and both its GIFs, and its frames if asked; or those of every clip."""
    from gifbench.dataset import export_clip, open_dataset
    from gifbench.storage import Folder

    if (clip is None) == (not all_):
        raise UsageError("name a clip, or give --all for every clip; gifbench info DATASET --clips lists them")
    makers = [name.strip() for given in maker or [] for name in given.split(",") if name.strip()]
    opened = open_dataset(dataset)
    chosen = [opened[clip]] if clip is not None else list(opened)
    if all_:
        folder = Folder(out)
        folder.make()
        folder.check_apart(each.clip_id for each in chosen)
    before = {path: path.stat().st_mtime_ns for path in out.glob("*")} if out.is_dir() else {}
    files: list[Path] = []
    with progress_bar("Exporting") as step:
        for done, each in enumerate(chosen):
            step(Progress(done, len(chosen), each.clip_id))
            files += export_clip(each, out, png=png, makers=makers, overwrite=overwrite)
        step(Progress(len(chosen), len(chosen)))
    if all(before.get(file) == file.stat().st_mtime_ns for file in files if file.parent == out):
        note(f"{out}: reused, the very same files are there")
    if as_json:
        say_json({"files": [str(file) for file in files]})
        return
    for file in files[:3]:
        say(str(file))
    if len(files) > 3:
        say(f"and {len(files) - 3} {'frames' if png and not (all_ or makers) else 'files'}")
