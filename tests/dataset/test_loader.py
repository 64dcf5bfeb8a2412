"""Training samples are the frames of the GIF, their palettes and the truth, whichever worker reads them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from gifbench.dataset import Dataset
from gifbench.dataset.clip import DatasetClip
from gifbench.errors import UsageError
from gifbench.media.gif import Gif

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402

from gifbench.dataset.loader import FrameDataset  # noqa: E402


def test_samples_are_every_frame_in_order(tiny_dataset: Dataset) -> None:
    frames = FrameDataset(tiny_dataset, dithered=True)
    assert len(frames) == 6 + 7 + 8
    sample = frames[6 + 2]
    clip = tiny_dataset["bee"]
    gif = clip.gif(dithered=True)
    np.testing.assert_array_equal(sample.gif.numpy().transpose(1, 2, 0), gif.frame(2))
    np.testing.assert_array_equal(sample.truth.numpy().transpose(1, 2, 0), clip.truth.frames[2])
    np.testing.assert_array_equal(sample.palette[: sample.colors].numpy(), gif.palettes[2])
    np.testing.assert_array_equal(frames[-1].gif, frames[20].gif)


def test_every_kth_frame(tiny_dataset: Dataset) -> None:
    frames = FrameDataset(tiny_dataset, every=4)
    assert len(frames) == 2 + 2 + 2
    np.testing.assert_array_equal(frames[5].truth.numpy().transpose(1, 2, 0), tiny_dataset["cat"].truth.frames[4])


def test_a_loader_with_workers_gives_batches(tiny_dataset: Dataset) -> None:
    frames = FrameDataset(tiny_dataset, crop=16)
    batches = list(DataLoader(frames, batch_size=7, num_workers=2, multiprocessing_context="spawn"))
    assert [len(batch.gif) for batch in batches] == [7, 7, 7]
    assert batches[0].truth.shape == (7, 3, 16, 16)


def test_crops_lie_alike_in_gif_and_truth(tiny_dataset: Dataset) -> None:
    sample = FrameDataset(tiny_dataset, crop=20)[3]
    error = (sample.gif.int() - sample.truth.int()).abs().float().mean()
    assert error < 12


def test_bad_samples_are_said(tiny_dataset: Dataset) -> None:
    with pytest.raises(UsageError, match="crop is 25"):
        FrameDataset(tiny_dataset, crop=25)
    with pytest.raises(UsageError, match="every 0"):
        FrameDataset(tiny_dataset, every=0)
    with pytest.raises(IndexError):
        FrameDataset(tiny_dataset)[21]


def test_a_worker_keeps_the_clips_that_it_read_last(tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = DatasetClip.gif

    def counted(clip: DatasetClip, **options: object) -> Gif:
        read.append(clip.clip_id)
        return real(clip, **options)

    monkeypatch.setattr(DatasetClip, "gif", counted)
    frames = FrameDataset(tiny_dataset, keep=2)
    starts = {"ant": 0, "bee": 6, "cat": 13}
    for name in ("ant", "bee", "ant", "cat", "ant", "bee"):
        frames[starts[name]]
    assert read == ["ant", "bee", "cat", "bee"], "bee went when cat came; ant was used in between"


def test_truth_alone_reads_no_gif_and_what_was_read_stays_in_its_process(
    tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = FrameDataset(tiny_dataset)
    clip = tiny_dataset["bee"]
    with monkeypatch.context() as patched:
        patched.delattr(DatasetClip, "gif")
        np.testing.assert_array_equal(frames.truth_frame(7), clip.truth.frames[1])
    frames[7]
    sent = pickle.dumps(frames)
    assert clip.read("truth")[:200] not in sent
    assert torch.equal(pickle.loads(sent)[7].gif, frames[7].gif)


def test_some_frames_of_the_gif_come_with_those_of_the_truth(tiny_dataset: Dataset) -> None:
    frames = FrameDataset(tiny_dataset, dithered=True)
    gif, truth = frames.read(2, [0, 7])
    np.testing.assert_array_equal(truth, tiny_dataset["cat"].truth.frames[[0, 7]])
    np.testing.assert_array_equal(gif.frames, tiny_dataset["cat"].gif(dithered=True).frames[[0, 7]])
