"""CCDNet's networks are the paper's, restore frames of any size, and are read from files with suspicion."""

from __future__ import annotations

import hashlib
import json
import pickle
import tomllib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines.adversarial_training import FakePool, PatchGAN, accuracy, judged
from gifbench_baselines.ccdnet import network as network_module
from gifbench_baselines.ccdnet.backbones import BACKBONES, UNet
from gifbench_baselines.ccdnet.dither_classifier import DitherClassifier
from gifbench_baselines.ccdnet.losses import color_loss, gradient_loss
from gifbench_baselines.ccdnet.method import load_network
from gifbench_baselines.ccdnet.network import (
    CCDNet,
    CCDNetArchitecture,
    fill_palettes,
    nearest_color,
    stack_palettes,
    to_palette,
)
from gifbench_baselines.tiled_inference import exact
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.utils.flop_counter import FlopCounterMode

from gifbench import Gif, MethodError, UsageError, WeightsError, load_method, read_weights, save_weights
from gifbench.media.colors.quantize import nearest, quantize
from tests.baselines.conftest import count, frames_of, save

CONFIGS = Path(__file__).parent.parent.parent / "baselines" / "ccdnet"


pytestmark = pytest.mark.usefixtures("one_thread")


def noisy_batch_norms(network):
    """Statistics unlike the first ones, so that a mistake about them is seen."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 2)
    return network.eval()


def test_parameters_are_the_papers():
    with torch.device("meta"):
        assert count(UNet(3)) == 14_789_059
        assert count(CCDNet(CCDNetArchitecture(steps=2))) == 29_583_302
        assert count(CCDNet(CCDNetArchitecture(steps=3))) == 29_583_302, "the second network is the same each step"
        assert count(CCDNet(CCDNetArchitecture(steps=2, embedded=False))) == 29_583_302 - 6 * 64 * 9
        assert count(PatchGAN()) == 2_774_849


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 33), (40, 64)])
def test_every_size_comes_back(backbone, size):
    network = CCDNet(CCDNetArchitecture(backbone=backbone, base=2, steps=2)).eval()
    gif = torch.randint(256, (2, 3, *size), dtype=torch.uint8)
    out = network(gif, torch.randint(256, (2, 5, 3), dtype=torch.uint8))
    assert out.shape == gif.shape
    assert float(out.detach().abs().max()) <= 1


def test_pixels_far_from_the_padding_are_those_of_a_larger_picture():
    network = noisy_batch_norms(CCDNet(CCDNetArchitecture(base=2)))
    gif = torch.randint(256, (1, 3, 320, 320), dtype=torch.uint8)
    palette = torch.zeros(1, 1, 3, dtype=torch.uint8)
    with torch.no_grad():
        whole, part = network(gif, palette), network(gif[..., :250, :250], palette)
    inside = 250 - UNet.reach
    torch.testing.assert_close(part[..., :inside, :inside], whole[..., :inside, :inside], rtol=0, atol=1e-5)
    assert not torch.allclose(part[..., 249, :], whole[..., 249, :250], atol=1e-4), "the border sees the padding"


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
def test_tiles_change_nothing(backbone):
    network = noisy_batch_norms(CCDNet(CCDNetArchitecture(backbone=backbone, base=2, steps=2)))
    for name, parameter in network.named_parameters():
        if name.endswith(("beta", "gamma")):  # NAF's residuals begin at nothing
            torch.nn.init.constant_(parameter, 0.5)
    gif = torch.randint(256, (1, 3, 200, 430), dtype=torch.uint8)
    palettes = torch.randint(256, (1, 32, 3), dtype=torch.uint8)
    with torch.no_grad():
        apart = (network(gif, palettes, tile=96) - network(gif, palettes)).abs()
    # Between two steps a pixel halfway between two colors may become either; DRRN's 25 recursions magnify rounding.
    assert (apart > 1e-4).float().mean() < 1e-3


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
def test_networks_that_say_changes_begin_with_the_gif_as_it_is(backbone):
    gif = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(1, 3, 16, 16)
    palettes = torch.randint(256, (1, 9, 3), dtype=torch.uint8)
    away = {}
    for skip in (True, False):
        network = CCDNet(CCDNetArchitecture(backbone=backbone, base=2, steps=3, skip=skip)).eval()
        frames = (network(gif, palettes) + 1) * 127.5
        away[skip] = float((frames - gif).abs().max().detach())
    assert away[True] < 1, "a quarter level a step"
    assert away[False] > 30


def test_naf_costs_at_most_half_of_ccdnet_2():
    def multiplications(**options) -> int:
        with torch.device("meta"), FlopCounterMode(display=False) as flops:
            network = CCDNet(CCDNetArchitecture(steps=2, **options)).eval()
            network.first(torch.empty(1, 3, 256, 256))
            network.second(torch.empty(1, 12, 256, 256))
        return flops.get_total_flops() // 2

    row = tomllib.loads((CONFIGS / "ccdnet-naf.toml").read_text())["model"]
    assert row["steps"] == 2
    assert 0 < multiplications(backbone="naf", base=row["base"]) < multiplications() / 2


def test_palettes_of_different_sizes_share_a_batch():
    rng = np.random.default_rng(1)
    palettes = [torch.from_numpy(rng.integers(0, 256, (n, 3), np.uint8)) for n in (1, 7, 256)]
    frames = torch.rand(3, 3, 9, 8) * 2 - 1
    together = to_palette(frames, stack_palettes(palettes), rounded=True)
    for frame, palette, found in zip(frames, palettes, together, strict=True):
        pixels = ((frame + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
        wanted = palette.numpy()[nearest(pixels, palette.numpy())]
        assert np.array_equal(found.permute(1, 2, 0).numpy(), wanted)
    padded = torch.zeros(3, 256, 3, dtype=torch.uint8)
    for i, palette in enumerate(palettes):
        padded[i, : len(palette)] = palette
    assert torch.equal(to_palette(frames, fill_palettes(padded, torch.tensor([1, 7, 256])), rounded=True), together)


@pytest.mark.parametrize("rounded", [False, True])
def test_colors_are_the_nearest_of_any_number(rounded):
    palette = torch.randint(256, (1, 700, 3), dtype=torch.uint8)
    frames = torch.rand(1, 3, 6, 5) * 2 - 1
    pixels = (frames + 1) * 127.5
    pixels = pixels.round() if rounded else pixels
    distance = (pixels[:, None] - palette.float()[0, None, :, :, None, None]).square().sum(dim=2)
    found = (to_palette(frames, palette, rounded=rounded).float() - pixels).square().sum(dim=1)
    torch.testing.assert_close(found, distance.amin(dim=1), rtol=0, atol=1e-3)


def test_what_is_searched_at_once_is_what_is_searched_one_by_one(monkeypatch):
    pixels = torch.rand(3, 40, 3) * 255
    pixels[:, ::2] = pixels[:, ::2].round()
    colors = torch.randint(0, 256, (3, 300, 3)).double()
    colors[:, 100:200] = colors[:, :100]
    lengths = colors.square().sum(dim=2)
    wanted = network_module._nearest_one_by_one(pixels, colors, lengths)
    for most in (1, 5000, 1 << 22):
        monkeypatch.setattr(network_module, "_MOST_DISTANCES", most)
        assert torch.equal(network_module._nearest_at_once(pixels, colors, lengths), wanted)


def test_of_colors_at_one_distance_the_first_is_taken():
    palettes = torch.tensor([[[9, 9, 9], [10, 10, 10], [12, 12, 12], [12, 12, 12], [10, 10, 10]]], dtype=torch.uint8)
    pixels = torch.tensor([11.0, 10.9, 11.1, 9.5, 12.0]).expand(1, 3, 1, 5)
    assert nearest_color(pixels, palettes).tolist() == [[[1, 1, 2, 0, 2]]]


def test_f_c_is_of_the_picture_that_is_not_rounded():
    palettes = torch.tensor([[[100, 0, 0], [101, 0, 0]]], dtype=torch.uint8)
    frames = torch.tensor([100.49, 0, 0]).view(1, 3, 1, 1) / 127.5 - 1
    between = torch.tensor([100.51, 0, 0]).view(1, 3, 1, 1) / 127.5 - 1
    assert to_palette(frames, palettes).flatten().tolist() == [100, 0, 0]
    assert to_palette(between, palettes).flatten().tolist() == [101, 0, 0]
    palettes = torch.tensor([[[100, 0, 0], [104, 0, 0]]], dtype=torch.uint8)
    below = torch.tensor([101.6, 0, 0]).view(1, 3, 1, 1) / 127.5 - 1  # rounded it is as far from either
    above = torch.tensor([102.4, 0, 0]).view(1, 3, 1, 1) / 127.5 - 1
    assert [to_palette(each, palettes)[0, 0].item() for each in (below, above)] == [100, 104]
    assert [to_palette(each, palettes, rounded=True)[0, 0].item() for each in (below, above)] == [100, 100]


@pytest.mark.parametrize("backbone", ["unet", "drrn", "glcic"])
def test_weights_of_0_1_0_are_what_they_were(tmp_path, backbone):
    """Their cards lack `as_released`: f_C is rounded, U-Nets see padded pictures, GLCICs have hidden biases."""
    before = CCDNet(CCDNetArchitecture(backbone=backbone, base=2, steps=2, as_released=False)).eval()
    card = before.architecture.model_dump(exclude={"as_released"})
    path = save_weights(tmp_path / "w.safetensors", before, architecture=card, about={})
    network = load_network(read_weights(path))
    assert not network.architecture.as_released
    gif, palettes = torch.randint(256, (1, 3, 33, 50), dtype=torch.uint8), torch.randint(256, (1, 8, 3)).byte()
    with torch.no_grad():
        assert torch.equal(network(gif, palettes), before(gif, palettes))
    assert any(".0.bias" in name for name in before.state_dict()) or backbone != "glcic"


@pytest.mark.parametrize("size", [(45, 53), (90, 158), (16, 17)])
def test_odd_sizes_lose_nothing_but_are_not_padded_outside(size):
    """Half of 45 is 22: the pixel that is missing when it is doubled again is zero, as in the released code."""
    seen = []
    network = UNet(3, base=2).eval()
    network.downs[0].register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[2:])))
    with torch.no_grad():
        out = exact(network, torch.rand(1, 3, *size), None)
    assert out.shape[2:] == size and seen == [(size[0] // 2, size[1] // 2)]


def test_losses_are_what_they_are_called():
    truth = torch.zeros(1, 3, 4, 4)
    ramp = torch.arange(4.0).expand(1, 3, 4, 4) / 4
    assert float(color_loss(ramp, truth)) == pytest.approx(0.375)
    assert float(gradient_loss(ramp, truth)) == pytest.approx(0.25)
    assert float(gradient_loss(ramp, -ramp)) == pytest.approx(0.5)
    assert float(gradient_loss(ramp, -ramp, form="abs")) == 0
    assert judged(truth, ramp).shape == (1, 12, 4, 4)
    assert accuracy(torch.tensor([1.0, -1.0]), torch.tensor([-1.0, -2.0])) == 0.75


def test_the_pool_gives_back_old_fakes():
    pool, generator = FakePool(3), torch.Generator().manual_seed(0)
    shown = [float(pool.exchange(torch.full((1, 1, 1, 1), float(i)), generator)) for i in range(40)]
    assert shown[:3] == [0, 1, 2]
    assert any(value < i for i, value in enumerate(shown))
    other = FakePool(3)
    other.load_state_dict(pool.state_dict())
    assert torch.equal(other.state_dict()["fakes"], pool.state_dict()["fakes"])


@pytest.mark.parametrize("size", [(1, 1), (31, 40), (64, 64)])
def test_the_classifier_judges_each_frame(size):
    frames = torch.rand(3, 3, *size)
    network = DitherClassifier(base=2).eval()
    torch.testing.assert_close(network(frames)[1:2], network(frames[1:2]))
    assert count(DitherClassifier()) == sum(
        a * b * 16 + b for a, b in ((9, 64), (64, 128), (128, 256), (256, 512), (512, 1))
    ) + 2 * (64 + 128 + 256 + 512)


def weights_file(folder: Path, *, name: str = "w.safetensors", half: bool = False, **options) -> Path:
    architecture = CCDNetArchitecture(base=2, **options)
    network = noisy_batch_norms(CCDNet(architecture))
    return save(folder / name, network, architecture, half=half, licence="MIT")


def small_gif(num_frames: int = 3, colors: int = 8) -> Gif:
    frames = np.random.default_rng(0).integers(0, 256, (num_frames, 24, 20, 3), dtype=np.uint8)
    quantized = [quantize(frame, colors=colors + i) for i, frame in enumerate(frames)]
    return Gif(
        indices=np.stack([indices for indices, _ in quantized]),
        palettes=tuple(palette for _, palette in quantized),
        times=tuple(Fraction(i, 10) for i in range(num_frames)),
        duration=Fraction(num_frames, 10),
    )


@pytest.mark.parametrize("half", [False, True])
def test_a_method_with_weights_restores(tmp_path, half):
    path = weights_file(tmp_path, steps=2, half=half)
    loaded = load_method(f"ccdnet-2:weights={path}")
    assert loaded.parameters == count(CCDNet(CCDNetArchitecture(base=2, steps=2)))
    assert loaded.weights == "w.safetensors"
    assert loaded.name == "ccdnet-2:weights=w.safetensors"
    gif = small_gif()
    frames = frames_of(f"ccdnet-2:weights={path}", gif)
    assert frames.shape == (3, 24, 20, 3)
    network = CCDNet(CCDNetArchitecture(base=2, steps=2)).eval()
    read_weights(path).fill(network)
    with torch.no_grad():
        alone = network(
            torch.from_numpy(gif.frame(1).copy()).permute(2, 0, 1)[None], torch.from_numpy(gif.palettes[1].copy())[None]
        )
    np.testing.assert_allclose(frames[1], (alone[0].permute(1, 2, 0).numpy() + 1) * 127.5, atol=1e-2)
    rough = frames_of(f"ccdnet-2:weights={path},precision=bf16", gif)
    assert 0 < np.abs(rough - frames).max() < 4
    assert load_method(f"ccdnet-3:weights={path}").parameters == loaded.parameters, "two steps can become three"
    with pytest.raises(UsageError, match="of the backbone unet"):
        load_method(f"ccdnet-naf:weights={path}")


def test_the_router_chooses_by_the_gif(tmp_path):
    for name, options in (("plain-32", {}), ("plain-128", {}), ("dithered-32", {"steps": 2, "embedded": False})):
        weights_file(tmp_path, name=f"{name}.safetensors", **options)
    classifier = DitherClassifier(base=2)
    about = {"network": "dither-classifier", "base": 2}
    chosen = {}
    for bias in (-100.0, 100.0):
        torch.nn.init.constant_(classifier.layers[-1].bias, bias)
        save_weights(tmp_path / "classifier.safetensors", classifier, architecture=about, about={})
        loaded = load_method(f"ccdnet:weights={tmp_path}")
        chosen[bias] = [loaded.method.choose(small_gif(colors=colors)) for colors in (8, 100)]
        gif = small_gif(1)
        assert frames_of(f"ccdnet:weights={tmp_path}", gif).shape == (1, 24, 20, 3)
    assert chosen == {-100.0: [(False, 32), (False, 128)], 100.0: [(True, 32), (True, 32)]}


def test_weights_of_another_network_are_refused(tmp_path):
    path = weights_file(tmp_path)
    with pytest.raises(UsageError, match="1 step"):
        load_method(f"ccdnet-2:weights={path}")
    with pytest.raises(UsageError, match="use the method ccdnet-2"):
        load_method(f"ccdnet-1:weights={weights_file(tmp_path, steps=2, name='two.safetensors')}")
    wide = CCDNet(CCDNetArchitecture(base=3))
    save_weights(path, wide, architecture=CCDNetArchitecture(base=2).model_dump(), about={})
    with pytest.raises(WeightsError, match="another architecture"):
        load_method(f"ccdnet-1:weights={path}")
    save_weights(path, wide, architecture={"network": "naf"}, about={})
    with pytest.raises(MethodError, match=r"no weights of a CCDNet.*naf"):
        load_method(f"ccdnet-1:weights={path}")
    save_weights(path, wide, architecture={"network": "ccdnet", "base": 10**9}, about={})
    with pytest.raises(MethodError, match="no weights of a CCDNet"):
        load_method(f"ccdnet-1:weights={path}")


class Bomb:
    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


def test_hostile_weights_end_with_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good = weights_file(tmp_path).read_bytes()
    (tmp_path / "pickle.safetensors").write_bytes(pickle.dumps(Bomb()))
    (tmp_path / "cut.safetensors").write_bytes(good[: len(good) // 2])
    (tmp_path / "empty.safetensors").write_bytes(b"")
    (tmp_path / "noise.safetensors").write_bytes(b"\xff" * 200)
    save_file({"a": torch.zeros(2)}, tmp_path / "bare.safetensors")
    torch.save({"a": torch.zeros(2)}, tmp_path / "torch.safetensors")
    with safe_open(tmp_path / "w.safetensors", framework="pt") as file:
        tensors, card = load_file(tmp_path / "w.safetensors"), file.metadata()
    tensors["first.outc.bias"][1] = float("nan")
    save_file(tensors, tmp_path / "nan.safetensors", metadata=card)
    for name, said in (
        ("pickle", "a pickle"),
        ("torch", "a pickle"),
        ("cut", "damaged"),
        ("empty", "damaged"),
        ("noise", "damaged"),
        ("bare", "card"),
        ("nan", "NaN"),
        ("missing", "no such file"),
    ):
        with pytest.raises(WeightsError, match=said) as error:
            load_method(f"ccdnet-1:weights={tmp_path / name}.safetensors")
        assert "\n" not in str(error.value)
    assert not Path("exploded").exists()


def test_a_card_that_lies_takes_no_memory(tmp_path):
    huge = CCDNetArchitecture(base=256, steps=2).model_dump()
    path = save_weights(tmp_path / "w.safetensors", CCDNet(CCDNetArchitecture(base=2)), architecture=huge, about={})
    made = []
    with pytest.raises(WeightsError, match="another architecture"):
        read_weights(path).build(lambda: made.append(CCDNet(CCDNetArchitecture(**huge))) or made[-1])
    assert {parameter.device.type for parameter in made[0].parameters()} == {"meta"} and len(made) == 1


def test_weights_that_are_not_finite_are_not_written(tmp_path):
    network = CCDNet(CCDNetArchitecture(base=2))
    network.first.outc.bias.data[1] = 1e30
    for half, finite in ((False, True), (True, False)):
        path = tmp_path / f"{half}.safetensors"
        if finite:
            save_weights(path, network, architecture={}, about={}, half=half)
        else:
            with pytest.raises(WeightsError, match=r"outc\.bias"):
                save_weights(path, network, architecture={}, about={}, half=half)
        assert path.exists() == finite


def test_weights_have_a_card_beside_them(tmp_path):
    path = weights_file(tmp_path)
    card = path.with_suffix(".md").read_text()
    assert "MIT" in card and hashlib.sha256(path.read_bytes()).hexdigest() in card
    assert json.loads(json.dumps(dict(read_weights(path).architecture)))["network"] == "ccdnet"
