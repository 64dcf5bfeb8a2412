"""Real talkers and signers: the faces and the squares of the exhaustive search, at a part of its cost."""

from __future__ import annotations

import pytest
from gifbench_pipelines.gif_faces.faces.crop import square
from gifbench_pipelines.gif_faces.faces.detector import Box
from gifbench_pipelines.gif_faces.faces.main_face_tracker import find_face

from gifbench.errors import Rejected
from gifbench.media.video import decode

pytest.importorskip("dlib")

# By `detect(frame, upsample=1)` on all frames of a clip, as benchmarks/face_detection.py does it: the hull of the
# surest faces, and in how many frames there was one.
EXHAUSTIVE = {
    "grid__bbaf2n.mpg": (Box(96, 125, 226, 255), 75),
    "grid__brbk7n.mpg": (Box(110, 125, 240, 255), 75),
    "grid__id2_swwp2s.mpg": (Box(110, 110, 240, 255), 75),
    "grid__lbax4n.mpg": (Box(115, 96, 271, 254), 75),
    "grid__lbbc2a.mpg": (Box(124, 139, 254, 269), 75),
    "grid__pwij3p.mpg": (Box(124, 110, 254, 240), 75),
    "grid__sbia1a.mpg": (Box(127, 116, 236, 236), 75),
    "intel_asl__again.mkv": (Box(278, 80, 362, 172), 77),
    "intel_asl__book.mkv": (Box(254, 96, 329, 172), 109),
    "intel_asl__eat.mkv": (Box(254, 105, 354, 189), 47),
    "intel_asl__sister.mkv": (Box(262, 105, 346, 180), 87),
    "intel_asl__walk.mkv": (Box(239, 108, 336, 171), 74),
    "intel_asl__yes.mkv": (Box(229, 80, 346, 172), 65),
}


@pytest.fixture(scope="module")
def detector():
    from gifbench_pipelines.gif_faces.faces.dlib_hog import HogDetector

    return HogDetector()


def gray_frames(path):
    return (frame.pixels for frame in decode(path, pixels="gray"))


def overlap(one, other):
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    both = max(0, width) * max(0, height)
    return both / (one.area + other.area - both)


QUICK = ("grid__bbaf2n.mpg", "grid__lbax4n.mpg", "intel_asl__book.mkv", "intel_asl__eat.mkv", "intel_asl__walk.mkv")
"""Two talkers and three signers; the others are slow tests."""


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in EXHAUSTIVE]
)
def test_faces_and_squares_are_those_of_the_exhaustive_search(clips, detector, name):
    hull, num_found = EXHAUSTIVE[name]
    track = find_face(gray_frames(clips / "faces" / name), detector)
    assert len(track.found) >= 0.98 * num_found
    width, height = (360, 288) if name.endswith(".mpg") else (640, 480)
    ours = square(track.boxes, width=width, height=height)
    assert overlap(ours, square([hull], width=width, height=height)) >= 0.95


@pytest.mark.slow
def test_the_table_is_what_the_exhaustive_search_gives(clips, detector):
    """One clip searched exhaustively, so that the numbers above cannot grow stale unseen."""
    name = "grid__sbia1a.mpg"
    found = [detector.detect(frame, upsample=1)[0].box for frame in gray_frames(clips / "faces" / name)]
    hull, num_found = EXHAUSTIVE[name]
    assert len(found) == num_found
    assert square(found, width=360, height=288, expand=1) == square([hull], width=360, height=288, expand=1)


def test_a_signer_who_turns_away_is_rejected_under_a_stricter_limit(clips, detector):
    path = clips / "faces" / "intel_asl__walk.mkv"
    with pytest.raises(Rejected) as rejected:
        find_face(gray_frames(path), detector, max_share_lost=0.1)
    assert rejected.value.rule == "face_lost"
    assert rejected.value.limit == "at most 10%"


def test_a_clip_without_people_is_rejected(clips, detector):
    path = clips / "moments" / "shared-assets__flower.mp4"
    frames = [frame for i, frame in enumerate(gray_frames(path)) if i < 30]
    with pytest.raises(Rejected) as rejected:
        find_face(frames, detector)
    assert rejected.value.rule in ("no_face", "face_lost")
