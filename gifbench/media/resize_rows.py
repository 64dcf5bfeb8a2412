"""The loops of `gifbench.media.resize`: rows of pixels, weighed along and then against each other.

Four neighboring values of a row are weighed in one step, as a vector that LLVM makes of plain instructions: by itself
it does not see that a pixel's three values can be. The fourth is written too, and then written over by the next pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from gifbench.media.clip import Pixels

if TYPE_CHECKING:
    from gifbench.media.resize import Covered, Neighbors


_READ = 8
"""Bytes of a row that are read at once: two pixels of three, and two more."""
_COUNT = ir.IntType(32)
_VALUES = ir.VectorType(_COUNT, 4)


def _places(*numbers: int) -> Any:  # noqa: ANN401  # llvmlite has no types
    return ir.Constant(ir.VectorType(_COUNT, len(numbers)), list(numbers))


@intrinsic  # type: ignore[untyped-decorator,unused-ignore]
def _weigh(_: Any, row: Any, at: Any, left: Any, right: Any, drop: Any, out: Any, to: Any) -> Any:  # noqa: ANN401, PLR0917
    """`out[to + i] = (row[at + i] * left + row[at + 3 + i] * right) >> drop` for i of 0 to 3, without checks.

    `row` is uint8, `out` uint16, the weights and `drop` int32.
    """

    def generate(context: Any, builder: Any, _: Any, values: Any) -> Any:  # noqa: ANN401
        def splat(value: Any) -> Any:  # noqa: ANN401
            nothing = ir.Constant(_VALUES, ir.Undefined)
            return builder.shuffle_vector(
                builder.insert_element(nothing, value, _COUNT(0)), nothing, _places(0, 0, 0, 0)
            )

        def place(array: Any, kind: Any, offset: Any, vector: Any) -> Any:  # noqa: ANN401
            data = context.make_array(kind)(context, builder, array).data
            return builder.bitcast(builder.gep(data, [offset]), vector.as_pointer())

        read = ir.VectorType(ir.IntType(8), _READ)
        given = builder.load(place(values[0], row, values[1], read), align=1)
        first, second = (
            builder.zext(builder.shuffle_vector(given, ir.Constant(read, ir.Undefined), _places(*taken)), _VALUES)
            for taken in ((0, 1, 2, 3), (3, 4, 5, 6))
        )
        total = builder.add(builder.mul(first, splat(values[2])), builder.mul(second, splat(values[3])))
        short = ir.VectorType(ir.IntType(16), 4)
        kept = builder.trunc(builder.lshr(total, splat(values[4])), short)
        builder.store(kept, place(values[5], out, values[6], short), align=2)
        return context.get_dummy_value()

    return types.void(row, at, left, right, drop, out, to), generate


@njit(cache=True, nogil=True)
def _along(row: Pixels, across: Neighbors, channels: int, drop: np.int32, out: NDArray[np.uint16]) -> None:
    """Fill `out`, one value longer than the row of the result, with the weighed values of a row of the source."""
    first, second, left, right = across
    if channels == 1:
        for x in range(first.shape[0]):
            out[x] = (np.int32(row[first[x]]) * left[x] + np.int32(row[second[x]]) * right[x]) >> drop
        return
    together = first.shape[0]
    while together > 0 and 3 * first[together - 1] + _READ > row.shape[0]:
        together -= 1
    for x in range(together):
        _weigh(row, 3 * first[x], left[x], right[x], drop, out, 3 * x)
    for x in range(together, first.shape[0]):
        for c in range(3):
            a, b = np.int32(row[3 * first[x] + c]), np.int32(row[3 * second[x] + c])
            out[3 * x + c] = (a * left[x] + b * right[x]) >> drop


@njit(cache=True, nogil=True)
def interpolate(  # noqa: PLR0917
    source: Pixels, across: Neighbors, down: Neighbors, channels: int, bits: int, out: Pixels
) -> None:
    """Fill `out` (h, w·channels) from `source` (H, W·channels), of 1 or 3 channels.

    Weights are whole numbers of `bits` bits. With 11 the sums are cut as INTER_LINEAR cuts them, with 8 or fewer
    nothing is lost.
    """
    width = out.shape[1]
    cut = bits > 8
    drop = np.int32(4 if cut else 0)
    upper, lower = np.empty(width + 1, np.uint16), np.empty(width + 1, np.uint16)
    in_upper = in_lower = -1
    for y in range(out.shape[0]):
        up, low = down.first_weight[y], down.second_weight[y]
        above = down.first[y]
        below = down.second[y] if low else above
        if above == in_lower:
            upper, lower, in_upper, in_lower = lower, upper, in_lower, in_upper
        if above != in_upper:
            _along(source[above], across, channels, drop, upper)
            in_upper = above
        if below not in (in_upper, in_lower):
            _along(source[below], across, channels, drop, lower)
            in_lower = below
        other = upper if below == in_upper else lower
        if cut:
            _blend_cut(upper, other, up, low, out[y])
        else:
            _blend(upper, other, up, low, np.int32(2 * bits), out[y])


@njit(cache=True, nogil=True)
def _blend_cut(upper: NDArray[np.uint16], lower: NDArray[np.uint16], up: np.int32, low: np.int32, out: Pixels) -> None:
    for i in range(out.shape[0]):
        out[i] = ((np.int32(upper[i]) * up >> 16) + (np.int32(lower[i]) * low >> 16) + 2) >> 2


@njit(cache=True, nogil=True)
def _blend(  # noqa: PLR0917
    upper: NDArray[np.uint16], lower: NDArray[np.uint16], up: np.int32, low: np.int32, bits: np.int32, out: Pixels
) -> None:
    half = np.int32(1) << (bits - np.int32(1))
    for i in range(out.shape[0]):
        out[i] = (np.int32(upper[i]) * up + np.int32(lower[i]) * low + half) >> bits


@njit(cache=True, nogil=True)
def average_boxes(source: Pixels, wide: int, high: int, channels: int, out: Pixels) -> None:
    """Fill `out` (h, w·channels) with the means of boxes of `wide` × `high` pixels of `source`."""
    part = np.float32(1.0 / (wide * high))
    sums = np.empty(source.shape[1], np.int32)
    for y in range(out.shape[0]):
        sums[:] = 0
        for v in range(high * y, high * y + high):
            for i in range(sums.shape[0]):
                sums[i] += source[v, i]
        for x in range(out.shape[1] // channels):
            for c in range(channels):
                total = np.int32(0)
                for u in range(wide):
                    total += sums[(wide * x + u) * channels + c]
                out[y, channels * x + c] = np.rint(np.float32(total) * part)


@njit(cache=True, nogil=True)
def average(source: Pixels, across: Covered, down: Covered, channels: int, out: Pixels) -> None:
    """Fill `out` (h, w·channels) with means of `source`, by what its columns and rows are `Covered` of."""
    width = out.shape[1]
    row, total = np.empty(width, np.float32), np.empty(width, np.float32)
    in_row = -1
    for y in range(out.shape[0]):
        total[:] = 0
        for k in range(down.start[y], down.start[y + 1]):
            v = down.first[y] + k - down.start[y]
            if v != in_row:
                _cover(source[v], across, channels, row)
                in_row = v
            weight = down.weights[k]
            for i in range(width):
                total[i] += row[i] * weight
        for i in range(width):
            out[y, i] = min(np.rint(total[i]), np.float32(255))


@njit(cache=True, nogil=True)
def _cover(row: Pixels, across: Covered, channels: int, out: NDArray[np.float32]) -> None:
    first, start, weights = across
    if channels == 1:
        for x in range(first.shape[0]):
            value = np.float32(0)
            for k in range(start[x], start[x + 1]):
                value += np.float32(row[first[x] + k - start[x]]) * weights[k]
            out[x] = value
        return
    for x in range(first.shape[0]):
        r = g = b = np.float32(0)
        i = 3 * first[x]
        for k in range(start[x], start[x + 1]):
            weight = weights[k]
            r += np.float32(row[i]) * weight
            g += np.float32(row[i + 1]) * weight
            b += np.float32(row[i + 2]) * weight
            i += 3
        out[3 * x], out[3 * x + 1], out[3 * x + 2] = r, g, b
