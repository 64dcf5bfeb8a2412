"""Films: the networks of `colorize` and `cartoon` have their published sizes, train, and take videos and GIFs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from gifbench_baselines.film import chroma
from gifbench_baselines.film.cartoon_network import Cartoonist, CartoonOptions, EdgeDiscriminator
from gifbench_baselines.film.cartoon_training import CartoonTrainer, CartoonTrainerOptions, smeared_edges
from gifbench_baselines.film.colorize_network import ColorizeOptions, Colorizer
from gifbench_baselines.film.colorize_training import ColorizeTrainer, ColorizeTrainerOptions, ColorRarity
from gifbench_baselines.stabilizer.network import Stabilizer, StabilizerArchitecture
from gifbench_baselines.stabilizer.training import StabilizerOptions, StabilizerTrainer
from typer.testing import CliRunner

from gifbench import MethodError, TrainingBatch, UsageError, WeightsError, load_method, read_weights, restore_video
from gifbench.cli.app import app
from gifbench.media.video import decode
from tests.baselines.conftest import assert_contract_is_kept, count, learn, save
from tests.conftest import moving_picture, write_video

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = ColorizeOptions(widths=(8, 16), blocks=(1, 1))


def colorizer(path: Path, *, loud: float = 0.0) -> Path:
    torch.manual_seed(1)
    network = Colorizer(SMALL)
    if loud:
        torch.nn.init.normal_(network.head.weight, std=loud)
    return save(path, network, SMALL, licence="CC0-1.0")


def cartoonist(path: Path) -> Path:
    torch.manual_seed(1)
    options = CartoonOptions(base=4, blocks=1)
    return save(path, Cartoonist(options), options)


@pytest.fixture
def package(package):
    """The package's folder of weights: a colorizer, a stabilizer that changes nothing, and no cartoonist."""
    colorizer(package / "colorize.safetensors", loud=0.5)
    steady = StabilizerArchitecture(base=2)
    save(package / "stable.safetensors", Stabilizer(steady), steady)
    return package


def film(path: Path, frames: int = 4) -> Path:
    return write_video(path, moving_picture(frames, 48, 64))


def batch(frames: int = 2, *, side: int = 32, window: int = 0) -> TrainingBatch:
    torch.manual_seed(0)
    shape = (frames, window) if window else (frames,)
    truth = (torch.rand(*shape, 3, side, side) * 255).to(torch.uint8)
    palettes = torch.zeros(*shape, 256, 3, dtype=torch.uint8)
    return TrainingBatch(
        truth, palettes, torch.full(shape, 4), truth, torch.zeros(frames, dtype=torch.bool), torch.zeros(shape)
    )


def test_the_networks_have_the_sizes_that_their_docstrings_say():
    with torch.device("meta"):
        made = [Colorizer(ColorizeOptions()), Cartoonist(CartoonOptions()), EdgeDiscriminator()]
    for network, number in zip(made, (1_543_881, 11_129_667, 1_129_665), strict=True):
        assert count(network) == number
        assert f"{number:,} parameters" in (type(network).__doc__ or "")


def test_the_generator_is_the_papers_layer_by_layer():
    with torch.device("meta"):
        network = Cartoonist(CartoonOptions())
    kinds = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    found = [
        (layer.kernel_size[0], layer.out_channels, layer.stride[0], isinstance(layer, torch.nn.ConvTranspose2d))
        for layer in network.modules()
        if isinstance(layer, kinds)
    ]
    down = [(7, 64, 1, False), (3, 128, 2, False), (3, 128, 1, False), (3, 256, 2, False), (3, 256, 1, False)]
    up = [(3, 128, 2, True), (3, 128, 1, False), (3, 64, 2, True), (3, 64, 1, False), (7, 3, 1, False)]
    assert found == [*down, *[(3, 256, 1, False)] * 16, *up]
    assert sum(isinstance(layer, torch.nn.InstanceNorm2d) for layer in network.modules()) == 3 + 16 + 2


