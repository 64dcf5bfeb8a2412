"""What an evaluation promises beside its numbers: bounded memory, halved batches, a cache keyed by content, metrics."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from gifbench.benchmark_tasks import TASKS
from gifbench.dataset import open_dataset
from gifbench.errors import DatasetDamaged, MethodFailed, MetricError, UsageError
from gifbench.evaluation import clip_prefetch as clips_module
from gifbench.evaluation.clip_prefetch import Prefetch
from gifbench.evaluation.clip_scorer import ClipScorer
from gifbench.evaluation.evaluate import evaluate
from gifbench.evaluation.scoring_protocols import protocol
from gifbench.methods.method_interface import last_shown
from gifbench.methods.registry import load_method


class Counted:
    """The GIF's frames, slightly brighter; counts its calls."""

    def __init__(self, brighter: int = 1) -> None:
        self.calls, self.brighter = 0, brighter

    def restore_frames(self, frames, palettes):
        self.calls += 1
        return np.minimum(frames, 255 - self.brighter) + np.uint8(self.brighter)


def scores(results):
    return [result.scores for result in results]


@pytest.mark.parametrize("task", ["plain-1", "dithered-4"])
def test_a_clip_that_streams_scores_as_one_that_is_held(tiny_dataset, monkeypatch, task):
    held = evaluate("gaussian-0.5", tiny_dataset, task, metrics=["flat", "e-warp"])
    monkeypatch.setattr(clips_module, "HELD_BYTES", 0)
    monkeypatch.setattr(clips_module, "AHEAD_BYTES", 1)
    assert scores(evaluate("gaussian-0.5", tiny_dataset, task, metrics=["flat", "e-warp"])) == scores(held)


def test_frames_are_decoded_ahead_by_so_many_bytes_and_no_more():
    made = []

    def source():
        for i in range(100):
            made.append(i)
            yield i

    ahead = Prefetch(source(), budget=5, weigh=lambda _: 1)
    assert [next(ahead) for _ in range(10)] == list(range(10))
    ahead.close()
    assert len(made) <= 10 + 5 + 1


def test_what_the_source_raises_comes_in_its_place():
    def source():
        yield 1
        raise ValueError("broken")

    ahead = Prefetch(source(), budget=5, weigh=lambda _: 1)
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="broken"):
        next(ahead)
    with pytest.raises(StopIteration):
        next(ahead)
    ahead.close()


class Hungry(Counted):
    """Runs out of memory for more than three frames."""

    def restore_frames(self, frames, palettes):
        if len(frames) > 3:
            raise MemoryError
        return super().restore_frames(frames, palettes)


def test_out_of_memory_halves_the_batch_goes_on_and_says_so_once(dataset, as_loaded):
    told = []
    plain = evaluate(as_loaded(Counted()), dataset, "plain-1", protocols=["standard"])
    method = Hungry()
    hungry = evaluate(as_loaded(method), dataset, "plain-1", protocols=["standard"], progress=told.append)
    assert scores(hungry) == scores(plain)
    assert method.calls == 10 + 7 + 5  # of 20, 13 and 9 frames, two at a time: what did not fit is not tried again
    (note,) = hungry[0].notes
    assert note == "memory ran out: batches were halved to 2 frames of 32×24"
    assert [each.message for each in told if each.message] == [f"{told[0].what}: {note}"]


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")]
)
def test_out_of_memory_for_a_single_frame_is_one_line(dataset, as_loaded, error):
    class Never:
        def restore_frames(self, frames, palettes):
            raise error

    with pytest.raises(MethodFailed, match=r"clip clip-0: memory runs out for a single frame of 32×24$"):
        evaluate(as_loaded(Never()), dataset, "plain-1")


def test_another_runtime_error_is_no_lack_of_memory(dataset, as_loaded):
    class Wrong:
        def restore_frames(self, frames, palettes):
            raise RuntimeError("shapes differ")

    with pytest.raises(MethodFailed, match="shapes differ"):
        evaluate(as_loaded(Wrong()), dataset, "plain-1")


def cached(method, dataset, as_loaded, folder, **about):
    changed = about.pop("loaded", {})
    return evaluate(replace(as_loaded(method), **changed), dataset, "plain-2", cache=folder, **about)


def test_the_cache_gives_the_frames_back_and_calls_no_method(dataset, as_loaded, tmp_path):
    first, again = Counted(), Counted()
    made = cached(first, dataset, as_loaded, tmp_path)
    assert first.calls > 0
    kept = cached(again, dataset, as_loaded, tmp_path, metrics=["gradient"])
    assert again.calls == 0
    assert [result.scores["psnr"] for result in kept] == [result.scores["psnr"] for result in made]
    assert made[0].notes == []
    assert "came from a cache" in kept[0].notes[0]


