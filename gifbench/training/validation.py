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
from gifbench.training.window_sampler import validation_windows

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


class Validation:
    """Whole frames or windows at equal distances, plain or dithered as the training is; both where it is both.

    Each is seen as each of the training's makers makes it, too.
    """

    def __init__(self, clips: Sequence[DatasetClip], options: DataOptions) -> None:
        self._clips, self._options = clips, options

    def run(
        self, trainer: Trainer, network: nn.Module, device: torch.device
    ) -> tuple[dict[str, float], NDArray[np.uint8] | None]:
        """Means over frames, then over clips, and a panel: GIF, restored and truth side by side, a clip a row."""
        network.eval()
        per_clip: list[dict[str, float]] = []
        rows: list[NDArray[np.uint8]] = []
        with torch.no_grad():
            for clip in self._clips:
                scores: list[dict[str, float]] = []
                for batch in self._batches(clip):
                    on_device = TrainingBatch(*(tensor.to(device) for tensor in batch))
                    found, pictures = trainer.scores(network, on_device)
                    scores.append(found)
                if pictures is not None and len(rows) < _PANEL_CLIPS:
                    side_by_side = torch.cat([_middle(batch.gif), pictures[0].cpu(), _middle(batch.truth)], dim=2)
                    rows.append(side_by_side.permute(1, 2, 0).numpy())
                per_clip.append(_mean(scores))
        return _mean(per_clip), _stacked(rows)

    def _batches(self, clip: DatasetClip) -> Iterator[TrainingBatch]:
        if self._options.windows:
            yield from validation_windows(clip, self._options)
            return
        count = min(self._options.validation_frames, clip.num_frames)
        frames = [i * clip.num_frames // count for i in range(count)]
        truth = clip.truth_frames(frames)
        for dithered in dithers(self._options):
            gif = clip.gif_frames(frames, dithered=dithered)
            for place in range(count):
                yield _batch(gif.frame(place), gif.palettes[place], truth[place], dithered=dithered)
        for maker in map(load_maker, self._options.makers):
            for frame in truth:
                ((shown, palette),) = gif_by_maker(maker, [frame])
                yield _batch(shown, palette, frame, dithered=bool(maker.dithered))


def _batch(shown: Pixels, colors: Pixels, truth: Pixels, *, dithered: bool) -> TrainingBatch:
    """One frame (H, W, 3) of a GIF, its palette (K, 3) and the truth."""
    palette = np.zeros((1, 256, 3), np.uint8)
    palette[0, : len(colors)] = colors
    return TrainingBatch(
        torch.from_numpy(shown.transpose(2, 0, 1).copy())[None],
        torch.from_numpy(palette),
        torch.tensor([len(colors)]),
        torch.from_numpy(truth.transpose(2, 0, 1).copy())[None],
        torch.tensor([dithered]),
        torch.zeros(1),
    )


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
