"""The definitions of what the kernels do, as plain and slow as possible: what the fast code is held against."""

from __future__ import annotations

import numpy as np

FLOYD_STEINBERG = ((1, 0, 7), (-1, 1, 3), (0, 1, 5), (1, 1, 1))
DAMPED_FLOYD_STEINBERG = ((1, 0, 5), (-1, 1, 3), (0, 1, 4), (1, 1, 1))
SIERRA_2_4A = ((1, 0, 8), (-1, 1, 4), (0, 1, 4))


def nearest(pixels, palette):
    """Every distance to every color; argmin gives the first of the least."""
    differences = pixels[..., None, :].astype(np.int64) - palette.astype(np.int64)
    return (differences**2).sum(axis=-1).argmin(axis=-1)


def diffuse(frame, palette, weights, *, serpentine=False):
    """Error diffusion as dither.py defines it: weights are (dx, dy, sixteenths)."""
    height, width, _ = frame.shape
    wide = palette.astype(np.int64)
    sums = np.zeros((height, width, 3), np.int64)
    indices = np.zeros((height, width), np.int64)
    for y in range(height):
        back = serpentine and y % 2 == 1
        for x in range(width)[:: -1 if back else 1]:
            value = ((sums[y, x] + 8) >> 4) + frame[y, x]
            over = np.minimum(np.maximum(value, 0), 255) - wide  # np.clip takes as long as all the rest
            indices[y, x] = (over * over).sum(axis=1).argmin()
            error = over[indices[y, x]]
            for dx, dy, weight in weights:
                to_x, to_y = x + (-dx if back else dx), y + dy
                if 0 <= to_x < width and to_y < height:
                    sums[to_y, to_x] += weight * error
    return indices


def bayer(frame, palette, strength):
    """Ordered dither: the matrix by the bits of its coordinates, as Bayer's paper has it."""
    height, width, _ = frame.shape
    out = np.zeros((height, width), np.int64)
    for y in range(height):
        for x in range(width):
            rank = 0
            for bit in range(3):
                rank = rank * 4 + 2 * ((x >> bit ^ y >> bit) & 1) + (y >> bit & 1)
            offset = ((2 * rank - 63) * strength) >> 7
            out[y, x] = nearest(np.clip(frame[y, x].astype(int) + offset, 0, 255), palette)
    return out


def minimum_variance(frame, colors, bits=5):
    """Boxes of cells, each time the best of all cuts of all boxes, every sum counted anew from the pixels."""
    pixels = frame.reshape(-1, 3).astype(int).tolist()
    if len({tuple(p) for p in pixels}) <= colors:
        return _in_order(pixels)
    if len({tuple(v >> 8 - bits for v in p) for p in pixels}) <= max(512, 4 * colors):
        bits = 8
    boxes, cuts = [pixels], [_best_cut(pixels, 8 - bits)]
    while len(boxes) < colors:
        best = max(range(len(boxes)), key=lambda i: (cuts[i][0], -i))
        gain, axis, place = cuts[best]
        if gain <= 0:
            break
        box = boxes[best]
        boxes[best] = [p for p in box if p[axis] >> 8 - bits <= place]
        boxes.append([p for p in box if p[axis] >> 8 - bits > place])
        cuts[best] = _best_cut(boxes[best], 8 - bits)
        cuts.append(_best_cut(boxes[-1], 8 - bits))
    means = [[(2 * sum(p[c] for p in box) + len(box)) // (2 * len(box)) for c in range(3)] for box in boxes]
    return _in_order(means)


def _best_cut(box, down):
    def sums(part):
        return [float(sum(p[c] for p in part)) for c in range(3)]

    r, g, b = sums(box)
    whole = (r * r + g * g + b * b) / float(len(box))
    best = (0.0, -1, 0)
    for axis in range(3):
        places = sorted({p[axis] >> down for p in box})
        for place in places[:-1]:
            low = [p for p in box if p[axis] >> down <= place]
            high = [p for p in box if p[axis] >> down > place]
            (r1, g1, b1), (r2, g2, b2) = sums(low), sums(high)
            n1, n2 = float(len(low)), float(len(high))
            parts = ((r1 * r1 + g1 * g1 + b1 * b1) * n2 + (r2 * r2 + g2 * g2 + b2 * b2) * n1) / (n1 * n2)
            if parts - whole > best[0]:
                best = (parts - whole, axis, place)
    return best


def _in_order(colors):
    once = {tuple(color) for color in colors}
    ordered = sorted(once, key=lambda c: (299 * c[0] + 587 * c[1] + 114 * c[2], c))
    return np.array(ordered, dtype=np.uint8)
