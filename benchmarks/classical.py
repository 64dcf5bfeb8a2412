"""The methods that learn nothing, beside the best Gaussian: gif, gaussian, fcdr, palette-smooth, what people use.

    python benchmarks/classical.py --faces data/gif-faces --moments data/gif-moments [--frames 6] [--tune]

The datasets are those that benchmarks/baselines.py builds with --out. Of each clip as many frames are scored as
--frames says, spread evenly, under the protocol "standard": the PSNR (frames rounded) and SSIM of each frame, averaged
over the frames of a clip, then over clips. "worst" is the least gain over the GIF, in dB, of any clip.

Which clips are for tuning and which are held out is fixed here by name; a talker, a film, a place is on one side
only. Tuning: the GRID talkers of id2_swwp2s and pwij3p (one man) and lbax4n, the signer of eat and sister, the four
moments from the "learning area", the city, the test card and the flower. All other clips are held out. The scale of
fcdr-tuned and the numbers of palette-smooth were chosen on the tuning clips; --tune prints what its scales score
there. "best gaussian" has, for each part of the table, the sigma from 0.3 to 2.0 in steps of 0.1 that scores best on
the very clips it is shown for: an advantage that no method has. Frames a second: processor time of `restore_frames`
alone, one thread, 256×256, the best of three.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np

from gifbench import DatasetClip, Gif, Pixels, load_method, open_dataset
from gifbench.metrics.psnr import PSNR_CAP, psnr, squared_error
from gifbench.metrics.ssim import gaussian_ssim

TUNING = (
    "grid__id2_swwp2s",
    "grid__pwij3p",
    "grid__lbax4n",
    "intel_asl__eat",
    "intel_asl__sister",
    "learning-area__crystal",
    "learning-area__elf",
    "learning-area__frog",
    "learning-area__rabbit",
    "libopenshot__test",
    "moviepy__testcard",
    "shared-assets__flower",
)
METHODS = (
    *("gif", "gaussian-0.5", "gaussian-1.0", "best gaussian", "fcdr", "fcdr-tuned", "palette-smooth"),
    *("undither", "ffmpeg-deband", "ffmpeg-gradfun"),
)
SPEEDS = ("gaussian-0.5", "fcdr", "fcdr-tuned", "palette-smooth", "undither", "ffmpeg-deband", "ffmpeg-gradfun")
"""The methods whose frames a second are measured."""

SIGMAS = [round(0.1 * i, 1) for i in range(3, 21)]
SCALES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24)


@dataclass(frozen=True)
class Shot:
    """A frame's truth, and its GIF with palette."""

    truth: Pixels
    shown: Pixels
    palette: Pixels


@dataclass(frozen=True)
class Score:
    """Of one clip."""

    psnr: float
    ssim: float


Restore = Callable[[Shot], Pixels]
Clips = dict[str, list[Shot]]


