"""Training samples are the frames of the GIF, their palettes and the truth, whichever worker reads them."""

from __future__ import annotations

import os
import pickle
from functools import partial

import numpy as np
import pytest

from gifbench.dataset import Dataset, open_dataset
from gifbench.dataset.dataset_clip import DatasetClip
from gifbench.errors import UsageError
from gifbench.storage import Folder
from tests.builder.servers import s3, start_fork_server

torch = pytest.importorskip("torch")

from torch.utils.data import ConcatDataset, DataLoader, DistributedSampler  # noqa: E402
from torch.utils.data import Dataset as Data  # noqa: E402

from gifbench.dataset.torch_dataset import FrameDataset, FrameParts, FrameSample  # noqa: E402


def test_samples_are_every_frame_in_order(tiny_dataset: Dataset) -> None:
    frames = FrameDataset(tiny_dataset, dithered=True)
    assert len(frames) == 6 + 7 + 8
    sample = frames[6 + 2]
    clip = tiny_dataset["bee"]
    gif = clip.gif(dithered=True)
    np.testing.assert_array_equal(sample["gif"].numpy().transpose(1, 2, 0), gif.frame(2))
    np.testing.assert_array_equal(sample["truth"].numpy().transpose(1, 2, 0), clip.truth.frames[2])
    np.testing.assert_array_equal(sample["palette"][: sample["colors"]].numpy(), gif.palettes[2])
    np.testing.assert_array_equal(frames[-1]["gif"], frames[20]["gif"])


def test_every_kth_frame(tiny_dataset: Dataset) -> None:
    frames = FrameDataset(tiny_dataset, every=4)
    assert len(frames) == 2 + 2 + 2
    np.testing.assert_array_equal(frames[5]["truth"].numpy().transpose(1, 2, 0), tiny_dataset["cat"].truth.frames[4])


def test_a_loader_with_workers_gives_batches(tiny_dataset: Dataset) -> None:
    frames = FrameDataset(tiny_dataset, crop=16)
    batches = list(DataLoader(frames, batch_size=7, num_workers=2, multiprocessing_context="fork"))
    assert [len(batch["gif"]) for batch in batches] == [7, 7, 7]
    assert batches[0]["truth"].shape == (7, 3, 16, 16)


def test_crops_lie_alike_in_gif_and_truth(tiny_dataset: Dataset) -> None:
    sample = FrameDataset(tiny_dataset, crop=20)[3]
    error = (sample["gif"].int() - sample["truth"].int()).abs().float().mean()
    assert error < 12


def test_bad_samples_are_said(tiny_dataset: Dataset) -> None:
    with pytest.raises(UsageError, match=r"crop must be at most .* got 25"):
        FrameDataset(tiny_dataset, crop=25)
    with pytest.raises(UsageError, match="every must be at least 1, got 0"):
        FrameDataset(tiny_dataset, every=0)
    with pytest.raises(IndexError):
        FrameDataset(tiny_dataset)[21]


def test_a_worker_keeps_the_clips_that_it_read_last(tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = DatasetClip.read

    def counted(clip: DatasetClip, member: str, **options: object) -> bytes:
        read.extend([clip.clip_id] if member == "plain" else [])
        return real(clip, member, **options)

    monkeypatch.setattr(DatasetClip, "read", counted)
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
        patched.delattr(DatasetClip, "gif_frames")
        np.testing.assert_array_equal(frames.truth_frame(7), clip.truth.frames[1])
    frames[7]
    sent = pickle.dumps(frames)
    assert clip.read("truth")[:200] not in sent
    assert torch.equal(pickle.loads(sent)[7]["gif"], frames[7]["gif"])


def test_some_frames_of_the_gif_come_with_those_of_the_truth(tiny_dataset: Dataset) -> None:
    frames = FrameDataset(tiny_dataset, dithered=True)
    gif, truth = frames.read(2, [0, 7])
    np.testing.assert_array_equal(truth, tiny_dataset["cat"].truth.frames[[0, 7]])
    np.testing.assert_array_equal(gif.frames, tiny_dataset["cat"].gif(dithered=True).frames[[0, 7]])


def batch_of(frames: Data[FrameParts], **options: object) -> list[dict[str, torch.Tensor]]:
    return list(DataLoader(frames, batch_size=4, **options))


def test_a_sample_is_a_dict_of_tensors_that_says_what_it_is(tiny_dataset: Dataset) -> None:
    sample = FrameDataset(tiny_dataset, dithered=True, every=2)[4]
    shapes = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in sample.items()}
    assert shapes == {
        "gif": ((3, 24, 32), torch.uint8),
        "truth": ((3, 24, 32), torch.uint8),
        "palette": ((256, 3), torch.uint8),
        "colors": ((), torch.int64),
        "dithered": ((), torch.bool),
        "clip": ((), torch.int64),
        "frame": ((), torch.int64),
        "time": ((), torch.float32),
    }
    assert set(sample) == set(FrameSample.__annotations__) | set(FrameParts.__annotations__)
    place = int(sample["clip"]), int(sample["frame"]), bool(sample["dithered"])
    assert place == (1, 2, True)
    assert float(sample["time"]) == pytest.approx(2 / 25)


