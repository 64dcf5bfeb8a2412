"""An evaluation scores what the protocols ask for, averages as they say, and records all that the scores depend on."""

from __future__ import annotations

import math
import threading
from dataclasses import replace

import numpy as np
import pytest
from skimage import metrics as theirs  # which imports half of scipy when it is asked for one

from gifbench.errors import AlreadyExists, DatasetDamaged, DatasetError, MethodFailed, UsageError
from gifbench.evaluation.evaluate import evaluate
from gifbench.evaluation.result_from_scores import official_clips
from gifbench.methods.loaded_method import MethodInfo
from gifbench.methods.registry import load_method
from gifbench.results.io import load_results
from tests.metrics.test_equal_to_scikit_image import released_ssim, signed, wang


def released_psnr(shown, truth):
    return theirs.peak_signal_noise_ratio(signed(truth), signed(shown), data_range=2)


def test_plain_1_is_the_mean_over_clips_of_the_mean_over_frames(dataset):
    standard, released = evaluate("gif", dataset, "plain-1")
    pairs = [list(zip(clip.gif().frames, clip.truth.frames, strict=True)) for clip in dataset.clips]
    for result, name, measure in (
        (standard, "psnr", lambda shown, truth: theirs.peak_signal_noise_ratio(truth, shown)),
        (standard, "ssim", wang),
        (released, "psnr", released_psnr),
        (released, "ssim", released_ssim),
    ):
        expected = np.mean([np.mean([measure(shown, truth) for shown, truth in clip]) for clip in pairs])
        assert result.scores[name].mean == pytest.approx(expected, abs=1e-9)
    assert (standard.clips, standard.frames) == (released.clips, released.frames) == (3, 42)
    assert [clip.frames for clip in standard.clip_scores] == [20, 13, 9]


