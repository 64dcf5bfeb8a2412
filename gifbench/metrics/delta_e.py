"""Color difference as people see it: CIEDE2000, mean over the pixels.

Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary test data, and
mathematical observations" (Color Research and Application, 2005); equal to scikit-image's `deltaE_ciede2000` of
`rgb2lab` (sRGB, D65, 2° observer) to 1e-9. On a torch device float32 serves, to 1e-3.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench.media.clip import Pixels
from gifbench.metrics.metric import FrameBatch, FramePair

LookupTable = NDArray[np.float64]

_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
) / np.array([[0.95047], [1.0], [1.08883]])
"""Linear sRGB to XYZ, over the white of D65."""

_LINEAR: LookupTable = np.array(
    [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (level / 255 for level in range(256))]
)
_FAR = 25.0**7
_COS_30 = math.cos(math.radians(30))
_COS_6, _SIN_6 = math.cos(math.radians(6)), math.sin(math.radians(6))
_COS_63, _SIN_63 = math.cos(math.radians(63)), math.sin(math.radians(63))


class DeltaE:
    """Mean CIEDE2000 between the restored frame and the truth."""

    better = "lower"
    unit = "ΔE"
    spec = "CIEDE2000 with kL = kC = kH = 1, 8-bit sRGB to CIELAB (D65, 2 degree observer), mean over the pixels"

    def measure(self, pair: FramePair) -> float:
        """The mean over the pixels; about 1 is just seen."""
        total = _summed(np.ascontiguousarray(pair.restored), np.ascontiguousarray(pair.truth), _LINEAR, _XYZ)
        return float(total / (pair.truth.shape[0] * pair.truth.shape[1]))

    def measure_batch(self, batch: FrameBatch) -> list[float]:
        """The same to 1e-3."""
        difference = _difference(_lab(batch.restored), _lab(batch.truth))
        return [float(value) for value in difference.flatten(1).double().mean(1).cpu()]


@njit(cache=True, nogil=True)
def _curve(t: float) -> float:
    return np.cbrt(t) if t > 0.008856 else 7.787 * t + 16.0 / 116.0


@njit(cache=True, nogil=True)
def _to_lab(r: int, g: int, b: int, linear: LookupTable, xyz: LookupTable) -> tuple[float, float, float]:
    red, green, blue = linear[r], linear[g], linear[b]
    x = _curve(xyz[0, 0] * red + xyz[0, 1] * green + xyz[0, 2] * blue)
    y = _curve(xyz[1, 0] * red + xyz[1, 1] * green + xyz[1, 2] * blue)
    z = _curve(xyz[2, 0] * red + xyz[2, 1] * green + xyz[2, 2] * blue)
    return 116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)


@njit(cache=True, nogil=True, error_model="numpy")
def _summed(restored: Pixels, truth: Pixels, linear: LookupTable, xyz: LookupTable) -> float:
    total = 0.0
    for r in range(truth.shape[0]):
        row = 0.0
        for c in range(truth.shape[1]):
            x, y = restored[r, c], truth[r, c]
            if x[0] == y[0] and x[1] == y[1] and x[2] == y[2]:
                continue
            row += _ciede2000(_to_lab(x[0], x[1], x[2], linear, xyz), _to_lab(y[0], y[1], y[2], linear, xyz))
        total += row
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _ciede2000(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """The equations of Sharma et al., in their order; angles in radians, multiples of one by its sine and cosine."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    mean_c7 = _seventh((math.sqrt(a1 * a1 + b1 * b1) + math.sqrt(a2 * a2 + b2 * b2)) / 2)
    stretch = 1.5 - 0.5 * math.sqrt(mean_c7 / (mean_c7 + _FAR))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = math.sqrt(a1 * a1 + b1 * b1), math.sqrt(a2 * a2 + b2 * b2)
    h1, h2 = math.atan2(b1, a1), math.atan2(b2, a2)
    h1, h2 = h1 + (2 * math.pi if h1 < 0 else 0.0), h2 + (2 * math.pi if h2 < 0 else 0.0)
    turn, mean_h = h2 - h1, h1 + h2
    if c1 * c2 == 0:
        turn = 0.0
    else:
        if abs(turn) > math.pi:
            turn += 2 * math.pi if turn < 0 else -2 * math.pi
            mean_h += 2 * math.pi if mean_h < 2 * math.pi else -2 * math.pi
        mean_h /= 2
    dl, dc, dh = l2 - l1, c2 - c1, 2 * math.sqrt(c1 * c2) * math.sin(turn / 2)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    cos1, sin1 = math.cos(mean_h), math.sin(mean_h)
    cos2, sin2 = cos1 * cos1 - sin1 * sin1, 2 * sin1 * cos1
    cos3, sin3 = cos2 * cos1 - sin2 * sin1, sin2 * cos1 + cos2 * sin1
    cos4, sin4 = cos2 * cos2 - sin2 * sin2, 2 * sin2 * cos2
    t = 1 - 0.17 * (cos1 * _COS_30 + sin1 * 0.5) + 0.24 * cos2
    t += 0.32 * (cos3 * _COS_6 - sin3 * _SIN_6) - 0.20 * (cos4 * _COS_63 + sin4 * _SIN_63)
    off = (mean_l - 50) * (mean_l - 50)
    sl = 1 + 0.015 * off / math.sqrt(20 + off)
    sc, sh = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    c7 = _seventh(mean_c)
    from_blue = (math.degrees(mean_h) - 275) / 25
    rt = -2 * math.sqrt(c7 / (c7 + _FAR)) * math.sin(math.pi / 3 * math.exp(-from_blue * from_blue))
    l_term, c_term, h_term = dl / sl, dc / sc, dh / sh
    squared = l_term * l_term + c_term * c_term + h_term * h_term + rt * c_term * h_term
    return math.sqrt(max(squared, 0.0))


