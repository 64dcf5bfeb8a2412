"""Any color method composes with any interpolator, under one name, and each does its part once."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from gifbench.errors import MethodError, MethodFailed, UsageError
from gifbench.evaluation.evaluate import evaluate
from gifbench.media.gif import Gif
from gifbench.media.video import decode
from gifbench.methods.inference import run_method
from gifbench.methods.registry import load_method, load_method_file
from tests.baselines.conftest import frames_of, save, save_ccdnets
from tests.conftest import answer, moving_picture, succeed

COLOR_FILE = """
import numpy as np

class Counted:
    seen = []
    licence = "CC0-1.0"
    parameters = 5

    def __init__(self, *, add: int = 1, times: float = 1.0, weights: str | None = None):
        self.add, self.times, self.weights = add, times, weights

    def restore_frames(self, frames, palettes):
        assert len(frames) == len(palettes)
        self.seen.extend(int(frame[0, 0, 0]) for frame in frames)
        return np.clip(frames * np.float32(self.times) + self.add, 0, 255)


class Whole:
    def restore(self, gif, times):
        mean = gif.frames.mean()
        for time in times:
            yield np.float32(gif.frame(gif.times.index(time)))[None] + mean


class WholeAtOnce(Whole):
    def restore(self, gif, times):
        return np.concatenate(list(super().restore(gif, times)))


class TooFew:
    def restore_frames(self, frames, palettes):
        return frames[:0]


class Torch:
    backend = "torch"

    def to(self, device):
        self.device = device

    def restore_frames(self, frames, palettes):
        assert str(frames.device) == self.device and str(palettes[0].device) == self.device
        return frames.float().half() / 2


class TorchTime:
    backend = "torch"

    def restore(self, gif, times):
        raise AssertionError("gif2video fills the gaps")

    def restore_between(self, pair, seen, shares):
        import torch
        assert isinstance(pair[0], torch.Tensor) and isinstance(seen[0], np.ndarray)
        return torch.stack([pair[0].float() * (1 - share) + pair[1].float() * share for share in shares])


class Many:
    order = []

    def restore(self, gif, times): ...
    def restore_between(self, pair, seen, shares): ...
    def find_motion(self, seen):
        self.order.append("motion")
        return [float(first[0, 0, 0]) for first, _ in seen]
    def draw(self, pairs, motion, shares):
        self.order.append("drawn")
        jobs = [(*pair, share) for pair, asked in zip(pairs, shares) for share in asked]
        frames = [first * (1 - share) + second * share for first, second, share in jobs]
        assert motion == [float(first[0, 0, 0]) - 1 for first, _ in pairs]
        yield np.stack(frames[:3])
        yield np.stack(frames[3:])


class TooMany(Many):
    def draw(self, pairs, motion, shares):
        yield np.stack([pairs[0][0]] * 99)


class OneLess:
    def restore(self, gif, times): ...
    def restore_between(self, pair, seen, shares):
        return np.stack([pair[0]] * len(shares))[1:]


class SeesWhat:
    def restore(self, gif, times): ...
    def restore_between(self, pair, seen, shares):
        assert seen[0].dtype == np.uint8
        for share in shares:
            yield seen[0][None]
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(COLOR_FILE)
    return tmp_path / "mine.py"


@pytest.fixture
def ramp() -> Gif:
    """Five gray frames, 0, 20, … 80, a tenth of a second each."""
    palettes = tuple(np.uint8([[20 * i] * 3]) for i in range(5))
    return Gif(np.zeros((5, 9, 11), np.uint8), palettes, tuple(Fraction(i, 10) for i in range(5)), Fraction(1, 2))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("gif2video:color=gaussian-0.5,time=dis", "gif2video:color=gaussian-0.5,time=dis"),
        ("gif2video: time = dis , color = gaussian:sigma=0.5", "gif2video:color=gaussian-0.5,time=dis"),
        ("gif2video:color=gaussian:sigma=0.7,time=blend", "gif2video:color=gaussian:sigma=0.7,time=blend"),
        (
            "gif2video:color=[gaussian:sigma=2],time=[dis:blur=2]",
            "gif2video:color=gaussian:sigma=2.0,time=dis:blur=2.0",
        ),
        ("gif2video:color=gaussian-1.0,time=dis,flow=gif", "gif2video:color=gaussian-1.0,time=dis"),
        ("gif2video:color=gaussian-1.0,time=dis,flow=restored", "gif2video:color=gaussian-1.0,time=dis,flow=restored"),
    ],
)
def test_a_composition_has_one_name_that_loads_again(text, name):
    method = load_method(text)
    assert method.name == name
    assert load_method(method.name).name == name
    assert method.options["color"] == method.parts[0].name
    assert method.code_sha256 not in (None, method.parts[0].code_sha256)


