"""Running a network on pictures that are larger than it should be given at once, in tiles.

Tiles have seams that are exact (`exact`) or blended. A network here is a module with `stride`, to whole multiples of
which pictures are filled up by repeating their border; with `any_size`, only sides shorter than `stride` are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional


def padded(network: Any, x: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - a module with a stride
    """Run on (N, C, H, W), filled up below and to the right to whole strides, and cut the result back to H×W."""
    height, width = x.shape[2:]
    filled = [
        max(side, network.stride) if getattr(network, "any_size", False) else _up(side, network.stride)
        for side in (width, height)
    ]
    more = (0, filled[0] - width, 0, filled[1] - height)
    if any(more):
        x = functional.pad(x, more, mode="replicate")
    result: torch.Tensor = network(x)[..., :height, :width]
    return result


def exact(network: Any, x: torch.Tensor, tile: int | None) -> torch.Tensor:  # noqa: ANN401 - see below
    """Run on (N, C, H, W) in tiles, each with as much around it as the network sees.

    They take no more memory than squares of side `tile` would. The network says by `reach` how many pixels to each side
    an output pixel can see, so that the result is that of the whole picture. Three channels come out.
    """
    height, width = x.shape[2:]
    if tile is None or max(height, width) <= tile:
        return padded(network, x)
    # Halos are whole strides, so that every tile lies on the grid of the whole picture.
    halo = _up(network.reach, network.stride)
    high, wide = _cheapest_tiles(height, width, _up(tile, network.stride), halo, network.stride)
    out = x.new_empty((len(x), 3, height, width))
    for top in range(0, height, high):
        for left in range(0, width, wide):
            above, before = max(0, top - halo), max(0, left - halo)
            bottom, right = min(height, top + high), min(width, left + wide)
            window = x[..., above : min(height, bottom + halo), before : min(width, right + halo)]
            done = padded(network, window)
            out[..., top:bottom, left:right] = done[..., top - above : bottom - above, left - before : right - before]
    return out


def _cheapest_tiles(height: int, width: int, side: int, halo: int, stride: int) -> tuple[int, int]:
    """The height and width of the tiles that cost the fewest pixels, halos counted.

    None takes more memory than a square of `side` within a picture: at 600×338, squares of 512 would work on 1.4 times
    the pixels of the picture, which as a whole is smaller than such a square with its halo.
    """

    def choices(length: int) -> dict[int, tuple[int, int]]:
        """For each size of tiles: the longest one with its halo, and all of them together."""
        steps = {_up(-(-length // count), stride) for count in range(1, -(-length // side) + 1)} | {side}
        found = {}
        for step in steps:
            ends = [(max(0, start - halo), min(length, start + step + halo)) for start in range(0, length, step)]
            found[step] = max(end - start for start, end in ends), sum(end - start for start, end in ends)
        return found

    most = (side + 2 * halo) ** 2
    high, wide = choices(height), choices(width)
    fitting = [(h, w) for h in high for w in wide if high[h][0] * wide[w][0] <= most]
    return min(fitting, key=lambda size: (high[size[0]][1] * wide[size[1]][1], size))


def blended(network: Any, x: torch.Tensor, *, tile: int, overlap: int) -> torch.Tensor:  # noqa: ANN401 - as above
    """Run on (N, C, H, W) in squares of side `tile` that overlap by `overlap` pixels, and fade from one into the next.

    For networks whose every output pixel sees the whole picture, so that no tile can be exact. Three channels come out,
    float32.
    """
    height, width = x.shape[2:]
    if max(height, width) <= tile:
        return padded(network, x)
    out = x.new_zeros((len(x), 3, height, width), dtype=torch.float32)
    weights = x.new_zeros((height, width), dtype=torch.float32)
    for top in _starts(height, tile, tile - overlap):
        for left in _starts(width, tile, tile - overlap):
            bottom, right = min(height, top + tile), min(width, left + tile)
            weight = _ramp(bottom - top, overlap, x.device)[:, None] * _ramp(right - left, overlap, x.device)[None]
            out[..., top:bottom, left:right] += weight * padded(network, x[..., top:bottom, left:right])
            weights[top:bottom, left:right] += weight
    return out.div_(weights)


def _starts(length: int, tile: int, step: int) -> list[int]:
    """Where tiles begin: evenly, the last one at the end."""
    if length <= tile:
        return [0]
    count = -(-(length - tile) // step)
    return [i * (length - tile) // count for i in range(count + 1)]


def _ramp(length: int, overlap: int, device: torch.device) -> torch.Tensor:
    """Rising over `overlap` pixels from the one end and falling towards the other, nowhere zero."""
    place = torch.arange(length, device=device)
    return (torch.minimum(place, place.flip(0)) + 1).clamp(max=overlap).float() / overlap


def _up(value: int, stride: int) -> int:
    return -(-value // stride) * stride
