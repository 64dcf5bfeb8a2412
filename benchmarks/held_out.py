"""Clips of the test media that no weights which come with gifbench were trained on."""

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
"""How their names begin. A talker, a signer, a film, a place is on one side only."""


def held_out(dataset: Dataset) -> list[DatasetClip]:
    """Those of a dataset, in its order."""
    return [clip for clip in dataset if clip.clip_id.startswith(HELD_OUT)]