def test_a_part_with_several_options_stands_in_brackets_and_may_be_a_file(file):
    method = load_method(f"gif2video:color=[{file.name}:Counted:add=2,times=0.5],time=blend")
    assert method.name == "gif2video:color=[Counted:add=2,times=0.5],time=blend"
    assert (method.parameters, method.licence) == (5, "CC0-1.0 + MIT")


def test_the_weights_of_the_parts_are_recorded(file):
    assert load_method("gif2video:color=gaussian,time=dis").weights is None
    for name in ("a", "b"):
        (file.parent / f"{name}.bin").write_text(name)
    first, second = (load_method(f"gif2video:color=[{file.name}:Counted:weights={n}.bin],time=dis") for n in "ab")
    assert (first.weights, second.weights) == ("a.bin", "b.bin")
    assert first.weights_sha256 == load_method_file(f"{file}:Counted:weights=a.bin").weights_sha256
    assert first.weights_sha256 != second.weights_sha256


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gif2video:color=gif,time=gaussian", "time=gaussian-0.5 does not draw frames between others"),
        ("gif2video:color=gausian,time=dis", 'did you mean "gaussian'),
        ("gif2video:color=gif,time=diss", 'did you mean "dis"'),
        ("gif2video:colr=gif,time=dis", 'did you mean "color"'),
        ("gif2video:color=gaussian,time=[dis", "brackets"),
        ("gif2video:color=gaussian],time=dis", "brackets"),
        ("gif2video:color=gaussian,time=dis,flow=best", "did you mean|choose from"),
    ],
)
def test_what_cannot_be_composed_is_said_in_one_line(text, said):
    with pytest.raises((UsageError, MethodError), match=said) as error:
        load_method(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gif2video", "method ccdnet lacks weights .*gifbench train ccdnet-plain-small .*ccdnet:weights="),
        (
            "gif2video:color=gaussian-0.5",
            "method superslomo has no weights .*gifbench train baselines/superslomo/superslomo.toml .*weights=",
        ),
    ],
)
def test_it_is_ccdnet_and_superslomo_and_says_how_to_train_what_is_missing(package, text, said):
    with pytest.raises(MethodError, match=said):
        load_method(text)


def test_each_frame_that_is_needed_goes_through_color_once(file, ramp):
    method = load_method(f"gif2video:color={file.name}:Counted,time=blend")
    times = [Fraction(i, 40) for i in range(9)]  # up to frame 2, and not between it and the next
    out = np.concatenate([b.astype(float) for b in run_method(method, ramp, times, clip="a")])
    assert np.allclose(out[:, 0, 0, 0], [1 + 5 * i for i in range(9)])
    assert method.parts[0].method.seen == [0, 20, 40]


def test_motion_is_looked_for_in_the_gif_unless_asked_otherwise(file, ramp):
    spec = f"gif2video:color=[{file.name}:Counted:add=90],time={file.name}:SeesWhat"
    halfway = [Fraction(3, 20)]
    assert frames_of(spec, ramp, halfway)[0, 0, 0, 0] == 20
    assert frames_of(f"{spec},flow=restored", ramp, halfway)[0, 0, 0, 0] == 110


@pytest.mark.parametrize("color", ["gif", "[mine.py:Counted:add=0]"])
def test_without_color_it_is_the_interpolator_alone(file, ramp, color):
    times = [Fraction(i, 30) for i in range(12)]
    composed = frames_of(f"gif2video:color={color},time=dis", ramp, times)
    assert np.abs(composed - frames_of("dis", ramp, times)).max() < 1e-3


@pytest.mark.parametrize(("time", "chosen"), [("gif", [0, 0, 0, 0, 1]), ("nearest", [0, 0, 0, 1, 1])])
def test_restored_frames_are_held_or_shown_when_they_are_nearest(file, ramp, time, chosen):
    times = [Fraction(i, 40) for i in range(5)]
    out = frames_of(f"gif2video:color={file.name}:Counted,time={time}", ramp, times)
    assert out[:, 0, 0, 0].tolist() == [1 + 20 * frame for frame in chosen]


@pytest.mark.parametrize("name", ["Whole", "WholeAtOnce"])
def test_color_may_look_at_the_whole_gif(file, ramp, name):
    times = [Fraction(i, 40) for i in range(9)]
    out = frames_of(f"gif2video:color={file.name}:{name},time=blend", ramp, times)
    assert np.allclose(out[:, 0, 0, 0], [40 + 5 * i for i in range(9)])


def test_too_few_restored_frames_are_said(file, ramp):
    with pytest.raises(MethodFailed, match="TooFew gave back 0 frames, 2 were asked for"):
        frames_of(f"gif2video:color={file.name}:TooFew,time=blend", ramp, [Fraction(1, 20)])


