r"""Methods by kind of picture, on clips that no weights which come with gifbench were trained on.

    python benchmarks/training_clips.py kept-back --media MEDIA --split test
    gifbench build gif-moments --source kept-back --split test --out data/kept-back --set gifs=generated \
        --set min_frames=1 --set min_fps=10 --set min_width=240 --set min_height=240 --set short_side=432
    python benchmarks/weights_by_kind.py data/kept-back 0.1.0=ccdnet:weights=FOLDER ccdnet ccdnet-video

Of each clip --frames frames are scored, spread evenly, under the protocol "standard"; kinds are those of held_out.py.
A method is given the five GIF frames around; --crop scores a square in the middle of each frame alone, to save time.
A row is a kind, plain or dithered: the GIF's PSNR; what the Gaussian whose sigma is best for the kind gains in dB; what
each method gains, the mean over clips and, in brackets, the least of any clip. The second table sees banding, where the
truth is smooth (its 9×9 neighborhoods deviate by less than 3 levels): the error of the gradient in levels over ten
pixels, and the share of 5×5 neighborhoods that are of one color. --clips prints a row a clip; --pictures FOLDER writes
truth, GIF and methods side by side, a file a photograph. --makers NAME … measures on GIFs as these make them, too.

A line on stderr says what each clip gained as soon as it is done. With --journal FILE what was measured is kept there,
a line a clip and method, by the content of the method: the same command goes on where it was stopped, and a further
method is measured alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2
import numpy as np
from classical import SIGMAS, Shot, frame_psnr, method, places, rounded
from held_out import kind

from gifbench import DatasetClip, Gif, LoadedMethod, Pixels, load_method, open_dataset, run_method

_AROUND = 2
_ORDER = ("faces", "moments", "screens", "film", "photographs")


@dataclass(frozen=True)
class Place:
    """A frame that is scored: a square of it, and the same square of the GIF frames around, it at `at`."""

    shot: Shot
    around: Gif
    at: int


@dataclass(frozen=True)
class Measured:
    """Of one clip and method: PSNR in dB (of the Gaussian one a sigma), and banding, a pair a frame that is smooth."""

    psnr: Any
    banding: Sequence[Sequence[float]]


def middle(shape: Sequence[int], crop: int | None) -> tuple[slice, slice]:
    """The square of that side in the middle of a frame (H, W), or all of it."""
    sides = [side if crop is None else min(side, crop) for side in shape]
    rows, columns = (slice((whole - side) // 2, (whole + side) // 2) for whole, side in zip(shape, sides, strict=True))
    return rows, columns


def chosen_places(clip: DatasetClip, what: str, *, count: int, crop: int | None) -> list[Place]:
    """The frames of a clip that are scored, each with the GIF frames around it; no others are made or decoded."""
    numbers = places(clip, count)
    rows, columns = middle((clip.height, clip.width), crop)
    truth = clip.truth_frames(numbers)
    whole = None if what in ("plain", "dithered") else clip.gif(maker=what)
    found = []
    for number, frame in zip(numbers, truth, strict=True):
        first = max(0, number - _AROUND)
        near = range(first, min(clip.num_frames, number + _AROUND + 1))
        part = clip.gif_frames(near, dithered=what == "dithered") if whole is None else whole.select(near)
        indices = np.stack([np.asarray(each)[rows, columns] for each in part.indices])
        around = Gif(indices, tuple(part.palettes), part.times, part.duration)
        at = number - first
        found.append(Place(Shot(frame[rows, columns], around.frame(at), around.palettes[at]), around, at))
    return found


def restored_places(loaded: LoadedMethod, clip: str, chosen: Sequence[Place]) -> list[Pixels]:
    """Each chosen frame, restored from the GIF frames around it."""
    found = []
    for place in chosen:
        batches = run_method(loaded, place.around, [place.around.times[place.at]], clip=clip, device="cpu")
        found += [rounded(np.asarray(frame)) for batch in batches for frame in batch]
    return found


def smooth(truth: Pixels) -> np.ndarray:
    """Where a frame is smooth, (H, W) bool."""
    gray = cv2.cvtColor(truth, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean, square = (cv2.blur(part, (9, 9)) for part in (gray, gray**2))
    return np.sqrt(np.maximum(square - mean**2, 0)) < 3


def banding(frame: Pixels, shot: Shot, mask: np.ndarray) -> tuple[float, float]:
    """Where the truth is smooth: the gradient's error in levels over ten pixels, the share of flat neighborhoods."""
    error = cv2.GaussianBlur(frame.astype(np.float32) - shot.truth.astype(np.float32), (0, 0), 1.5)
    across, down = (cv2.Sobel(error, cv2.CV_32F, *way, ksize=3, scale=1 / 8) for way in ((1, 0), (0, 1)))
    steps = 10 * np.sqrt((across**2 + down**2).mean(axis=2))
    kernel = np.ones((5, 5), np.uint8)
    flat = (cv2.dilate(frame, kernel) == cv2.erode(frame, kernel)).all(axis=2)
    return float(steps[mask].mean()), float(flat[mask].mean())


