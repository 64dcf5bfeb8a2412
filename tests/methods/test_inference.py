"""The harness gives a method what it was promised, and believes nothing of what comes back."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from gifbench.errors import MethodFailed, MissingExtra
from gifbench.methods import smaller_batches_after_out_of_memory
from gifbench.methods.inference import run_method
from gifbench.methods.method_interface import last_shown, nearest_shown


class Answers:
    def __init__(self, answer):
        self.answer = answer

    def restore(self, gif, times):
        return self.answer(gif, times)


class FrameByFrame:
    """Adds its running number to the frames, so that each frame says in which batch it was restored."""

    def __init__(self, answer=None):
        self.batches, self.answer = [], answer

    def restore_frames(self, frames, palettes):
        self.batches.append((frames, palettes))
        return frames if self.answer is None else self.answer(frames)


def run(method, gif, as_loaded, times=None, **options):
    times = gif.times if times is None else times
    return list(run_method(as_loaded(method), gif, times, clip="clip c7", **options))


def batches(gif):
    return [gif.frames[:1], gif.frames[1:5].astype(np.float64), gif.frames[5:].astype(np.float16)]


@pytest.mark.parametrize(
    "answer",
    [
        lambda gif, times: gif.frames,
        lambda gif, times: gif.frames.astype(np.float32),
        lambda gif, times: batches(gif),
        lambda gif, times: iter(batches(gif)),
        lambda gif, times: (gif.frame(i)[None] for i in range(len(gif))),
    ],
)
def test_arrays_and_batches_all_count(gif, as_loaded, answer):
    frames = np.concatenate([batch.astype(np.float64) for batch in run(Answers(answer), gif, as_loaded)])
    assert np.array_equal(frames, gif.frames)


def nan(gif):
    frames = gif.frames.astype(np.float32)
    frames[3, 2, 1, 0] = np.nan
    return frames


def raises(gif, times):
    raise RuntimeError("CUDA\nout of memory")


def raises_later(gif, times):
    yield gif.frames[:2]
    raise ValueError("no more")


class RaisesFirst:
    def __iter__(self):
        raise OSError("no worker starts")


class Unspeakable(Exception):
    def __str__(self):
        return self.never_set


def raises_what_has_no_text(gif, times):
    raise Unspeakable


def exits(gif, times):
    raise SystemExit("bye")


def endless(gif, times):
    while True:
        yield gif.frames


def endless_nothing(gif, times):
    while True:
        yield gif.frames[:0]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (raises, "it raised RuntimeError: CUDA out of memory"),
        (raises_later, "it raised ValueError: no more"),
        (exits, "it raised SystemExit: bye"),
        (lambda gif, times: RaisesFirst(), "it raised OSError: no worker starts"),
        (raises_what_has_no_text, "it raised Unspeakable$"),
        (endless, "12 frames or more, 6 were asked for"),
        (endless_nothing, r"shape \(0, 24, 32, 3\)"),
        (lambda gif, times: gif.frames[:4], "4 frames, 6 were asked for"),
        (lambda gif, times: [], "0 frames, 6 were asked for"),
        (lambda gif, times: gif.frames[:, :, :-1], r"shape \(6, 24, 31, 3\), \(N, 24, 32, 3\) is wanted"),
        (lambda gif, times: gif.frames.transpose(0, 3, 1, 2), r"shape \(6, 3, 24, 32\)"),
        (lambda gif, times: list(gif.frames), r"shape \(24, 32, 3\)"),
        (lambda gif, times: None, "it gave back NoneType"),
        (lambda gif, times: "frames", "a batch is str"),
        (lambda gif, times: gif.frames.astype(np.int64), "int64; uint8, or floats"),
        (lambda gif, times: gif.frames > 9, "bool; uint8, or floats"),
        (lambda gif, times: nan(gif), "NaN or infinite"),
        (lambda gif, times: gif.frames / 0.5, "reach from"),
        (lambda gif, times: gif.frames - 128.0, "values in 0..255 are wanted"),
        (lambda gif, times: gif.frames / 255, r"seem to be in 0\.\.1"),
    ],
)
def test_what_is_not_the_frames_is_refused_in_one_line_with_method_and_clip(gif, as_loaded, answer, said):
    with pytest.raises(MethodFailed, match=said) as error:
        run(Answers(answer), gif, as_loaded)
    assert str(error.value).startswith("method mine on clip c7: ")
    assert "\n" not in str(error.value)


def test_the_noise_of_float32_is_clipped_not_refused(gif, as_loaded):
    frames = gif.frames.astype(np.float32)
    frames[0, 0, 0] = [-1e-4, 255.0001, 5]
    (batch,) = run(Answers(lambda *_: frames), gif, as_loaded)
    assert (batch.min(), batch.max()) == (0, 255)


def test_a_stop_by_the_user_is_not_the_methods_failure(gif, as_loaded):
    def stop(gif, times):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Answers(stop), gif, as_loaded)


def test_a_missing_package_stays_what_it_is(gif, as_loaded):
    def lacks(gif, times):
        raise MissingExtra("torch", extra="torch", wanted_for="this")

    with pytest.raises(MissingExtra):
        run(Answers(lacks), gif, as_loaded)


def test_a_frame_method_restores_each_shown_frame_once_and_it_is_held(gif, as_loaded):
    method, sparse = FrameByFrame(), gif.every(2)
    (batch,) = run(method, sparse, as_loaded, times=gif.times[:5])
    assert np.array_equal(batch, gif.frames[[0, 0, 2, 2, 4]])
    ((frames, palettes),) = method.batches
    assert np.array_equal(frames, sparse.frames)
    assert len(palettes) == 3 and all(map(np.array_equal, palettes, sparse.palettes))


@pytest.mark.parametrize("pixels", [1, 24 * 32 * 2, 24 * 32 * 4])
def test_batches_are_bounded_and_nothing_depends_on_their_size(gif, as_loaded, monkeypatch, pixels):
    whole = np.concatenate(run(FrameByFrame(), gif.every(3), as_loaded, times=gif.times))
    monkeypatch.setattr(smaller_batches_after_out_of_memory, "BATCH_PIXELS", pixels)
    method = FrameByFrame()
    found = run(method, gif.every(3), as_loaded, times=gif.times)
    size = max(1, pixels // (24 * 32))
    assert max(map(len, found)) <= size and max(len(frames) for frames, _ in method.batches) <= size
    assert sum(len(frames) for frames, _ in method.batches) == 2
    assert np.array_equal(np.concatenate(found), whole)


@pytest.mark.parametrize("answer", [lambda frames: frames[:-1], lambda frames: None, list])
def test_a_frame_method_that_loses_frames_is_refused(gif, as_loaded, answer):
    with pytest.raises(MethodFailed, match="for a batch of 6 frames"):
        run(FrameByFrame(answer), gif, as_loaded)


def test_hold_and_nearest():
    gif_times = [Fraction(0), Fraction(4, 25), Fraction(8, 25)]
    times = [Fraction(i, 25) for i in range(11)]
    assert last_shown(gif_times, times) == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2]
    assert nearest_shown(gif_times, times) == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2], "halfway the earlier one"
    assert last_shown(gif_times, [Fraction(-1)]) == nearest_shown(gif_times, [Fraction(-1)]) == [0]
