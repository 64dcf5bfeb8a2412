"""What a GIF's palette says of the frame that it was made for, and a restored frame has to agree with.

A plain GIF shows each pixel in the nearest color of its palette, so the pixel was nearer to that color than to any
other one: a restored pixel beyond is moved back to the border. And a color of a palette is the mean of what it stands
for, under all makers that part the colors into boxes: where the mean of the restored pixels of a color is off, all of
them are moved a part of the way. A palette that is as far off as one of another picture, of a whole clip, or of a
larger frame than what is seen of it, tells nothing of means.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray

from .palette_unet import placed

_PART = 0.45
"""How far towards the palette's color a mean is moved, where it is next to nothing off; chosen on training clips."""
_FAR = 0.25
"""Of the distance to the palette's nearest other color: a mean that is as far off is believed 1/e times as much."""
_TOLD, _UNTOLD = 0.11, 0.13
"""Root mean squares of how far means are off, over those of the distances to the nearest other colors: up to the first
they are believed, from the second on they are not."""
_BESIDE = 4
"""Cells' borders that are looked at: those to the nearest other colors."""
_AT_ONCE = 1 << 16
"""Pixels whose distances from all colors an accelerator holds at once."""

Floats = NDArray[np.float32]


def agree(restored: torch.Tensor, shown: torch.Tensor, palette: torch.Tensor, *, dithered: bool) -> None:
    """Move a restored frame (3, H, W) float32 of 0 to 255, in place, to what its GIF frame (3, H, W) uint8 says.

    The palette is (K, 3) uint8, and every pixel of the GIF frame has a color of it. All are on one device.
    """
    colors, place = placed(shown, palette)
    if len(colors) == 1:
        return
    if dithered:  # its pixels were not mapped to the nearest color; what they are restored to is
        place = _nearest(restored, colors, place)
    shift = _shift(colors, *_sums(restored, place, len(colors))).to(restored.device)
    borders = _borders(colors)
    if restored.device.type == "cpu":
        _move(restored.numpy(), place.numpy(), shift.numpy())
        if not dithered:
            _bound(restored.numpy(), place.numpy(), colors.numpy(), borders.numpy())
    else:
        restored.add_(shift.T[:, place])
        if not dithered:
            _bound_all(restored, place, colors, borders)
    restored.clamp_(0, 255)