def measured(frames: Sequence[Pixels], chosen: Sequence[Place], masks: Sequence[np.ndarray]) -> Measured:
    """What the chosen frames of a clip have, as a method gives them."""
    return Measured(
        fmean(frame_psnr(frame, place.shot) for frame, place in zip(frames, chosen, strict=True)),
        [
            banding(frame, place.shot, mask)
            for frame, place, mask in zip(frames, chosen, masks, strict=True)
            if mask.mean() > 0.02
        ],
    )


class Journal:
    """What was measured, by what it depends on; with a file it outlives the run."""

    def __init__(self, path: Path | None) -> None:
        self._path, self._found = path, dict[str, Measured]()
        for line in path.read_text().splitlines() if path is not None and path.exists() else []:
            try:
                key, psnr, bands = json.loads(line)
            except ValueError:  # the last line of a run that was killed
                continue
            self._found[key] = Measured(psnr, bands)

    def through(self, facts: Sequence[object], measure: Callable[[], Measured]) -> tuple[Measured, bool]:
        """What the journal holds of these facts, or what is measured now; and whether it was measured now."""
        key = json.dumps(facts)
        if key in self._found:
            return self._found[key], False
        # As JSON has it, so that a run that goes on prints what one in a piece does.
        now = measure()
        psnr, bands = json.loads(json.dumps([now.psnr, now.banding]))
        self._found[key] = Measured(psnr, bands)
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps([key, psnr, bands]) + "\n")
        return self._found[key], True


def measure_clip(
    clip: DatasetClip, what: str, methods: Mapping[str, LoadedMethod], journal: Journal, given: argparse.Namespace
) -> dict[str, Measured]:
    """Truth, GIF, Gaussian and the methods of one clip."""
    held: dict[str, Any] = {}

    def chosen() -> list[Place]:
        if not held:
            held["places"] = chosen_places(clip, what, count=given.frames, crop=given.crop)
            held["masks"] = [smooth(place.shot.truth) for place in held["places"]]
        return list(held["places"])

    frames: dict[str, list[Pixels]] = {}

    def of(label: str) -> Measured:
        if label == "gaussian":
            every = {}
            for sigma in SIGMAS:
                blurred = method(f"gaussian:sigma={sigma}")
                every[str(sigma)] = fmean(frame_psnr(rounded(blurred(p.shot)), p.shot) for p in chosen())
            return Measured(every, [])
        if label in methods:
            frames[label] = restored_places(methods[label], clip.clip_id, chosen())
        else:
            frames[label] = [p.shot.truth if label == "truth" else p.shot.shown for p in chosen()]
        return measured(frames[label], chosen(), held["masks"])

    found = {}
    for label in ("truth", "GIF", "gaussian", *methods):
        begun = time.perf_counter()
        facts = [clip.row.pixels_sha256, what, given.frames, given.crop]
        who = methods[label].identity if label in methods else label
        found[label], now = journal.through([*facts, who], lambda label=label: of(label))
        if now and label in methods:
            gain = found[label].psnr - found["GIF"].psnr
            seconds = time.perf_counter() - begun
            print(f"{clip.clip_id}, {what}, {label}: {gain:+.2f} dB, {seconds:.0f} s", file=sys.stderr, flush=True)
    picture = None if given.pictures is None else given.pictures / f"{clip.clip_id}-{what}.png"
    if picture is not None and kind(clip.clip_id) == "photographs" and not picture.exists():
        for label in ("truth", "GIF", *methods):
            if label not in frames:
                of(label)
        picture.parent.mkdir(parents=True, exist_ok=True)
        row = [frames[label][0] for label in ("truth", "GIF", *methods)]
        cv2.imwrite(str(picture), cv2.cvtColor(np.hstack(row), cv2.COLOR_RGB2BGR))
    return found


