"""Which clips share a shard, and putting the shards together from the groups of their clips.

A clip's group lies in the staging folder or in a shard, and the ledger knows which. A group leaves the staging folder
only when the saved index points at the shard that holds it, and a shard is never written over while the saved index
points into it: its clips go back to the staging folder first. So a kill at any moment loses no clip.
"""

from __future__ import annotations

import shutil
import tarfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO

from gifbench.builder.build_ledger import Ledger
from gifbench.builder.staging_folder_and_build_lock import check_run, group_name
from gifbench.dataset.index_rows import IndexRow
from gifbench.dataset.row_outcomes import Outcome
from gifbench.dataset.shard_format import END_OF_SHARD, STAGING, group_range
from gifbench.errors import DatasetDamaged
from gifbench.manifest.rows import ManifestRow
from gifbench.storage import Folder

_BLOCK = 1 << 20
_SMALLEST_GROUP = 8 * tarfile.BLOCKSIZE
"""Four headers and four members that are not empty; without GIFs, what the next two members take with what the group
before them ends with: each description is three blocks and a header."""
_SAVE_SECONDS = 10.0
_SAVE_SHARE = 0.02  # of the time, at most, goes into saving tables that grow with the manifest


def plan_shards(rows: Iterable[ManifestRow], clips_per_shard: int) -> dict[str, list[ManifestRow]]:
    """Which rows belong to which shard: by name, so many a shard, each split for itself."""
    splits: dict[str, list[ManifestRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.clip_id):
        splits[row.split].append(row)
    return {
        f"shards/{split}-{first // clips_per_shard:05d}.tar": wanted[first : first + clips_per_shard]
        for split, wanted in sorted(splits.items())
        for first in range(0, len(wanted), clips_per_shard)
    }


class Assembly:
    """The shards of a dataset that is being built."""

    def __init__(self, folder: Folder, ledger: Ledger, plan: Mapping[str, Sequence[ManifestRow]], *, run: str) -> None:
        self._folder, self._ledger, self._run = folder, ledger, run
        self._plan = {shard: [row.clip_id for row in rows] for shard, rows in plan.items()}
        self._shard_of = {clip_id: shard for shard, clip_ids in self._plan.items() for clip_id in clip_ids}
        self._uncertain: set[str] = set()  # shards that may hold a clip which the ledger no longer knows
        self._moved: list[str] = []  # clips that lie in a shard, and whose groups can go once that is saved
        self._next_save = time.monotonic() + _SAVE_SECONDS

    def start(self) -> None:
        """Bring what earlier runs left in line with the plan, which may have grown since."""
        self._forget_lost()
        sizes = self._folder.sizes("shards")
        held: dict[str, list[IndexRow]] = defaultdict(list)
        for row in self._ledger.placed():
            held[row.shard].append(row)
        for shard, rows in held.items():
            if any(self._shard_of.get(row.clip_id) != shard for row in rows):
                # What is damaged is not copied; its clip is made anew and has no other place.
                self._ledger.forget(row.clip_id for row in rows if row.clip_id in self._ledger.remaking)
                self._dissolve(shard, [row for row in rows if row.clip_id in self._ledger.outcomes])
                del rows[:]
        if self._ledger.changed:
            self.save()
        # A shard that the index does not point into was being written, or has just been dissolved.
        for name in sizes:
            if not held[name]:
                self._folder.delete(name)
        self._uncertain = {shard for shard, rows in held.items() if not _looks_whole(rows, sizes.get(shard, 0))}
        self._uncertain |= {self._shard_of.get(clip_id, "") for clip_id in self._ledger.fresh | self._ledger.remaking}
        for shard in self._plan:
            self._write_if_complete(shard)
        if self._ledger.changed:
            self.save()

    def add(self, outcome: Outcome) -> None:
        """Record an outcome, and write the shard of its clip if it was the last."""
        self._ledger.record(outcome)
        self._write_if_complete(self._shard_of[outcome.clip_id])
        if time.monotonic() > self._next_save:
            self.save()

    def purge(self, clip_ids: Iterable[str]) -> None:
        """Write the shards of clips that are no longer in the index anew, without them."""
        self.start()
        for shard in {self._shard_of[clip_id] for clip_id in clip_ids}:
            self._uncertain.add(shard)
            self._write_if_complete(shard)
            rows = [row for row in self._ledger.placed() if row.shard == shard]
            if rows and not self._holds_just(shard, rows):  # some of its clips were never made: they wait in staging
                self._dissolve(shard, rows)
                self.save()
                self._folder.delete(shard)

    def save(self) -> None:
        """Save the ledger, then let go of the groups that the saved index no longer needs.

        Raises `StorageError` if another run has begun: the ledger is its own now.
        """
        check_run(self._folder, self._run)
        started = time.monotonic()
        if self._ledger.changed or self._ledger.fresh:
            self._ledger.save()
        for clip_id in self._moved:
            self._folder.delete(group_name(clip_id))
        self._moved.clear()
        took = time.monotonic() - started
        self._next_save = time.monotonic() + max(_SAVE_SECONDS, took / _SAVE_SHARE)

    def _forget_lost(self) -> None:
        """Have clips made again whose bytes are neither in a shard nor in the staging folder."""
        groups, shards = set(self._folder.names(STAGING)), set(self._folder.names("shards"))
        for clip_id, outcome in list(self._ledger.outcomes.items()):
            if outcome.row is not None:
                if outcome.row.shard and outcome.row.shard not in shards:
                    self._ledger.remake([clip_id])
                elif not outcome.row.shard and group_name(clip_id) not in groups:
                    self._ledger.forget([clip_id])

    def _write_if_complete(self, shard: str) -> None:
        plan, known = self._plan[shard], self._ledger.outcomes
        if not all(clip_id in known for clip_id in plan) or not self._ledger.remaking.isdisjoint(plan):
            return
        rows = self._rows(shard)
        placed = [row for row in rows if row.shard == shard]
        if len(placed) == len(rows) and (shard not in self._uncertain or self._holds_just(shard, rows)):
            return
        self._uncertain.discard(shard)
        if placed:
            self._dissolve(shard, placed)
            self.save()
            rows = self._rows(shard)
        if rows:
            self._ledger.place(self._write(shard, rows))
            self._moved += [row.clip_id for row in rows]
        else:
            self._folder.delete(shard)

    def _holds_just(self, shard: str, rows: Sequence[IndexRow]) -> bool:
        """Whether a shard holds these clips and nothing else; one that was made anew may have failed since."""
        groups = sum(end - first for first, end in map(group_range, rows))
        return self._folder.size(shard) == (groups + len(END_OF_SHARD) if rows else None)

    def _rows(self, shard: str) -> list[IndexRow]:
        found = (self._ledger.outcomes[clip_id].row for clip_id in self._plan[shard])
        return [row for row in found if row is not None]

    def _write(self, shard: str, rows: Sequence[IndexRow]) -> list[IndexRow]:
        placed, offset = [], 0
        with self._folder.create(shard) as file:
            for row in rows:
                with self._folder.open(group_name(row.clip_id)) as group:
                    shutil.copyfileobj(group, file, _BLOCK)
                placed.append(row.moved(shard, offset))
                offset = file.tell()
            file.write(END_OF_SHARD)
        return placed

    def _dissolve(self, shard: str, rows: Sequence[IndexRow]) -> None:
        """Copy a shard's groups back to the staging folder; the index must be saved before the shard is touched."""
        back = []
        with self._folder.open(shard) as file:
            for row in rows:
                first, end = group_range(row)
                with self._folder.create(group_name(row.clip_id)) as group:
                    _copy(file, group, first, end - first)
                back.append(row.moved("", -first))
        self._ledger.place(back)


def _copy(source: BinaryIO, target: BinaryIO, start: int, length: int) -> None:
    source.seek(start)
    while length > 0:
        block = source.read(min(length, _BLOCK))
        if not block:
            raise DatasetDamaged("a shard ends in the middle of a clip; gifbench verify --repair makes it again")
        target.write(block)
        length -= len(block)


def _looks_whole(rows: Sequence[IndexRow], size: int) -> bool:
    """Whether a shard of `size` bytes cannot hold another clip beside these; False where that is not certain.

    Much faster than adding up the groups, whose last members would have to be written for that.
    """
    place = 0
    for row in sorted(rows, key=lambda row: row.truth.offset):
        if row.truth.offset - tarfile.BLOCKSIZE - place >= _SMALLEST_GROUP:
            return False
        place = row.members_end
    return size - len(END_OF_SHARD) - place < _SMALLEST_GROUP
