"""The weights that come with gifbench, on clips that their training never saw, beside the best Gaussian.

    python benchmarks/shipped_weights.py --faces data/gif-faces --moments data/gif-moments [--frames 6] [--palettes]

The datasets are those that benchmarks/baselines.py builds with --out. Of each clip as many frames are scored as
--frames says, spread evenly, under the protocol "standard". A line is a clip: the GIF's PSNR, and what the best
Gaussian, palette-smooth and ccdnet (the router, told nothing) gain over it in dB; then SSIM. "best gaussian" has the
sigma from 0.3 to 2.0 that scores best on the mean of the very clips that it is shown for.

--palettes: instead, GIFs of other palette sizes and ditherers are made of those frames. A cell is what the network of
its kind gains over the GIF in dB, the mean and the least of any frame that is not exact as a GIF.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from classical import Clips, Restore, Shot, clip_scores, frame_psnr, method, places, restorer, rounded, shots
from held_out import held_out

from gifbench import DatasetClip, Gif, Pixels, load_method, open_dataset
from gifbench.media.colors.quantize import DITHERS, quantize
from gifbench.metrics.psnr import PSNR_CAP


def routed(name: str, clips: Sequence[DatasetClip], *, dithered: bool, num_frames: int) -> Restore:
    """What a router of this name makes of the frames that `shots` takes; it is found again by the GIF frame's bytes."""
    router = load_method(name).method
    found: dict[bytes, Pixels] = {}
    for clip in clips:
        some: Gif = clip.gif(dithered=dithered).select(places(clip, num_frames))
        for i, frame in enumerate(router.restore(some, some.times)):
            found[some.frame(i).tobytes()] = np.asarray(frame).reshape(some.frame(i).shape)
    return lambda shot: found[shot.shown.tobytes()]


def print_palettes(frames: Sequence[Pixels]) -> None:
    """What the networks gain on GIFs of these frames, by palette size and ditherer."""
    networks = {dithered: load_method(f"ccdnet-{'dithered' if dithered else 'plain'}").method for dithered in (0, 1)}
    print(f"| colors | plain | {' | '.join(DITHERS)} |\n{'|---' * (2 + len(DITHERS))}|")
    for colors in (8, 16, 32, 64, 128, 256):
        cells = []
        for dither in (None, *DITHERS):
            gains = []
            for frame in frames:
                indices, palette = quantize(frame, colors=colors)
                shown = palette[indices if dither is None else DITHERS[dither](frame, palette)]
                before = frame_psnr(shown, Shot(frame, shown, palette))
                if before == PSNR_CAP:
                    continue
                restore = networks[dither is not None].restore_frames
                restored = restore(torch.tensor(shown)[None], [torch.tensor(palette)])[0].detach().numpy()
                gains.append(frame_psnr(rounded(restored), Shot(frame, shown, palette)) - before)
            cells.append(f"{fmean(gains):+.2f} ({min(gains):+.2f})")
        print(f"| {colors} | {' | '.join(cells)} |", flush=True)


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
    parser.add_argument("--palettes", action="store_true")
    options = parser.parse_args()
    if options.palettes:
        clips = [clip for path in (options.faces, options.moments) for clip in held_out(open_dataset(str(path)))]
        parts = shots(clips, dithered=False, num_frames=options.frames)
        print_palettes([shot.truth for part in parts.values() for shot in part])
        return
    for kind, path in (("faces", options.faces), ("moments", options.moments)):
        dataset = open_dataset(str(path))
        for dithered in (False, True):
            kept = held_out(dataset)
            made = routed("ccdnet", kept, dithered=dithered, num_frames=options.frames)
            part = shots(kept, dithered=dithered, num_frames=options.frames)
            print_part(f"{kind}, {'dithered' if dithered else 'plain'}, held out", part, made)


if __name__ == "__main__":
    main()
