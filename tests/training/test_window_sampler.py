"""Windows of frames: in order, of one clip, cut and turned alike, and the same whoever makes them."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gifbench.errors import UsageError  # noqa: E402
from gifbench.training.config import DataOptions, TrainingConfig, checked  # noqa: E402
from gifbench.training.training_loop import train  # noqa: E402
from gifbench.training.validation import validate, validation_batches  # noqa: E402
from gifbench.training.window_sampler import Windows  # noqa: E402


def options(**changes) -> DataOptions:
    return checked(DataOptions, {"crop": None, "windows": [5], **changes}, what="test")


def windows(dataset, **changes) -> Windows:
    return Windows(dataset.split("train"), options(**changes), seed=1, length=40)


def found_in(clips, window):
    """The clip and first frame of a window of whole frames in time's order, and whether the GIF is that clip's."""
    frames = window.truth.permute(0, 2, 3, 1).numpy()
    for clip in clips:
        truth = clip.truth.frames
        for first in range(len(truth)):
            if np.array_equal(truth[first], frames[0]):
                return clip, first
    raise AssertionError("no clip holds the window's first frame")


def test_a_window_is_some_frames_of_a_clip_in_order_with_their_gif(dataset):
    clips = dataset.split("train")
    for number in range(8):
        window = windows(dataset, every=1)[number]
        clip, first = found_in(clips, window)
        truth = clip.truth_frames(range(first, first + 5))
        assert np.array_equal(window.truth.permute(0, 2, 3, 1), truth)
        assert np.array_equal(window.gif.permute(0, 2, 3, 1), clip.gif().frames[first : first + 5])
        assert window.times.tolist() == [0, 0.25, 0.5, 0.75, 1]
        assert window.palettes.shape == (5, 256, 3) and window.colors.tolist() == [
            len(palette) for palette in clip.gif().palettes[first : first + 5]
        ]


def test_every_second_frame(dataset):
    clip, first = found_in(dataset.split("train"), window := windows(dataset, every=2, windows=[3])[0])
    assert np.array_equal(window.truth.permute(0, 2, 3, 1), clip.truth_frames([first, first + 2, first + 4]))


def test_some_of_the_frames_between_with_their_times(dataset):
    some = [windows(dataset, windows=[3, 4, 6], between=1)[number] for number in range(40)]
    assert {len(window.times) for window in some} == {3}
    assert {round(float(window.times[1]), 3) for window in some} >= {0.2, 0.333, 0.4, 0.5, 0.6, 0.667, 0.8}
    assert all(window.times[0] == 0 and window.times[2] == 1 for window in some)


def test_a_window_turned_in_time_is_the_other_way_round(dataset):
    plain = windows(dataset, windows=[4, 6], between=1)
    turned = windows(dataset, windows=[4, 6], between=1, time_flips=True)
    kinds = set()
    for number in range(20):
        one, other = plain[number], turned[number]
        same = torch.equal(one.truth, other.truth)
        kinds.add(same)
        if not same:
            assert torch.equal(one.truth.flip(0), other.truth) and torch.equal(one.gif.flip(0), other.gif)
            assert torch.equal(one.palettes.flip(0), other.palettes)
            assert torch.allclose(1 - one.times.flip(0), other.times)
    assert kinds == {True, False}


def test_all_frames_are_cut_and_mirrored_alike(dataset):
    some = windows(dataset, crop=24, flips=True, colors=(4, 16), dithered="both")
    for number in range(12):
        window = some[number]
        assert window.truth.shape == window.gif.shape == (5, 3, 24, 24)
        assert float((window.gif.float() - window.truth.float()).abs().mean()) < 40
        assert all(torch.equal(a, b) for a, b in zip(window, some[number], strict=True))


def test_validation_sees_whole_windows_at_equal_distances(dataset):
    clip = next(clip for clip in dataset.split("train") if clip.num_frames == 8)
    seen = list(validation_batches(clip, options(validation_frames=2, between=1, crop=24, flips=True)))
    assert [batch.truth.shape for batch in seen] == [(1, 5, 3, 24, 32)] * 2
    assert [found_in([clip], type(b)(*(part[0] for part in b)))[1] for b in seen] == [0, 2]
    assert len(list(validation_batches(clip, options(validation_frames=9, dithered="both")))) == 8


def test_a_validation_clip_shorter_than_a_window_is_left_out(dataset):
    class Scorer:
        def scores(self, network, batch):
            return {"frames": batch.truth.shape[1]}, batch.truth[:, 0]

    clips = sorted(dataset.split("train"), key=lambda clip: clip.num_frames)
    assert [clip.num_frames for clip in clips] == [6, 7, 8]
    for chosen in (clips, clips[::-1]):
        scores, panel = validate(Scorer(), torch.nn.Identity(), chosen, options(windows=[7]), torch.device("cpu"))
        assert scores == {"frames": 7}
        assert panel.shape == (48, 96, 3)
    assert validate(Scorer(), torch.nn.Identity(), clips, options(windows=[9]), torch.device("cpu")) == ({}, None)


def test_windows_that_cannot_be_are_one_clear_message(dataset, tmp_path):
    with pytest.raises(UsageError, match="no clip to train on has 9 frames"):
        windows(dataset, windows=[9])
    with pytest.raises(UsageError, match="each must be 3 frames or more"):
        options(windows=[2], between=1)
    with pytest.raises(UsageError, match=r"several lengths need data\.between"):
        options(windows=[3, 5])
    single = {"trainer": "ccdnet", "name": "x", "data": {"windows": [3]}, "training": {"steps": 1}}
    with pytest.raises(UsageError, match=r"trainer ccdnet learns from single frames: leave out data\.windows"):
        train(checked(TrainingConfig, single, what="test"), dataset, tmp_path)
