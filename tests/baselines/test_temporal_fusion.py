"""ccdnet-video: neighbors lie where the frame has the same things, cuts hold, and untrained it changes nothing."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines.ccdnet.network import scaled, to_levels
from gifbench_baselines.ccdnet.palette_agreement import agree
from gifbench_baselines.temporal_fusion import training
from gifbench_baselines.temporal_fusion.alignment import CHANNELS, OFFSETS, RestoredFrame, network_input
from gifbench_baselines.temporal_fusion.network import TemporalFusion, TemporalFusionOptions
from gifbench_baselines.temporal_fusion.training import TemporalFusionTrainer, TemporalFusionTrainerOptions
from safetensors.torch import load_file

from gifbench import Gif, UsageError, WeightsError, load_method
from gifbench.media.colors.error_diffusion import floyd_steinberg
from gifbench.media.colors.quantize import minimum_variance, nearest
from gifbench.training.config import TrainingConfig, checked
from gifbench.training.trainer_interface import TrainingBatch
from gifbench.training.training_loop import train
from tests.baselines.conftest import assert_contract_is_kept, frames_of, save, save_color_networks
from tests.baselines.test_interpolation import as_gif, photograph

pytestmark = pytest.mark.usefixtures("one_thread")

NARROW = {"widths": (4, 4), "blocks": (1, 1)}


@pytest.fixture
def package(package):
    """The package's folder of weights: narrow networks for colors, and a correction that is not 0."""
    torch.manual_seed(0)
    save_color_networks(package, loud=0.02)
    save_fusion(package / "ccdnet-video.safetensors", loud=0.05)
    return package


def save_fusion(path, *, loud=0.0):
    options = TemporalFusionOptions(**NARROW)
    network = TemporalFusion(options)
    if loud:
        torch.nn.init.normal_(network.body.head.weight, std=loud)
    return save(path, network, options, licence="CC0-1.0")


def moving(count=6, height=48, width=64):
    return as_gif([photograph(3 * i, height=height, width=width) for i in range(count)])


def restored_frame(pixels):
    cells = np.ones((*pixels.shape[:2], 1), np.float32)
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return RestoredFrame(np.concatenate([pixels.astype(np.float32), cells], axis=2), pixels, gray)


def test_untrained_it_gives_ccdnets_frames(package):
    untrained = save_fusion(package / "untrained.safetensors")
    gif, times = moving(), [Fraction(i, 20) for i in range(11)]
    found = frames_of(f"ccdnet-video:weights={untrained}", gif, times)
    assert np.abs(found - frames_of("ccdnet", gif, times)).max() < 1e-3


def test_a_neighbor_is_moved_to_where_the_frame_has_the_same_things():
    first, second = (photograph(shift, height=96, width=128) for shift in (0, 4))
    x = network_input(restored_frame(first), [restored_frame(second)] * len(OFFSETS))
    assert x.shape == (CHANNELS, 96, 128)
    inside = (..., slice(16, -16), slice(16, -16))
    moved = x[7:10][inside].abs().mean() / 8 * 127.5
    unmoved = np.abs(first.astype(float) - second)[16:-16, 16:-16].mean()
    assert moved < unmoved / 4


def test_a_missing_neighbor_looks_like_the_frame_itself():
    frame = restored_frame(photograph(0, height=48, width=64))
    missing = network_input(frame, [None] * len(OFFSETS))
    same = network_input(frame, [frame] * len(OFFSETS))
    assert (missing - same).abs().max() < 1e-3


def test_nothing_is_seen_across_a_cut(package):
    scene = [photograph(3 * i, height=48, width=64) for i in range(4)]
    other = [255 - frame[::-1, ::-1] for frame in scene]
    alone, joined = as_gif(scene), as_gif(scene + other)
    times = [Fraction(i, 10) for i in range(4)]
    assert np.array_equal(frames_of("ccdnet-video", alone, times), frames_of("ccdnet-video", joined, times))


