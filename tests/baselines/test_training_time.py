"""What learns from windows is trained by the shared loop: configurations, losses that fall, runs that resume."""

from __future__ import annotations

import json
from pathlib import Path

import gifbench_baselines
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines.ccdnet.network import scaled
from gifbench_baselines.stabilizer.losses import Way
from gifbench_baselines.superslomo.losses import released_gradient_loss, smoothness_loss, teacher_loss, warp_loss
from gifbench_baselines.superslomo.network import MOST_FLOW, Between, FlowPair, guess_flows
from gifbench_baselines.superslomo.training import WarpLimit
from safetensors.torch import load_file

from gifbench import UsageError, load_method
from gifbench.progress import Progress
from gifbench.training.config import TrainingConfig, checked, read_config
from gifbench.training.optimizer_and_learning_rate import learning_rate
from gifbench.training.trainer_interface import TrainingBatch, load_trainer
from gifbench.training.training_loop import train
from tests.baselines.test_interpolation import photograph

FOLDER = Path(gifbench_baselines.__file__).parent
FOLDERS = ("superslomo", "stabilizer", "temporal_fusion")
ROWS = sorted(path for name in FOLDERS for path in (FOLDER / name).glob("*.toml"))


pytestmark = pytest.mark.usefixtures("one_thread")


def config(trainer, *, model=None, data=None, **training) -> TrainingConfig:
    windows = {"windows": [3, 5], "between": 1} if trainer == "superslomo" else {"windows": [4]}
    held_out = {"validation_clips": ["bee"], "validation_frames": 1}
    options = {
        "trainer": trainer,
        "name": "tiny",
        "data": {"crop": 24, **held_out, **windows, **(data or {})},
        "training": {"steps": 4, "batch_size": 2, "log_every": 1, "learning_rate": 1e-3, **training},
        "model": {"base": 2, **(model or {})},
    }
    return checked(TrainingConfig, options, what="test")


def losses(run: Path, key="loss") -> list[float]:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [line[key] for line in lines if key in line]


@pytest.mark.parametrize("path", ROWS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_configuration_can_be_read(path):
    row = read_config(path)
    trainer = load_trainer(row.trainer)
    checked(trainer.options_class, row.model, what=path.stem)
    assert trainer.windows and row.data.windows
    assert 0 < learning_rate(row.training, row.training.steps - 1) <= learning_rate(row.training, 0)


def test_the_papers_rate_drops_to_a_tenth_twice():
    row = read_config(FOLDER / "superslomo" / "superslomo.toml").training
    rates = [learning_rate(row, step) for step in (0, 400 * 110 - 1, 400 * 110, 600 * 110)]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-6])


def test_superslomo_learns_to_be_better_than_the_blend(dataset, tmp_path):
    trained = train(config("superslomo", steps=24, model={"base": 4, "teacher": 1.0}), dataset, tmp_path)
    fell = losses(tmp_path)
    assert np.mean(fell[-8:]) < 0.97 * np.mean(fell[:8])
    assert losses(tmp_path, "teacher")[-1] < losses(tmp_path, "teacher")[0] * 2
    assert trained.scores.keys() == {"psnr", "blend_psnr"}
    assert trained.scores["psnr"] > trained.scores["blend_psnr"] + 1
    loaded = load_method(f"superslomo:weights={trained.weights}")
    assert loaded.parameters > 10_000
    again = config("superslomo", steps=1, model={"base": 4, "start": str(trained.weights)})
    assert train(again, dataset, tmp_path / "more").step == 1


@pytest.mark.parametrize(
    "model",
    [
        {"variant": "original", "ends": "truth", "flow_from_ends": True},
        {"adversarial": 1.0, "pool": 2, "ends": "gaussian-0.5"},
        {"ends": "gif", "color": 0, "gradient": 0, "smoothness": 0, "teacher": 1},
    ],
    ids=["original", "adversarial", "teacher"],
)
def test_every_loss_is_an_option(dataset, tmp_path, model):
    trained = train(config("superslomo", model=model, steps=2), dataset, tmp_path)
    tensors = load_file(trained.weights)
    assert any(float(tensor.abs().max()) > 0 for name, tensor in tensors.items() if name == "flow.outc.weight")