@pytest.mark.parametrize(
    "change",
    [
        {"loaded": {"weights_sha256": "1" * 64}},
        {"loaded": {"code_sha256": "1" * 64}},
        {"loaded": {"options": {"sigma": 1}}},
        {"seed": 3},
    ],
    ids=["weights", "code", "options", "seed"],
)
def test_the_cache_never_takes_another_for_this_one(dataset, as_loaded, tmp_path, change):
    cached(Counted(), dataset, as_loaded, tmp_path)
    other = Counted(9)
    fresh = evaluate(as_loaded(other), dataset, "plain-2")
    calls = other.calls
    assert scores(cached(other, dataset, as_loaded, tmp_path, **change)) == scores(fresh)
    assert other.calls == 2 * calls


def test_the_cache_hits_by_content_whatever_a_clip_is_called(dataset, as_loaded, tmp_path):
    cached(Counted(), dataset, as_loaded, tmp_path)
    dataset.clips.reverse()
    dataset.clips[0].clip_id, dataset.fingerprint = "renamed", "fedcba9876543210"
    again = Counted()
    cached(again, dataset, as_loaded, tmp_path)
    assert again.calls == 0


@pytest.mark.parametrize("damage", ["cut", "flipped", "head"])
def test_a_damaged_cache_is_restored_again(dataset, as_loaded, tmp_path, damage):
    made = cached(Counted(), dataset, as_loaded, tmp_path)
    for path in tmp_path.rglob("*.frames"):
        data = bytearray(path.read_bytes())
        if damage == "cut":
            data = data[:-1]
        elif damage == "flipped":
            data[-1] ^= 1
        else:
            data[:128] = b"[]".ljust(128)
        path.write_bytes(bytes(data))
    again = Counted()
    assert scores(cached(again, dataset, as_loaded, tmp_path)) == scores(made)
    assert again.calls > 0


def test_frames_of_mixed_kinds_are_scored_and_not_kept(dataset, as_loaded, tmp_path):
    class Mixed:
        def restore(self, gif, times):
            for i in last_shown(gif.times, times):
                yield (gif.frame(i).astype(np.float32) if i % 2 else gif.frame(i))[None]

    made = cached(Mixed(), dataset, as_loaded, tmp_path)
    assert not list(tmp_path.rglob("*.frames"))
    assert scores(cached(Mixed(), dataset, as_loaded, tmp_path)) == scores(made)


def test_a_gif_of_another_size_than_the_truth_is_damage(dataset, as_loaded):
    class Odd(type(dataset.clips[0])):
        def gif(self, **options):
            gif = super().gif(**options)
            return replace(gif, indices=gif.indices[:, :-2])

    dataset.clips[1] = Odd(dataset.clips[1].clip_id, dataset.clips[1].truth)
    with pytest.raises(DatasetDamaged, match=r"clip clip-1: the GIF has 32×22 pixels, the truth 32×24"):
        evaluate(as_loaded(Counted()), dataset, "plain-1")


def test_a_clip_that_is_left_early_does_not_stand_in_the_way_of_the_next(dataset):
    """What was decoded of it ahead is thrown away."""
    plain = TASKS["plain-1"]
    plan = ClipScorer(load_method("gif"), plain, [protocol("standard")], device="cpu").plan
    opened = clips_module.open_clips(dataset.clips, plain, plan)
    first = [(clip.clip_id, next(clip.truth)) for clip in opened]
    for (name, frame), clip in zip(first, dataset.clips, strict=True):
        assert name == clip.clip_id
        np.testing.assert_array_equal(frame, clip.truth.frames[0])


def test_what_a_failing_method_began_is_not_kept(dataset, as_loaded, tmp_path):
    class Fails:
        def restore(self, gif, times):
            yield gif.frames[:1]
            raise ValueError

    with pytest.raises(MethodFailed):
        cached(Fails(), dataset, as_loaded, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


METRIC = "class Bad:\n    def measure(self, pair):\n        return {}"


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        ("float('nan')", "it gave nan, one finite number or None is wanted"),
        ("'<b>many</b>'", "it gave str"),
        ("pair.restored", "it gave ndarray"),
        ("1 / 0", "it raised ZeroDivisionError"),
    ],
)
def test_a_metric_that_gives_no_number_is_one_line(dataset, tmp_path, gives, said):
    file = tmp_path / "bad.py"
    file.write_text(METRIC.format(gives))
    with pytest.raises(MetricError, match=rf"^metric bad on clip clip-0: {said}"):
        evaluate("gif", dataset, "plain-1", metrics=[f"{file}:Bad"])


