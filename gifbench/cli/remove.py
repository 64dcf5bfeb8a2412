"""`gifbench remove`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gifbench.cli.shared_options import DatasetPlace, Json
from gifbench.cli.terminal_text import note, say, say_json


def remove(
    dataset: DatasetPlace,
    clips: Annotated[list[str], typer.Argument(help="The ids of the clips.", metavar="CLIP…")],
    reason: Annotated[str, typer.Option(help="Why, as in 'taken down'; it is recorded with each clip.")],
    cache: Annotated[
        Path | None, typer.Option(help="A folder of evaluate --cache: the clips' restored frames are deleted from it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take clips out of a dataset for good: no later build brings them back. The fingerprint changes."""
    from gifbench.builder.remove import equal_to_removed, remove_clips
    from gifbench.dataset.card import CARD

    forgotten = 0 if cache is None else forget_clips(dataset, clips, cache)
    opened, removed = remove_clips(dataset, clips, reason=reason)
    out_before = [clip for clip in dict.fromkeys(clips) if clip not in removed]
    earlier = opened.about.get("earlier_fingerprints", [])
    equal = equal_to_removed(opened, clips)
    if equal:
        note(f"The very same frames are still in it as {', '.join(equal)}: gifbench remove takes those out, too.")
    if as_json:
        say_json(
            {
                "removed": removed,
                "removed_before": out_before,
                "fingerprint": opened.fingerprint,
                "earlier_fingerprints": earlier,
                "clips": opened.about["clips"],
                "forgotten": forgotten,
                "equal_clips_left": equal,
            }
        )
        return
    for clip in out_before:
        say(f"{clip}: it was removed before")
    before = f", it was {earlier[-1]['fingerprint']}" if earlier and removed else ""
    say(f"{dataset}: {len(removed)} removed, {len(opened)} clips are left; fingerprint {opened.fingerprint}{before}")
    if removed and opened.folder.exists(CARD):
        note(f"Its card is of another state: gifbench card {dataset} --overwrite")
    if cache is not None:
        say(f"{cache}: {forgotten} files of restored frames deleted")
    if removed:
        note("Sources in a store are no part of the dataset: delete them there.")
    if removed and cache is None:
        note("If evaluate kept restored frames (--cache DIR), name that folder by --cache before the clip is gone.")


def forget_clips(dataset: str, clips: list[str], cache: Path) -> int:
    """Delete what a cache holds of the clips that are still in the dataset; how many files that were."""
    from gifbench.dataset import open_dataset
    from gifbench.errors import NotFound
    from gifbench.evaluation.restored_cache import forget

    if not cache.is_dir():
        raise NotFound(f"--cache {cache}: there is no such folder")
    wanted = set(clips)
    opened = [clip for clip in open_dataset(dataset) if clip.clip_id in wanted]
    gifs = (clip.gif(dithered=dithered) for clip in opened for dithered in (False, True))
    return forget(cache, gifs, clip_ids=[clip.clip_id for clip in opened])