def test_workers_give_what_this_process_gives(tiny_dataset: Dataset) -> None:
    frames = FrameDataset(tiny_dataset.split("test"))
    here = batch_of(frames)
    there = batch_of(frames, num_workers=2, multiprocessing_context="fork")
    for mine, theirs in zip(here, there, strict=True):
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_shuffled_each_frame_comes_once(tiny_dataset: Dataset) -> None:
    batches = batch_of(FrameDataset(tiny_dataset), shuffle=True, generator=torch.Generator().manual_seed(1))
    seen = [place for batch in batches for place in zip(batch["clip"].tolist(), batch["frame"].tolist(), strict=True)]
    everything = [(number, frame) for number, clip in enumerate(tiny_dataset) for frame in range(len(clip))]
    assert sorted(seen) == everything
    assert seen != everything


def test_a_distributed_sampler_gives_each_process_its_share(tiny_dataset: Dataset) -> None:
    frames = FrameDataset(tiny_dataset)
    shares = []
    for rank in range(2):
        sampler = DistributedSampler(frames, num_replicas=2, rank=rank, shuffle=True, seed=3, drop_last=True)
        loader = DataLoader(frames, batch_size=5, sampler=sampler)
        batches = list(loader)
        shares.append({place for b in batches for place in zip(b["clip"].tolist(), b["frame"].tolist(), strict=True)})
    assert [len(share) for share in shares] == [10, 10]
    assert not shares[0] & shares[1]


def with_environment(variables: dict[str, str], number: int) -> None:
    """What a worker does first; one that is no child of this process has not its environment."""
    os.environ.update(variables)


@pytest.mark.parametrize(("start", "workers"), [("fork", 2), ("forkserver", 1)])
def test_workers_open_a_dataset_anew_local_or_remote(tiny_dataset: Dataset, start: str, workers: int) -> None:
    """To a worker of a fork server all is sent pickled, as to one that is spawned; that one would start Python."""
    start_fork_server()
    with s3() as bucket:
        for name in tiny_dataset.folder.names(""):
            Folder(bucket).write(f"tiny/{name}", tiny_dataset.folder.read(name))
        remote = open_dataset(f"{bucket}/tiny")
        frames = ConcatDataset([FrameDataset(remote, every=2), FrameDataset(tiny_dataset.split("test"))])
        here = batch_of(frames)  # which opens a connection in this process
        first = partial(with_environment, dict(os.environ))
        there = batch_of(frames, num_workers=workers, multiprocessing_context=start, worker_init_fn=first)
    for mine, theirs in zip(here, there, strict=True):
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_clips_of_each_kind_are_taken_and_wrong_types_refused(tiny_dataset: Dataset) -> None:
    assert len(FrameDataset(tiny_dataset[0])) == 6
    assert len(FrameDataset([tiny_dataset["cat"], tiny_dataset[0]])) == 14
    assert len(FrameDataset(tiny_dataset[1:])) == 15
    for wrong in (5, "data", [5], [None], None):
        with pytest.raises(UsageError, match="clips must be a list of DatasetClips"):
            FrameDataset(wrong)
    for options in ({"crop": "16"}, {"every": 1.5}, {"dithered": "both"}, {"keep": None}, {"keep": 0}, {"crop": 0}):
        with pytest.raises(UsageError, match=f"{next(iter(options))} must be"):
            FrameDataset(tiny_dataset, **options)