def places(clip: DatasetClip, count: int) -> list[int]:
    """The numbers of so many frames of a clip, spread evenly."""
    return [(2 * i + 1) * clip.num_frames // (2 * count) for i in range(count)]


def one_frame_gif(shown: Pixels, palette: Pixels) -> Gif:
    """A GIF of one frame that shows exactly these pixels (H, W, 3), whose palette holds the colors of this one, too."""
    colors, indices = np.unique(shown.reshape(-1, 3), axis=0, return_inverse=True)
    known = set(map(tuple, colors.tolist()))
    lacking = [color for color in palette.tolist() if tuple(color) not in known]
    every = np.concatenate([colors, np.array(lacking, np.uint8).reshape(-1, 3)])
    kind = np.uint8 if len(every) <= 256 else np.uint16
    return Gif(indices.reshape(1, *shown.shape[:2]).astype(kind), (every,), (Fraction(0),), Fraction(1))


def shots(dataset: Iterable[DatasetClip], *, dithered: bool, num_frames: int) -> Clips:
    found = {}
    for clip in dataset:
        chosen = places(clip, num_frames)
        gif = clip.gif(dithered=dithered)
        truth = clip.truth_frames(chosen)
        found[clip.clip_id] = [Shot(truth[k], gif.frame(i), gif.palettes[i]) for k, i in enumerate(chosen)]
    return found


def method(name: str) -> Restore:
    loaded = load_method(name).method
    return lambda shot: loaded.restore_frames(shot.shown[None], [shot.palette])[0]


def restorer(name: str, part: Clips) -> tuple[str, Restore]:
    """What stands in the table's first column, and the method."""
    if name == "gif":
        return name, lambda shot: shot.shown
    if name != "best gaussian":
        return name, method(name)
    means = {sigma: mean_psnr(method(f"gaussian:sigma={sigma}"), part) for sigma in SIGMAS}
    best = max(means, key=means.__getitem__)
    return f"best gaussian ({best})", method(f"gaussian:sigma={best}")


def rounded(frame: Pixels) -> Pixels:
    return np.clip(np.rint(frame), 0, 255).astype(np.uint8)


def frame_psnr(frame: Pixels, shot: Shot) -> float:
    return min(psnr(squared_error(frame, shot.truth), shot.truth.size), PSNR_CAP)


def mean_psnr(restore: Restore, part: Clips) -> float:
    return fmean(fmean(frame_psnr(rounded(restore(shot)), shot) for shot in clip) for clip in part.values())


def clip_scores(restore: Restore, part: Clips) -> dict[str, Score]:
    scores = {}
    for clip_id, clip in part.items():
        pairs = [(rounded(restore(shot)), shot) for shot in clip]
        psnrs = [frame_psnr(frame, shot) for frame, shot in pairs]
        scores[clip_id] = Score(fmean(psnrs), fmean(gaussian_ssim(frame, shot.truth) for frame, shot in pairs))
    return scores


def print_part(title: str, part: Clips, details: list[str]) -> None:
    print(f"\n{title}, {len(part)} clips\n\n| method | PSNR | SSIM | worst |\n|---|---|---|---|")
    base: dict[str, Score] = {}
    for name in METHODS:
        label, restore = restorer(name, part)
        scores = clip_scores(restore, part)
        base = base or scores
        gains = {clip_id: score.psnr - base[clip_id].psnr for clip_id, score in scores.items()}
        worst = min(gains, key=gains.__getitem__)
        mean = [fmean(each.psnr for each in scores.values()), fmean(each.ssim for each in scores.values())]
        print(f"| {label} | {mean[0]:.2f} | {mean[1]:.3f} | {gains[worst]:+.2f} |", flush=True)
        if gains[worst] < 0:
            details.append(f"{title}: {label} is worst on {worst}")


def tune(parts: dict[str, Clips]) -> None:
    print("\nfcdr's scale on the tuning clips, PSNR\n")
    print(f"| scale | {' | '.join(parts)} | mean |\n|---|{'---|' * (len(parts) + 1)}")
    for scale in SCALES:
        means = [mean_psnr(method(f"fcdr:scale={scale}"), part) for part in parts.values()]
        print(f"| {scale} | {' | '.join(f'{mean:.3f}' for mean in means)} | {fmean(means):.3f} |", flush=True)


def speed(shots_of_a_clip: Sequence[Shot], name: str) -> float:
    chosen = load_method(name).method
    frames, palettes = np.stack([s.shown for s in shots_of_a_clip]), [s.palette for s in shots_of_a_clip]
    chosen.restore_frames(frames[:1], palettes[:1])
    seconds = []
    for _ in range(3):
        started = time.process_time()
        chosen.restore_frames(frames, palettes)
        seconds.append(time.process_time() - started)
    return len(frames) / min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--moments", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--tune", action="store_true", help="score the scales of fcdr on the tuning clips, and end")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    datasets = {"faces": open_dataset(options.faces), "moments": open_dataset(options.moments)}
    tuning: dict[str, Clips] = {}
    held_out: dict[str, Clips] = {}
    for dither in ("plain", "dithered"):
        for kind, dataset in datasets.items():
            clips = shots(dataset, dithered=dither == "dithered", num_frames=options.frames)
            tuning[f"{kind}, {dither}"] = {name: clip for name, clip in clips.items() if name in TUNING}
            held_out[f"{kind}, {dither}"] = {name: clip for name, clip in clips.items() if name not in TUNING}
    if options.tune:
        tune({name: part for name, part in tuning.items() if name.endswith("plain")})
        return
    details: list[str] = []
    for side, parts in (("held out", held_out), ("tuning", tuning)):
        for name, part in parts.items():
            print_part(f"{name}, {side}", part, details)
    print("\n" + "\n".join(details))
    print("\n| method | plain frames/s | dithered frames/s |\n|---|---|---|")
    for name in SPEEDS:
        rates = [speed(next(iter(held_out[f"faces, {dither}"].values())), name) for dither in ("plain", "dithered")]
        print(f"| {name} | {rates[0]:.0f} | {rates[1]:.0f} |")


if __name__ == "__main__":
    main()