def test_part_after_part_gives_what_all_at_once_gives(package):
    """An interpolator asks for a few frames at a time."""
    gif, loaded = moving(), load_method("ccdnet-video")
    at_once = np.concatenate([np.asarray(frame) for frame in loaded.method.restore(gif, gif.times)])
    parts = [frame for time in gif.times for frame in loaded.method.restore(gif, [time])]
    assert np.array_equal(at_once, np.concatenate([np.asarray(part) for part in parts]))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_gifs(package, count):
    gif = moving(count)
    assert frames_of("ccdnet-video", gif, gif.times).shape == (count, 48, 64, 3)


def test_it_keeps_what_a_method_promises(package):
    assert_contract_is_kept("ccdnet-video")


def test_tiles_have_no_seams():
    network = TemporalFusion(TemporalFusionOptions(**NARROW)).eval()
    torch.nn.init.normal_(network.body.head.weight, std=0.05)
    x = torch.rand(1, CHANNELS, 100, 130)
    with torch.inference_mode():
        assert torch.allclose(network(x, tile=64), network(x), atol=1e-5)


def config(**changes):
    options = {
        "trainer": "temporal-fusion",
        "name": "tiny",
        "data": {"crop": 24, "windows": [5], "dithered": "both", "colors": [8], **changes.pop("data", {})},
        "training": {"steps": 3, "batch_size": 2, "learning_rate": 1e-3, "checkpoint_seconds": 0, **changes},
        "model": {**NARROW, "pool": 3, "updates": 2},
    }
    return checked(TrainingConfig, options, what="here")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_training_gives_the_same_weights(package, dataset, tmp_path, precision):
    def whole_or_stopped(out, *, stop):
        def interrupt(now):
            if stop and now.done == 2:
                raise KeyboardInterrupt

        made = config(log_every=1, precision=precision)
        if stop:
            with pytest.raises(KeyboardInterrupt):
                train(made, dataset, out, progress=interrupt)
        return load_file(train(made, dataset, out, resume=stop).weights)

    whole, resumed = (whole_or_stopped(tmp_path / str(stop), stop=stop) for stop in (False, True))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_windows_that_are_too_short_are_refused(package, dataset, tmp_path):
    with pytest.raises(UsageError, match=r"data\.windows must be 5 frames or more, got 3"):
        train(config(data={"windows": [3]}), dataset, tmp_path / "run")


def test_it_does_not_begin_as_a_network_of_another_kind():
    with pytest.raises(WeightsError, match="weights of 'palette-unet', not of a temporal-fusion"):
        TemporalFusionTrainer(TemporalFusionTrainerOptions(widths=(48, 96, 128, 128), start="ccdnet-plain"))


def test_a_neighbor_that_shows_something_else_looks_like_the_frame_itself():
    frame = photograph(0, height=48, width=64)
    other = frame.copy()
    other[:, 32:] = 255 - other[:, 32:]
    seen = network_input(restored_frame(frame), [restored_frame(other)] * len(OFFSETS))
    alone = network_input(restored_frame(frame), [None] * len(OFFSETS))
    changed = (seen - alone).abs().amax(dim=0)
    assert changed[:, 44:].max() < 1e-3


def test_gif2video_takes_it_as_its_color(package):
    gif, times = moving(), [Fraction(i, 20) for i in range(9)]
    found = frames_of("gif2video:color=ccdnet-video,time=blend", gif, times)
    assert np.abs(found[::2] - frames_of("ccdnet-video", gif, times[::2])).max() < 1e-3


def window(*, dithered: bool) -> tuple[TrainingBatch, np.ndarray]:
    """A GIF of five frames as a training sees it, and its truth."""
    truth = np.stack([photograph(k, height=40, width=56) for k in range(5)])
    palettes = [minimum_variance(frame, 16) for frame in truth]
    gif = np.stack([p[(floyd_steinberg if dithered else nearest)(f, p)] for f, p in zip(truth, palettes, strict=True)])
    filled = np.stack([np.concatenate([p, np.repeat(p[:1], 256 - len(p), axis=0)]) for p in palettes])
    return TrainingBatch(
        gif=torch.from_numpy(gif).permute(0, 3, 1, 2)[None],
        palettes=torch.from_numpy(filled)[None],
        colors=torch.tensor([[len(p) for p in palettes]]),
        truth=torch.from_numpy(truth).permute(0, 3, 1, 2)[None],
        dithered=torch.tensor([dithered]),
        times=torch.linspace(0, 1, 5)[None],
    ), truth


