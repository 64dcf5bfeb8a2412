"""Clips of the test media that no weights which come with gifbench were trained on.

Besides these, whatever SOURCES.csv puts into split `test`.
"""

from __future__ import annotations

from gifbench import Dataset, DatasetClip

HELD_OUT = (
    "grid__lbbc2a",
    "grid__sbia1a",
    "intel_asl__book",
    "intel_asl__walk",
    "learning-area__rabbit",
    "libopenshot__test",
    "opencv__cup",
    "sample-videos__car-detection",
    "shared-assets__bug_video_640",
)
"""How their names begin, in the folder `clips`. A talker, a signer, a film, a place is on one side only."""

KINDS = {
    "faces": ("grid__", "intel_asl__", "dotnet_show_man", "nerfies_", "psychopy_presenter", "selfie_woman"),
    "screens": ("screencast_",),
    "film": ("elephants_dream",),
    "photographs": ("lomiri__", "ukui__", "gnome__"),
}
"""What kind of picture clips are, by how their names begin; all others are moments."""


def held_out(dataset: Dataset) -> list[DatasetClip]:
    """Those of a dataset, in its order."""
    return [clip for clip in dataset if clip.clip_id.startswith(HELD_OUT)]


def kind(clip_id: str) -> str:
    """What kind of picture a clip is."""
    return next((kind for kind, beginnings in KINDS.items() if clip_id.startswith(beginnings)), "moments")