def test_luminance_and_chroma_are_jpegs_and_come_back():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    rgb = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    y, colors = chroma.luminance(rgb), chroma.chroma(rgb)
    theirs = np.asarray(Image.fromarray(pixels).convert("YCbCr")).astype(int)
    ours = torch.cat([y, colors + 128 / 255], dim=1)[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(ours - theirs).max() <= 1
    assert torch.allclose(chroma.to_rgb(y, colors), rgb, atol=1e-5)


def test_colorize_keeps_the_light_and_looks_at_nothing_else(package):
    method = load_method("colorize:side=32").method
    frames = torch.from_numpy(moving_picture(3, 50, 70))
    painted = method.restore_frames(frames, [])
    gray = (frames.float() @ torch.tensor([0.299, 0.587, 0.114]))[..., None]
    again = method.restore_frames(gray.round().to(torch.uint8).expand(-1, -1, -1, 3), [])
    assert painted.shape == frames.shape
    inside = ((painted > 1) & (painted < 254)).all(dim=-1)  # nothing was cut off
    light = painted @ torch.tensor([0.299, 0.587, 0.114])
    assert (light - gray[..., 0])[inside].abs().max() < 0.1
    assert (painted - again).abs().max() < 3  # the luminance is rounded to eight bits
    assert painted.std(dim=-1).max() > 1


def test_colors_are_paler_by_the_saturation(package):
    frames = torch.from_numpy(moving_picture(1, 50, 70))
    gray, pale, full = (
        load_method(f"colorize:side=32,saturation={share}").method.restore_frames(frames, [])
        for share in ("0", "0.5", "1")
    )
    assert gray.std(dim=-1).max() < 1e-3 < full.std(dim=-1).max()
    inside = ((full > 1) & (full < 254)).all(dim=-1)
    assert torch.allclose((pale - gray)[inside], 0.5 * (full - gray)[inside], atol=1e-2)


@pytest.mark.parametrize("name", ["colorize", "cartoon", "stable:[colorize]", "stable:[cartoon:weights={}]"])
def test_the_contract_is_kept(package, tmp_path, name):
    weights = cartoonist(tmp_path / "c.safetensors")
    name = name.format(weights) if "{}" in name else name.replace("cartoon", f"cartoon:weights={weights}")
    assert_contract_is_kept(name)


@pytest.mark.parametrize("name", ["stable:[colorize]", "stable:[cartoon:weights={}]"])
def test_a_steadied_method_takes_a_video_and_sees_its_own_frames(package, tmp_path, name):
    name = name.format(cartoonist(tmp_path / "c.safetensors"))
    source = film(tmp_path / "in.mp4", 5)
    made = restore_video(name, source, tmp_path / "steady.mkv", gray=True)
    plain = name.removeprefix("stable:").strip("[]")
    restore_video(plain, source, tmp_path / "plain.mkv", gray=True)
    assert made.frames == 5
    for one, other in zip(decode(tmp_path / "steady.mkv"), decode(tmp_path / "plain.mkv"), strict=True):
        assert np.abs(one.pixels.astype(int) - other.pixels).max() <= 1  # this stabilizer changes nothing
        assert one.time == other.time


def test_the_steady_video_of_a_gray_film_is_gray(package, tmp_path, monkeypatch):
    seen = []
    forward = Stabilizer.forward

    def looking(self, shown, processed, last, state):
        seen.append(shown[0])
        return forward(self, shown, processed, last, state)

    monkeypatch.setattr(Stabilizer, "forward", looking)
    restore_video("stable:[colorize]", film(tmp_path / "in.mp4"), tmp_path / "a.mkv", gray=True)
    assert seen and all(torch.equal(frame[:, 0], frame[:, 2]) for frame in seen)
    seen.clear()
    restore_video("stable:[colorize]", film(tmp_path / "in.mp4"), tmp_path / "b.mkv")
    assert seen and not any(torch.equal(frame[:, 0], frame[:, 2]) for frame in seen)


def test_cartoon_without_weights_says_which_command_trains_it(package):
    with pytest.raises(MethodError, match=r"gifbench train .*cartoon\.toml .*model\.pictures.*convert-weights"):
        load_method("cartoon")


@pytest.mark.parametrize(
    "text", ["colorize:side=8", "colorize:saturation=-1", "colorize:saturation=nan", "cartoon:weights=colorize,tile=5"]
)
def test_options_that_cannot_be_are_said(package, text):
    with pytest.raises(UsageError, match="must be"):
        load_method(text)


def test_a_colorizer_learns_and_goes_on_as_if_it_had_not_been_stopped():
    def trained(steps: range, trainer: ColorizeTrainer) -> None:
        learn(trainer, torch.optim.SGD(trainer.network.parameters(), lr=0.1), batch(side=48), steps)

    options = ColorizeTrainerOptions(widths=(8, 16), blocks=(1, 1), side=32, views=2, pool=3)
    torch.manual_seed(0)
    whole = ColorizeTrainer(options)
    start = {key: value.clone() for key, value in whole.network.state_dict().items()}
    trained(range(4), whole)
    stopped = ColorizeTrainer(options)
    stopped.network.load_state_dict(start)
    trained(range(2), stopped)
    resumed = ColorizeTrainer(options)
    resumed.network.load_state_dict(stopped.network.state_dict())
    resumed.load_state_dict(stopped.state_dict())
    trained(range(2, 4), resumed)
    for one, other in zip(whole.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(one, other)
    assert any(not torch.equal(start[key], value) for key, value in whole.network.state_dict().items())
    with torch.no_grad():
        scores, pictures = whole.scores(whole.network, batch(1, side=48))
    assert scores["gray_psnr"] < 30 and pictures.shape == (1, 3, 48, 48)


def test_a_rare_color_counts_more():
    wanted = torch.zeros(1, 2, 8, 8)
    wanted[..., 0] = 0.3
    weights = ColorRarity(1.0).weights(wanted)
    assert weights[..., 0].min() > weights[..., 1].max()
    assert weights.mean() == pytest.approx(1)


@pytest.mark.parametrize("options", [{"window": (0.9, 0.2)}, {"widths": (8,) * 6, "blocks": (1,) * 6, "side": 32}])
def test_options_of_a_colorizer_that_cannot_be_are_said(options):
    with pytest.raises(UsageError, match="must be"):
        ColorizeTrainer(ColorizeTrainerOptions(**options))


def test_only_edges_are_smeared():
    picture = np.full((40, 40, 3), 40, np.uint8)
    picture[:, 20:] = 220
    smeared = smeared_edges(picture)
    changed = (smeared != picture).any(axis=-1)
    assert changed[:, 18:22].any()
    assert not changed[:, :16].any() and not changed[:, 24:].any()


def cartoons(folder: Path, side: int = 40) -> Path:
    folder.mkdir()
    for n in range(2):
        Image.fromarray(moving_picture(1, side, side, seed=n)[0]).save(folder / f"{n}.png")
    return folder


def test_a_cartoonist_begins_with_content_alone_then_meets_its_judge(tmp_path):
    options = CartoonTrainerOptions(
        pictures=str(cartoons(tmp_path / "toons")), base=4, blocks=1, content=0, pixels=10, initialization=1
    )
    trainer = CartoonTrainer(options)
    first = list(trainer.updates(trainer.network, batch(), torch.Generator().manual_seed(0)))
    assert [update.learned for update in first] == ["network"]
    second = list(trainer.updates(trainer.network, batch(), torch.Generator().manual_seed(1)))
    assert [update.learned for update in second] == ["discriminator", "network"]
    assert set(second[0].parts) == {"real", "smeared", "made"}
    assert all(torch.isfinite(update.loss) for update in [*first, *second])
    again = CartoonTrainer(options)
    again.load_state_dict(trainer.state_dict())
    assert len(list(again.updates(again.network, batch(), torch.Generator().manual_seed(2)))) == 2
    with torch.no_grad():
        scores, pictures = trainer.scores(trainer.network, batch(1, side=37))
    assert scores["change"] > 0 and pictures.shape == (1, 3, 37, 37)


def test_what_a_cartoonist_lacks_is_said(tmp_path):
    toons = cartoons(tmp_path / "toons")
    (tmp_path / "empty").mkdir()
    for options, why in (
        ({"pictures": str(toons)}, "vgg19-dcbb9e9d"),
        ({"pictures": str(toons), "content": 0}, "both 0"),
        ({"content": 0, "pixels": 1}, "must be a folder of cartoons"),
        ({"content": 0, "pixels": 1, "pictures": str(tmp_path / "empty")}, "holds no PNG"),
        ({"pictures": str(toons), "vgg": "nowhere.pth"}, "there is no file"),
    ):
        with pytest.raises(UsageError, match=why):
            CartoonTrainer(CartoonTrainerOptions(**options))
    trainer = CartoonTrainer(CartoonTrainerOptions(pictures=str(toons), content=0, pixels=1, initialization=0, base=4))
    with pytest.raises(UsageError, match=r"smaller data\.crop"):
        list(trainer.updates(trainer.network, batch(side=64), torch.Generator()))
    for path in toons.iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(UsageError, match="cannot be read as a picture"):
        list(trainer.updates(trainer.network, batch(), torch.Generator()))


def test_the_content_is_what_vgg_sees_at_conv4_4(tmp_path, monkeypatch):
    """VGG-19 made narrow: the layers are counted as torchvision counts them, where conv4_4 is number 25."""
    from gifbench_baselines.stabilizer import losses

    narrow = tuple(each if isinstance(each, str) else 4 for each in losses._LAYERS)
    monkeypatch.setattr(losses, "_LAYERS", narrow)
    torch.manual_seed(0)
    places = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25]
    state = {}
    for number, place in enumerate(places):
        state[f"features.{place}.weight"] = torch.randn(4, 4 if number else 3, 3, 3)
        state[f"features.{place}.bias"] = torch.randn(4)
    torch.save(state, tmp_path / "vgg.pth")
    judge = losses.Perceptual(str(tmp_path / "vgg.pth"), layer="conv4_4")
    x = torch.rand(1, 3, 32, 32)
    assert float(judge(x, x)) == 0 < float(judge(x, 1 - x))
    seen = judge.features((x - judge.mean) / judge.spread)
    assert seen.shape == (1, 4, 4, 4) and float(seen.min()) < 0  # before the ReLU
    shorter = losses.Perceptual(str(tmp_path / "vgg.pth"))
    assert len(judge.features) == len(shorter.features) + 1 == 26
    toons = cartoons(tmp_path / "toons")
    options = {"pictures": str(toons), "vgg": str(tmp_path / "vgg.pth"), "base": 4, "blocks": 1, "initialization": 0}
    trainer = CartoonTrainer(CartoonTrainerOptions(**options))
    _, update = trainer.updates(trainer.network, batch(), torch.Generator().manual_seed(0))
    parts = update.parts
    assert float(update.loss.detach()) == pytest.approx(
        10 * float(parts["content"].detach()) + float(parts["adversarial"].detach()), rel=1e-5
    )
    torch.save({"features.25.bias": torch.zeros(4)}, tmp_path / "part.pth")
    for file, why in (("none.pth", "there is no file"), ("part.pth", "does not hold the weights of torchvision's VGG")):
        with pytest.raises(UsageError, match=why):
            losses.Perceptual(str(tmp_path / file), layer="conv4_4")


def public_weights(network: Cartoonist) -> dict[str, torch.Tensor]:
    """The state of a generator under the names of the public PyTorch files, which paint BGR."""
    state = {key: value.clone() for key, value in network.state_dict().items()}
    state["flat.0.weight"] = state["flat.0.weight"].flip(1)
    state["out.weight"], state["out.bias"] = state["out.weight"].flip(0), state["out.bias"].flip(0)
    names = {"flat.0": "conv01_1", "flat.1": "in01_1", "out": "deconv03_1"}
    for ours, number in (("down_1", 2), ("down_2", 3)):
        names |= {f"{ours}.0": f"conv0{number}_1", f"{ours}.1": f"conv0{number}_2", f"{ours}.2": f"in0{number}_1"}
    for ours, number in (("up_1", 1), ("up_2", 2)):
        names |= {
            f"{ours}.0": f"deconv0{number}_1",
            f"{ours}.1": f"deconv0{number}_2",
            f"{ours}.2": f"in{11 + number}_1",
        }
    for block in range(8):
        for half, place in (("first", 1), ("second", 2)):
            names[f"blocks.{block}.{half}.0"] = f"conv{block + 4:02d}_{place}"
            names[f"blocks.{block}.{half}.1"] = f"in{block + 4:02d}_{place}"
    kinds = {"weight": "scale", "bias": "shift"}
    renamed = {}
    for key, value in state.items():
        layer, _, kind = key.rpartition(".")
        theirs = names[layer]
        renamed[f"{theirs}.{kinds[kind] if theirs.startswith('in') else kind}"] = value
    return renamed


def test_public_weights_are_converted(tmp_path):
    torch.manual_seed(0)
    network = Cartoonist(CartoonOptions()).eval()
    theirs = public_weights(network)
    torch.save(theirs, tmp_path / "Hayao_net_G_float.pth")
    out = tmp_path / "hayao.safetensors"
    result = CliRunner().invoke(app, ["convert-weights", str(tmp_path / "Hayao_net_G_float.pth"), str(out), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["architecture"]["network"] == "cartoon"
    found = read_weights(out).build(lambda: Cartoonist(CartoonOptions()))
    x = torch.rand(1, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        assert torch.equal(found(x), network(x))
    theirs["conv05_1.weight"] = theirs["conv05_1.weight"][:, :3]
    torch.save(theirs, tmp_path / "wrong.pth")
    result = CliRunner().invoke(app, ["convert-weights", str(tmp_path / "wrong.pth"), str(tmp_path / "w.safetensors")])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "does not fit" in result.stderr
    torch.save({"some.weight": torch.zeros(2)}, tmp_path / "other.pth")
    result = CliRunner().invoke(app, ["convert-weights", str(tmp_path / "other.pth"), str(tmp_path / "w.safetensors")])
    assert result.exit_code == 1 and "no converter knows these weights" in result.stderr


def test_a_stabilizer_learns_over_colorized_frames_and_sees_the_luminance(package):
    trainer = StabilizerTrainer(StabilizerOptions(base=2, blocks=1, methods=("colorize:side=32",), shown="gray"))
    seen = []

    def looking(shown, processed, last, state):
        seen.append(shown[0])
        return trainer.network(shown, processed, last, state)

    (update,) = trainer.updates(looking, batch(1, window=3), torch.Generator().manual_seed(0))
    assert torch.isfinite(update.loss)
    assert all(torch.allclose(frame[:, 0], frame[:, 2]) for frame in seen)


def test_a_film_of_one_frame_or_of_gray_is_colored(package, tmp_path):
    for name in ("colorize", "stable:[colorize]"):
        assert restore_video(name, film(tmp_path / "one.mp4", 1), tmp_path / "a.mkv", overwrite=True).frames == 1
    with pytest.raises(WeightsError):
        load_method("colorize:weights=nowhere.safetensors")


def test_what_a_colorizer_learns_is_the_color_of_things():
    """Bright things are blue and dark ones are red: after some updates that is what it paints."""
    light = torch.randint(0, 2, (2, 1, 6, 6), generator=torch.Generator().manual_seed(3)).float()
    light = torch.nn.functional.interpolate(light, scale_factor=8.0)
    colors = torch.cat([light * 0.3 - 0.1, 0.2 - light * 0.3], dim=1)
    truth = (255 * chroma.to_rgb(0.35 + 0.3 * light, colors)).round().to(torch.uint8)
    sample = batch(side=48)._replace(truth=truth)
    torch.manual_seed(0)
    trainer = ColorizeTrainer(ColorizeTrainerOptions(widths=(8, 16), blocks=(1, 1), side=32, views=2, updates=1))
    learn(trainer, torch.optim.Adam(trainer.network.parameters(), lr=1e-2), sample, range(40))
    with torch.no_grad():
        scores, _ = trainer.scores(trainer.network, sample)
    assert scores["chroma_psnr"] > scores["gray_psnr"] + 3, scores
