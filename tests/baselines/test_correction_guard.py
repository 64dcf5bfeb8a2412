"""The guard of ccdnet: shares between the GIF and what the network says, and what it is told of each pixel."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines.ccdnet import correction_guard as guard_module
from gifbench_baselines.ccdnet.correction_guard import FEATURES, Guard, GuardOptions, features
from gifbench_baselines.ccdnet.plain_or_dithered_choice import Router
from gifbench_baselines.temporal_fusion.network import TemporalFusion, TemporalFusionOptions
from gifbench_baselines.weights_lookup import WEIGHTS, described

from gifbench import Gif, MethodError, load_method, read_weights
from tests.baselines.conftest import count, frames_of, save, save_color_networks
from tests.pretend_device import KIND, pretend_device

pytestmark = pytest.mark.usefixtures("one_thread")


def save_guard(folder: Path, share: float) -> None:
    """One that lets the same share of every change through."""
    guard = Guard(GuardOptions(hidden=2))
    torch.nn.init.zeros_(guard.last.weight)
    torch.nn.init.constant_(guard.last.bias, float(torch.logit(torch.tensor(share / 1.05))))
    save(folder / "ccdnet-guard.safetensors", guard, guard.options)


def load_guard(name: str) -> Guard:
    return described(read_weights(WEIGHTS / f"{name}.safetensors"), GuardOptions, Guard, what="guard")


def without_guard(folder: Path) -> Path:
    """The weights that come along, without their guard."""
    for name in ("ccdnet-plain", "ccdnet-dithered", "dither-classifier"):
        shutil.copy(WEIGHTS / f"{name}.safetensors", folder)
    return folder


def screen(colors: int = 128, height: int = 64, width: int = 96) -> Gif:
    """Flat blocks and thin lines in colors that lie far apart, two frames: a palette of 128 colors holds it exactly."""
    generator = np.random.default_rng(4)
    chosen = np.unravel_index(generator.permutation(6**3)[:colors], (6, 6, 6))
    palette = np.stack(chosen, axis=-1).astype(np.uint8) * 51
    indices = np.kron(generator.integers(0, colors, (height // 16, width // 16)), np.ones((16, 16), int))
    indices[::7, :40] = 1
    frames = np.stack([indices, np.roll(indices, 3, axis=1)]).astype(np.uint8)
    return Gif(frames, (palette,) * 2, (Fraction(0), Fraction(1, 10)), Fraction(2, 10))


def drawing(height: int = 96, width: int = 128) -> Gif:
    """Dark strokes on light gray with smoothed edges, in 64 grays: a GIF as good as exact."""
    generator = np.random.default_rng(4)
    light = np.full((height, width), 244.0)
    for _ in range(40):
        top, left = generator.integers(0, height - 8), generator.integers(0, width - 10)
        bottom, right = top + generator.integers(1, 7), left + generator.integers(1, 9)
        light[top:bottom, left:right] = generator.choice([0, 40, 90, 200])
    indices = np.rint(cv2.GaussianBlur(light, (0, 0), 0.6) / 4).astype(np.uint8)
    palette = np.repeat(np.arange(64, dtype=np.uint8)[:, None] * 4, 3, axis=1)
    return Gif(indices[None], (palette,), (Fraction(0),), Fraction(1, 10))


def narrow_weights(folder: Path) -> Path:
    """Networks of few channels for either kind of GIF and over time, that change what they are given."""
    torch.manual_seed(0)
    folder.mkdir()
    save_color_networks(folder, loud=0.1)
    options = TemporalFusionOptions(widths=(4, 4), blocks=(1, 1))
    network = TemporalFusion(options)
    torch.nn.init.normal_(network.body.head.weight, std=0.1)
    save(folder / "ccdnet-video.safetensors", network, options)
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "ccdnet:weights={0},agreement=false",
        "ccdnet-video:color_weights={0},weights={0}/ccdnet-video.safetensors,agreement=false",
    ],
)
def test_the_guard_decides_between_the_gif_and_the_network(tmp_path, name):
    gif = screen()
    shown = np.stack([gif.frame(i) for i in range(len(gif))]).astype(np.float32)
    made = {}
    for share in (None, 1e-7, 0.25, 1.0):
        folder = narrow_weights(tmp_path / str(share))
        if share is not None:
            save_guard(folder, share)
        made[share] = frames_of(name.format(folder), gif)
    assert np.abs(made[None] - shown).max() > 3
    assert np.abs(made[1e-7] - shown).max() < 1e-2
    assert np.abs(made[1.0] - made[None]).max() < 1e-2
    assert np.abs(made[0.25] - (shown + 0.25 * (made[None] - shown))).max() < 1e-2


def test_what_the_palette_holds_exactly_is_hardly_touched(tmp_path):
    gif = drawing()
    guarded = np.square(frames_of("ccdnet", gif) - gif.frame(0)).mean()
    without = np.square(frames_of(f"ccdnet:weights={without_guard(tmp_path)}", gif) - gif.frame(0)).mean()
    assert guarded < without / 10


def test_what_the_guard_is_told():
    palette = torch.tensor([[0, 0, 0], [30, 40, 0], [200, 200, 200]], dtype=torch.uint8)
    indices = torch.zeros(20, 30, dtype=torch.long)
    indices[:, 15:] = 2
    frame = palette[indices]
    told = features(frame, palette, frame.float() + torch.tensor([3.0, 4.0, 0.0]), dithered=True)
    assert told.shape == (20, 30, FEATURES)
    near, far, change, change_around, near_around, alike, alike_around, activity, beyond = told[..., :9].unbind(-1)
    assert torch.allclose(torch.expm1(near[5, 5]), torch.tensor(50.0), atol=1e-3)
    assert far[5, 5] > near[5, 5] and near[5, 25] > near[5, 5]
    assert torch.allclose(torch.expm1(change), torch.tensor(5.0), atol=1e-3)
    assert torch.allclose(change_around, change, atol=1e-3) and near_around[5, 2] == pytest.approx(float(near[5, 2]))
    assert alike[5, 5] == 1 and alike[5, 15] == 0.75 and alike_around[5, 15] < 1
    assert activity[5, 2] < 1e-2 < 1 < activity[5, 15]
    # The one edge goes from black past the next color to a gray far away, and from there to what is not the next one.
    assert beyond[10, 14] > 0.3 and torch.allclose(beyond[:, 14], told[:, 14, 12], atol=1e-3)
    assert told[..., 9:13].flatten(0, 1).std(dim=0).max() < 1e-6 and (told[..., 13] == 1).all()


SIZES = [(1, 1), (3, 2), (2, 70), (70, 2), (9, 40), (41, 33)]


@pytest.mark.parametrize("size", SIZES)
def test_what_the_guard_is_told_is_what_plain_sums_say(size):
    frame, palette, restored = colorful(*size)
    told = features(frame, palette, restored, dithered=False).numpy()
    shown, colors = frame.numpy().astype(float), np.unique(palette.numpy(), axis=0).astype(float)
    ways = colors[None] - colors[:, None]
    apart = np.sqrt((np.clip(ways, -128, 128) ** 2).sum(-1))
    place = (shown[..., None, :] == colors).all(-1).argmax(-1)
    order = np.where(np.eye(len(colors), dtype=bool), np.inf, (ways**2).sum(-1)).argsort(axis=1)[:, :2]
    nearest = np.take_along_axis(apart, order, axis=1)
    padded = np.pad(shown, ((1, 1), (1, 1), (0, 0)), mode="edge")
    beside = [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
    steps = np.sqrt([((each - shown) ** 2).sum(-1) for each in beside])
    change = np.sqrt(((restored.numpy() - shown) ** 2).sum(-1))

    def around(plane, side):
        half = side // 2
        out = np.pad(plane, half, mode="edge")
        return np.array([[out[y : y + side, x : x + side].mean() for x in range(size[1])] for y in range(size[0])])

    channels = shown.transpose(2, 0, 1)
    activity = np.sqrt(sum(np.maximum(around(c * c, 5) - around(c, 5) ** 2, 0) for c in channels))
    near, far = np.moveaxis(nearest[place], -1, 0)
    alike, edge = (steps == 0).mean(0), (steps.max(0) > 0).astype(float)
    past = edge * (np.log1p(steps.max(0)) - np.log1p(near))
    local = [np.log1p(each) for each in (near, far, change, around(change, 9), around(near, 9))]
    local += [alike, around(alike, 9), np.log1p(activity), around(past, 31) / np.maximum(around(edge, 31), 1e-3)]
    wide = [np.log1p(near).mean(), alike.mean(), np.log1p(change).mean(), past.mean() / max(edge.mean(), 1e-3), 0]
    wanted = np.stack([*local, *(np.full(size, each) for each in wide)], axis=-1)
    assert np.abs(told - wanted).max() < 2e-3


@pytest.mark.parametrize("size", [*SIZES, (150, 130)])
def test_the_loops_of_a_cpu_say_to_the_bit_what_an_accelerator_says(size, monkeypatch):
    frame, palette, restored = colorful(*size)
    guard = load_guard("ccdnet-guard")

    def made():
        with torch.inference_mode():
            told = features(frame, palette, restored, dithered=True)
            return told, guard.guarded(frame[None], palette[None], restored[None], dithered=True)

    by_loops = made()
    monkeypatch.setattr(guard_module, "_numbers_on_cpu", guard_module._numbers)
    by_torch = made()
    assert torch.equal(by_loops[0], by_torch[0]) and torch.equal(by_loops[1], by_torch[1])


@pytest.mark.parametrize("dithered", [False, True])
def test_an_accelerator_has_its_frames_agree_on_the_cpu(dithered):
    frame, palette, restored = colorful(30, 41)
    guard = load_guard("ccdnet-guard")
    arguments = [torch.stack([each, each]) for each in (frame, palette, restored)]
    with torch.inference_mode():
        here = guard.guarded(*arguments, dithered=dithered)
        with pretend_device():
            there = guard.to(KIND).guarded(*(each.to(KIND) for each in arguments), dithered=dithered).cpu()
        guard.to("cpu").agrees = False
        without = guard.guarded(*arguments, dithered=dithered)
    assert torch.allclose(here, there, atol=1e-3) and (here - without).abs().max() > 0.1


def colorful(height, width, colors=32):
    """A frame of flat parts in few colors, its palette, and what somebody made of it, in steps of other memory."""
    rng = torch.Generator().manual_seed(3)
    palette = torch.randint(256, (colors, 3), dtype=torch.uint8, generator=rng)
    indices = torch.randint(colors, (height // 3 + 1, width // 3 + 1), generator=rng)
    frame = palette[indices.repeat_interleave(3, 0).repeat_interleave(3, 1)[:height, :width]]
    noise = 20 * torch.randn((3, height, width), generator=rng)
    return frame, palette, (frame.permute(2, 0, 1) + noise).clamp(0, 255).permute(1, 2, 0)


def test_a_frame_of_one_color_and_one_pixel():
    palette = torch.tensor([[9, 9, 9]], dtype=torch.uint8)
    for height, width in ((1, 1), (3, 2)):
        frame = palette.expand(height, width, 3)
        guard = load_guard("ccdnet-guard")
        made = guard.guarded(frame[None], palette[None], frame[None].float() + 1, dithered=False)
        assert torch.isfinite(made).all() and made.shape == (1, height, width, 3)


def test_weights_of_another_network_are_one_clear_line():
    with pytest.raises(MethodError, match="no weights of a guard; the card says"):
        load_guard("colorize")


def test_the_router_counts_the_guard(tmp_path):
    without = Router(weights=str(without_guard(tmp_path)))
    assert Router(gradients=False).parameters - without.parameters == count(load_guard("ccdnet-guard"))


def test_frames_are_the_same_with_any_number_of_threads():
    rng = torch.Generator().manual_seed(0)
    palette = torch.randint(256, (32, 3), dtype=torch.uint8, generator=rng)
    frames = palette[torch.randint(32, (3, 300, 400), generator=rng)]
    method, before = load_method("ccdnet").method, torch.get_num_threads()
    restorer = method._networks[False, 32]
    changed = (frames.float() + 9 * torch.rand(frames.shape, generator=rng)).clamp(0, 255)
    try:
        done = []
        for threads, parts in ((1, [slice(0, 3)]), (2, [slice(0, 2), slice(2, 3)]), (3, [slice(0, 1), slice(1, 3)])):
            torch.set_num_threads(threads)
            each = [restorer.guarded(frames[part], [palette] * len(frames[part]), changed[part]) for part in parts]
            done.append(torch.cat(each))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(done[0], done[1]) and torch.equal(done[0], done[2])
    assert not torch.equal(done[0], changed)
