"""Each metric gives its reference implementation's value, and on a torch device its own to the stated tolerance.

The constants come from pytorch-msssim 1.0.0 on float64 tensors with its gaussian window (11 taps, sigma 1.5) given in
float64; by itself it makes that window in float32, which moves the value by 1e-6. ΔE2000 is held against scikit-image,
the others against their definition in plain numpy.
"""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from gifbench.errors import MetricError, NotFound, PixelsError, UsageError
from gifbench.media.colors.quantize import minimum_variance, nearest
from gifbench.metrics.metric import FrameBatch, FramePair, GifFrame
from gifbench.metrics.registry import OWN, list_metrics, load_metric, load_metrics
from gifbench.metrics.ssim import gaussian_ssim, uniform_ssim

ON_TORCH = {"ms-ssim": 1e-5, "gradient": 1e-12, "requantized": 1e-12, "delta-e": 1e-3, "flat": 1e-12}


def picture(height: int, width: int, seed: int = 3) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    slopes = np.stack([x * 200 / width, y * 200 / height, (x + y) * 255 / (height + width)], -1)
    noise = np.random.default_rng(seed).normal(0, 6, slopes.shape)
    return np.clip(slopes + noise, 0, 255).astype(np.uint8)


def stepped(frame: np.ndarray) -> np.ndarray:
    return (frame // 24 * 24 + 12).clip(0, 255).astype(np.uint8)


def pair(height: int = 40, width: int = 52) -> FramePair:
    truth = picture(height, width)
    palette = minimum_variance(truth, 32)
    return FramePair(stepped(truth), truth, GifFrame(nearest(truth, palette), palette))


def tensors(*pairs: FramePair) -> FrameBatch:
    torch = pytest.importorskip("torch")
    stack = [np.stack([getattr(each, name) for each in pairs]) for name in ("restored", "truth")]
    restored, truth = (torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous() for frames in stack)
    return FrameBatch(restored, truth, [each.shown for each in pairs])


@pytest.mark.parametrize(
    ("height", "width", "expected"), [(192, 176, 0.9432647043112224), (181, 167, 0.9443749485068375)]
)
def test_ms_ssim_is_pytorch_msssims(height, width, expected):
    measured = load_metric("ms-ssim").metric.measure(pair(height, width))
    assert measured == pytest.approx(expected, abs=1e-12)


def test_ms_ssim_says_which_frames_are_too_small():
    with pytest.raises(PixelsError, match=r"161×161 at least, not 167×160; leave ms-ssim out"):
        load_metric("ms-ssim").metric.measure(pair(160, 167))


def test_delta_e_is_scikit_images():
    both = pair()
    expected = deltaE_ciede2000(rgb2lab(both.restored), rgb2lab(both.truth)).mean()
    assert load_metric("delta-e").metric.measure(both) == pytest.approx(expected, abs=1e-9)


def test_delta_e_is_scikit_images_on_every_kind_of_color():
    corners = np.array([[r, g, b] for r in (0, 1, 128, 255) for g in (0, 1, 128, 255) for b in (0, 1, 128, 255)])
    one, other = (each.astype(np.uint8)[None] for each in (np.repeat(corners, 64, 0), np.tile(corners, (64, 1))))
    measure = load_metric("delta-e").metric.measure
    expected = deltaE_ciede2000(rgb2lab(one), rgb2lab(other))[0]
    for i in range(0, 4096, 7):
        single = FramePair(one[:, i : i + 1], other[:, i : i + 1])
        assert measure(single) == pytest.approx(expected[i], abs=1e-8), (one[0, i], other[0, i])


def test_gradient_error_is_equation_8():
    both = pair()
    difference = both.restored.astype(float) - both.truth
    expected = np.abs(np.diff(difference, axis=0)).mean() + np.abs(np.diff(difference, axis=1)).mean()
    assert load_metric("gradient").metric.measure(both) == pytest.approx(expected, abs=1e-12)


def test_gradient_error_of_a_single_row_is_that_along_it():
    both = pair(1, 52)
    expected = np.abs(np.diff(both.restored.astype(float) - both.truth, axis=1)).mean()
    assert load_metric("gradient").metric.measure(both) == pytest.approx(expected, abs=1e-12)


def test_requantized_is_the_distance_to_the_gif():
    both = pair()
    palette = both.shown.palette
    expected = np.abs(palette[nearest(both.restored, palette)].astype(float) - both.shown.pixels).mean()
    measure = load_metric("requantized").metric.measure
    assert measure(both) == pytest.approx(expected, abs=1e-12)
    assert expected > 0
    assert measure(FramePair(both.shown.pixels, both.truth, both.shown)) == 0
    assert measure(FramePair(both.truth, both.truth, both.shown)) == 0  # the GIF was made of the nearest colors
    assert measure(FramePair(both.restored, both.truth, None)) is None


def test_flat_counts_what_is_flat_where_the_truth_is_not():
    truth = picture(9, 9)
    truth[6:] = 7
    restored = truth.copy()
    restored[:3, :4] = 80
    # 2×3 pixels of the new area have equal neighbors on the right and below; the area at the bottom is the truth's.
    assert load_metric("flat").metric.measure(FramePair(restored, truth)) == 6 / 64
    assert load_metric("flat").metric.measure(FramePair(truth, truth)) == 0


def test_identical_frames_are_without_fault():
    truth = picture(170, 164)
    same = FramePair(truth, truth, None, FramePair(truth, truth))
    perfect = {"ms-ssim": 1.0, "gradient": 0, "delta-e": 0, "flat": 0, "tof": 0}
    for name, value in perfect.items():
        assert load_metric(name).metric.measure(same) == pytest.approx(value, abs=1e-12), name


def test_motion_is_measured_from_the_second_frame_on():
    still = pair()
    for name in ("e-warp", "tof"):
        metric = load_metric(name).metric
        assert metric.measure(still) is None
        assert metric.measure(still.followed_by(still.restored, still.truth, None)) is not None


@pytest.mark.parametrize("name", ON_TORCH)
@pytest.mark.parametrize("size", [(176, 168), (167, 181)])
def test_on_a_torch_device_it_is_the_same_to_the_stated_tolerance(name, size):
    pairs = [pair(*size), pair(*size)]
    pairs[1] = FramePair(pairs[1].truth, pairs[1].truth, None)
    metric = load_metric(name).metric
    values = metric.measure_batch(tensors(*pairs))
    for value, each in zip(values, pairs, strict=True):
        expected = metric.measure(each)
        assert value == (None if expected is None else pytest.approx(expected, abs=ON_TORCH[name]))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_psnr_and_ssim_on_a_torch_device_are_the_same_to_1e_5(dtype):
    torch = pytest.importorskip("torch")
    from gifbench.metrics.psnr import squared_error
    from gifbench.metrics.ssim_torch import gaussian_ssims, squared_errors, uniform_ssims

    both = pair(90, 171)
    bright = np.full_like(both.truth, 250), np.full_like(both.truth, 251)  # the worst for float32
    for eight_bit, truth in ((both.restored, both.truth), bright):
        restored = eight_bit.astype(dtype)
        x, y = (torch.from_numpy(each).permute(2, 0, 1)[None].contiguous() for each in (restored, truth))
        assert gaussian_ssims(x, y) == [pytest.approx(gaussian_ssim(restored, truth), abs=1e-5)]
        assert uniform_ssims(x, y) == [pytest.approx(uniform_ssim(restored, truth), abs=1e-5)]
        assert squared_errors(x, y) == [pytest.approx(squared_error(restored, truth), rel=1e-12)]


def test_every_metric_defines_itself_and_is_listed():
    listed = {metric.name: metric for metric in list_metrics()}
    assert set(OWN) <= set(listed)
    for name in OWN:
        assert len(listed[name].described.spec) > 40, name
        assert listed[name].problem is None


MINE = '''
class Mine:
    """Mean absolute difference, times a factor."""

    better = "lower"
    unit = "levels"

    def __init__(self, *, factor: float = 1.0):
        self.factor = factor

    def measure(self, pair):
        return self.factor * abs(pair.restored.astype(int) - pair.truth).mean()
'''


def test_a_metric_of_ones_own_comes_from_a_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    plain, twice = load_metrics([f"{file}:Mine", f"{file}:Mine:factor=2", "psnr"])
    assert (plain.name, twice.name) == ("mine", "mine:factor=2.0")
    assert plain.described.spec == "Mean absolute difference, times a factor."
    assert twice.metric.measure(pair()) == 2 * plain.metric.measure(pair())
    assert plain.sha256 != twice.sha256
    file.write_text(MINE.replace("self.factor *", "self.factor * 3 *"))
    assert load_metric(f"{file}:Mine").sha256 != plain.sha256


@pytest.mark.parametrize(
    ("source", "kind", "said"),
    [
        ("class Mine:\n    better = 'more'\n    def measure(self, pair): ...", MetricError, 'better is "higher"'),
        ("class Mine:\n    name = '<b>'\n    def measure(self, pair): ...", MetricError, "cannot name a metric"),
        ("class Mine:\n    name = 'psnr'\n    def measure(self, pair): ...", MetricError, "cannot name a metric"),
        ("class Mine:\n    pass", MetricError, r"no measure\(pair\)"),
        ("class Mine:\n    def __init__(self): 1 / 0\n    def measure(self, p): ...", MetricError, "ZeroDivisionError"),
        ("import nothing_of_that_name", MetricError, "cannot be imported"),
    ],
)
def test_a_metric_that_cannot_be_is_one_line(tmp_path, source, kind, said):
    file = tmp_path / "mine.py"
    file.write_text(source)
    with pytest.raises(kind, match=said) as error:
        load_metric(f"{file}:Mine")
    assert "\n" not in str(error.value)


def test_a_typo_is_answered(tmp_path):
    with pytest.raises(UsageError, match='no metric "gradeint": did you mean "gradient"'):
        load_metric("gradeint")
    with pytest.raises(UsageError, match="has no option"):
        load_metric("flat:size=2")
    with pytest.raises(NotFound, match="no such metric file"):
        load_metric(str(tmp_path / "gone.py"))


def test_an_installed_package_offers_metrics_by_its_entry_points(tmp_path, monkeypatch):
    (tmp_path / "a_package_of_metrics.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    entries = [
        EntryPoint(name="theirs", value="a_package_of_metrics:Mine", group="gifbench.metrics"),
        EntryPoint(name="broken", value="nothing_of_that_name:Mine", group="gifbench.metrics"),
    ]
    monkeypatch.setattr("gifbench.metrics.registry.entry_points", lambda group: entries)
    theirs = load_metric("theirs:factor=2")
    assert (theirs.name, theirs.metric.factor) == ("theirs:factor=2.0", 2.0)
    with pytest.raises(MetricError, match="metric broken cannot be imported"):
        load_metric("broken")
    problems = {metric.name: metric.problem for metric in list_metrics() if metric.name not in OWN}
    assert problems["theirs"] is None
    assert "cannot be imported" in problems["broken"]
    monkeypatch.delitem(sys.modules, "a_package_of_metrics")


@pytest.mark.parametrize(("height", "width"), [(1, 9), (9, 1), (1, 1)])
def test_frames_of_one_row_or_column_have_slopes_one_way_and_no_flat_places(height, width):
    frames = pair(height, width)
    flat, gradient = (load_metric(name).metric for name in ("flat", "gradient"))
    assert flat.measure(frames) is None
    assert flat.measure_batch(tensors(frames, frames)) == [None, None]
    expected = gradient.measure(frames)
    assert gradient.measure_batch(tensors(frames)) == [pytest.approx(expected, abs=1e-12)]
    assert (expected == 0) is (height == width)


def test_a_batch_in_which_no_frame_of_the_gif_begins_has_no_palette_to_hold_frames_against():
    frames = FramePair(*(picture(12, 14, seed) for seed in (1, 2)))
    metric = load_metric("requantized").metric
    assert metric.measure(frames) is None
    assert metric.measure_batch(tensors(frames, frames)) == [None, None]


def test_two_metrics_of_one_name_are_refused_unless_they_are_one(tmp_path):
    for folder, value in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(
            f"class Mine:\n    spec = 'a number'\n    def measure(self, pair): return {value}"
        )
    texts = [f"{tmp_path / folder / 'mine.py'}:Mine" for folder in ("a", "b")]
    assert len(load_metrics([texts[0], texts[0], "psnr"])) == 1
    with pytest.raises(UsageError, match="two metrics are called mine"):
        load_metrics(texts)
