"""Three planes as one picture."""

from __future__ import annotations

from numba import njit

from gifbench.media.clip import Pixels


@njit(cache=True, nogil=True)
def interleave(red: Pixels, green: Pixels, blue: Pixels, out: Pixels) -> None:
    """Fill `out` (H, 3·W) with red, green and blue of each pixel in turn, from planes (H, W), all uint8."""
    for y in range(out.shape[0]):
        r, g, b, row = red[y], green[y], blue[y], out[y]
        for x in range(r.shape[0]):
            row[3 * x], row[3 * x + 1], row[3 * x + 2] = r[x], g[x], b[x]