@pytest.mark.parametrize("trainer", ["superslomo", "stabilizer"])
def test_a_resumed_run_is_as_one_that_was_not_stopped(dataset, tmp_path, trainer):
    def stop(now: Progress) -> None:
        if now.done == 2:
            raise InterruptedError

    data = {"dithered": "both", "flips": True, "time_flips": True}
    whole = train(config(trainer, data=data), dataset, tmp_path / "whole")
    kept = config(trainer, data=data, checkpoint_seconds=0)
    with pytest.raises(InterruptedError):
        train(kept, dataset, tmp_path / "broken", progress=stop)
    again = train(kept, dataset, tmp_path / "broken", resume=True)
    one, other = load_file(whole.weights), load_file(again.weights)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_stabilizer_begins_as_what_it_is_given_and_learns(dataset, tmp_path):
    trained = train(config("stabilizer", steps=30), dataset, tmp_path)
    fell = losses(tmp_path)
    assert np.mean(fell[-8:]) < np.mean(fell[:8])
    assert trained.scores.keys() == {"e_warp", "psnr", "processed_e_warp", "processed_psnr"}
    loaded = load_method(f"stable:[gaussian-0.5],weights={trained.weights}")
    assert loaded.parameters > 1000


@pytest.mark.parametrize(
    ("trainer", "change", "said"),
    [
        ("superslomo", {"data": {"windows": []}}, r"learns from windows: set data\.windows"),
        ("superslomo", {"data": {"windows": [2], "between": None}}, "windows of two frames"),
        ("superslomo", {"model": {"ends": "gif2video:color=gif,time=dis"}}, "does not work frame by frame"),
        ("superslomo", {"model": {"ends": "nothing"}}, "there is no method"),
        ("superslomo", {"model": {"color": 0, "gradient": 0, "warp": 0}}, "nothing can be learned"),
        ("stabilizer", {"model": {"content": 0}}, "gray one"),
        ("stabilizer", {"model": {"methods": []}}, "methods is empty"),
        ("stabilizer", {"model": {"perceptual": 10, "vgg": "gone.pth"}}, "vgg19-dcbb9e9d.pth of torchvision"),
    ],
)
def test_what_cannot_be_trained_is_one_clear_message(dataset, tmp_path, trainer, change, said):
    from gifbench import GifbenchError

    with pytest.raises(GifbenchError, match=said) as error:
        train(config(trainer, **change), dataset, tmp_path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_vgg_is_told(dataset, tmp_path):
    for content in (b"no pickle", b"PK\x03\x04"):
        (tmp_path / "vgg.pth").write_bytes(content)
        with pytest.raises(UsageError, match="does not hold the weights of torchvision's VGG-19"):
            train(config("stabilizer", model={"perceptual": 1, "vgg": str(tmp_path / "vgg.pth")}), dataset, tmp_path)


def test_the_perceptual_loss_needs_and_takes_vggs_weights(dataset, tmp_path):
    from gifbench_baselines.stabilizer import losses as stabilizer_losses

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stabilizer_losses, "_LAYERS", (2, "half", 3))
        shapes = {"0.weight": (2, 3, 3, 3), "0.bias": (2,), "3.weight": (3, 2, 3, 3), "3.bias": (3,)}
        torch.save({f"features.{name}": torch.rand(shape) for name, shape in shapes.items()}, tmp_path / "vgg.pth")
        model = {"perceptual": 10.0, "content": 0.0, "vgg": str(tmp_path / "vgg.pth")}
        train(config("stabilizer", model=model, steps=2), dataset, tmp_path)
    assert losses(tmp_path, "perceptual")[0] >= 0


