"""Samples by number: sample n of a seed is the same whichever worker makes it, and whenever.

So a training that is resumed sees what it would have seen, and the number of workers changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch.utils.data import Dataset as TorchDataset

from gifbench.dataset.dataset_clip import DatasetClip
from gifbench.dataset.torch_dataset import FrameDataset, FrameParts
from gifbench.did_you_mean import known_names
from gifbench.errors import UsageError
from gifbench.gif_maker_registry import LoadedMaker, load_maker, made_frames
from gifbench.media.clip import Pixels
from gifbench.media.colors.palette_validation import check_colors
from gifbench.media.colors.quantize import DITHERS, quantize
from gifbench.training.augmentation import view
from gifbench.training.config import DataOptions
from gifbench.training.trainer_interface import TrainingBatch


class Samples(TorchDataset[TrainingBatch]):
    """Training samples of some clips, each a `TrainingBatch` without its first dimension.

    Numbers are drawn in visits: a visit sees `clips_at_once` clips, chosen by their frames or alike, so that a worker
    reads few clips for many samples. Raises `UsageError` for a crop that a clip cannot hold or a ditherer that
    is not known.
    """

    def __init__(self, clips: Sequence[DatasetClip], options: DataOptions, *, seed: int, length: int) -> None:
        check_options(options)
        self._options, self._seed, self._length = options, seed, length
        # A GIF that is made on the fly still comes with its truth from the dataset, which either view has.
        self._frames = {
            dithered: FrameDataset(
                clips, dithered=dithered, every=options.every, crop=options.crop, keep=options.clips_at_once
            )
            for dithered in dithers(options)
        }
        counts = [-(-clip.num_frames // options.every) for clip in clips]
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        if not self._starts[-1]:
            raise UsageError("there are no clips to train on: the split train is empty")

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, number: int) -> TrainingBatch:
        options = self._options
        visit = np.random.default_rng([self._seed, 0, number // options.samples_per_visit])
        if options.equal_clips:
            chosen = visit.choice(self._starts[:-1], size=options.clips_at_once)
        else:
            chosen = visit.integers(self._starts[-1], size=options.clips_at_once)
        draw = np.random.default_rng([self._seed, 1, number])
        clip = int(np.searchsorted(self._starts, draw.choice(chosen), side="right")) - 1
        index = int(draw.integers(self._starts[clip], self._starts[clip + 1]))
        dithered = bool(draw.integers(2)) if options.dithered == "both" else bool(options.dithered)
        generator = torch.Generator().manual_seed(int(draw.integers(1 << 62)))
        frames, maker = self._frames[dithered], drawn_maker(options, draw)
        if maker is not None:
            dithered = bool(maker.dithered)
        if options.colors or maker is not None:
            whole = frames.truth_frame(index)
            if options.views is not None:
                whole = view(whole, options.views, draw, least=options.crop or 1)
            ((shown, palette),) = made_gif([whole], options, draw, maker, dithered)
            sample: FrameParts = frames.cut(shown, palette, whole, generator)
        else:
            sample = frames.draw(index, generator)
        gif, truth = sample["gif"], sample["truth"]
        if options.flips and draw.integers(2):
            gif, truth = gif.flip(-1), truth.flip(-1)
        return TrainingBatch(gif, sample["palette"], sample["colors"], truth, torch.tensor(dithered), torch.zeros(()))


def dithers(options: DataOptions) -> tuple[bool, ...]:
    """Which of a dataset's GIFs are asked for: plain (False), dithered (True), or both."""
    return (False, True) if options.dithered == "both" else (bool(options.dithered),)


def check_options(options: DataOptions) -> None:
    """Raise `UsageError` for palettes, ditherers or views of GIFs made on the fly that cannot be."""
    for count in options.colors:
        check_colors(count)
    for name in options.dithers:
        if name not in DITHERS:
            raise UsageError(f'data.dithers: there is no dither "{name}": {known_names(name, DITHERS)}')
    for name in options.makers:
        try:
            _ = load_maker(name).maker.version
        except UsageError as error:
            raise UsageError(f"data.makers: {error}") from error
    if options.views is not None and not options.colors:
        raise UsageError("data.views are of GIFs made on the fly: say by data.colors of how many colors")
    if options.colors and options.dithered and not options.dithers:
        raise UsageError("data.dithers is empty: name the ditherers of the dithered GIFs that data.colors asks for")


def drawn_maker(options: DataOptions, draw: np.random.Generator) -> LoadedMaker | None:
    """Who makes a sample's GIF; None for what the other options say. Nothing is drawn where no makers are named."""
    if not options.makers or draw.random() >= options.maker_share:
        return None
    return load_maker(str(draw.choice(options.makers)))


def gif_by_maker(maker: LoadedMaker, frames: Iterable[Pixels]) -> list[tuple[Pixels, Pixels]]:
    """Frames (H, W, 3) as a maker's GIF of them shows them, each with its palette of at most 256 colors.

    Where images laid over each other show more, as those of gifski may, the palette has the 256 that most pixels have.
    """
    found = []
    for shown, palette in made_frames(maker, frames):
        kept = palette
        if len(palette) > 256:
            colors, counts = np.unique(shown.reshape(-1, 3), axis=0, return_counts=True)
            kept = colors[np.sort(np.argsort(-counts, kind="stable")[:256])]
        found.append((shown, kept))
    return found


def made_gif(
    truth: Iterable[Pixels], options: DataOptions, draw: np.random.Generator, maker: LoadedMaker | None, dithered: bool
) -> list[tuple[Pixels, Pixels]]:
    """Frames (H, W, 3) as a GIF made on the fly shows them, each with its palette: the maker's, or as options say."""
    if maker is not None:
        return gif_by_maker(maker, truth)
    found = []
    for frame in truth:
        indices, palette = quantize(frame, colors=int(draw.choice(options.colors)))
        if dithered:
            indices = DITHERS[str(draw.choice(options.dithers))](frame, palette)
        found.append((palette[indices], palette))
    return found