@njit(cache=True, nogil=True)
def _seventh(c: float) -> float:
    squared = c * c
    return squared * squared * squared * c


def _lab(frames: Any) -> tuple[Any, Any, Any]:  # noqa: ANN401  # torch tensors (N, 3, H, W) uint8
    import torch

    linear = torch.from_numpy(_LINEAR).to(frames.device)[frames.long()]
    xyz = torch.einsum("kc,nchw->knhw", torch.from_numpy(_XYZ).to(linear), linear)
    x, y, z = torch.where(xyz > 0.008856, xyz.clamp(min=1e-12) ** (1 / 3), 7.787 * xyz + 16.0 / 116.0)
    return (116.0 * y - 16.0).float(), (500.0 * (x - y)).float(), (200.0 * (y - z)).float()


def _difference(one: tuple[Any, Any, Any], other: tuple[Any, Any, Any]) -> Any:  # noqa: ANN401
    import torch

    (l1, a1, b1), (l2, a2, b2) = one, other
    mean_c7 = ((torch.hypot(a1, b1) + torch.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * torch.sqrt(mean_c7 / (mean_c7 + _FAR))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = torch.hypot(a1, b1), torch.hypot(a2, b2)
    h1, h2 = torch.atan2(b1, a1) % (2 * math.pi), torch.atan2(b2, a2) % (2 * math.pi)
    gray = c1 * c2 == 0
    turn, total_h = h2 - h1, h1 + h2
    far = turn.abs() > math.pi
    round_ = torch.where(turn < 0, 2 * math.pi, -2 * math.pi)
    turn = torch.where(gray, 0.0, torch.where(far, turn + round_, turn))
    shifted = total_h + torch.where(total_h < 2 * math.pi, 2 * math.pi, -2 * math.pi)
    mean_h = torch.where(gray, total_h, torch.where(far, shifted, total_h) / 2)
    dl, dc, dh = l2 - l1, c2 - c1, 2 * torch.sqrt(c1 * c2) * torch.sin(turn / 2)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    t = 1 - 0.17 * torch.cos(mean_h - math.pi / 6) + 0.24 * torch.cos(2 * mean_h)
    t = t + 0.32 * torch.cos(3 * mean_h + math.pi / 30) - 0.20 * torch.cos(4 * mean_h - 63 * math.pi / 180)
    off = (mean_l - 50) ** 2
    sl = 1 + 0.015 * off / torch.sqrt(20 + off)
    sc, sh = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    c7 = mean_c**7
    angle = math.pi / 3 * torch.exp(-(((torch.rad2deg(mean_h) - 275) / 25) ** 2))
    rt = -2 * torch.sqrt(c7 / (c7 + _FAR)) * torch.sin(angle)
    squared = (dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * (dc / sc) * (dh / sh)
    return torch.sqrt(squared.clamp(min=0))
