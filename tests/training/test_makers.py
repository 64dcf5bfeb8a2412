"""Training on GIFs as people make them: which samples are a maker's, and that the others stay what they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gifbench.dataset import Dataset
from gifbench.errors import MakerError, UsageError
from gifbench.gif_maker_registry import load_maker, made_frames
from gifbench.training.config import DataOptions
from gifbench.training.frame_sampler import Samples, gif_by_maker
from gifbench.training.trainer_interface import TrainingBatch
from gifbench.training.validation import validation_batches
from gifbench.training.window_sampler import Windows

MAKERS = ("ffmpeg-64-none", "pillow")


def same(one: TrainingBatch, other: TrainingBatch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_makers_sample_is_its_gif_of_the_frame(dataset: Dataset) -> None:
    options = DataOptions(crop=24, makers=("ffmpeg-64-none",), maker_share=1.0)
    samples = Samples(list(dataset), options, seed=3, length=20)
    frames = {}
    for clip in dataset:
        for truth in clip.truth.frames:
            ((shown, palette),) = made_frames(load_maker("ffmpeg-64-none"), [truth])
            for left in range(truth.shape[1] - 23):
                frames[truth[:24, left : left + 24].tobytes()] = shown[:24, left : left + 24], palette
    for number in range(20):
        sample = samples[number]
        shown, palette = frames[sample.truth.permute(1, 2, 0).numpy().tobytes()]
        np.testing.assert_array_equal(sample.gif.permute(1, 2, 0).numpy(), shown)
        np.testing.assert_array_equal(sample.palettes[: len(palette)].numpy(), palette)
        assert int(sample.colors) == len(palette)
        assert not bool(sample.dithered)
        assert same(sample, Samples(list(dataset), options, seed=3, length=20)[number])


@pytest.mark.parametrize("colors", [(), (4, 16)])
def test_samples_without_makers_are_what_they_were_and_with_them_share(dataset: Dataset, colors) -> None:
    def batches(**more) -> list[TrainingBatch]:
        options = DataOptions(crop=24, colors=colors, dithered="both", **more)
        samples = Samples(list(dataset), options, seed=1, length=60)
        return [samples[number] for number in range(60)]

    before, none, some = batches(), batches(makers=()), batches(makers=MAKERS, maker_share=0.5)
    assert all(map(same, before, none))
    made = sum(int(sample.colors) > 32 for sample in some)  # no palette of the dataset, or of `colors`, is so large
    assert 15 <= made <= 45


def test_windows_are_made_as_a_gif_of_all_their_frames(dataset: Dataset) -> None:
    options = DataOptions(crop=24, windows=(3,), makers=MAKERS, maker_share=1.0, time_flips=True)
    window = Windows(list(dataset), options, seed=0, length=4)[1]
    assert window.gif.shape == (3, 3, 24, 24)
    assert (window.colors > 2).all()
    error = (window.gif.int() - window.truth.int()).abs().float().mean()
    assert 0 < error < 10
    found = list(validation_batches(dataset["ant"], DataOptions(crop=24, windows=(3,), makers=MAKERS)))
    assert len(found) == 3 * 4


def test_validation_sees_each_maker(dataset: Dataset) -> None:
    options = DataOptions(crop=24, makers=MAKERS, validation_frames=2)
    found = list(validation_batches(dataset["bee"], options))
    assert len(found) == 2 * 3
    assert all(batch.gif.shape == batch.truth.shape for batch in found)


def test_palettes_of_more_than_256_colors_keep_the_most_common(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = np.stack([np.arange(300) % 256, np.arange(300) // 256, np.zeros(300)], axis=1).astype(np.uint8)
    shown = wide[np.r_[np.arange(300), np.full(60, 299)]].reshape(12, 30, 3)
    monkeypatch.setattr("gifbench.training.frame_sampler.made_frames", lambda maker, frames: [(shown, wide)])
    ((kept, palette),) = gif_by_maker(load_maker("pillow"), [shown])
    assert kept is shown
    assert palette.shape == (256, 3)
    assert (palette == wide[299]).all(axis=1).any()


def test_makers_that_cannot_be_are_said_before_the_training(dataset: Dataset, monkeypatch, tmp_path) -> None:
    with pytest.raises(UsageError, match=r'data\.makers: there is no maker "ffmpeg-64-non"'):
        Samples(list(dataset), DataOptions(crop=24, makers=("ffmpeg-64-non",)), seed=0, length=1)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MakerError, match="not installed"):
        Samples(list(dataset), DataOptions(crop=24, makers=("gifski",)), seed=0, length=1)