def test_a_metric_is_the_mean_over_segments_then_clips_and_sees_rounded_frames(dataset, as_loaded, tmp_path):
    file = tmp_path / "level.py"
    file.write_text(
        "class Level:\n    '''The first value.'''\n    better = 'lower'\n"
        "    def measure(self, pair):\n"
        "        assert pair.restored.dtype == 'uint8' and (pair.before is None or pair.before.before is None)\n"
        "        return None if pair.before is None else int(pair.restored[0, 0, 0])"
    )

    class Ramp:
        def restore(self, gif, times):
            return np.stack([np.full((gif.height, gif.width, 3), i + 0.4) for i in range(len(times))])

    standard, released = evaluate(as_loaded(Ramp()), dataset, "plain-4", metrics=[f"{file}:Level"])
    # Frames 1, 2, … of the whole clip; frames 1 to 4 of each segment, whose first has no value.
    assert [clip.metrics["level"] for clip in standard.clip_scores] == [8.5, 6.5, 4.5]
    assert [clip.metrics["level"] for clip in released.clip_scores] == [2.5, 2.5, 2.5]
    assert standard.scores["level"].mean == pytest.approx(6.5)
    assert (standard.metrics[0].spec, standard.metrics[0].better) == ("The first value.", "lower")


def test_a_clip_without_a_value_is_left_out_of_the_mean_and_the_result_says_so(make_dataset, tmp_path):
    (result,) = evaluate("gif", make_dataset(1, 5), "plain-1", protocols=["standard"], metrics=["tof"], out=tmp_path)
    assert [clip.metrics["tof"] is None for clip in result.clip_scores] == [True, False]
    assert result.scores["tof"].clips == 1
    (none,) = evaluate("gif", make_dataset(1), "plain-1", protocols=["standard"], metrics=["tof"])
    assert "tof" not in none.scores


def test_torch_measures_as_the_cpu_does_to_the_stated_tolerance(dataset, as_loaded):
    pytest.importorskip("torch")
    names = ["gradient", "requantised", "flat", "delta-e", "tof"]
    for task in ("plain-1", "dithered-4"):
        exact = evaluate("gaussian-0.5", dataset, task, metrics=names)
        there = evaluate("gaussian-0.5", dataset, task, metrics=names, metrics_device="torch")
        for one, other in zip(exact, there, strict=True):
            assert other.environment.metrics_device == "torch"
            for name, tolerance in {"psnr": 1e-9, "ssim": 1e-5, "delta-e": 1e-3}.items():
                assert other.scores[name].mean == pytest.approx(one.scores[name].mean, abs=tolerance)
            for name in ("gradient", "requantized", "flat", "tof"):
                assert other.scores[name].mean == pytest.approx(one.scores[name].mean, abs=1e-9)


def test_a_place_to_measure_that_is_not_there_is_answered(dataset):
    with pytest.raises(UsageError, match='no device "tpu": metrics-device must be auto, cpu'):
        evaluate("gif", dataset, "plain-1", metrics_device="tpu")
    with pytest.raises(UsageError, match='no device "gpu": device must be auto, cpu'):
        evaluate("gif", dataset, "plain-1", device="cuda:0,gpu")


@pytest.mark.parametrize("member", ["truth", "plain"])
def test_a_clip_that_does_not_decode_is_the_datasets_fault_and_named(tiny_dataset, tmp_path, member):
    place = tmp_path / "data"
    shutil.copytree(tiny_dataset.url, place)
    row = next(row for row in tiny_dataset.rows if row.clip_id == "bee")
    with (place / row.shard).open("r+b") as shard:
        found = getattr(row, member)
        shard.seek(found.offset)
        data = bytearray(shard.read(found.bytes))
        at = len(data) // 2 if member == "plain" else data.find(b"\xa3", len(data) // 3) + 40
        data[at : at + 30] = bytes(30)
        shard.seek(found.offset)
        shard.write(data)
    with pytest.raises(DatasetDamaged, match=r"^clip bee: .*gifbench verify") as error:
        evaluate("gif", open_dataset(place), "plain-1")
    assert "\n" not in str(error.value)


def test_the_truth_is_read_where_it_lies(tiny_dataset):
    for clip in tiny_dataset:
        truth = clip.truth.frames
        assert np.array_equal(np.stack(list(clip.iter_truth())), truth)
        assert np.array_equal(np.stack(list(clip.iter_truth([1, 4]))), truth[[1, 4]])
        assert next(clip.iter_truth([3])).tolist() == truth[3].tolist()
