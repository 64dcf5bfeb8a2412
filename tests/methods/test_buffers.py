"""A method may hand over the same array again and again: scores and pictures are of what it held at that moment."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gifbench.evaluation.evaluate import evaluate
from gifbench.methods.buffers import own_copy
from gifbench.methods.inference import run_method


class Fresh:
    """Adds a running number, so that every frame is another."""

    def restore(self, gif, times):
        for i, number in enumerate(_held(gif, times)):
            yield self.frame(gif.frame(number), i)[np.newaxis]

    def frame(self, frame, i):
        return (frame.astype(np.float32) + i) % 256


def _held(gif, times):
    from gifbench.methods.protocols import last_shown

    return last_shown(gif.times, times)


class OneBuffer(Fresh):
    def restore(self, gif, times):
        buffer = np.empty((1, gif.height, gif.width, 3), np.float32)
        for i, number in enumerate(_held(gif, times)):
            buffer[0] = self.frame(gif.frame(number), i)
            yield buffer


class Views(Fresh):
    def restore(self, gif, times):
        self.buffer = np.empty((4, gif.height, gif.width, 3), np.float32)
        for i, number in enumerate(_held(gif, times)):
            self.buffer[i % 2] = self.frame(gif.frame(number), i)
            yield self.buffer[i % 2 : i % 2 + 1]


class Ring(Fresh):
    def restore(self, gif, times):
        ring = [np.empty((1, gif.height, gif.width, 3), np.float32) for _ in range(3)]
        for i, number in enumerate(_held(gif, times)):
            ring[i % 3][0] = self.frame(gif.frame(number), i)
            yield ring[i % 3]


class Strided(Fresh):
    def restore(self, gif, times):
        memory = bytearray(gif.height * gif.width * 12)
        for i, number in enumerate(_held(gif, times)):
            array = np.frombuffer(memory, np.float32).reshape(1, gif.height, gif.width, 3)
            array[0] = self.frame(gif.frame(number), i)
            yield array


class Iterator(Fresh):
    def restore(self, gif, times):
        buffer = np.empty((1, gif.height, gif.width, 3), np.float32)

        def fill(pair):
            buffer[0] = self.frame(gif.frame(pair[1]), pair[0])
            return buffer

        return map(fill, enumerate(_held(gif, times)))


class Torch(Fresh):
    def restore(self, gif, times):
        torch = pytest.importorskip("torch")
        staging = torch.empty((2, gif.height, gif.width, 3))
        for i, number in enumerate(_held(gif, times)):
            staging[0] = torch.from_numpy(self.frame(gif.frame(number), i))
            yield staging[:1]


class TorchAsNumpy(Fresh):
    def restore(self, gif, times):
        torch = pytest.importorskip("torch")
        staging = torch.empty((1, gif.height, gif.width, 3))
        for i, number in enumerate(_held(gif, times)):
            staging[0] = torch.from_numpy(self.frame(gif.frame(number), i))
            yield staging.numpy()


REUSE = [OneBuffer, Views, Ring, Strided, Iterator, Torch, TorchAsNumpy]


@pytest.mark.parametrize("task", ["plain-1", "plain-4"])
@pytest.mark.parametrize("method", REUSE)
def test_the_scores_are_those_of_fresh_arrays(make_dataset, as_loaded, method, task) -> None:
    dataset = make_dataset(41, 23)
    wanted = evaluate(as_loaded(Fresh()), dataset, task)
    assert [each.scores for each in evaluate(as_loaded(method()), dataset, task)] == [each.scores for each in wanted]


@pytest.mark.parametrize("method", REUSE)
def test_all_batches_held_at_once_are_right(gif, as_loaded, method) -> None:
    wanted = np.concatenate(list(run_method(as_loaded(Fresh()), gif, gif.times, clip="a clip")))
    batches = list(run_method(as_loaded(method()), gif, gif.times, clip="a clip"))
    assert np.array_equal(np.concatenate(batches), wanted)


class FramesBuffer:
    """Frame by frame, into one array that it keeps."""

    def __init__(self, torch: bool) -> None:
        self.torch, self.count = torch, itertools.count()

    def restore_frames(self, frames, palettes):
        if not hasattr(self, "buffer"):
            self.buffer = frames.clone() if self.torch else np.empty_like(frames)
        self.buffer[: len(frames)] = frames
        self.buffer[: len(frames), 0, 0, 0] = next(self.count)
        return self.buffer[: len(frames)]


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_a_per_frame_method_may_keep_its_array(make_dataset, as_loaded, monkeypatch, backend) -> None:
    if backend == "torch":
        pytest.importorskip("torch")
    monkeypatch.setattr("gifbench.methods.inference.BATCH_PIXELS", 24 * 32 * 4)
    gif = make_dataset(20).clips[0].gif()
    method = as_loaded(FramesBuffer(backend == "torch"), backend=backend)
    frames = np.concatenate(list(run_method(method, gif, gif.times, clip="a clip")))
    assert frames[:, 0, 0, 0].tolist() == [i // 4 for i in range(20)]


def test_fresh_arrays_are_not_copied(gif, as_loaded) -> None:
    made = []

    class Handing:
        def restore(self, gif, times):
            for frame in gif.frames:
                made.append(frame.ctypes.data)
                yield np.array(frame[np.newaxis])

    batches = list(run_method(as_loaded(Handing()), gif, gif.times, clip="a clip"))
    assert all(batch.base is None for batch in batches)
    batch = np.ones((1, 4, 4, 3))
    held = batch
    assert own_copy(batch) is not batch, "somebody else holds it"
    del held
