"""SuperSlomo: the published sizes, untrained the blend, known motion, any size, and never a NaN."""

from __future__ import annotations

import os
from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines import weights_lookup
from gifbench_baselines.superslomo import method as slomo
from gifbench_baselines.superslomo.network import (
    MOST_FLOW,
    FlowPair,
    SuperSlomo,
    SuperSlomoArchitecture,
    guess_flows,
    warp,
)

from gifbench import Gif, UsageError, load_method, read_weights, save_weights
from gifbench.methods.inference import on_device, run_method
from tests.baselines.conftest import assert_contract_is_kept, count, frames_of, save
from tests.baselines.test_interpolation import as_gif, photograph, psnr

SHIPPED = weights_lookup.WEIGHTS / "superslomo.safetensors"


pytestmark = pytest.mark.usefixtures("one_thread")


def saved(path, *, loud=0.0, seed=0, **options) -> str:
    """A SuperSlomo's file of weights; `loud` is how large its output layers are drawn."""
    torch.manual_seed(seed)
    architecture = SuperSlomoArchitecture(**{"base": 4, **options})
    network = SuperSlomo(architecture)
    for part in (network.flow, network.refine):
        if loud and part is not None:
            torch.nn.init.normal_(part.outc.weight, std=loud)
    return str(save(path, network, architecture, half=True, licence="CC0-1.0"))


def test_the_adapted_networks_have_the_papers_numbers_of_parameters():
    with torch.device("meta"):
        network = SuperSlomo(SuperSlomoArchitecture())
    assert (count(network.flow), count(network.refine)) == (19_793_026, 19_808_805)
    assert network.flow.outc.out_channels == 2 and network.refine.inc.first.in_channels == 16


def test_weights_of_0_1_0_are_what_they_were(tmp_path):
    """Their cards lack `as_released`: the decoder is the original's."""
    torch.manual_seed(0)
    before = SuperSlomo(SuperSlomoArchitecture(base=4, as_released=False)).eval()
    for part in (before.flow, before.refine):
        torch.nn.init.normal_(part.outc.weight, std=0.3)
    card = before.architecture.model_dump(exclude={"as_released"})
    path = save_weights(tmp_path / "w.safetensors", before, architecture=card, about={})
    network = weights_lookup.described(read_weights(path), SuperSlomoArchitecture, SuperSlomo, what="SuperSlomo")
    pair = tuple(torch.rand(1, 3, 40, 50) * 2 - 1 for _ in range(2))
    with torch.no_grad():
        ours, theirs = (each(pair, pair, torch.tensor([[0.5]]))[1].frames for each in (network, before))
    assert torch.equal(ours, theirs)


def test_the_shipped_weights_are_of_the_variant_dis():
    network = weights_lookup.described(read_weights(SHIPPED), SuperSlomoArchitecture, SuperSlomo, what="SuperSlomo")
    assert network.architecture.variant == "dis" and network.flow is None


def test_the_original_has_both_flows_at_once_and_sees_them_when_it_refines():
    with torch.device("meta"):
        network = SuperSlomo(SuperSlomoArchitecture(variant="original"))
    assert network.flow.outc.out_channels == 4 and network.refine.inc.first.in_channels == 20


def test_the_warp_aligns_corners_and_clamps_at_the_border():
    frames = torch.arange(20.0).reshape(1, 1, 4, 5)
    assert torch.allclose(warp(frames, torch.zeros(1, 2, 4, 5)), frames, atol=1e-5)
    right = torch.zeros(1, 2, 4, 5)
    right[:, 0] = 1.5 / MOST_FLOW
    moved = warp(frames, right)[0, 0]
    assert moved[1].tolist() == pytest.approx([6.5, 7.5, 8.5, 9, 9], abs=1e-4)
    assert torch.isfinite(warp(frames[..., :1, :1], torch.full((1, 2, 1, 1), 9.0))).all()


def test_flows_to_a_moment_are_guessed_as_of_even_motion():
    forward, backward = torch.full((1, 2, 3, 3), 0.4), torch.full((1, 2, 3, 3), -0.4)
    to_first, to_second = guess_flows(FlowPair(forward, backward), torch.tensor(0.25).view(1, 1, 1, 1))
    assert torch.allclose(to_first, torch.tensor(-0.1)) and torch.allclose(to_second, torch.tensor(0.3))


