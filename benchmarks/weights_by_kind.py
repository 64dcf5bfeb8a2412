r"""Methods by kind of picture, on clips that no weights which come with gifbench were trained on.

    python benchmarks/training_clips.py kept-back --media MEDIA --split test
    gifbench build gif-moments --source kept-back --split test --out data/kept-back --set gifs=generated \
        --set min_frames=1 --set min_fps=10 --set min_width=240 --set min_height=240
    python benchmarks/weights_by_kind.py data/kept-back 0.1.0=ccdnet:weights=FOLDER ccdnet ccdnet-video

Of each clip --frames frames are scored, spread evenly, under the protocol "standard"; kinds are those of held_out.py.
A method is given the five GIF frames around; --crop scores a square in the middle of each frame alone, to save time.
A row is a kind, plain or dithered: the GIF's PSNR; what the Gaussian whose sigma is best for the kind gains in dB; what
each method gains, the mean over clips and, in brackets, the least of any clip. The second table sees banding, where the
truth is smooth (its 9×9 neighborhoods deviate by less than 3 levels): the error of the gradient in levels over ten
pixels, and the share of 5×5 neighborhoods that are of one color. --clips prints a row a clip; --pictures FOLDER writes
truth, GIF and methods side by side, a file a photograph.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
from classical import Clips, Restore, Shot, frame_psnr, restorer, rounded, shots
from held_out import kind

from gifbench import DatasetClip, Gif, Pixels, load_method, open_dataset, run_method

_AROUND = 2
_ORDER = ("faces", "moments", "screens", "film", "photographs")


def places(clip: DatasetClip, count: int) -> list[int]:
    """The numbers of the frames that `shots` takes."""
    return [(2 * i + 1) * clip.num_frames // (2 * count) for i in range(count)]


def middle(shape: Sequence[int], crop: int | None) -> tuple[slice, slice]:
    """The square of that side in the middle of a frame (H, W), or all of it."""
    sides = [side if crop is None else min(side, crop) for side in shape]
    rows, columns = (slice((whole - side) // 2, (whole + side) // 2) for whole, side in zip(shape, sides, strict=True))
    return rows, columns


def restored_clip(spec: str, clip: DatasetClip, *, dithered: bool, count: int, crop: int | None) -> list[Pixels]:
    """The chosen frames of a clip, each restored from the five GIF frames around it."""
    gif, method = clip.gif(dithered=dithered), load_method(spec)
    rows, columns = middle((gif.height, gif.width), crop)
    found = []
    for place in places(clip, count):
        first = max(0, place - _AROUND)
        part = gif.select(range(first, min(len(gif), place + _AROUND + 1)))
        square = Gif(part.indices[:, rows, columns], tuple(part.palettes), part.times, part.duration)
        batches = run_method(method, square, [square.times[place - first]], clip=clip.clip_id, device="cpu")
        found += [rounded(np.asarray(frame)) for batch in batches for frame in batch]
    return found


def cropped(part: Clips, crop: int | None) -> Clips:
    """Only the square in the middle of each frame."""
    squares = {}
    for clip, each in part.items():
        at = middle(each[0].truth.shape[:2], crop)
        squares[clip] = [Shot(shot.truth[at], shot.shown[at], shot.palette) for shot in each]
    return squares


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


def print_kinds(part: Clips, frames: Mapping[str, Mapping[str, Sequence[Pixels]]], what: str, *, by_clip: bool) -> None:
    """A row a kind of both tables."""
    for name in [name for name in _ORDER if any(kind(clip) == name for clip in part)]:
        clips = {clip: shot for clip, shot in part.items() if kind(clip) == name}
        base = {clip: fmean(frame_psnr(shot.shown, shot) for shot in each) for clip, each in clips.items()}
        best: Restore = restorer("best gaussian", clips)[1]
        scores = {"gaussian": {c: fmean(frame_psnr(rounded(best(s)), s) for s in each) for c, each in clips.items()}}
        for label, restored_frames in frames.items():
            scores[label] = {
                clip: fmean(frame_psnr(f, s) for f, s in zip(restored_frames[clip], each, strict=True))
                for clip, each in clips.items()
            }
        gains = {label: {clip: per[clip] - base[clip] for clip in clips} for label, per in scores.items()}
        if by_clip:
            for clip in clips:
                cells = " | ".join(f"{each[clip]:+.2f}" for each in gains.values())
                print(f"| {clip}, {what} | {base[clip]:.2f} | {cells} |")
        cells = " | ".join(f"{fmean(each.values()):+.2f} ({min(each.values()):+.2f})" for each in gains.values())
        print(f"| **{len(clips)} {name}, {what}** | {fmean(base.values()):.2f} | {cells} |")
        masks = {clip: [smooth(shot.truth) for shot in each] for clip, each in clips.items()}
        seen = {"truth": {c: [s.truth for s in each] for c, each in clips.items()}}
        seen |= {"GIF": {c: [s.shown for s in each] for c, each in clips.items()}, **frames}
        cells = ""
        for pictures in seen.values():
            found = [
                banding(frame, shot, mask)
                for clip, each in clips.items()
                for frame, shot, mask in zip(pictures[clip], each, masks[clip], strict=True)
                if mask.mean() > 0.02
            ]
            cells += (
                f" | {fmean(f[0] for f in found):.2f}, {100 * fmean(f[1] for f in found):.0f}%" if found else " | -"
            )
        print(f"banding: {name}, {what} ({', '.join(seen)}){cells} |", flush=True)


def write_pictures(folder: Path, part: Clips, frames: Mapping[str, Mapping[str, Sequence[Pixels]]], what: str) -> None:
    """Truth, GIF and methods side by side, of the first chosen frame of each photograph."""
    folder.mkdir(parents=True, exist_ok=True)
    for clip, each in part.items():
        if kind(clip) == "photographs":
            row = [each[0].truth, each[0].shown, *(per[clip][0] for per in frames.values())]
            cv2.imwrite(str(folder / f"{clip}-{what}.png"), cv2.cvtColor(np.hstack(row), cv2.COLOR_RGB2BGR))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("methods", nargs="+", metavar="[LABEL=]METHOD")
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--crop", type=int, help="the side of a square; without it, whole frames")
    parser.add_argument("--only", choices=("plain", "dithered"))
    parser.add_argument("--clips", action="store_true")
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    methods: dict[str, str] = {}
    for each in given.methods:
        label, equals, spec = each.partition("=")
        labeled = bool(equals) and ":" not in label
        methods[label if labeled else each] = spec if labeled else each
    clips = list(open_dataset(given.dataset).split("test"))
    print(f"| kind | GIF | best gaussian | {' | '.join(methods)} |\n{'|---' * (3 + len(methods))}|")
    for dithered in (False, True):
        what = "dithered" if dithered else "plain"
        if given.only not in (None, what):
            continue
        part = cropped(shots(clips, dithered=dithered, num_frames=given.frames), given.crop)
        frames = {
            label: {
                clip.clip_id: restored_clip(spec, clip, dithered=dithered, count=given.frames, crop=given.crop)
                for clip in clips
            }
            for label, spec in methods.items()
        }
        print_kinds(part, frames, what, by_clip=given.clips)
        if given.pictures is not None:
            write_pictures(given.pictures, part, frames, what)


if __name__ == "__main__":
    main()
