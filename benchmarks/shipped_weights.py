"""The weights that come with gifbench, on clips that their training never saw, beside the best Gaussian.

    python benchmarks/shipped_weights.py --faces data/gif-faces --moments data/gif-moments [--frames 6]

The datasets are those that benchmarks/baselines.py builds with --out. Of each clip as many frames are scored as
--frames says, spread evenly, under the protocol "standard". A line is a clip: the GIF's PSNR, and what the best
Gaussian, palette-smooth and ccdnet (the router, told nothing) gain over it in dB; then SSIM. "best gaussian" has the
sigma from 0.3 to 2.0 that scores best on the mean of the very clips that it is shown for.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean

import numpy as np
from classical import Clips, Restore, Shot, clip_scores, method, restorer, shots
from held_out import held_out

from gifbench import Dataset, Gif, Pixels, load_method, open_dataset


def routed(dataset: Dataset, *, dithered: bool, num_frames: int) -> dict[str, dict[bytes, Pixels]]:
    """What the router makes of the frames that `shots` takes, by clip and by the GIF frame's bytes."""
    router = load_method("ccdnet").method
    found: dict[str, dict[bytes, Pixels]] = {}
    for clip in held_out(dataset):
        chosen = [(2 * i + 1) * clip.num_frames // (2 * num_frames) for i in range(num_frames)]
        some: Gif = clip.gif(dithered=dithered).select(chosen)
        frames = [np.asarray(frame) for frame in router.restore(some, some.times)]
        found[clip.clip_id] = {
            some.frame(i).tobytes(): frame.reshape(some.frame(i).shape) for i, frame in enumerate(frames)
        }
    return found


def as_restore(made: dict[str, dict[bytes, Pixels]]) -> Restore:
    by_frame = {key: frame for clip in made.values() for key, frame in clip.items()}

    def restore(shot: Shot) -> Pixels:
        return by_frame[shot.shown.tobytes()]

    return restore


def print_part(title: str, part: Clips, ccdnet: Restore) -> None:
    label, best = restorer("best gaussian", part)
    methods = {
        "gif": restorer("gif", part)[1],
        label: best,
        "palette-smooth": method("palette-smooth"),
        "ccdnet": ccdnet,
    }
    scores = {name: clip_scores(restore, part) for name, restore in methods.items()}
    print(f"\n{title}\n\n| clip | {' | '.join(methods)} | SSIM: {' | '.join(methods)} |")
    print("|---" * (1 + 2 * len(methods)) + "|")
    for clip in [*part, "mean"]:
        psnrs, ssims = [
            [
                fmean(getattr(score, what) for score in per_clip.values())
                if clip == "mean"
                else getattr(per_clip[clip], what)
                for per_clip in scores.values()
            ]
            for what in ("psnr", "ssim")
        ]
        gains = " | ".join(f"{value - psnrs[0]:+.2f}" for value in psnrs[1:])
        print(f"| {clip} | {psnrs[0]:.2f} | {gains} | {' | '.join(f'{value:.3f}' for value in ssims)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--moments", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=6)
    options = parser.parse_args()
    for kind, path in (("faces", options.faces), ("moments", options.moments)):
        dataset = open_dataset(str(path))
        for dithered in (False, True):
            made = routed(dataset, dithered=dithered, num_frames=options.frames)
            clips = shots(dataset, dithered=dithered, num_frames=options.frames)
            part = {clip_id: clip for clip_id, clip in clips.items() if clip_id in made}
            print_part(f"{kind}, {'dithered' if dithered else 'plain'}, held out", part, as_restore(made))


if __name__ == "__main__":
    main()