@pytest.mark.parametrize("variant", ["adapted", "original"])
def test_untrained_it_is_the_linear_blend(tmp_path, variant):
    weights = saved(tmp_path / "w.safetensors", variant=variant)
    gif = as_gif([photograph(0, height=37, width=50), photograph(5, height=37, width=50)])
    times = [Fraction(i, 40) for i in range(5)]
    name = "superslomo" if variant == "adapted" else "superslomo-original"
    out = frames_of(f"{name}:weights={weights}", gif, times)
    assert np.abs(out - frames_of("blend", gif, times)).max() < 0.01
    assert np.array_equal(out[[0, 4]], gif.frames), "the GIF's own frames are given as they are"


def test_known_flow_moves_the_picture(tmp_path):
    """With networks that say the true motion, a translated photograph is drawn to better than 35 dB."""
    weights = saved(tmp_path / "w.safetensors")
    method = load_method(f"superslomo:weights={weights}").method
    motion = np.arctanh(6 / MOST_FLOW)
    for network, values in ((method._network.flow, [0, 0]), (method._network.refine, None)):
        with torch.no_grad():
            if values is None:
                network.outc.bias[:4] = torch.tensor([-motion / 2, 0, motion / 2, 0])
            else:
                network.outc.bias[:] = torch.tensor(values, dtype=torch.float32)
    truth = np.stack([photograph(-6.0 * i / 2) for i in range(3)])
    out = np.concatenate(list(method.restore(as_gif(truth[[0, 2]]), [Fraction(1, 20)])))
    assert psnr(out, truth[1:2], 16) > 35


@pytest.mark.parametrize("shipped", [False, True])
@pytest.mark.parametrize("motion", [(4, 0), (0, -6), (5.5, 3.25), (-12, 8)])
def test_a_translated_photograph_is_interpolated_by_the_variant_dis(tmp_path, motion, shipped):
    dx, dy = motion
    shares = [Fraction(i, 4) for i in range(5)]
    truth = np.stack([photograph(float(s) * dx, float(s) * dy) for s in shares])
    name = "superslomo" if shipped else f"superslomo:weights={saved(tmp_path / 'w.safetensors', variant='dis')}"
    out = frames_of(name, as_gif(truth[[0, 4]]), [share / 10 for share in shares])
    assert min(psnr(out[i : i + 1], truth[i : i + 1], 16) for i in (1, 2, 3)) > 35


def test_what_is_shipped_is_small():
    assert SHIPPED.stat().st_size <= 20 * 10**6


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (61, 1), (13, 17), (33, 65), (47, 201)])
def test_any_size_will_do(tmp_path, size):
    height, width = size
    weights = saved(tmp_path / "w.safetensors", loud=0.5)
    gif = as_gif([photograph(0, height=height, width=width), photograph(5, height=height, width=width)])
    frames_of(f"superslomo:weights={weights}", gif, [Fraction(i, 30) for i in range(4)])


@pytest.mark.parametrize("variant", ["adapted", "original", "dis"])
@pytest.mark.parametrize("loud", [1.0, 1e3])
def test_where_flow_explodes_there_is_still_a_picture(tmp_path, variant, loud):
    weights = saved(tmp_path / "w.safetensors", loud=loud, variant=variant)
    name = "superslomo-original" if variant == "original" else "superslomo"
    noise = [np.random.default_rng(seed).integers(0, 256, (40, 44, 3)).astype(np.uint8) for seed in range(2)]
    stripes = [
        np.repeat(np.uint8([[0, 255] * 22]), 40, 0)[..., None].repeat(3, -1),
        np.full((40, 44, 3), 255, np.uint8),
    ]
    for pair in (noise, stripes):
        frames_of(f"{name}:weights={weights},precision=bf16", as_gif(pair), [Fraction(i, 50) for i in range(5)])


def test_flow_that_is_no_number_leaves_the_blend(tmp_path):
    method = load_method(f"superslomo-original:weights={saved(tmp_path / 'w.safetensors', variant='original')}").method
    with torch.no_grad():
        method._network.refine.outc.bias[:] = float("inf")
        method._network.flow.outc.bias[:] = float("nan")
    gif = as_gif([photograph(0, height=33, width=40), photograph(5, height=33, width=40)])
    out = np.concatenate(list(method.restore(gif, [Fraction(1, 20)])))
    assert np.abs(out[0] - gif.frames.astype(float).mean(0)).max() < 0.01


def test_many_gaps_at_once_are_what_each_is_alone(tmp_path):
    name = f"superslomo:weights={saved(tmp_path / 'w.safetensors', loud=0.5)}"
    gif = as_gif([photograph(3 * i, height=40, width=56) for i in range(4)])
    times = [Fraction(i, 40) for i in range(13)]
    together = frames_of(name, gif, times)
    for i in (1, 6, 11):
        assert np.abs(frames_of(name, gif, [times[i]])[0] - together[i]).max() < 0.01
    assert np.abs(together - frames_of("blend", gif, times)).max() > 1, "these weights do something"