def print_kinds(clips: Mapping[str, Mapping[str, Measured]], what: str, *, by_clip: bool) -> None:
    """A row a kind of both tables."""
    for name in [name for name in _ORDER if any(kind(clip) == name for clip in clips)]:
        part = {clip: each for clip, each in clips.items() if kind(clip) == name}
        base = {clip: each["GIF"].psnr for clip, each in part.items()}
        best = max(map(str, SIGMAS), key=lambda sigma: fmean(each["gaussian"].psnr[sigma] for each in part.values()))
        labels = [label for label in next(iter(part.values())) if label not in ("truth", "GIF", "gaussian")]
        gains = {"gaussian": {clip: each["gaussian"].psnr[best] - base[clip] for clip, each in part.items()}}
        gains |= {label: {clip: each[label].psnr - base[clip] for clip, each in part.items()} for label in labels}
        if by_clip:
            for clip in part:
                cells = " | ".join(f"{each[clip]:+.2f}" for each in gains.values())
                print(f"| {clip}, {what} | {base[clip]:.2f} | {cells} |")
        cells = " | ".join(f"{fmean(each.values()):+.2f} ({min(each.values()):+.2f})" for each in gains.values())
        print(f"| **{len(part)} {name}, {what}** | {fmean(base.values()):.2f} | {cells} |")
        seen = ("truth", "GIF", *labels)
        cells = ""
        for label in seen:
            found = [pair for each in part.values() for pair in each[label].banding]
            cells += (
                f" | {fmean(f[0] for f in found):.2f}, {100 * fmean(f[1] for f in found):.0f}%" if found else " | -"
            )
        print(f"banding: {name}, {what} ({', '.join(seen)}){cells} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("methods", nargs="+", metavar="[LABEL=]METHOD")
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--crop", type=int, help="the side of a square; without it, whole frames")
    parser.add_argument("--only", choices=("plain", "dithered"))
    parser.add_argument("--makers", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--journal", type=Path, metavar="FILE")
    parser.add_argument("--clips", action="store_true")
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    methods: dict[str, LoadedMethod] = {}
    for each in given.methods:
        label, equals, spec = each.partition("=")
        labeled = bool(equals) and ":" not in label
        methods[label if labeled else each] = load_method(spec if labeled else each)
    clips = list(open_dataset(given.dataset).split("test"))
    journal = Journal(given.journal)
    print(f"| kind | GIF | best gaussian | {' | '.join(methods)} |\n{'|---' * (3 + len(methods))}|", flush=True)
    for what in (*((given.only,) if given.only else ("plain", "dithered")), *given.makers):
        found = {clip.clip_id: measure_clip(clip, what, methods, journal, given) for clip in clips}
        print_kinds(found, what, by_clip=given.clips)


if __name__ == "__main__":
    main()
