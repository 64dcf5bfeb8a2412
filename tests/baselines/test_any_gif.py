"""Learned methods restore any GIF: of one color or 256, see-through, a pixel, many palettes, large ones in tiles."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines.ccdnet.backbones import BACKBONES
from gifbench_baselines.ccdnet.network import CCDNet, CCDNetArchitecture
from gifbench_baselines.pix2pix.network import Pix2PixArchitecture, UNet256

from gifbench import Gif
from tests.baselines.conftest import assert_contract_is_kept, frames_of, save, save_ccdnets

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def methods(tmp_path_factory) -> list[str]:
    """The router, CCDNet of two steps with f_C, and Pix2Pix, all narrow and untrained."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    save_ccdnets(folder)
    generator = Pix2PixArchitecture(base=1)
    pix2pix = save(folder / "pix2pix.safetensors", UNet256(generator), generator)
    return [
        f"ccdnet:weights={folder}",
        f"ccdnet-3:weights={folder}/ccdnet-plain.safetensors",
        f"pix2pix:weights={pix2pix}",
    ]


def gif(sizes, height: int, width: int, **options) -> Gif:
    """A frame for each number of colors."""
    rng = np.random.default_rng(0)
    return Gif(
        np.stack([rng.integers(0, colors, (height, width), dtype=np.uint8) for colors in sizes]),
        tuple(rng.integers(0, 256, (colors, 3), dtype=np.uint8) for colors in sizes),
        tuple(Fraction(i, 10) for i in range(len(sizes))),
        Fraction(len(sizes), 10),
        **options,
    )


GIFS = {
    "one color": gif([1, 1], 20, 30),
    "256 colors": gif([256], 20, 30),
    "palettes of many sizes": gif([1, 2, 256, 7, 32], 20, 30),
    "see-through": gif([8, 8], 20, 30, transparent=(3, None)),
    "one pixel": gif([2], 1, 1),
    "one row": gif([16], 1, 300),
}


@pytest.mark.parametrize("name", GIFS)
def test_any_gif_comes_back_in_its_size(methods, name):
    given = GIFS[name]
    for method in methods:
        frames = frames_of(method, given)
        assert frames.shape == (len(given), given.height, given.width, 3)
        assert np.isfinite(frames).all()


def test_a_gif_that_shows_more_than_256_colors_at_once_comes_back(methods):
    given = Gif(
        np.arange(20 * 30, dtype=np.uint16).reshape(1, 20, 30),
        (np.random.default_rng(0).integers(0, 256, (600, 3), dtype=np.uint8),),
        (Fraction(0),),
        Fraction(1, 10),
    )
    for method in methods:
        assert frames_of(method, given).shape == (1, 20, 30, 3)


def test_the_methods_keep_the_contract(methods):
    for method in methods:
        assert_contract_is_kept(method)


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
def test_a_large_frame_is_never_worked_on_at_once(backbone, monkeypatch):
    network = CCDNet(CCDNetArchitecture(backbone=backbone, base=1, steps=2)).eval()
    kind = BACKBONES[backbone]
    seen = []
    monkeypatch.setattr(kind, "forward", lambda self, x: seen.append(x.shape[2:]) or x[:, :3])
    given = torch.randint(256, (1, 3, 1500, 2000), dtype=torch.uint8)
    with torch.inference_mode():
        out = network(given, torch.randint(256, (1, 4, 3), dtype=torch.uint8), tile=512)
    assert out.shape == given.shape
    most = 512 + 2 * (kind.reach + kind.stride) + kind.stride
    assert len(seen) == 2 * 3 * 4 and max(max(size) for size in seen) <= most
