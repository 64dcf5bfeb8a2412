"""A method may hand over the same array again and again: scores and pictures are of what it held at that moment."""

from __future__ import annotations

import itertools
from multiprocessing import RawArray
from pathlib import Path
from queue import Queue
from threading import Thread

import numpy as np
import pytest

import gifbench
from gifbench.errors import MethodFailed
from gifbench.evaluation.evaluate import evaluate
from gifbench.methods.conformance import check_method
from gifbench.methods.inference import run_method
from gifbench.methods.method_interface import last_shown
from gifbench.methods.registry import load_method
from gifbench.methods.reused_buffers import own_copy


class Fresh:
    """Adds a running number, so that every frame is another."""

    def restore(self, gif, times):
        for frame in self.frames(gif, times):
            yield frame[np.newaxis]

    def frames(self, gif, times):
        for i, number in enumerate(last_shown(gif.times, times)):
            yield (gif.frame(number).astype(np.float32) + i) % 256


class OneBuffer(Fresh):
    def restore(self, gif, times):
        buffer = np.empty((1, gif.height, gif.width, 3), np.float32)
        for frame in self.frames(gif, times):
            buffer[0] = frame
            yield buffer


class Views(Fresh):
    def restore(self, gif, times):
        self.buffer = np.empty((4, gif.height, gif.width, 3), np.float32)
        for i, frame in enumerate(self.frames(gif, times)):
            self.buffer[i % 2] = frame
            yield self.buffer[i % 2 : i % 2 + 1]


class Ring(Fresh):
    def restore(self, gif, times):
        ring = [np.empty((1, gif.height, gif.width, 3), np.float32) for _ in range(3)]
        for i, frame in enumerate(self.frames(gif, times)):
            ring[i % 3][0] = frame
            yield ring[i % 3]


class Strided(Fresh):
    memory = bytearray

    def restore(self, gif, times):
        memory = self.memory(gif.height * gif.width * 12)
        for frame in self.frames(gif, times):
            array = np.frombuffer(memory, np.float32).reshape(1, gif.height, gif.width, 3)
            array[0] = frame
            yield array


class Iterator(Fresh):
    def restore(self, gif, times):
        buffer = np.empty((1, gif.height, gif.width, 3), np.float32)

        def fill(frame):
            buffer[0] = frame
            return buffer

        return map(fill, self.frames(gif, times))


class Torch(Fresh):
    def restore(self, gif, times):
        torch = pytest.importorskip("torch")
        staging = torch.empty((2, gif.height, gif.width, 3))
        for frame in self.frames(gif, times):
            staging[0] = torch.from_numpy(frame)
            yield staging[:1]


class TorchAsNumpy(Fresh):
    def restore(self, gif, times):
        torch = pytest.importorskip("torch")
        staging = torch.empty((1, gif.height, gif.width, 3))
        for frame in self.frames(gif, times):
            staging[0] = torch.from_numpy(frame)
            yield staging.numpy()


class TensorOfArray(OneBuffer):
    """The tensor is new each time, its memory is an array's that stays."""

    convert = "from_numpy"

    def restore(self, gif, times):
        torch = pytest.importorskip("torch")
        for batch in super().restore(gif, times):
            yield getattr(torch, self.convert)(batch)


class TensorByDlpack(TensorOfArray):
    convert = "from_dlpack"


class SharedMemory(Strided):
    def memory(self, size):
        return RawArray("b", size)


class ReadOnlyBackwards(Fresh):
    """Of a float64 array in Fortran's order, and turned around: the values count, not how they lie."""

    def restore(self, gif, times):
        buffer = np.asfortranarray(np.empty((1, gif.height, gif.width, 3)))[:, ::-1, :, ::-1]
        for frame in self.frames(gif, times):
            buffer[0] = frame
            view = buffer[:]
            view.flags.writeable = False
            yield view


class FilledByAThread(Fresh):
    """Arrays come back to the thread that fills them as soon as the next one is asked for."""

    def restore(self, gif, times):
        filled, free = Queue(), Queue()
        for _ in range(2):
            free.put(np.empty((1, gif.height, gif.width, 3), np.float32))

        def fill():
            for frame in self.frames(gif, times):
                array = free.get()
                array[0] = frame
                filled.put(array)

        thread = Thread(target=fill)
        thread.start()
        for _ in times:
            array = filled.get()
            yield array
            free.put(array)
        thread.join()


REUSE = [
    OneBuffer,
    Views,
    Ring,
    Strided,
    Iterator,
    Torch,
    TorchAsNumpy,
    TensorOfArray,
    TensorByDlpack,
    SharedMemory,
    ReadOnlyBackwards,
    FilledByAThread,
]


@pytest.mark.parametrize("task", ["plain-1", "plain-4"])
def test_the_scores_are_those_of_fresh_arrays(make_dataset, as_loaded, task) -> None:
    dataset = make_dataset(41, 23)
    wanted = [each.scores for each in evaluate(as_loaded(Fresh()), dataset, task)]
    for method in REUSE:
        found = evaluate(as_loaded(method()), dataset, task)
        assert [each.scores for each in found] == wanted, method.__name__


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
    monkeypatch.setattr("gifbench.methods.smaller_batches_after_out_of_memory.BATCH_PIXELS", 24 * 32 * 4)
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


class Keeping(Fresh):
    """Gives back the one array that it keeps from GIF to GIF, alone or in a list."""

    def __init__(self, listed):
        self.listed = listed

    def restore(self, gif, times):
        frames = np.concatenate(list(Fresh().restore(gif, times)))
        if not hasattr(self, "kept"):
            self.kept = frames
        self.kept[:] = frames
        return [self.kept[:2], self.kept[2:]] if self.listed else self.kept


