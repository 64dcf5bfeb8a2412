r"""Learns the guard of `ccdnet`: how much of its networks' changes each pixel can bear.

    python benchmarks/train_correction_guard.py data/clips OUT.safetensors [--rounds 2] [--steps 500]

DATASET is the one that the networks learned from (training_clips.py). In each round a frame of every source, a square
of 224 of it, is made a GIF by four of thirteen kinds drawn at random: the dataset's own two, and makers (those whose
program is missing are left out). `ccdnet` without a guard restores it, and 1,200 pixels are kept. What is learned is
the mean over squares of the logarithm of the squared error beside the GIF's, and four times of what of it is above 0,
where the GIF was better. Before that it is learned five times without a fifth of the sources, and a row a kind is
printed of these: gain over the GIF in dB, the mean, the least, and the share of squares below their GIF, without the
guard and with it.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from classical import one_frame_gif
from gifbench_baselines.ccdnet.correction_guard import FEATURES, Guard, GuardOptions, features
from gifbench_baselines.ccdnet.plain_or_dithered_choice import Router
from training_clips import drawn_frames, source_of

from gifbench import DatasetClip, GifbenchError, Pixels, save_weights
from gifbench.gif_maker_registry import load_maker, made_frames

SIDE, PIXELS, KINDS_A_FRAME, FOLDS = 224, 1200, 4, 5
MAKERS = (
    *("ffmpeg-256-none", "ffmpeg-256-sierra2_4a", "ffmpeg-256-bayer", "ffmpeg-128-sierra2_4a", "ffmpeg-64-none"),
    *("ffmpeg-64-bayer", "gifsicle-lossy80", "gifski", "pillow", "ffmpeg-128-none", "ffmpeg-256-floyd_steinberg"),
)
KINDS = ("plain", "dithered", *MAKERS)
LEAST = 0.005
"""Added to squared errors of 255 levels: what is as good as exact."""
BELOW = 4.0
"""By how much more what falls below the GIF weighs."""


@dataclass(frozen=True)
class Square:
    """Some pixels of a square: what a guard is told of each, what the network changes, and what should be changed."""

    source: str
    kind: str
    told: torch.Tensor
    change: torch.Tensor
    wanted: torch.Tensor


def shown_as(clip: DatasetClip, number: int, kind: str, truth: Pixels) -> tuple[Pixels, Pixels]:
    """A frame as that kind of GIF shows it, and its palette."""
    if kind in MAKERS:
        ((shown, palette),) = made_frames(load_maker(kind), [truth])
        return shown, palette
    gif = clip.gif_frames([number], dithered=kind == "dithered")
    return gif.frame(0), gif.palettes[0]


def square_of(router: Router, source: str, kind: str, parts: Sequence[Pixels], draw: np.random.Generator) -> Square:
    """Of a square of a GIF frame, its palette and the truth."""
    shown, palette, truth = parts
    gif = one_frame_gif(shown, palette)
    dithered, _ = router.choose(gif)
    colors = torch.from_numpy(gif.palettes[0])
    frame = torch.from_numpy(np.ascontiguousarray(shown))
    made = router.restorer(gif).changed(frame[None], [colors])[0]
    told = features(frame, colors, made, dithered=dithered)
    some = torch.from_numpy(draw.choice(frame.shape[0] * frame.shape[1], PIXELS, replace=False))
    levels, right = frame.float().reshape(-1, 3)[some], torch.from_numpy(truth.astype(np.float32)).reshape(-1, 3)[some]
    return Square(source, kind, told.reshape(-1, FEATURES)[some], made.reshape(-1, 3)[some] - levels, right - levels)


def squares(dataset: str, rounds: int) -> Iterator[Square]:
    """All that is learned from."""
    router = Router()
    told: set[str] = set()
    for clip, place, draw in drawn_frames(dataset, rounds):
        truth = clip.truth_frames([place])[0]
        top, left = (int(draw.integers(length - SIDE + 1)) for length in truth.shape[:2])
        part = slice(top, top + SIDE), slice(left, left + SIDE)
        for kind in (KINDS[i] for i in draw.permutation(len(KINDS))[:KINDS_A_FRAME]):
            try:
                shown, palette = shown_as(clip, place, kind, truth)
            except GifbenchError as error:
                if kind not in told:
                    print(f"left out: {kind} ({error})", flush=True)
                told.add(kind)
                continue
            yield square_of(router, source_of(clip), kind, (shown[part], palette, truth[part]), draw)


def below(guard: Guard | None, some: Sequence[Square]) -> torch.Tensor:
    """Of each square the logarithm of the squared error beside the GIF's; without a guard all changes are taken."""
    change, wanted = (torch.stack([getattr(each, name) for each in some]) for name in ("change", "wanted"))
    if guard is not None:
        change = guard(torch.stack([each.told for each in some]))[..., None] * change
    error, before = ((part.square().mean(dim=(1, 2)) + LEAST) for part in (change - wanted, wanted))
    return torch.log(error / before)


def learned(some: Sequence[Square], steps: int) -> Guard:
    """A guard of these squares."""
    torch.manual_seed(0)
    guard = Guard(GuardOptions())
    told = torch.stack([each.told for each in some])
    guard.mean.copy_(told.mean(dim=(0, 1)))
    guard.scale.copy_(told.std(dim=(0, 1)) + 1e-3)
    torch.nn.init.zeros_(guard.last.weight)
    torch.nn.init.constant_(guard.last.bias, 2.5)
    adam = torch.optim.Adam(guard.parameters(), 3e-3, weight_decay=1e-4)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(steps):
        found = below(guard, [some[i] for i in torch.randint(len(some), (24,)).tolist()])
        adam.zero_grad()
        (found.mean() + BELOW * found.relu().mean()).backward()
        adam.step()
        rate.step()
    return guard.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("out", type=Path)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=500)
    given = parser.parse_args()
    every = list(squares(given.dataset, given.rounds))
    names = np.random.default_rng(1).permutation(sorted({each.source for each in every})).tolist()
    gains: dict[str, list[tuple[float, float]]] = {}
    for fold in range(FOLDS):
        away = set(names[fold::FOLDS])
        guard = learned([each for each in every if each.source not in away], given.steps)
        kept = [each for each in every if each.source in away]
        with torch.inference_mode():
            pairs = zip(below(None, kept).tolist(), below(guard, kept).tolist(), strict=True)
        for each, pair in zip(kept, pairs, strict=True):
            gains.setdefault(each.kind, []).append((-10 * pair[0] / math.log(10), -10 * pair[1] / math.log(10)))
    print("| kind | squares | without | with |\n|---|---|---|---|")
    for kind, rows in sorted(gains.items()):
        cells = [f"{v.mean():+.2f} ({v.min():+.2f}, {(v < -0.005).mean():.0%})" for v in np.array(rows).T]
        print(f"| {kind} | {len(rows)} | {' | '.join(cells)} |")
    guard = learned(every, given.steps)
    print(save_weights(given.out, guard, architecture=guard.options.model_dump(mode="json"), about={}))


if __name__ == "__main__":
    main()
