"""Following faces beside the exhaustive search: recall, squares, and time on one core.

    GIFBENCH_TEST_DATA=… python benchmarks/face_detection.py [--clips NAME …]

For each talker and signer of `clips/faces`: in how many frames the exhaustive search (the whole picture, enlarged by
two, as `face-recognition` searches) finds a face, in how many of those `find_face` finds the same face, how well the
final squares agree, and the processor time a frame of both. Then the same for GRID talkers blown up to 720 lines.
Times are of the one thread that both use, in the same process, after a first run that is not counted.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable

import cv2
import numpy as np
from gifbench_pipelines.gif_faces.faces.crop import square
from gifbench_pipelines.gif_faces.faces.detector import Box
from gifbench_pipelines.gif_faces.faces.dlib_hog import HogDetector
from gifbench_pipelines.gif_faces.faces.main_face_tracker import find_face
from held_out import clips_folder

from gifbench.media.clip import Pixels
from gifbench.media.video import decode

BLOWN_UP = ("grid__bbaf2n", "grid__brbk7n", "grid__lbax4n")


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    both = max(0, width) * max(0, height)
    return both / (one.area + other.area - both)


def blown_up(frame: Pixels) -> Pixels:
    """Make 1280×720 of a GRID frame: 900×720, and its border columns repeated."""
    large = cv2.resize(frame, (900, 720), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.copyMakeBorder(large, 0, 0, 190, 190, cv2.BORDER_REPLICATE), dtype=np.uint8)


def exhaustive(frames: Iterable[Pixels], detector: HogDetector) -> list[Box | None]:
    """Give the surest face of each frame, or None. All clips here show one person."""
    found = [detector.detect(frame, upsample=1) for frame in frames]
    return [each[0].box if each else None for each in found]


def compare(name: str, frames: list[Pixels], detector: HogDetector) -> tuple[float, float]:
    """Print a row; give the share of the exhaustive search's faces that were found, and the squares' overlap."""
    height, width = frames[0].shape
    started = time.thread_time()
    expected = exhaustive(frames, detector)
    slow = 1000 * (time.thread_time() - started) / len(frames)
    started = time.thread_time()
    track = find_face(iter(frames), detector, max_share_lost=1)
    fast = 1000 * (time.thread_time() - started) / len(frames)
    pairs = [(box, found) for box, found in zip(expected, track.boxes, strict=True) if box is not None]
    hits = sum(found is not None and overlap(box, found) > 0.5 for box, found in pairs)
    equal = sum(box == found for box, found in zip(expected, track.boxes, strict=True))
    squares = [square(boxes, width=width, height=height) for boxes in (expected, track.boxes)]
    agreement = overlap(*squares)
    row = f"{name:22s} {width:4d}×{height:<4d} {len(pairs):4d}/{len(frames):<4d} {hits:4d}/{len(pairs):<4d}"
    row += f" {100 * equal / len(frames):5.1f}% {agreement:6.3f} {track.full_searches:5d}"
    print(f"{row} {slow:8.1f} {fast:6.2f} {slow / fast:5.0f}×", flush=True)
    return hits / len(pairs), agreement


def main() -> int:
    """Print the table; end with 1 if a face or a square is missed by more than the project promises."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", nargs="*", help="only the clips whose names begin so")
    options = parser.parse_args()
    folder = clips_folder() / "faces"
    cv2.setNumThreads(1)
    detector = HogDetector()
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".mpg", ".mkv"))
    if options.clips:
        paths = [path for path in paths if path.name.startswith(tuple(options.clips))]
    clips = {path.stem: [frame.pixels for frame in decode(path, pixels="gray")] for path in paths}
    find_face(next(iter(clips.values()))[:3], detector)
    print("clip                   picture    exhaustive  found  same box  square  whole   exhaustive    ours")
    print("                                  of frames  of those           IoU searches   ms/frame  ms/frame")
    results = [compare(name, frames, detector) for name, frames in clips.items()]
    for name in BLOWN_UP:
        if name in clips:
            results.append(compare(f"{name} at 720p", [blown_up(frame) for frame in clips[name]], detector))
    return int(any(recall < 0.98 or agreement < 0.95 for recall, agreement in results))


if __name__ == "__main__":
    sys.exit(main())
