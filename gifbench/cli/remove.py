"""`gifbench remove`."""

from __future__ import annotations

from typing import Annotated

import typer

from gifbench.cli.output import Json, note, say, say_json


def remove(
    dataset: Annotated[str, typer.Argument(help="The dataset: a folder or an fsspec URL.", metavar="DATASET")],
    clips: Annotated[list[str], typer.Argument(help="The ids of the clips.", metavar="CLIP…")],
    reason: Annotated[str, typer.Option(help="Why, as in 'taken down'; it is recorded with each clip.")],
    as_json: Json = False,
) -> None:
    """Take clips out of a dataset for good: no later build brings them back. The fingerprint changes."""
    from gifbench.builder.remove import remove_clips
    from gifbench.dataset.card import CARD

    opened, removed = remove_clips(dataset, clips, reason=reason)
    out_before = [clip for clip in dict.fromkeys(clips) if clip not in removed]
    earlier = opened.about.get("earlier_fingerprints", [])
    if as_json:
        say_json(
            {
                "removed": removed,
                "removed_before": out_before,
                "fingerprint": opened.fingerprint,
                "earlier_fingerprints": earlier,
                "clips": opened.about["clips"],
            }
        )
        return
    for clip in out_before:
        say(f"{clip}: it was removed before")
    before = f", it was {earlier[-1]['fingerprint']}" if earlier and removed else ""
    say(f"{dataset}: {len(removed)} removed, {len(opened)} clips are left; fingerprint {opened.fingerprint}{before}")
    if removed and opened.folder.exists(CARD):
        note(f"Its card is of another state: gifbench card {dataset} --overwrite")
    if removed:
        note(
            "Sources in a store, and restored frames kept by evaluate --cache, are no part of the dataset: delete them."
        )
