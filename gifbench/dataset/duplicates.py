"""Clips of a dataset that are the same, or look alike: which ones, and whether a split knows what another one tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gifbench.dataset.dataset_reader import Dataset
from gifbench.dataset.index_rows import IndexRow, read_table
from gifbench.errors import DatasetError, StorageError
from gifbench.media.perceptual_hash import BITS, MOST_DIFFERENT, parse_hash

_SHOWN = 20
_BLOCK = 512
_MOST_LONGER = 1.1  # times; talks of one person before one wall differ in length if in nothing else
_CLOCK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Groups of clip ids that have the same frames, and pairs that look alike."""

    equal: Sequence[tuple[str, ...]]
    alike: Sequence[tuple[str, str]]
    splits: Mapping[str, str]
    """The split of each clip."""

    def across_splits(self) -> list[tuple[str, ...]]:
        """The groups of equal clips that are in more than one split."""
        return [group for group in self.equal if len({self.splits[clip_id] for clip_id in group}) > 1]

    def lines(self) -> Iterator[str]:
        """For people, a line a group."""
        for groups, what, kind in (
            (self.equal, "equal clips, frame for frame", "groups of equal clips"),
            (self.alike, "clips that look alike, perhaps other encodings of one video", "pairs that look alike"),
        ):
            yield from (f"{what}: {self._named(group)}" for group in groups[:_SHOWN])
            if len(groups) > _SHOWN:
                yield f"and {len(groups) - _SHOWN:,} more {kind}"

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        across = [list(group) for group in self.across_splits()]
        return {"equal": [list(g) for g in self.equal], "across_splits": across, "alike": [list(p) for p in self.alike]}

    def tell(self, say: Callable[[str], None], place: object, *, allow: bool) -> None:
        """Say each line; raises `DatasetError` for equal clips in two splits of what is at `place`, unless `allow`."""
        for line in self.lines():
            say(line)
        groups = self.across_splits()
        if groups and not allow:
            more = f" (and {len(groups) - 1} more groups)" if len(groups) > 1 else ""
            raise DatasetError(
                f"{place}: equal clips are in two splits: {self._named(groups[0])}{more}; gifbench remove takes one "
                "out, --allow-duplicates leaves them"
            )

    def _named(self, group: Iterable[str]) -> str:
        return ", ".join(f"{clip_id} ({self.splits[clip_id]})" for clip_id in group)


def find_duplicates(dataset: Dataset) -> Duplicates:
    """Equal clips by their frames' sha256, and such that look alike, by the hashes that the build left."""
    rows: Mapping[str, IndexRow] = {row.clip_id: row for row in dataset.rows}
    groups: dict[str, list[str]] = defaultdict(list)
    for row in dataset.rows:
        groups[row.pixels_sha256].append(row.clip_id)
    equal = [tuple(sorted(group)) for group in groups.values() if len(group) > 1]
    hashes = {
        clip_id: bits
        for clip_id, text in _hashes(dataset).items()
        if clip_id in rows and (bits := parse_hash(text)) is not None
    }
    alike = [
        pair
        for pair in alike_pairs(hashes)
        if rows[pair[0]].pixels_sha256 != rows[pair[1]].pixels_sha256 and _apart(rows, pair)
    ]
    return Duplicates(sorted(equal), alike, {clip_id: row.split for clip_id, row in rows.items()})


def _apart(rows: Mapping[str, IndexRow], pair: tuple[str, str]) -> bool:
    """Whether two clips are of two files, and about as long: spans of one video look alike, which is no news."""
    first, second = (rows[clip_id] for clip_id in pair)
    lengths = sorted(row.end_seconds - row.start_seconds for row in (first, second))
    return first.source_sha256 != second.source_sha256 and lengths[1] <= _MOST_LONGER * lengths[0] + _CLOCK_SECONDS


def alike_pairs(hashes: Mapping[str, NDArray[np.uint64]]) -> list[tuple[str, str]]:
    """Pairs of clips whose perceptual hashes, of `BITS` bits, differ in few of them, in the order of the names."""
    names = sorted(hashes)
    if len(names) < 2:
        return []
    bits = np.stack([hashes[name] for name in names])
    pairs = []
    for first in range(0, len(names), _BLOCK):
        block = bits[first : first + _BLOCK]
        # By the first words alone most pairs are told apart.
        near = np.argwhere(_distance(block[:, :4], bits[:, :4]) <= MOST_DIFFERENT)
        for i, j in near[near[:, 0] + first < near[:, 1]]:
            if int(_distance(block[i : i + 1], bits[j : j + 1])[0, 0]) <= MOST_DIFFERENT:
                pairs.append((names[first + i], names[j]))
    return pairs


def _distance(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.int64]:
    differing = np.zeros((len(first), len(second)), np.int64)
    for word in range(first.shape[1]):
        bits = first[:, None, word] ^ second[None, :, word]
        differing += _COUNTS[bits.view(np.uint16)].reshape(*bits.shape, 4).sum(-1, dtype=np.int64)
    return differing


_COUNTS = np.array([bin(value).count("1") for value in range(1 << 16)], np.uint8)


def _hashes(dataset: Dataset) -> dict[str, str]:
    try:
        table = read_table(dataset.folder, "outcomes.parquet")
    except (DatasetError, StorageError):
        return {}
    return {str(row["clip_id"]): str(row["look"]) for row in table if row.get("look") and row.get("clip_id")}


assert BITS % 64 == 0  # noqa: S101 - words of 64 bits
