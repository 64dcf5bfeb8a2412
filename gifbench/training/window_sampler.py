"""Windows by number: a few frames in a row of the truth and of its GIF, for trainers that learn from motion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from gifbench.dataset.dataset_clip import DatasetClip
from gifbench.errors import UsageError
from gifbench.media.clip import Pixels
from gifbench.training.config import DataOptions
from gifbench.training.frame_sampler import Samples, drawn_maker, made_gif
from gifbench.training.trainer_interface import TrainingBatch


class Windows(Samples):
    """Samples that are windows of some clips, each a `TrainingBatch` without its first dimension.

    Clips with fewer frames than the longest window are left out. Raises `UsageError` where that leaves none, and for
    options that cannot be.
    """

    def __init__(self, clips: Sequence[DatasetClip], options: DataOptions, *, seed: int, length: int) -> None:
        longest = (max(options.windows) - 1) * options.every + 1
        long_enough = [clip for clip in clips if clip.num_frames >= longest]
        if not long_enough:
            raise UsageError(f"data.windows: no clip to train on has {longest} frames; choose shorter windows")
        super().__init__(long_enough, options, seed=seed, length=length)
        self._counts = [clip.num_frames for clip in long_enough]
        weights = [1] * len(long_enough) if options.equal_clips else self._counts
        self._share = np.cumsum(weights) / sum(weights)

    def __getitem__(self, number: int) -> TrainingBatch:
        options = self._options
        visit = np.random.default_rng([self._seed, 0, number // options.samples_per_visit])
        chosen = np.searchsorted(self._share, visit.random(options.clips_at_once), side="right")
        draw = np.random.default_rng([self._seed, 1, number])
        clip = int(draw.choice(chosen))
        dithered = bool(draw.integers(2)) if options.dithered == "both" else bool(options.dithered)
        steps = int(draw.choice(options.windows)) - 1
        first = int(draw.integers(self._counts[clip] - steps * options.every))
        places = chosen_places(draw, steps, options.between)
        frames, maker = self._frames[dithered], drawn_maker(options, draw)
        numbers = [first + place * options.every for place in places]
        if maker is not None:
            dithered = bool(maker.dithered)
        if options.colors or maker is not None:
            truth = frames.read_truth(clip, numbers)
            shown = made_gif(truth, options, draw, maker, dithered)
        else:
            gif, truth = frames.read(clip, numbers)
            shown = [(gif.frame(place), gif.palettes[place]) for place in range(len(gif))]
        window = as_window(shown, truth, [place / steps for place in places], dithered=dithered)
        return varied(window, options, draw)


def as_window(
    shown: Sequence[tuple[Pixels, Pixels]], truth: Pixels, times: Sequence[float], *, dithered: bool
) -> TrainingBatch:
    """Frames of a GIF with their palettes, frames of the truth and their times, as a window of T frames."""
    palettes = torch.zeros(len(shown), 256, 3, dtype=torch.uint8)
    for place, (_, palette) in enumerate(shown):
        palettes[place, : len(palette)] = torch.from_numpy(palette.copy())
    return TrainingBatch(
        torch.from_numpy(np.stack([frame for frame, _ in shown])).permute(0, 3, 1, 2),
        palettes,
        torch.tensor([len(palette) for _, palette in shown]),
        torch.from_numpy(np.ascontiguousarray(truth)).permute(0, 3, 1, 2),
        torch.tensor(dithered),
        torch.tensor(times, dtype=torch.float32),
    )


def chosen_places(draw: np.random.Generator, steps: int, between: int | None) -> list[int]:
    """Which frames of a window of `steps` + 1 are in the sample: the ends always."""
    if between is None:
        return list(range(steps + 1))
    inner = draw.choice(np.arange(1, steps), size=between, replace=False)
    return [0, *sorted(int(place) for place in inner), steps]


def varied(window: TrainingBatch, options: DataOptions, draw: np.random.Generator) -> TrainingBatch:
    """A window cut to the crop, perhaps mirrored, perhaps turned round in time."""
    gif, palettes, colors, truth, dithered, times = window
    if options.crop is not None:
        height, width = truth.shape[2:]
        top, left = (int(draw.integers(side - options.crop + 1)) for side in (height, width))
        inside = (..., slice(top, top + options.crop), slice(left, left + options.crop))
        gif, truth = gif[inside], truth[inside]
    if options.flips and draw.integers(2):
        gif, truth = gif.flip(-1), truth.flip(-1)
    if options.time_flips and draw.integers(2):
        gif, palettes, colors, truth = (part.flip(0) for part in (gif, palettes, colors, truth))
        times = 1 - times.flip(0)
    return TrainingBatch(gif.contiguous(), palettes, colors, truth.contiguous(), dithered, times)
