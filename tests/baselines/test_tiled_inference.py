"""Tiles of large pictures: exact seams give what the whole picture gives, blended ones have no edge."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines.tiled_inference import blended, exact


class Blurred(torch.nn.Module):
    """Sees `reach` pixels to each side; counts the pixels that it is given."""

    stride, reach = 8, 20

    def __init__(self) -> None:
        super().__init__()
        self.windows: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.windows.append(x.shape[2] * x.shape[3])
        across = torch.nn.functional.avg_pool2d(x, (1, 41), stride=1, padding=(0, 20), count_include_pad=True)
        return torch.nn.functional.avg_pool2d(across, (41, 1), stride=1, padding=(20, 0), count_include_pad=True)


@pytest.mark.parametrize("size", [(90, 60), (72, 200), (301, 100), (8, 1000), (128, 129)])
def test_exact_tiles_cost_no_more_than_squares_and_change_nothing(size):
    x = torch.rand(1, 3, *size)
    network = Blurred()
    torch.testing.assert_close(exact(network, x, 64), exact(network, x, None)[..., : size[0], : size[1]])
    tiles = network.windows[:-1]
    assert max(tiles) <= (64 + 2 * 24) ** 2, "no more memory than a square with its halo"
    squares = sum(
        (min(size[0], top + 88) - max(0, top - 24)) * (min(size[1], left + 88) - max(0, left - 24))
        for top in range(0, size[0], 64)
        for left in range(0, size[1], 64)
    )
    assert sum(tiles) <= 1.3 * squares  # filled up to whole strides
    if size == (90, 60):
        assert len(tiles) == 1, "which is smaller than a square with its halo"


class Tripled(torch.nn.Module):
    stride = 8

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[2] % 8 == x.shape[3] % 8 == 0
        return 3 * x


@pytest.mark.parametrize("size", [(20, 20), (64, 65), (100, 301)])
def test_tiles_are_blended_into_the_same_picture(size):
    x = torch.rand(2, 3, *size)
    torch.testing.assert_close(blended(Tripled(), x, tile=64, overlap=16), 3 * x)