@pytest.mark.parametrize("listed", [False, True])
def test_an_array_that_is_kept_for_the_next_gif_stays_what_it_was(gif, as_loaded, listed) -> None:
    method = as_loaded(Keeping(listed))
    first = list(run_method(method, gif, gif.times, clip="a clip"))
    before = np.concatenate(first)
    other = gifbench.Gif(31 - gif.indices, gif.palettes, gif.times, gif.duration)
    list(run_method(method, other, other.times, clip="another clip"))
    assert np.array_equal(np.concatenate(first), before)


class Writing(Fresh):
    """Writes to the GIF that it is given, and to its palettes."""

    def restore(self, gif, times):
        frames = np.concatenate(list(Fresh().restore(gif, times)))
        gif.indices[:] = 0
        for palette in gif.palettes:
            palette[:] = 255
        return frames


class WritingFrames:
    def restore_frames(self, frames, palettes):
        answer = frames.copy()
        frames[:] = 7
        for palette in palettes:
            palette[:] = 255
        return answer


class KeepingFrames:
    def restore_frames(self, frames, palettes):
        return frames.copy()


@pytest.mark.parametrize(("plain", "writes"), [(Fresh, Writing), (KeepingFrames, WritingFrames)])
def test_what_a_method_writes_to_its_gif_changes_nobody_elses(make_dataset, as_loaded, plain, writes) -> None:
    # On sparse tasks the protocols restore the same clip one after the other, and a metric sees the GIF's frames.
    dataset = make_dataset(31, 23)
    wanted = evaluate(as_loaded(plain()), dataset, "dithered-4", metrics=["requantized"])
    found = evaluate(as_loaded(writes()), dataset, "dithered-4", metrics=["requantized"])
    assert [each.scores for each in found] == [each.scores for each in wanted]


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("writes", [Writing, WritingFrames])
def test_the_gif_that_was_given_to_restore_stays_as_it_is(gif, tmp_path, writes, opened) -> None:
    if opened:
        gif.write(tmp_path / "a.gif")
        gif = gifbench.Gif.open(tmp_path / "a.gif")
    before = gif.frames
    if not (opened and writes is Writing):  # what is decoded as it is asked for cannot be written to as a whole
        gifbench.restore_gif(writes(), gif)
    for i in range(len(gif)):
        gif.indices[i][:], gif.palettes[i][:] = (0, 0) if opened else (gif.indices[i], gif.palettes[i])
    assert np.array_equal(gif.frames, before)


def test_a_masked_array_has_no_value_where_it_is_masked(gif, as_loaded) -> None:
    class Masked(Fresh):
        def restore(self, gif, times):
            for frame in super().restore(gif, times):
                yield np.ma.masked_array(frame, mask=frame > 100)

    with pytest.raises(MethodFailed, match="a batch is a masked array, and what is masked has no value"):
        list(run_method(as_loaded(Masked()), gif, gif.times, clip="a clip"))


def test_a_list_of_one_array_again_and_again_breaks_the_contract(as_loaded) -> None:
    class Listed(OneBuffer):
        def restore(self, gif, times):
            return list(super().restore(gif, times))

    (check,) = (
        each for each in check_method(as_loaded(Listed())) if each.name == "frames stay as they were handed over"
    )
    assert not check.kept
    assert "one and the same array" in check.detail


@pytest.mark.parametrize("contract", ["restore", "restore_frames"])
def test_a_color_method_within_another_may_keep_its_array(tmp_path: Path, gif, contract) -> None:
    code = {
        "restore": """
    def restore(self, gif, times):
        buffer = np.empty((1, gif.height, gif.width, 3), np.float32)
        for i in [gif.times.index(time) for time in times]:
            buffer[0] = gif.frame(i)
            yield buffer
""",
        "restore_frames": """
    def restore_frames(self, frames, palettes):
        self.kept = getattr(self, "kept", np.empty((99, *frames.shape[1:]), np.float32))
        self.kept[: len(frames)] = frames
        return self.kept[: len(frames)]
""",
    }[contract]
    file = tmp_path / "mine.py"
    file.write_text(f"import numpy as np\n\n\nclass Mine:\n{code}")
    frames = [
        np.concatenate(
            list(run_method(load_method(f"gif2video:color=[{color}],time=blend"), gif, times, clip="a clip"))
        )
        for color in (f"{file}:Mine", "gif")
        for times in [tuple(sorted({*gif.times, *(each + gif.times[1] / 2 for each in gif.times[:-1])}))]
    ]
    assert np.array_equal(*frames)


def test_a_metric_that_writes_to_frames_or_keeps_them_changes_no_other_number(
    make_dataset, as_loaded, tmp_path
) -> None:
    file = tmp_path / "wild.py"
    file.write_text(
        """
class Wild:
    \"\"\"Writes to all that it is given.\"\"\"

    def __init__(self):
        self.kept = []

    def measure(self, pair):
        self.kept.append(pair)
        for each in (pair, pair.before):
            if each is not None:
                each.restored[:] = 0
                each.truth[:] = 255
                if each.shown is not None:
                    each.shown.indices[:] = 0
                    each.shown.palette[:] = 9
        if pair.motion is not None:
            pair.motion.forward[:] = 99
        return 1.0
"""
    )
    own = ["requantized", "e-warp", "gradient"]
    wanted = evaluate(as_loaded(Fresh()), make_dataset(21), "dithered-4", metrics=own)
    found = evaluate(as_loaded(Fresh()), make_dataset(21), "dithered-4", metrics=[f"{file}:Wild", *own])
    for one, other in zip(found, wanted, strict=True):
        assert {name: each for name, each in one.scores.items() if name != "wild"} == other.scores