def test_large_frames_are_looked_at_in_small_copies_and_drawn_whole(tmp_path, monkeypatch):
    name = f"superslomo:weights={saved(tmp_path / 'w.safetensors')}"
    gif = as_gif([photograph(0), photograph(4)])
    monkeypatch.setattr(slomo, "MOST_PIXELS", 5000)
    assert np.abs(frames_of(name, gif, [Fraction(1, 20)])[0] - gif.frames.astype(float).mean(0)).max() < 0.01
    method = load_method(name).method
    with torch.no_grad():  # two pixels of the frame are fewer of its copy
        scale = np.sqrt(5000 / (180 * 240))
        bias = np.arctanh(2 * scale / MOST_FLOW)
        method._network.refine.outc.bias[:4] = torch.tensor([bias, 0, -bias, 0])
    out = np.concatenate(list(method.restore(gif, [Fraction(1, 20)])))
    assert psnr(out, photograph(2)[None], 16) > 35


def test_cuts_are_held(tmp_path):
    name = f"superslomo:weights={saved(tmp_path / 'w.safetensors')}"
    gif = as_gif([photograph(0), 255 - np.rot90(photograph(0), 2)])
    assert np.array_equal(frames_of(name, gif, [Fraction(1, 20)])[0], gif.frames[0])


def test_it_keeps_the_contract(tmp_path):
    assert_contract_is_kept(f"superslomo:weights={saved(tmp_path / 'w.safetensors', loud=0.3)}")


def test_weights_of_another_variant_are_told(tmp_path):
    path = saved(tmp_path / "w.safetensors", variant="original")
    with pytest.raises(UsageError, match="use the method superslomo-original"):
        load_method(f"superslomo:weights={path}")


def test_with_a_color_method_it_sees_the_gif_or_the_restored(tmp_path):
    weights = saved(tmp_path / "w.safetensors", loud=0.5)
    gif = as_gif([photograph(3 * i, height=40, width=56) for i in range(3)])
    times = [Fraction(i, 20) for i in range(5)]
    parallel = frames_of(f"gif2video:color=gaussian:sigma=2,time=superslomo:weights={weights}", gif, times)
    after = frames_of(f"gif2video:color=gaussian:sigma=2,time=superslomo:weights={weights},flow=restored", gif, times)
    assert np.abs(parallel[::2] - after[::2]).max() < 1e-3
    assert np.abs(parallel[1] - after[1]).max() > 0.01


def test_gif_of_two_equal_frames_stays_what_it_is(tmp_path):
    weights = saved(tmp_path / "w.safetensors")
    gif = Gif(np.zeros((2, 20, 24), np.uint8), (np.uint8([[7, 8, 9]]),) * 2, (Fraction(0), Fraction(1)), Fraction(2))
    out = frames_of(f"superslomo:weights={weights}", gif, [Fraction(-1), Fraction(0), Fraction(1, 2), Fraction(9)])
    assert np.abs(out - [7, 8, 9]).max() < 1e-3


@pytest.mark.gpu
def test_on_a_gpu_two_streams_give_what_the_cpu_gives(tmp_path):
    if not torch.cuda.is_available():
        assert not os.environ.get("GIFBENCH_REQUIRE_GPU"), "GIFBENCH_REQUIRE_GPU is set and there is no GPU"
        pytest.skip("no GPU")
    slow = "import torch\n\nclass Slow:\n    backend = 'torch'\n    def restore_frames(self, frames, palettes):\n"
    slow += "        x = torch.eye(2048, device=frames.device)\n        for _ in range(200):\n            x = x @ x\n"
    slow += "        return frames.float() * x[0, 0]\n"
    (tmp_path / "slow.py").write_text(slow)
    weights = saved(tmp_path / "w.safetensors", loud=0.3)
    gif = as_gif([photograph(3 * i, height=40, width=56) for i in range(40)])
    times = [Fraction(i, 40) for i in range(157)]
    loaded = load_method(f"gif2video:color={tmp_path}/slow.py:Slow,time=superslomo:weights={weights}")
    found = {}
    for device in ("cpu", "cuda"):
        on_device(loaded, device)
        found[device] = np.concatenate(list(run_method(loaded, gif, times, clip="a GIF", device=device)))
    assert np.abs(found["cpu"] - found["cuda"]).max() < 1