def test_the_losses_are_least_for_the_true_motion():
    first, second, middle = (
        torch.from_numpy(photograph(dx, height=96, width=128).copy()).permute(2, 0, 1)[None] for dx in (0, 6, 3)
    )
    truth = tuple(scaled(frames) for frames in (first, second, middle))

    def said(pixels: float) -> tuple[FlowPair, Between]:
        flow = torch.zeros(1, 2, 96, 128)
        flow[:, 0] = -pixels / MOST_FLOW
        motion = FlowPair(flow, -flow)
        guessed = guess_flows(motion, torch.full((1, 1, 1, 1), 0.5))
        return motion, Between(truth[2], guessed, guessed, flow[:, :1])

    by_motion = {pixels: float(warp_loss(truth, *said(pixels), 1)) for pixels in (0, 4, 6, 8)}
    assert min(by_motion, key=by_motion.get) == 6
    taught = {pixels: float(teacher_loss((first, second), said(pixels)[0])) for pixels in (0, 6)}
    assert taught[6] < 1 < taught[0]
    assert float(smoothness_loss(said(6)[0])) == 0
    ramp = torch.linspace(0, 1, 11).expand(1, 2, 4, 11) / MOST_FLOW
    loss = smoothness_loss(FlowPair(ramp, ramp))
    assert float(loss) == pytest.approx(0.1, abs=1e-5), "half of the way across, of both"


def test_the_released_gradient_loss_is_taken_down_and_over_the_channels():
    drawn, truth = torch.rand(2, 3, 3, 5, 7), torch.rand(2, 3, 3, 5, 7)
    parts = []
    for frames in (drawn, truth):
        down = (frames[:, :, 1:, 1:] - frames[:, :, 1:, :-1]).abs()
        over = (frames[:, :, 1:, 1:] - frames[:, :, :-1, 1:]).abs()
        parts.append((down, over))
    wanted = sum((one - other).abs().mean() for one, other in zip(*parts, strict=True)) / 2
    assert float(released_gradient_loss(drawn, truth)) == pytest.approx(float(wanted), rel=1e-5)


def test_steps_whose_warp_loss_is_an_outlier_are_left_out():
    limit = WarpLimit(25.0, 3)
    levels = (10, 30, 8, 23, 25)  # after three steps the limit is 24
    assert [limit.allows(torch.tensor(each / 127.5)) for each in levels] == [True, False, True, True, False]
    other = WarpLimit(25.0, 3)
    other.take_over(limit.state())
    assert other.allows(torch.tensor(23 / 127.5)) == limit.allows(torch.tensor(23 / 127.5))
    assert WarpLimit(0.0, 1).allows(torch.tensor(1e9))


@pytest.mark.parametrize(
    ("right", "updates"), [(0.1, ["discriminator"]), (0.5, ["discriminator", "network"]), (0.9, ["network"])]
)
def test_the_whole_step_of_the_network_waits_for_the_discriminator(monkeypatch, right, updates):
    monkeypatch.setattr("gifbench_baselines.adversarial_training.accuracy", lambda real, fake: right)
    frames = torch.randint(256, (2, 3, 3, 32, 32), dtype=torch.uint8)
    palettes, colors = torch.randint(256, (2, 3, 256, 3)).byte(), torch.full((2, 3), 9)
    times = torch.tensor([[0, 0.5, 1.0]]).expand(2, 3)
    window = TrainingBatch(frames, palettes, colors, frames.flip(0), torch.zeros(2, dtype=torch.bool), times)
    first = TrainingBatch(*(part[:, 0] if part.dim() > 1 else part for part in window))
    for name, batch in (("ccdnet", first), ("superslomo", window)):
        kind = load_trainer(name)
        trainer = kind(kind.options_class(base=1, adversarial=1.0))
        seen = trainer.updates(trainer.network, batch, torch.Generator().manual_seed(0))
        assert [update.learned for update in seen] == updates, name


def test_the_papers_networks_can_begin_as_torch_draws_them():
    kind = load_trainer("superslomo")
    for blend in (True, False):
        network = kind(kind.options_class(base=1, blend_start=blend)).network
        assert bool(network.refine.outc.weight.any()) is not blend


def test_a_way_draws_the_later_frame_and_trusts_what_it_shows():
    earlier, later = (torch.from_numpy(photograph(dx).copy()).permute(2, 0, 1)[None] / 255 for dx in (0, 5))
    way = Way(later, earlier)
    inside = (..., slice(16, -16), slice(16, -16))
    assert float((way.moved(earlier) - later)[inside].abs().mean()) < 0.01
    assert float(way.weight[inside].mean()) > 0.95
    assert float(way.loss(later, earlier)) < 0.1 * float((later - earlier).abs().mean())
