"""The test media: where their clips are, and which of them no weights that come with gifbench were trained on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

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
"""How the names begin of what was not learned from, in the folder `clips`; besides these, whatever SOURCES.csv puts
into split `test`. A talker, a signer, a film, a place is on one side only."""

KINDS = {
    "faces": ("grid__", "intel_asl__", "dotnet_show_man", "nerfies_", "psychopy_presenter", "selfie_woman"),
    "screens": ("screencast_",),
    "film": ("elephants_dream",),
    "photographs": ("lomiri__", "ukui__", "gnome__"),
}
"""What kind of picture clips are, by how their names begin; all others are moments."""


def clips_folder() -> Path:
    """`clips` in the folder that GIFBENCH_TEST_DATA names; ends the program where that is not set."""
    folder = os.environ.get("GIFBENCH_TEST_DATA")
    if not folder:
        sys.exit("set GIFBENCH_TEST_DATA to the folder that holds clips/")
    return Path(folder) / "clips"


def held_out(dataset: Dataset) -> list[DatasetClip]:
    """Those of a dataset, in its order."""
    return [clip for clip in dataset if clip.clip_id.startswith(HELD_OUT)]


def kind(clip_id: str) -> str:
    """What kind of picture a clip is."""
    return next((kind for kind, beginnings in KINDS.items() if clip_id.startswith(beginnings)), "moments")
