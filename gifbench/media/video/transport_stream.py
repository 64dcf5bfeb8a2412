"""Where an MPEG transport stream is joined of several, where its clock is said to jump, and whether it is scrambled.

libav marks a packet as corrupt when the continuity counter of its stream jumps. Where files were joined it jumps too,
with nothing lost: the new file begins with its tables, and its first packet with a new frame (ISO/IEC 13818-1, 2.4.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_SYNC, _PROGRAMS, _NULL = 0x47, 0, 0x1FFF
_SIZES = (188, 192, 204)


@dataclass(frozen=True, slots=True)
class TransportStream:
    """What the packets of a transport stream say of one of its streams."""

    whole: bool
    """Whether no packet is lost between two of the same file."""
    jumps: tuple[int, ...]
    """Where in the file the clock is said to jump, in bytes."""
    scrambled: bool
    """Whether its packets are encrypted."""


def read_transport_stream(path: Path, pid: int) -> TransportStream | None:
    """What the transport stream at `path` says of its stream `pid`; None for a file of another kind."""
    if path.stat().st_size < _SIZES[0]:
        return None
    data: NDArray[np.uint8] = np.memmap(path, np.uint8, "r")
    packets = _packets(data)
    if packets is None:
        return None
    starts, rows = packets
    pids = (rows[:, 1] & 0x1F).astype(np.int32) << 8 | rows[:, 2]
    begins, adaptation = rows[:, 1] & 0x40 != 0, rows[:, 3] & 0x20 != 0
    jumps = adaptation & (rows[:, 4] > 0) & (rows[:, 5] & 0x80 != 0) & (pids != _NULL)
    own = np.flatnonzero((pids == pid) & (rows[:, 3] & 0x10 != 0))
    tables = np.flatnonzero(pids == _PROGRAMS)
    counter = rows[own, 3] & 15
    steps = (counter[1:] - counter[:-1]) & 15
    whole = True
    for number in np.flatnonzero(steps > 1):
        before, after = own[number], own[number + 1]
        joined = begins[after] and bool(np.any((tables > before) & (tables < after)))
        said = bool(np.any(jumps[before + 1 : after + 1] & (pids[before + 1 : after + 1] == pid)))
        whole = whole and (joined or (said and bool(begins[after])))
    if np.any(rows[own, 1] & 0x80):  # the receiver saw an error in it
        whole = False
    return TransportStream(
        whole,
        tuple(int(starts[i]) for i in np.flatnonzero(jumps)),
        bool(len(own) and np.mean(rows[own, 3] >> 6 > 0) > 0.5),
    )


def _packets(data: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.uint8]] | None:
    """Where the packets start, and the first six bytes of each."""
    for size in _SIZES:
        for first in range(min(size, len(data))):
            if np.all(data[first : first + 8 * size : size] == _SYNC):
                count = (len(data) - first - 6) // size + 1
                starts = first + size * np.arange(max(count, 0), dtype=np.int64)
                rows = np.stack([data[starts + i] for i in range(6)], axis=1)
                synced = rows[:, 0] == _SYNC
                return (starts[synced], rows[synced]) if synced.mean() > 0.9 else None
    return None
