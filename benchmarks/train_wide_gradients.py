r"""Learns what `ccdnet` takes of smoother pictures of a GIF: one network for plain ones, one for dithered ones.

    python benchmarks/train_wide_gradients.py data/clips OUT.safetensors [--dithered] [--rounds 8] [--steps 8000]

DATASET is the one that the networks learned from (training_clips.py). In each round a frame of every source becomes a
GIF of as many colors as are drawn, 32 more often than not, and `ccdnet` restores it, guard and agreement included. What
is learned, on squares of 192, is the mean of the logarithm of the squared error beside the restored frame's, and twice
what of it is above 0, where that was better. `release_weights.py` makes weights with a card of OUT.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import torch
from gifbench_baselines.ccdnet.plain_or_dithered_choice import Router
from gifbench_baselines.ccdnet.wide_gradients import SIDE, Told, WideGradients, WideGradientsOptions, mix, tell
from training_clips import drawn_frames

from gifbench import Gif, open_dataset, save_weights
from gifbench.media.colors.error_diffusion import damped_floyd_steinberg, floyd_steinberg, sierra_2_4a
from gifbench.media.colors.quantize import minimum_variance, nearest

COLORS = (32, 32, 32, 32, 32, 16, 64, 128, 256)
DITHERS = (
    *(floyd_steinberg,) * 5,
    *(partial(floyd_steinberg, serpentine=True), sierra_2_4a, damped_floyd_steinberg, damped_floyd_steinberg),
)
SQUARE, BATCH = 192, 6
RATE = 1.5e-3
LEAST = 0.3
"""Added to squared errors of 255 levels: flat squares do not rule."""
WORSE = 2.0
"""By how much more what becomes worse weighs."""

Sample = tuple[Told, torch.Tensor, torch.Tensor]
"""What is known of a frame, the restored frame and the truth, (3, H, W)."""


def samples(dataset: str, *, dithered: bool, rounds: int, precision: str) -> Iterator[Sample]:
    """All that is learned from, in half precision."""
    router = Router(gradients=False, precision=precision)
    for clip, place, draw in drawn_frames(dataset, rounds):
        truth = clip.truth_frames([place])[0]
        palette = minimum_variance(truth, COLORS[draw.integers(len(COLORS))])
        dither = DITHERS[draw.integers(len(DITHERS))] if dithered else nearest
        indices = dither(truth, palette)
        gif = Gif(indices[None], (palette,), (Fraction(0),), Fraction(1, 25))
        restorer = router.restorer(gif)
        if restorer.dithered != dithered:  # it looks like the other kind
            continue
        with torch.inference_mode():
            frame = restorer.restore(torch.from_numpy(gif.frame(0).copy())[None], [torch.from_numpy(palette)])[0]
        planes = frame.permute(2, 0, 1).contiguous()
        shown = np.ascontiguousarray(gif.frame(0).transpose(2, 0, 1))
        told = tell(planes.numpy(), shown, palette, dithered=dithered)
        if told is not None:
            light = Told(told.features.half(), told.changes.half(), told.cells.half(), told.believed)
            yield light, planes.half(), torch.from_numpy(truth.transpose(2, 0, 1).copy())


def square(sample: Sample, draw: np.random.Generator) -> list[torch.Tensor]:
    """A square of a sample, mirrored or not: what `mix` takes, then the truth."""
    told, restored, truth = sample
    height, width = (side // SIDE * SIDE for side in truth.shape[1:])
    top, left = (SIDE * int(draw.integers((side - SQUARE) // SIDE + 1)) for side in (height, width))

    def part(of: torch.Tensor, scale: int) -> torch.Tensor:
        rows, columns = (slice(start // scale, (start + SQUARE) // scale) for start in (top, left))
        return of[..., rows, columns].float()

    parts = [part(told.features, SIDE), part(restored, 1), part(told.changes, 2), part(told.cells, 1), part(truth, 1)]
    flips = draw.integers(2)
    return [each.flip(-1) for each in parts] if flips else parts


def learned(every: list[Sample], steps: int) -> WideGradients:
    """The network of these samples."""
    torch.manual_seed(0)
    network = WideGradients(WideGradientsOptions()).to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(network.parameters(), RATE, betas=(0.9, 0.99))
    rate = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, total_steps=steps, pct_start=0.1)
    draw, begun, gains = np.random.default_rng(0), time.monotonic(), list[float]()
    for step in range(1, steps + 1):
        drawn = [square(every[draw.integers(len(every))], draw) for _ in range(BATCH)]
        features, restored, changes, cells, truth = (torch.stack(parts) for parts in zip(*drawn, strict=True))
        mixed = mix(network(features.contiguous(memory_format=torch.channels_last)), restored, changes, cells)
        error, before = ((each - truth).square().mean(dim=(1, 2, 3)) + LEAST for each in (mixed, restored))
        found = torch.log(error / before)
        adam.zero_grad()
        (found.mean() + WORSE * found.relu().mean()).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        rate.step()
        gains.append(-10 / math.log(10) * float(found.detach().mean()))
        if step % 250 == 0:
            print(f"{step}/{steps}: {np.mean(gains[-250:]):+.3f} dB, {time.monotonic() - begun:.0f} s", flush=True)
    return network.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("out", type=Path)
    parser.add_argument("--dithered", action="store_true")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--precision", default="fp32", help="what ccdnet computes in")
    given = parser.parse_args()
    torch.set_num_threads(1)
    every = list(samples(given.dataset, dithered=given.dithered, rounds=given.rounds, precision=given.precision))
    print(f"{len(every)} frames", flush=True)
    network = learned(every, given.steps)
    about = {
        "name": "ccdnet-dithered-gradients" if given.dithered else "ccdnet-plain-gradients",
        "dataset": "gif-moments",
        "fingerprint": open_dataset(given.dataset).fingerprint,
        "step": given.steps,
        "data": {"rounds": given.rounds, "colors": COLORS, "frames": len(every), "square": SQUARE},
        "training": {"batch_size": BATCH, "learning_rate": RATE, "schedule": "one cycle", "precision": given.precision},
    }
    print(save_weights(given.out, network, architecture=network.options.model_dump(mode="json"), about=about))


if __name__ == "__main__":
    main()