def _nearest(restored: torch.Tensor, colors: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """Which color (K, 3) each pixel of (3, H, W) is nearest to, (H, W) int64; it is searched for around `place`."""
    if restored.device.type == "cpu":
        apart, order = _apart(colors, colors).sort(dim=1, stable=True)
        found = torch.empty_like(place)
        _find(restored.numpy(), colors.numpy(), apart.numpy(), order.numpy(), place.numpy(), found.numpy())
        return found
    pixels = restored.flatten(1).T
    return torch.cat([_apart(part, colors).argmin(dim=1) for part in pixels.split(_AT_ONCE)]).view_as(place)


def _apart(some: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Squared distances (N, K) of colors (N, 3) and (K, 3)."""
    return (some[:, None] - others).square().sum(dim=-1)


def _sums(restored: torch.Tensor, place: torch.Tensor, colors: int) -> tuple[torch.Tensor, torch.Tensor]:
    """How many pixels of (3, H, W) each color has, (K), and their sums (K, 3), both float64 on the CPU."""
    if restored.device.type == "cpu":
        sums = np.zeros((colors, 4))
        _add(restored.numpy(), place.numpy(), sums)
        return torch.from_numpy(sums[:, 3]), torch.from_numpy(sums[:, :3])
    flat = place.flatten()
    # Not every accelerator has float64; what is added up is below 256, and its mean is needed to a hundredth.
    pixels = torch.cat([restored.flatten(1), torch.ones_like(restored[:1]).flatten(1)])
    sums_there = torch.zeros((4, colors), device=restored.device).index_add_(1, flat, pixels)
    return sums_there[3].cpu().double(), sums_there[:3].T.cpu().double()


def _shift(colors: torch.Tensor, counts: torch.Tensor, sums: torch.Tensor) -> torch.Tensor:
    """How far the pixels of each color (K, 3) are moved, (K, 3) float32 on the CPU."""
    known = colors.cpu().double()
    apart = _apart(known, known).fill_diagonal_(torch.inf).amin(dim=1)
    off = torch.where(counts[:, None] > 0, known - sums / counts[:, None].clamp(min=1), 0)
    off_by = off.square().sum(dim=1)
    far_off = float(((counts * off_by).sum() / (counts * apart).sum()).sqrt())
    believed = min(1.0, max(0.0, (_UNTOLD - far_off) / (_UNTOLD - _TOLD)))
    part = believed * _PART * torch.exp(-off_by / (_FAR**2 * apart))
    return (part[:, None] * off).float()


def _borders(colors: torch.Tensor) -> torch.Tensor:
    """The ways from each color (K, 3) to its `_BESIDE` nearest other ones, the nearest first; (K, B, 3) float32."""
    wanted = min(_BESIDE, len(colors) - 1)
    nearest = _apart(colors, colors).fill_diagonal_(torch.inf).topk(wanted, largest=False).indices
    return colors[nearest] - colors[:, None]


def _bound_all(restored: torch.Tensor, place: torch.Tensor, colors: torch.Tensor, borders: torch.Tensor) -> None:
    """`_bound`, on any device."""
    ahead = restored - colors.T[:, place]
    for number in range(borders.shape[1]):
        way = borders[:, number].T[:, place]
        length = way.square().sum(dim=0)
        beyond = ((ahead * way).sum(dim=0) / length - 0.5).clamp_(min=0)
        ahead -= beyond * way
    torch.add(ahead, colors.T[:, place], out=restored)


@njit(cache=True, nogil=True)
def _find(  # noqa: PLR0917 - a kernel: numba takes no keyword-only arguments
    restored: Floats,
    colors: Floats,
    apart: Floats,
    order: NDArray[np.int64],
    around: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None:
    """Into `out` (H, W) the nearest of the colors (K, 3) to each pixel of (3, H, W).

    `order` (K, K) has the colors by their squared distance `apart` (K, K) from each, itself first. A color that is
    twice as far from the one in `around` (H, W) as the pixel is cannot be nearer.
    """
    four = np.float32(4)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            first = around[y, x]
            r, g, b = restored[0, y, x], restored[1, y, x], restored[2, y, x]
            least, found = np.float32(np.inf), first
            reach = np.float32(0)
            for n in range(len(colors)):
                if n > 0 and apart[first, n] > reach:
                    break
                k = order[first, n]
                red, green, blue = r - colors[k, 0], g - colors[k, 1], b - colors[k, 2]
                distance = red * red + green * green + blue * blue
                if n == 0:
                    reach = four * distance
                if distance < least:
                    least, found = distance, k
            out[y, x] = found


@njit(cache=True, nogil=True)
def _add(restored: Floats, place: NDArray[np.int64], sums: NDArray[np.float64]) -> None:
    """Add up, in `sums` (K, 4), red, green, blue and number of the pixels of each color."""
    for y in range(place.shape[0]):
        for x in range(place.shape[1]):
            row = sums[place[y, x]]
            row[0] += restored[0, y, x]
            row[1] += restored[1, y, x]
            row[2] += restored[2, y, x]
            row[3] += 1


@njit(cache=True, nogil=True)
def _move(restored: Floats, place: NDArray[np.int64], shift: Floats) -> None:
    """Add to each pixel of (3, H, W) what its color is moved by, (K, 3)."""
    for y in range(place.shape[0]):
        for x in range(place.shape[1]):
            by = shift[place[y, x]]
            for c in range(3):
                restored[c, y, x] += by[c]


@njit(cache=True, nogil=True)
def _bound(restored: Floats, place: NDArray[np.int64], colors: Floats, borders: Floats) -> None:
    """Move pixels that are nearer to another color than to their own back to the border, one color after the other."""
    half = np.float32(0.5)
    lengths = np.empty(borders.shape[:2], np.float32)
    for k in range(borders.shape[0]):
        for n in range(borders.shape[1]):
            r, g, b = borders[k, n]
            lengths[k, n] = r * r + g * g + b * b
    for y in range(place.shape[0]):
        for x in range(place.shape[1]):
            k = place[y, x]
            own_red, own_green, own_blue = colors[k]
            red, green, blue = restored[0, y, x] - own_red, restored[1, y, x] - own_green, restored[2, y, x] - own_blue
            moved = False
            for n in range(borders.shape[1]):
                r, g, b = borders[k, n, 0], borders[k, n, 1], borders[k, n, 2]
                beyond = (red * r + green * g + blue * b) / lengths[k, n] - half
                if beyond > 0:
                    red, green, blue, moved = red - beyond * r, green - beyond * g, blue - beyond * b, True
            if moved:
                restored[0, y, x] = red + own_red
                restored[1, y, x] = green + own_green
                restored[2, y, x] = blue + own_blue