@pytest.mark.parametrize(("color", "time"), [("Torch", None), (None, "TorchTime"), ("Torch", "TorchTime")])
def test_torch_and_numpy_compose(file, ramp, color, time):
    pytest.importorskip("torch")
    color = f"{file.name}:{color}" if color else f"[{file.name}:Counted:add=0,times=0.5]"
    time = f"{file.name}:{time}" if time else "blend"
    times = [Fraction(i, 20) for i in range(9)]
    assert load_method(f"gif2video:color={color},time={time}").declared.backend == "torch"
    out = frames_of(f"gif2video:color={color},time={time}", ramp, times)
    assert np.allclose(out[:, 0, 0, 0], [5 * i for i in range(9)])


def test_motion_of_many_gaps_is_found_first_and_their_frames_come_in_order(file, ramp):
    method = load_method(f"gif2video:color={file.name}:Counted,time={file.name}:Many")
    times = [Fraction(i, 40) for i in range(19)]
    out = np.concatenate([b.astype(float) for b in run_method(method, ramp, times, clip="a")])
    assert np.allclose(out[:, 0, 0, 0], [1 + min(5 * i, 80) for i in range(19)])
    assert method.parts[1].method.order == ["motion", "drawn"]


@pytest.mark.parametrize(("name", "said"), [("TooMany", "more frames than"), ("OneLess", "gave back 0 frames in")])
def test_an_interpolator_that_miscounts_is_told(file, ramp, name, said):
    with pytest.raises(MethodFailed, match=said):
        frames_of(f"gif2video:color=gif,time={file.name}:{name}", ramp, [Fraction(1, 20), Fraction(1, 8)])


def test_it_is_scored_like_any_method(tiny_dataset):
    name = "gif2video:color=gaussian-0.5,time=dis"
    for task in ("plain-1", "dithered-4"):
        results = evaluate(name, tiny_dataset, task)
        assert [result.method.name for result in results] == [name, name]
        assert all(np.isfinite(result.scores["psnr"].mean) for result in results)


@pytest.fixture
def shipped(package):
    """A package whose weights are tiny and untrained: CCDNet's router, SuperSlomo and the stabilizer."""
    torch = pytest.importorskip("torch")
    from gifbench_baselines.stabilizer.network import Stabilizer, StabilizerArchitecture
    from gifbench_baselines.superslomo.network import SuperSlomo, SuperSlomoArchitecture

    torch.manual_seed(0)
    save_ccdnets(package)
    slomo, steady = SuperSlomoArchitecture(base=2), StabilizerArchitecture(base=2)
    save(package / "superslomo.safetensors", SuperSlomo(slomo), slomo)
    save(package / "stable.safetensors", Stabilizer(steady), steady)


def write_wild(path, *, delays=(40, 100, 20, 250), size=(35, 24)):
    """A GIF as Pillow writes it, with a moving ball and delays in milliseconds."""
    width, height = size
    first, *rest = (Image.fromarray(each).quantize(16) for each in moving_picture(len(delays), height, width))
    first.save(path, save_all=True, append_images=rest, duration=delays, loop=0)
    return path


@pytest.mark.parametrize(
    ("method", "ending"),
    [
        ("gif2video", "mp4"),
        ("gif2video", "mkv"),
        ("stable:gif2video", "mp4"),
        ("gif2video:color=gaussian-0.5,time=dis", "mkv"),
    ],
)
def test_the_gifs_uneven_timing_and_length_are_kept_to_the_frame(shipped, tmp_path, method, ending):
    wild, out = write_wild(tmp_path / "in.gif"), tmp_path / f"out.{ending}"
    result = succeed("restore", method, wild, out, "--fps-factor", 4)
    assert f"4 frames in, 13 out, 35×24, 0.41 s, by {method}" in result.stdout
    starts = [0, 40, 140, 160]
    expected = [a + (b - a) * Fraction(i, 4) for a, b in pairwise(starts) for i in range(4)] + [160]
    shown = list(decode(out))
    assert [1000 * frame.time for frame in shown] == expected
    assert 1000 * (shown[-1].time + shown[-1].duration) == 410


@pytest.mark.parametrize("delays", [(0, 0, 0), (70,), (50, 50)], ids=["zero delays", "one frame", "two frames"])
def test_short_gifs_and_zero_delays_play(shipped, tmp_path, delays):
    wild, out = write_wild(tmp_path / "in.gif", delays=delays), tmp_path / "out.mkv"
    found = answer("restore", "gif2video", wild, out, "--fps-factor", 2)
    length = sum(delay or 100 for delay in delays) / 1000  # what a browser shows
    assert (found["gif_frames"], found["frames"]) == (len(delays), 2 * len(delays) - 1)
    assert found["seconds"] == pytest.approx(length)
