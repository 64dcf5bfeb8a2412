"""The palette U-Net sees the palette truly, changes nothing before it is trained, and tiles without seams."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines.ccdnet import palette_unet
from gifbench_baselines.ccdnet.method import load_network
from gifbench_baselines.ccdnet.network import CCDNet, CCDNetArchitecture, scaled
from gifbench_baselines.ccdnet.palette_training import PaletteUNetTrainer, PaletteUNetTrainerOptions
from gifbench_baselines.ccdnet.palette_unet import PaletteUNet, PaletteUNetOptions, beside
from gifbench_baselines.tiled_inference import exact
from pydantic import ValidationError

from gifbench import MethodError, TrainingBatch, UsageError, WeightsError, load_method, read_weights, save_weights
from gifbench.methods.method_entry_points import list_methods
from tests.baselines.conftest import count, learn, save

SMALL = PaletteUNetOptions(widths=(8, 8, 8), blocks=(1, 1, 2))


pytestmark = pytest.mark.usefixtures("one_thread")


def frames_and_palettes(count=2, height=48, width=80, colors=32):
    generator = np.random.default_rng(5)
    palettes = generator.integers(0, 256, (count, colors, 3), dtype=np.uint8)
    indices = generator.integers(0, colors, (count, height, width))
    frames = np.stack([palette[index] for palette, index in zip(palettes, indices, strict=True)])
    return torch.from_numpy(frames.transpose(0, 3, 1, 2).copy()), torch.from_numpy(palettes), indices


def moved(network):
    """Weights that do something, as trained ones do."""
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return network.eval()


@pytest.mark.parametrize("colors", [3, 32, 256])
def test_each_pixel_is_told_the_ways_to_the_two_nearest_other_colors(colors):
    gif, palettes, indices = frames_and_palettes(colors=colors)
    told = beside(gif, palettes).numpy()
    for n in range(len(gif)):
        palette = palettes[n].numpy().astype(int)
        distances = ((palette[:, None] - palette[None]) ** 2).sum(-1)
        for y, x in ((0, 0), (20, 33), (47, 79)):
            own = indices[n, y, x]
            others = sorted(set(distances[own]) - {0})
            ways = told[n, :, y, x].reshape(2, 3) * 32
            if np.abs(ways).max() < 128:
                assert (ways**2).sum(-1).tolist() == others[:2] or distances[own].tolist().count(others[0]) > 1


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("size", "tile"), [((48, 80), None), ((45, 71), None), ((201, 93), 64)])
def test_what_is_folded_as_it_is_looked_up_gives_the_same_bits(precision, size, tile):
    """As torch puts it together, which is what a training does."""
    gif, palettes, _ = frames_and_palettes(height=size[0], width=size[1])
    palettes = torch.cat([palettes, palettes[:, :3]], dim=1)
    gif[0, :, 0, 0] = 7  # no color of the palette
    network = moved(PaletteUNet(SMALL)).to(memory_format=torch.channels_last)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        plainly = exact(network.body, torch.cat([scaled(gif), beside(gif, palettes)], dim=1), tile)
        assert torch.equal(network(gif, palettes, tile=tile), plainly)
    if precision == torch.float32:
        assert torch.equal(network(gif, palettes, tile=tile).detach(), plainly)


def test_doubled_colors_count_once_and_single_ones_have_no_neighbors():
    gif = torch.tensor([10, 20, 30], dtype=torch.uint8)[None, :, None, None].expand(1, 3, 4, 4)
    one = torch.tensor([[[10, 20, 30]] * 5], dtype=torch.uint8)
    assert (beside(gif, one) == 0).all()
    two = torch.tensor([[[10, 20, 30], [42, 20, 30], [42, 20, 30]]], dtype=torch.uint8)
    assert beside(gif, two)[0, :, 0, 0].tolist() == [1, 0, 0, 0, 0, 0]


def test_more_than_256_colors_are_taken():
    gif, palettes, _ = frames_and_palettes(count=1, colors=3000)
    assert beside(gif, palettes).isfinite().all()


def test_untrained_it_gives_the_gif_back():
    gif, palettes, _ = frames_and_palettes()
    assert torch.equal(PaletteUNet(SMALL)(gif, palettes), scaled(gif))


@pytest.mark.parametrize("size", [(200, 330), (64, 200), (37, 41)])
def test_tiles_have_no_seams(size):
    gif, palettes, _ = frames_and_palettes(count=1, height=size[0], width=size[1])
    network = moved(PaletteUNet(SMALL))
    with torch.inference_mode():
        whole, tiled = network(gif, palettes), network(gif, palettes, tile=64)
    assert whole.shape == gif.shape
    assert torch.allclose(whole, tiled, atol=1e-5)
    assert not torch.equal(whole, scaled(gif))


@pytest.mark.skipif(not palette_unet._has_fused(), reason="this processor has no half precision")
def test_in_half_precision_additions_within_convolutions_change_next_to_nothing(monkeypatch):
    gif, palettes, _ = frames_and_palettes()
    torch.manual_seed(0)
    network = moved(PaletteUNet(SMALL)).to(memory_format=torch.channels_last)
    fused, halves = palette_unet._fuses, []

    def seen(x):
        halves.append(fused(x))
        return halves[-1]

    def made(fuses):
        monkeypatch.setattr(palette_unet, "_fuses", fuses)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            return network(gif, palettes)

    within, apart = made(seen), made(lambda _: False)
    assert all(halves) and len(halves) == 2 * 2 + 2
    with torch.inference_mode():
        exact = network(gif, palettes)
    assert not torch.equal(within, apart)
    assert (within - exact).square().mean() < 1.2 * (apart - exact).square().mean()
    assert all(palette_unet._fuses(x) is False for x in (gif, gif.float(), gif.bfloat16().requires_grad_()))


def test_its_weights_are_read_by_the_kind_on_their_card(tmp_path):
    network = moved(PaletteUNet(SMALL))
    path = save(tmp_path / "x.safetensors", network, SMALL)
    gif, palettes, _ = frames_and_palettes()
    assert torch.equal(load_network(read_weights(path))(gif, palettes), network(gif, palettes))
    wrong = {**SMALL.model_dump(mode="json"), "widths": [8, 8, 100_000]}
    path = save_weights(tmp_path / "y.safetensors", network, architecture=wrong, about={})
    with pytest.raises(MethodError, match="widths"):
        load_network(read_weights(path))


def test_as_many_widths_as_blocks():
    with pytest.raises(ValidationError, match="widths are 1 and blocks 4"):
        PaletteUNetOptions(widths=(8,))


def test_a_larger_network_begins_as_the_smaller_one_was(tmp_path):
    small = moved(PaletteUNet(SMALL))
    path = save(tmp_path / "x.safetensors", small, SMALL)
    sizes = {"widths": (8, 8, 8, 12), "blocks": (1, 1, 2, 1)}
    grown = PaletteUNetTrainer(PaletteUNetTrainerOptions(**sizes, start=str(path))).network
    gif, palettes, _ = frames_and_palettes()
    assert torch.equal(grown(gif, palettes), small(gif, palettes))
    assert count(grown) > count(small)
    wider = {"widths": (12, 10, 8, 12), "blocks": (1, 2, 2, 1), "neighbors": 4}
    grown = PaletteUNetTrainer(PaletteUNetTrainerOptions(**wider, start=str(path))).network
    torch.testing.assert_close(grown(gif, palettes), small(gif, palettes), rtol=0, atol=1e-5)
    fewer = PaletteUNetTrainerOptions(widths=(8, 8), blocks=(1, 1), start=str(path))
    with pytest.raises(WeightsError, match=r"x\.safetensors"):
        PaletteUNetTrainer(fewer)


def test_its_loss_falls_on_what_it_sees():
    gif, palettes, _ = frames_and_palettes(height=32, width=32)
    truth = (gif.int() + 9).clamp(0, 255).to(torch.uint8)
    trainer = PaletteUNetTrainer(PaletteUNetTrainerOptions(widths=(8, 8), blocks=(1, 1)))
    padded = torch.cat([palettes, torch.zeros(2, 224, 3, dtype=torch.uint8)], dim=1)
    batch = TrainingBatch(gif, padded, torch.tensor([32, 32]), truth, torch.zeros(2), torch.zeros(2))
    adam = torch.optim.Adam(trainer.learned["network"], lr=1e-2)
    losses = learn(trainer, adam, batch, range(40))
    assert len(losses) == 40
    assert losses[-1] < losses[0] - 1
    scores, pictures = trainer.scores(trainer.network, batch)
    assert scores["psnr"] > scores["gif_psnr"] + 2
    assert pictures.dtype == torch.uint8


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("ccdnet", 2 * (5_319_404 + 238_517) + 698_273 + 257),
        ("superslomo", 2_795_057),
        ("gif2video", 2 * (5_319_404 + 238_517) + 698_273 + 257 + 2_795_057),
        ("ccdnet-video", 2 * (5_319_404 + 238_517) + 698_273 + 257 + 2_519_708),
        ("stable:gif", 426_135),
    ],
)
def test_the_list_of_methods_gives_the_size_of_the_networks_that_ship(name, parameters):
    (listed,) = [each for each in list_methods() if each.name == name.split(":")[0]]
    assert listed.declared.parameters == load_method(name).parameters == parameters


@pytest.mark.parametrize(("name", "dithered"), [("ccdnet-plain", False), ("ccdnet-dithered", True)])
def test_each_network_of_the_router_is_a_method_of_its_own(name, dithered):
    """Without the guard, which is the router's."""
    frames, palettes, _ = frames_and_palettes(count=1)
    shown, colors = frames.permute(0, 2, 3, 1), list(palettes)
    alone = load_method(name)
    router = load_method("ccdnet").method
    assert torch.equal(
        alone.method.restore_frames(shown, colors), router._networks[dithered, 32].changed(shown, colors)
    )
    (listed,) = [each for each in list_methods() if each.name == name]
    assert listed.declared.parameters == alone.parameters


def test_a_ccdnet_is_no_network_of_the_router(tmp_path):
    architecture = CCDNetArchitecture(base=2)
    path = save(tmp_path / "x.safetensors", CCDNet(architecture), architecture)
    with pytest.raises(UsageError, match="weights of a CCDNet, for a method such as ccdnet-2"):
        load_method(f"ccdnet-plain:weights={path}")