@pytest.mark.parametrize("dithered", [False, True])
def test_it_learns_from_frames_that_agree_with_their_gifs_as_it_will_see_them(package, monkeypatch, dithered):
    batch, truth = window(dithered=dithered)
    gif, colors = batch.gif[0].permute(0, 2, 3, 1).numpy(), int(batch.colors[0, 2])
    palette = batch.palettes[0, 2, :colors].numpy()
    noise = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 20, truth[0].shape), (0, 0), 2)
    off = scaled(torch.from_numpy(truth + noise).permute(0, 3, 1, 2))
    monkeypatch.setattr(training, "colored", lambda *_: off.clone())
    seen = {}
    for agreement in (False, True):
        trainer = TemporalFusionTrainer(TemporalFusionTrainerOptions(**NARROW, agreement=agreement))
        seen[agreement], _ = next(trainer._prepared(batch, torch.Generator().manual_seed(0), missing=0))
    before, after = (to_levels(seen[agreement][:3]).numpy() for agreement in (False, True))
    middle = before.copy()
    agree(middle, np.ascontiguousarray(gif[2].transpose(2, 0, 1)), palette, dithered=dithered)
    assert np.abs(after - middle).mean() < 0.2 < np.abs(after - before).max()


def test_it_learns_from_frames_that_it_corrected_once(package, monkeypatch):
    batch, truth = window(dithered=True)
    monkeypatch.setattr(training, "colored", lambda *_: scaled(torch.from_numpy(truth).permute(0, 3, 1, 2)))
    seen = {}
    for again in (0, 1):
        trainer = TemporalFusionTrainer(TemporalFusionTrainerOptions(**NARROW, again=again, agreement=False))
        torch.nn.init.constant_(trainer.network.body.head.bias, 0.1)  # it adds a tenth of 127.5 levels
        seen[again], _ = next(trainer._prepared(batch, torch.Generator().manual_seed(0), missing=0))
    light = seen[1][:3].float() - seen[0][:3].float()
    room = seen[0][:3] < 0.85
    assert torch.allclose(light[room], torch.tensor(0.1), atol=2e-3) and room.float().mean() > 0.5
    # All five frames are lighter by as much, so neighbors differ from the middle frame as before.
    near = room.all(dim=0)
    assert (seen[1][7:10] - seen[0][7:10]).abs()[:, near].median() < 0.05


@pytest.mark.parametrize(("dithered", "agreement", "times"), [(True, True, 2), (True, False, 1), (False, True, 1)])
def test_dithered_frames_are_corrected_twice_and_none_is_restored_twice(monkeypatch, dithered, agreement, times):
    method = load_method(f"ccdnet-video:agreement={str(agreement).lower()}").method
    truth = [photograph(k, height=64, width=80) for k in range(8)]
    palettes = tuple(minimum_variance(frame, 16) for frame in truth)
    indices = [(floyd_steinberg if dithered else nearest)(f, p) for f, p in zip(truth, palettes, strict=True)]
    gif = Gif(np.stack(indices), palettes, tuple(Fraction(k, 10) for k in range(8)), Fraction(8, 10))
    restorer = method._router._networks[dithered, 32]
    monkeypatch.setattr(method._router, "restorer", lambda _: restorer)
    restored, corrected = [], []
    changed, fused = restorer.changed, method._corrected
    monkeypatch.setattr(restorer, "changed", lambda *a: restored.append(1) or changed(*a))
    monkeypatch.setattr(method, "_corrected", lambda *a: corrected.append(1) or fused(*a))
    assert len(list(method.restore(gif, gif.times))) == 8
    assert (len(restored), len(corrected)) == (8, times * 8)
