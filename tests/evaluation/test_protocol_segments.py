"""Which frames each protocol scores, against docs/protocols.md."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gifbench.benchmark_tasks import TASKS, task
from gifbench.errors import UsageError
from gifbench.evaluation.scoring_protocols import PROTOCOLS, protocol

lengths = st.integers(1, 200)
tasks = st.sampled_from(sorted(TASKS))


def test_the_eight_tasks():
    assert list(TASKS) == [f"{v}-{k}" for v in ("plain", "dithered") for k in (1, 2, 4, 8)]
    assert (task("dithered-4").dithered, task("dithered-4").every) == (True, 4)


@pytest.mark.parametrize(
    ("look_up", "wrong", "hint"),
    [(task, "plan-1", 'did you mean "plain-1"'), (protocol, "Standart", 'did you mean "standard"')],
)
def test_a_typo_is_answered(look_up, wrong, hint):
    with pytest.raises(UsageError, match=hint):
        look_up(wrong)


@given(lengths, tasks)
def test_standard_scores_each_frame_once_up_to_the_last_kept_one(num_frames, name):
    k = task(name).every
    segments = PROTOCOLS["standard"].segments(num_frames, task(name), stride=10)
    if k > 1 and num_frames <= k:
        assert segments == []
        return
    (segment,) = segments
    assert segment.gif_frames == tuple(range(0, num_frames, k))
    assert segment.frames == tuple(range(segment.gif_frames[-1] + 1))
    assert num_frames - k < len(segment.frames) <= num_frames


@given(lengths, tasks)
def test_gif2video_on_faces_lays_segments_end_to_end(num_frames, name):
    k = task(name).every
    segments = PROTOCOLS["gif2video"].segments(num_frames, task(name), stride=None)
    scored = [frame for segment in segments for frame in segment.frames]
    if k == 1:
        assert scored == list(range(num_frames))
        return
    assert scored == list(range(num_frames // (k + 1) * (k + 1))), "no gap, no frame twice, only the tail unscored"
    assert all(segment.gif_frames == (segment.frames[0], segment.frames[-1]) for segment in segments)
    assert {len(segment.frames) for segment in segments} <= {k + 1}


def test_gif2video_on_moments_takes_strides_of_ten():
    color = PROTOCOLS["gif2video"].segments(41, task("plain-1"), stride=10)
    assert [s.frames for s in color] == [(0, 10, 20, 30, 40)] == [s.gif_frames for s in color]
    segments = PROTOCOLS["gif2video"].segments(41, task("plain-8"), stride=10)
    assert [(s.frames[0], s.frames[-1]) for s in segments] == [(0, 8), (10, 18), (20, 28), (30, 38)]
    whole = PROTOCOLS["gif2video"].segments(39, task("plain-8"), stride=10)
    assert [s.frames[-1] for s in whole] == [8, 18, 28, 38], "a segment that ends on the last frame counts"
    short = PROTOCOLS["gif2video"].segments(38, task("plain-8"), stride=10)
    assert [s.frames[-1] for s in short] == [8, 18, 28]


@pytest.mark.parametrize(("name", "shortest"), [("plain-2", 3), ("plain-4", 5), ("dithered-8", 9)])
@pytest.mark.parametrize("protocol_name", ["standard", "gif2video"])
def test_a_clip_too_short_for_one_segment_has_none(protocol_name, name, shortest):
    found = PROTOCOLS[protocol_name]
    assert len(found.segments(shortest, task(name), stride=None)) == 1
    assert found.segments(shortest - 1, task(name), stride=None) == []


def noisy_frames():
    rng = np.random.default_rng(0)
    truth = rng.integers(40, 200, (3, 16, 16, 3), dtype=np.uint8)
    restored = truth + rng.normal(0, [[[[2]]], [[[8]]], [[[20]]]], truth.shape)
    return restored.clip(0, 255).astype(np.float32), truth


def test_gif2video_gives_a_sparse_segment_one_joint_psnr_and_standard_one_a_frame():
    restored, truth = noisy_frames()
    scores = {}
    for name, on in (("gif2video", "plain-2"), ("gif2video", "plain-1"), ("standard", "plain-2")):
        scores[name, on] = PROTOCOLS[name].start(task(on))
        for a, b in zip(restored, truth, strict=True):
            scores[name, on].add(a, b)
    signed = restored.astype(np.float64) / 127.5 - 1, truth.astype(np.float64) / 127.5 - 1
    error = (signed[0] - signed[1]) ** 2
    joint, each, rounded = scores.values()
    assert joint.psnrs == pytest.approx([20 * math.log10(2 / math.sqrt(error.mean()))], abs=1e-9)
    assert each.psnrs == pytest.approx([20 * math.log10(2 / math.sqrt(e.mean())) for e in error], abs=1e-9)
    eight_bit = (np.rint(restored).astype(np.float64) - truth) ** 2
    assert rounded.psnrs == pytest.approx([10 * math.log10(255**2 / e.mean()) for e in eight_bit], abs=1e-9)
    assert len(joint.ssims) == len(each.ssims) == 3


def test_only_standard_rounds():
    truth = np.full((1, 16, 16, 3), 100, np.uint8)
    nearly = truth.astype(np.float32) + np.float32(0.4)
    standard, released = (PROTOCOLS[name].start(task("plain-1")) for name in ("standard", "gif2video"))
    standard.add(nearly[0], truth[0])
    released.add(nearly[0], truth[0])
    assert standard.psnrs == [math.inf]
    assert released.psnrs == pytest.approx([20 * math.log10(255 / 0.4)], abs=1e-4)


def test_a_dataset_says_its_stride_an_installed_recipe_first_and_old_ones_by_name(tmp_path: Path) -> None:
    from gifbench.dataset.dataset_reader import Dataset
    from gifbench.evaluation.scoring_protocols import released_stride
    from gifbench.storage import Folder

    def of(**about: object) -> int | None:
        return released_stride(Dataset(Folder(tmp_path), about, []))

    assert of(name="my-own", released_stride=3) == 3
    assert of(name="my-own") is None
    assert of(name="gif-moments") == 10
    assert of(name="gif-moments", released_stride=1) == 10  # a stranger's file does not choose what is scored
    assert of(name="gif-faces", released_stride=500) is None
