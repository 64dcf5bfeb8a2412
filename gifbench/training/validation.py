"""Validation: some frames of clips that training never sees, scored, and a panel of pictures to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gifbench.dataset.dataset_clip import DatasetClip
from gifbench.dataset.dataset_reader import Dataset
from gifbench.did_you_mean import known_names
from gifbench.errors import UsageError
from gifbench.gif_maker_registry import load_maker
from gifbench.media.clip import Pixels
from gifbench.training.config import DataOptions
from gifbench.training.frame_sampler import dithers, gif_by_maker
from gifbench.training.trainer_interface import Trainer, TrainingBatch
from gifbench.training.window_sampler import as_window

_PANEL_CLIPS = 4


def split_clips(dataset: Dataset, options: DataOptions) -> tuple[list[DatasetClip], list[DatasetClip]]:
    """The clips to train on and those to validate on; raises `UsageError` for a clip that the split does not have."""
    training = list(dataset.split("train"))
    names = {clip.clip_id for clip in training}
    for name in options.validation_clips:
        if name not in names:
            raise UsageError(f'data.validation_clips: the split train has no clip "{name}": {known_names(name, names)}')
    if not options.validation_clips:
        return training, [clip for clip in dataset if clip.split == "validation"]
    held_out = [clip for clip in training if clip.clip_id in options.validation_clips]
    return [clip for clip in training if clip.clip_id not in options.validation_clips], held_out


def validate(
    trainer: Trainer, network: nn.Module, clips: Sequence[DatasetClip], options: DataOptions, device: torch.device
) -> tuple[dict[str, float], NDArray[np.uint8] | None]:
    """Means over frames, then over clips, and a panel: GIF, restored and truth side by side, a clip a row."""
    network.eval()
    per_clip: list[dict[str, float]] = []
    rows: list[NDArray[np.uint8]] = []
    with torch.no_grad():
        for clip in clips:
            scores: list[dict[str, float]] = []
            pictures = None
            for batch in validation_batches(clip, options):
                on_device = TrainingBatch(*(tensor.to(device) for tensor in batch))
                found, pictures = trainer.scores(network, on_device)
                scores.append(found)
            if pictures is not None and len(rows) < _PANEL_CLIPS:
                side_by_side = torch.cat([_middle(batch.gif), pictures[0].cpu(), _middle(batch.truth)], dim=2)
                rows.append(side_by_side.permute(1, 2, 0).numpy())
            if scores:  # a clip that is shorter than a window has none
                per_clip.append(_mean(scores))
    return _mean(per_clip), _stacked(rows)


def validation_batches(clip: DatasetClip, options: DataOptions) -> Iterator[TrainingBatch]:
    """What validation sees of a clip, each alone in its batch: whole frames, or windows, the longest with all between.

    They are at equal distances, plain or dithered as the training is; both where it is both. Each is seen as each of
    the training's makers makes it, too.
    """
    steps = max(options.windows, default=1) - 1
    starts = clip.num_frames - steps * options.every
    count = min(options.validation_frames, starts)
    firsts = [number * starts // count for number in range(count)]
    windows = [range(first, first + steps * options.every + 1, options.every) for first in firsts]
    if not windows:
        return
    numbers = sorted({number for window in windows for number in window})
    truth = dict(zip(numbers, clip.truth_frames(numbers), strict=True))
    times = [place / max(1, steps) for place in range(steps + 1)]

    def batch(window: range, shown: Sequence[tuple[Pixels, Pixels]], *, dithered: bool) -> TrainingBatch:
        found = as_window(shown, np.stack([truth[number] for number in window]), times, dithered=dithered)
        if options.windows:
            return TrainingBatch(*(part[None] for part in found))
        alone = TrainingBatch(*(part.contiguous() for part in found))
        return alone._replace(dithered=found.dithered[None])

    for dithered in dithers(options):
        gif = clip.gif_frames(numbers, dithered=dithered)
        frames = {number: (gif.frame(i), gif.palettes[i]) for i, number in enumerate(numbers)}
        for window in windows:
            yield batch(window, [frames[number] for number in window], dithered=dithered)
    for maker in map(load_maker, options.makers):
        for window in windows:
            shown = gif_by_maker(maker, [truth[number] for number in window])
            yield batch(window, shown, dithered=bool(maker.dithered))


def _middle(frames: torch.Tensor) -> torch.Tensor:
    """The first sample's frame (3, H, W); of a window the middle one."""
    return frames[0] if frames.ndim == 4 else frames[0, frames.shape[1] // 2]


def _mean(scores: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: sum(each[key] for each in scores) / len(scores) for key in scores[0]} if scores else {}


def _stacked(rows: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8] | None:
    if not rows:
        return None
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])
