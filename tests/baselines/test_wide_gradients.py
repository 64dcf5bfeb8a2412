"""Wide gradients of plain GIFs: what smooth pictures the palette allows, and how much of them is taken."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines.ccdnet import smoothing_within_cells as smoothing
from gifbench_baselines.ccdnet import wide_gradients
from gifbench_baselines.ccdnet.palette_agreement import cells_of
from gifbench_baselines.ccdnet.plain_or_dithered_choice import Router
from gifbench_baselines.ccdnet.wide_gradients import FEATURES, WideGradients, WideGradientsOptions, mix, tell
from gifbench_baselines.weights_lookup import WEIGHTS

from gifbench import Gif, MethodError
from gifbench.media.colors.error_diffusion import floyd_steinberg
from gifbench.media.colors.quantize import minimum_variance, nearest
from tests.baselines.conftest import count, frames_of, psnr
from tests.pretend_device import KIND, pretend_device

pytestmark = pytest.mark.usefixtures("one_thread")


def sky(height: int = 120, width: int = 160) -> np.ndarray:
    """Light that changes slowly from place to place."""
    y, x = np.mgrid[:height, :width] / (height + width)
    waves = [np.sin(5 * x + 2 * y), np.cos(4 * y - 3 * x), np.sin(3 * (x + y) + 1)]
    return np.rint(128 + 90 * np.stack(waves, axis=-1)).astype(np.uint8)


def gif_of(truth: np.ndarray, colors: int = 16, *, dithered: bool = False) -> Gif:
    palette = minimum_variance(truth, colors)
    indices = (floyd_steinberg if dithered else nearest)(truth, palette)
    return Gif(indices[None], (palette,), (Fraction(0),), Fraction(1, 10))


def planes(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture.transpose(2, 0, 1))


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 1), (12, 15)])
def test_rows_and_columns_are_smoothed_to_and_fro(size):
    rng = np.random.default_rng(0)
    picture, across, down = (rng.random((*more, *size)).astype(np.float32) for more in ((3,), (), ()))
    wanted = picture.astype(float).transpose(1, 2, 0)
    for shares, lines in ((across, wanted), (down.T, wanted.transpose(1, 0, 2))):
        for line, share in zip(lines, shares, strict=True):
            for i in range(1, len(line)):
                line[i] += share[i] * (line[i - 1] - line[i])
            for i in reversed(range(len(line) - 1)):
                line[i] += share[i + 1] * (line[i + 1] - line[i])
    smoothing.along_rows(picture, across, 1 - across)
    smoothing.along_columns(picture, down, 1 - down)
    assert np.abs(picture.transpose(1, 2, 0) - wanted).max() < 1e-5


def test_means_become_the_palettes_and_pixels_stay_in_their_cells():
    truth = sky(30, 40)
    gif = gif_of(truth)
    cells = cells_of(planes(gif.frame(0)), gif.palettes[0])
    rng = np.random.default_rng(1)
    picture = planes((truth + rng.normal(4, 9, truth.shape)).astype(np.float32))
    wanted = picture.transpose(1, 2, 0).astype(float)
    for k, color in enumerate(cells.colors):
        wanted[cells.place == k] += color - wanted[cells.place == k].mean(axis=0)
    for y, x in np.ndindex(30, 40):
        k = cells.place[y, x]
        for way in cells.borders[k].astype(float):
            beyond = (wanted[y, x] - cells.colors[k]) @ way / (way @ way) - 0.5
            wanted[y, x] -= max(0, beyond) * way
    lengths = np.square(cells.borders).sum(axis=2)
    smoothing.bring_back(picture, cells.place, cells.colors, cells.borders, lengths)
    assert np.abs(picture.transpose(1, 2, 0) - wanted).max() < 1e-3


def test_bands_become_the_gradient_they_were():
    truth = sky()
    gif = gif_of(truth)
    cells = cells_of(planes(gif.frame(0)), gif.palettes[0])
    banded = planes(gif.frame(0).astype(np.float32))
    change = smoothing.smoothed(banded, cells.place, cells.colors, cells.borders, smoothing.STRONG)
    assert change.shape == (3, 60, 80)
    made = gif.frame(0)[::2, ::2] + change.transpose(1, 2, 0)
    assert psnr(made, truth[::2, ::2]) > psnr(gif.frame(0), truth) + 2


def test_nothing_is_smoothed_over_an_edge():
    palette = np.array([[20, 20, 30], [40, 30, 30], [220, 200, 190], [230, 220, 220]], np.uint8)
    indices = np.zeros((40, 60), np.uint8)
    indices[20:] += 1
    indices[:, 30:] += 2
    frame = palette[indices]
    cells = cells_of(planes(frame), palette)
    change = smoothing.smoothed(
        planes(frame.astype(np.float32)), cells.place, cells.colors, cells.borders, smoothing.STRONG
    )
    assert np.abs(change).max() < 8  # the edges between left and right are 200 levels high


@pytest.mark.parametrize("dithered", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 4), (33, 41)])
def test_what_the_network_is_told_is_what_plain_sums_say(size, dithered, monkeypatch):
    known = wide_gradients.means_off
    monkeypatch.setattr(wide_gradients, "means_off", lambda *given: (*known(*given)[:2], 1.0))
    truth = sky(40, 50)[: size[0], : size[1]]
    palette = minimum_variance(sky(40, 50), 12)
    shown = palette[nearest(truth, palette)]
    restored = np.clip(truth + np.random.default_rng(2).normal(0, 6, truth.shape), 0, 255).astype(np.float32)
    told = tell(planes(restored), planes(shown), palette, dithered=dithered)
    colors = np.unique(palette, axis=0).astype(float)
    # Which color a pixel of a dithered GIF was nearest to is what the restored one is nearest to.
    seen = restored.astype(float) if dithered else shown
    place = ((seen[:, :, None] - colors) ** 2).sum(-1).argmin(-1)
    apart = ((colors[:, None] - colors) ** 2).sum(-1) + np.where(np.eye(len(colors)), np.inf, 0)
    cell = np.sqrt(apart.min(axis=1))[place]
    off = {k: colors[k] - restored[place == k].mean(axis=0) for k in np.unique(place)}
    steep, edges = np.zeros(size), np.zeros(size)
    for axis in (0, 1):
        to, before = [slice(None)] * 2, [slice(None)] * 2
        to[axis], before[axis] = slice(1, None), slice(None, -1)
        to, before = tuple(to), tuple(before)
        least = np.minimum(cell[to], cell[before])
        steep[to] += ((restored[to].astype(float) - restored[before]) ** 2).sum(-1) / least**2
        edges[to] += place[to] != place[before]
    steep = np.sqrt(np.minimum(steep, 4))
    fine = np.sqrt(((restored - cv2.GaussianBlur(restored, (0, 0), 1.5)) ** 2).sum(-1))
    numbers = [*(restored / 128 - 1).transpose(2, 0, 1), np.sqrt(((restored - colors[place]) ** 2).sum(-1)) / cell]
    numbers += [np.log(cell) / 4, edges, steep, steep * (edges > 0), fine / cell]
    numbers += list(
        (np.vectorize(lambda k: off[k], signature="()->(c)")(place) * 10 / cell[..., None]).transpose(2, 0, 1)
    )
    height, width = (-(-side // 4) for side in size)
    for number, each in enumerate(numbers):
        wanted = [[each[4 * y : 4 * y + 4, 4 * x : 4 * x + 4].mean() for x in range(width)] for y in range(height)]
        assert np.abs(told.features[number].numpy() - wanted).max() < 2e-3, number
    assert told.features.shape == (FEATURES, height, width) and np.allclose(told.cells, cell)
    for number, change in enumerate(told.changes.numpy()):
        scaled = 3 * change / cell[::2, ::2]
        for c, each in enumerate([*scaled, np.sqrt((scaled**2).sum(axis=0))]):
            wanted = [[each[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean() for x in range(width)] for y in range(height)]
            assert np.abs(told.features[12 + 4 * number + c].numpy() - wanted).max() < 1e-3


def test_what_is_taken_is_between_the_pictures():
    rng = torch.Generator().manual_seed(0)
    restored, cells = 255 * torch.rand((1, 3, 11, 14), generator=rng), torch.full((1, 11, 14), 20.0)
    changes = torch.randn((1, 2, 3, 6, 7), generator=rng)
    said = torch.zeros(1, 5, 3, 4)
    said[:, :2] = -50
    assert torch.allclose(mix(said, restored, changes, cells), restored, atol=1e-4)
    said[:, 0] = 50
    mixed = mix(said, restored, changes, cells) - restored
    assert torch.allclose(mixed[..., ::2, ::2], changes[:, 0], atol=1e-4)
    assert torch.allclose(mixed[..., 1:10:2, :-1:2], (changes[:, 0, :, :-1] + changes[:, 0, :, 1:]) / 2, atol=1e-4)
    said[:, :2], said[:, 2:] = -50, 1
    assert torch.allclose(mix(said, restored, changes, cells), restored + 0.3 * 20, atol=1e-4)


def network() -> WideGradients:
    """One that takes a fifth of everything."""
    torch.manual_seed(0)
    made = WideGradients(WideGradientsOptions(widths=(4, 4))).eval()
    torch.nn.init.constant_(made.head.bias, 0.5)
    return made


def test_frames_of_an_accelerator_are_smoothed_on_the_cpu():
    truth = sky(30, 41)
    gif = gif_of(truth)
    frames, palettes = torch.from_numpy(gif.frame(0).copy())[None], torch.from_numpy(gif.palettes[0].copy())[None]
    arguments = [torch.cat([each, each]) for each in (frames, palettes, frames.float())]
    made = network()
    here = made.smoother(*arguments, dithered=False)
    with pretend_device():
        there = made.smoother(*(each.to(KIND) for each in arguments), dithered=False)
        assert there.device.type == KIND and torch.allclose(here, there.cpu(), atol=1e-4)
    assert (here - frames.float()).abs().max() > 1


def test_a_palette_of_another_picture_says_nothing():
    palette = minimum_variance(sky(200, 300), 16)
    corner = sky(200, 300)[:40, :50]
    shown = palette[nearest(corner, palette)]
    restored = torch.from_numpy(corner.astype(np.float32))[None]
    made = network().smoother(torch.from_numpy(shown)[None], torch.from_numpy(palette)[None], restored, dithered=False)
    assert torch.equal(made, restored)


@pytest.mark.parametrize("dithered", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (2, 3)])
def test_one_color_and_one_pixel(size, dithered):
    for palette in ([[9, 9, 9]], [[9, 9, 9], [90, 90, 90]]):
        colors = torch.tensor(palette, dtype=torch.uint8)
        frame = colors[-1].expand(1, *size, 3)
        made = network().smoother(frame, colors[None], frame.float() + 1, dithered=dithered)
        assert torch.isfinite(made).all() and made.shape == (1, *size, 3)


def without_gradients(folder: Path) -> None:
    """Into the folder the weights that come along, but for these."""
    for name in ("ccdnet-plain", "ccdnet-dithered", "dither-classifier", "ccdnet-guard"):
        shutil.copy(WEIGHTS / f"{name}.safetensors", folder)


@pytest.mark.parametrize("dithered", [False, True])
def test_ccdnet_has_wide_gradients_back(tmp_path, dithered):
    truth = sky(160, 200)
    gif = gif_of(truth, 32 if dithered else 12, dithered=dithered)
    with_it, without = (psnr(frames_of(f"ccdnet:gradients={each}", gif)[0], truth) for each in ("true", "false"))
    assert with_it > without + (0.5 if dithered else 1)
    plain = frames_of("ccdnet:gradients=false", gif)
    without_gradients(tmp_path)
    assert np.array_equal(frames_of(f"ccdnet:weights={tmp_path}", gif), plain)


def test_the_router_counts_them():
    parameters = 2 * count(WideGradients(WideGradientsOptions()))
    assert Router().parameters - Router(gradients=False).parameters == parameters
    assert not Router(agreement=False)._gradients


def test_weights_of_another_network_are_one_clear_line(tmp_path):
    without_gradients(tmp_path)
    shutil.copy(WEIGHTS / "colorize.safetensors", tmp_path / "ccdnet-plain-gradients.safetensors")
    with pytest.raises(MethodError, match="no weights of a network for wide gradients; the card says"):
        Router(weights=str(tmp_path))