def test_plain_4_holds_frames_and_gif2video_joins_each_segment(dataset):
    standard, released = evaluate("gif", dataset, "plain-4")
    held, joint = [], []
    for clip in dataset.clips:
        shown, truth = clip.gif().frames, clip.truth.frames
        last = (len(truth) - 1) // 4 * 4
        held.append(np.mean([theirs.peak_signal_noise_ratio(truth[i], shown[i // 4 * 4]) for i in range(last + 1)]))
        segments = []
        for start in range(0, len(truth) - 4, 5):
            segments.append(released_psnr(shown[[start] * 4 + [start + 4]], truth[start : start + 5]))
        joint.append(np.mean(segments))
    assert standard.scores["psnr"].mean == pytest.approx(np.mean(held), abs=1e-9)
    assert released.scores["psnr"].mean == pytest.approx(np.mean(joint), abs=1e-9)
    assert [clip.frames for clip in standard.clip_scores] == [17, 13, 9]
    assert [clip.frames for clip in released.clip_scores] == [20, 10, 5]


def test_on_moments_gif2video_scores_every_tenth_frame(make_dataset):
    (released,) = evaluate("gif", make_dataset(31, name="gif-moments"), "dithered-1", protocols=["gif2video"])
    assert released.frames == 4


def test_identical_frames_count_as_100_and_the_result_says_how_many(make_dataset, as_loaded):
    dataset = make_dataset(9)
    still = dataset.clips[0].truth.frames
    still[:] = still[0]

    class Truth:
        def restore(self, gif, times):
            return still[: len(times)]

    standard, released = evaluate(as_loaded(Truth()), dataset, "plain-2")
    for result, values in ((standard, 9), (released, 3)):
        psnr = result.scores["psnr"]
        assert (psnr.mean, psnr.ci95, psnr.capped, psnr.clips) == (100.0, (100.0, 100.0), values, None)
        assert result.scores["ssim"].mean == 1.0
        assert result.clip_scores[0].capped == values


def test_what_two_protocols_ask_alike_is_restored_once(dataset, as_loaded):
    class Counts:
        calls = 0

        def restore(self, gif, times):
            self.calls += 1
            return gif.frames

    method = Counts()
    both = evaluate(as_loaded(method), dataset, "plain-1")
    assert method.calls == 3
    alone = [evaluate(as_loaded(method), dataset, "plain-1", protocols=[name])[0] for name in ("standard", "gif2video")]
    assert [result.scores for result in both] == [result.scores for result in alone]


def test_the_method_is_given_the_sparse_gif_and_exact_times_and_no_truth(make_dataset, as_loaded):
    seen = []

    class Looks:
        def restore(self, gif, times):
            seen.append((len(gif), gif.dithered, gif.times, tuple(times)))
            return np.zeros((len(times), gif.height, gif.width, 3), np.uint8)

    dataset = make_dataset(10)
    evaluate(as_loaded(Looks()), dataset, "dithered-4")
    at = dataset.clips[0].times
    assert seen == [
        (3, True, (at[0], at[4], at[8]), at[:9]),
        (2, True, (at[0], at[4]), at[:5]),
        (2, True, (at[0], at[4]), at[:5]),
    ]


def test_clips_too_short_are_skipped_and_named(make_dataset):
    dataset = make_dataset(8, 20, 9, 3)
    standard, released = evaluate("gif", dataset, "plain-8")
    for result in (standard, released):
        assert result.too_short == ["clip-0", "clip-3"]
        assert result.clips == 2
    with pytest.raises(DatasetError, match="no clip of the split test is long enough for the task plain-8"):
        evaluate("gif", make_dataset(8, 2), "plain-8")


def test_the_result_names_what_it_depends_on_and_nothing_of_the_machine(dataset, tmp_path):
    (result,) = evaluate("gaussian:sigma=0.7", dataset, "plain-1", protocols=["standard"], limit=2, out=tmp_path)
    record = result.model_dump(mode="json")
    assert record["method"]["name"] == "gaussian:sigma=0.7"
    assert record["method"]["options"] == {"sigma": 0.7}
    assert record["dataset"] == {"name": "gif-faces", "fingerprint": "0123456789abcdef"}
    assert (record["limit"], record["clips"], record["split"]) == (2, 2, "test")
    assert "11x11" in record["protocol"]["ssim"]
    assert record["created"].endswith("Z")
    assert str(tmp_path) not in result.model_dump_json()
    assert result.wall_seconds >= result.method_seconds > 0


def test_the_summary_has_the_keys_of_the_command_line_contract(dataset, tmp_path):
    (result,) = evaluate("gif", dataset, "plain-1", protocols=["gif2video"], out=tmp_path)
    summary = result.summary()
    assert {"method", "task", "split", "protocol", "clips", "frames", "coverage", "scores", "dataset", "file"} == set(
        summary
    )
    low, high = summary["scores"]["psnr"]["ci95"]
    assert low <= summary["scores"]["psnr"]["mean"] <= high
    assert summary["dataset"] == "0123456789abcdef"
    assert load_results(summary["file"])[0].summary() == summary


def test_the_same_evaluation_gives_the_same_bits(dataset):
    first, again = (evaluate("gaussian-1.0", dataset, "dithered-2") for _ in range(2))
    for one, two in zip(first, again, strict=True):
        assert one.scores == two.scores
        assert [(c.psnr, c.ssim) for c in one.clip_scores] == [(c.psnr, c.ssim) for c in two.clip_scores]


def test_nothing_is_overwritten_unless_asked_and_that_is_said_before_the_work(dataset, tmp_path, as_loaded):
    class Once:
        def restore(self, gif, times):
            return gif.frames

    evaluate(as_loaded(Once()), dataset, "plain-1", out=tmp_path)

    class Never:
        def restore(self, gif, times):
            pytest.fail("the method ran")

    with pytest.raises(AlreadyExists, match="overwrite"):
        evaluate(as_loaded(Never()), dataset, "plain-1", out=tmp_path, existing="error")
    evaluate(as_loaded(Once()), dataset, "plain-1", out=tmp_path, existing="overwrite")
    assert len(load_results(tmp_path)) == 2


def test_a_method_that_fails_on_the_third_clip_leaves_no_result_and_no_thread(dataset, tmp_path, as_loaded):
    class Third:
        calls = 0

        def restore(self, gif, times):
            self.calls += 1
            if self.calls == 3:
                raise ValueError("not this one")
            return gif.frames

    with pytest.raises(MethodFailed, match=r"^method mine on clip clip-2: it raised ValueError: not this one$"):
        evaluate(as_loaded(Third()), dataset, "plain-1", out=tmp_path)
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".jsonl"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("decode", "measure"))]


def test_progress_tells_of_each_clip(dataset):
    told = []
    evaluate("gif", dataset, "plain-1", progress=lambda done: told.append((done.what, done.done, done.total)))
    assert told == [("clip-0", 1, 3), ("clip-1", 2, 3), ("clip-2", 3, 3)]


def test_a_damaged_dataset_is_not_the_methods_failure(dataset, monkeypatch):
    broken = dataset.clips[1]
    whole = broken.gif()
    monkeypatch.setattr(broken, "gif", lambda **_: whole.select(range(5)))
    with pytest.raises(DatasetDamaged, match="clip clip-1: the GIF has"):
        evaluate("gif", dataset, "plain-1")


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"tasks": "plain-3"}, UsageError, "did you mean"),
        ({"protocols": ["standrad"]}, UsageError, 'did you mean "standard"'),
        ({"protocols": []}, UsageError, "at least one of standard"),
        ({"limit": 0}, UsageError, "at least 1, got 0"),
        ({"split": "tset"}, DatasetError, "its splits: test"),
        ({"device": "a TPU"}, UsageError, "auto, cpu, or an accelerator"),
    ],
)
def test_wrong_wishes_are_answered(dataset, options, kind, said):
    with pytest.raises(kind, match=said):
        evaluate("gif", dataset, **{"tasks": "plain-1", **options})


def test_a_task_that_the_method_cannot_do_is_refused(dataset):
    method = replace(load_method("gif"), declared=MethodInfo(tasks=("plain-1",)))
    with pytest.raises(UsageError, match="cannot do the task plain-2; it does plain-1"):
        evaluate(method, dataset, "plain-2")


def test_an_empty_split_is_said(make_dataset):
    with pytest.raises(DatasetError, match="holds no clips"):
        evaluate("gif", make_dataset(), "plain-1")


def test_an_infinite_psnr_never_reaches_a_mean(make_dataset, as_loaded):
    dataset = make_dataset(5)
    half = dataset.clips[0].truth.frames.copy()
    half[0] ^= 8

    class HalfRight:
        def restore(self, gif, times):
            return half

    (result,) = evaluate(as_loaded(HalfRight()), dataset, "plain-1", protocols=["standard"])
    wrong = 20 * math.log10(255 / 8)
    assert result.scores["psnr"].mean == pytest.approx((wrong + 400) / 5, abs=1e-9)
    assert result.scores["psnr"].capped == 4


def test_coverage_counts_clips_of_the_official_list_alone(make_dataset):
    dataset = make_dataset(5, 6, 7)
    dataset.clips[1].clip_id = sorted(official_clips("gif-faces", "test"))[0]
    (result,) = evaluate("gif", dataset, "plain-1", protocols=["standard"])
    assert result.coverage.model_dump() == {"scored": 1, "official": 104, "share": 1 / 104}
    dataset.official = {}
    (result,) = evaluate("gif", dataset, "plain-1", protocols=["standard"])
    assert result.coverage.model_dump() == {"scored": 3, "official": 0, "share": None}
