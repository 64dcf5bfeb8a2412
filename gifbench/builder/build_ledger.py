"""The memory of a build: what became of each row, safe against a kill at any moment.

    manifest.parquet       the rows that were asked for, by all runs
    outcomes.parquet       what became of them
    index.parquet          the clips that lie in shards
    dataset.json           the description
    SHA256SUMS             of these four
    staging/journal/*.json what came after the tables were last written, a checksum an outcome
    staging/*.group        the groups of clips that lie in no shard yet

Only the driver writes. An outcome is safe once a journal file holds it; the tables are written anew when a shard has
ended, and then the journal starts over. Whatever is replayed twice gives the same state.
"""

from __future__ import annotations

import functools
import hashlib
import json
import reprlib
import time
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from gifbench.builder.recipe import Recipe
from gifbench.builder.staging_folder_and_build_lock import group_name
from gifbench.checksummed_journal import has_checksum, with_checksum, without_checksum
from gifbench.dataset.dataset_reader import read_about
from gifbench.dataset.fingerprint import fingerprint
from gifbench.dataset.index_rows import IndexRow, index_bytes, table_rows
from gifbench.dataset.row_outcomes import OUTCOMES_SCHEMA, Outcome
from gifbench.dataset.shard_format import FORMAT, STAGING
from gifbench.dataset.table_checksums import CHECKSUMS, PENDING, check_written, checksum_lines, read_checksums
from gifbench.errors import BuildError, DatasetDamaged, NotFound
from gifbench.manifest.clip_ids import source_and_span, span
from gifbench.manifest.rows import ManifestRow, check_rows, manifest_bytes
from gifbench.parquet import parquet_bytes
from gifbench.storage import Folder
from gifbench.text_redaction import hashed

TABLES = ("manifest.parquet", "index.parquet", "outcomes.parquet")
REMOVED = "removed"
"""The reason of a clip that was taken out for good."""

_JOURNAL = f"{STAGING}/journal"
_FLUSH_SECONDS = 1.0
_MAX_JOURNAL = 64 << 20  # bytes of one file; what a second brings has some thousand
RECORDED_VERSIONS = ("gifbench", "av", "numba", "numpy", "opencv-python-headless", "pillow")


@functools.cache
def recorded_versions() -> Mapping[str, str]:
    """The versions of the packages that clips depend on, by name; the metadata of packages are read once a process."""
    return {name: version(name) for name in RECORDED_VERSIONS}


class Ledger:
    """What became of each manifest row of a dataset that is being built."""

    def __init__(self, folder: Folder, recipe: Recipe | None) -> None:
        """Read what earlier runs left; raises `BuildError` if they used another recipe or other parameters.

        Without a recipe no clip is made, and the dataset is described as it was.
        """
        self._folder = folder
        about = read_about(folder) if recipe is None or folder.exists("dataset.json") else {}
        self._described = about
        if recipe is not None:
            self._described = {
                "name": recipe.name,
                "title": recipe.title,
                "recipe": recipe.model_dump(mode="json"),
                "released_stride": recipe.released_stride,
                "versions": recorded_versions(),
            }
        self.rows: dict[str, ManifestRow] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.official: dict[str, int] = dict(about.get("official", {}))
        self.earlier: list[dict[str, Any]] = list(about.get("earlier_fingerprints", []))
        """The fingerprints that the dataset had before clips were removed, the oldest first."""
        self._unsaved: list[Outcome] = []
        self._flushed = time.monotonic()
        self._segment = 0
        self._rows_saved = False
        self._sha256: dict[str, str] = {}
        self.changed = not about
        """Whether there is something that neither the tables nor the journal say yet, or not for good."""
        self.fresh: set[str] = set()
        """Clips of which the journal tells and the tables do not."""
        self.remaking: set[str] = set()
        """Clips that are made anew; what was known of each stays until its new outcome is there."""
        if about:
            if recipe is not None:
                self._check_recipe(recipe, about)
            self._load(read_checksums(folder))
            if about.get("versions") != self._described.get("versions"):
                # What another version could not decode, this one tries again.
                for clip_id, outcome in self.outcomes.items():
                    if outcome.source_sha256 and outcome.reason != REMOVED:
                        self.outcomes[clip_id] = replace(outcome, source_sha256="")
                        self.changed = True
            self.changed |= about["recipe"] != self._described["recipe"]  # it is older than a parameter

    def want(self, rows: Iterable[ManifestRow]) -> None:
        """Add rows to what the dataset should hold. Raises `BuildError` if a built clip is now another source's."""
        removed = {source_and_span(self.rows[gone.clip_id]): gone for gone in self._removed()}
        for row in rows:
            if self.is_removed(row.clip_id):
                continue
            before = self.rows.get(row.clip_id)
            if gone := removed.get(source_and_span(row)):
                self.keep_out(before or row, replace(gone, clip_id=row.clip_id))
                continue
            if before is not None and before in (row, row.model_copy(update={"locator": hashed(row.locator)})):
                continue  # or its secret was taken out of the dataset
            outcome = self.outcomes.get(row.clip_id)
            if before is not None and outcome is not None and outcome.state == "built":
                raise BuildError(
                    f"{self._folder}: clip {row.clip_id} was built as {_what(before)}, and is now wanted as "
                    f"{_what(row)}; build into another folder, or with --overwrite"
                )
            self.outcomes.pop(row.clip_id, None)
            self.rows[row.clip_id] = row
            self._rows_saved, self.changed = False, True

    def keep_out(self, row: ManifestRow, outcome: Outcome) -> None:
        """Add a row that was removed, so that it stays out."""
        self.rows[row.clip_id] = row
        self.record(outcome)
        self._rows_saved = False

    def unless_removed(self, made: Outcome) -> Outcome:
        """The outcome of a clip that was just made; if it is a removed one by another name, that one's, and it goes."""
        row = made.row
        if row is None or self.is_removed(made.clip_id):
            return made
        part = span(self.rows[made.clip_id])
        for gone in self._removed():
            same_part = gone.source_sha256 and gone.source_sha256 == row.source_sha256
            if gone.look == row.pixels_sha256 or (same_part and span(self.rows[gone.clip_id]) == part):
                self._folder.delete(group_name(made.clip_id))
                return replace(gone, clip_id=made.clip_id)
        return made

    def is_removed(self, clip_id: str) -> bool:
        """Whether a clip was taken out for good."""
        outcome = self.outcomes.get(clip_id)
        return outcome is not None and outcome.reason == REMOVED

    def _removed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes.values() if outcome.reason == REMOVED]

    def wants(self, clip_id: str, retry: Container[str] | None = None) -> bool:
        """Whether a clip is to be made: it was not tried, or failed (with `retry`: for one of these reasons)."""
        outcome = self.outcomes.get(clip_id)
        if outcome is None or clip_id in self.remaking:
            return True
        return outcome.state == "failed" and (retry is None or outcome.reason in retry)

    def record(self, outcome: Outcome) -> None:
        """Remember an outcome; it is on disk a second later, or at the next `flush`."""
        before = self.outcomes.get(outcome.clip_id)
        if before is not None and before.state == "failed":
            outcome = replace(outcome, attempts=outcome.attempts + before.attempts)
        self.outcomes[outcome.clip_id] = outcome
        self.remaking.discard(outcome.clip_id)
        self.changed = True
        self._unsaved.append(outcome)
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self.flush()

    def forget(self, clip_ids: Iterable[str]) -> None:
        """Take back what is known of some clips, so that they are made again."""
        for clip_id in clip_ids:
            self.changed |= self.outcomes.pop(clip_id, None) is not None
            self.remaking.discard(clip_id)

    def remake(self, clip_ids: Iterable[str]) -> None:
        """Have some clips made again, whose rows stay in the index until the new ones are there."""
        self.remaking |= {clip_id for clip_id in clip_ids if clip_id in self.outcomes and clip_id in self.rows}

    def flush(self) -> None:
        """Write the outcomes that are in memory only to the journal."""
        if self._unsaved:
            lines = [
                with_checksum({**outcome.to_dict(), "row": None if outcome.row is None else outcome.row.to_dict()})
                for outcome in self._unsaved
            ]
            self._folder.write(f"{_JOURNAL}/{self._segment:08d}.json", json.dumps(lines).encode())
            self._segment += 1
            self._unsaved.clear()
        self._flushed = time.monotonic()

    def place(self, rows: Iterable[IndexRow]) -> None:
        """Remember that clips now lie in a shard; the tables are to be saved after that."""
        for row in rows:
            self.outcomes[row.clip_id] = replace(self.outcomes[row.clip_id], row=row)
            self.changed = True

    def placed(self) -> list[IndexRow]:
        """The index: clips that lie in a shard, by name."""
        found = (outcome.row for outcome in self.outcomes.values())
        return sorted((row for row in found if row is not None and row.shard), key=lambda row: row.clip_id)

    def waiting(self) -> list[Outcome]:
        """The built clips that lie in no shard yet."""
        return [each for each in self.outcomes.values() if each.row is not None and not each.row.shard]

    def save(self, *, rows: bool = False) -> None:
        """Write the tables, then start the journal over with the clips that lie in no shard yet.

        `rows` says that the manifest is another, too.
        """
        self._rows_saved &= not rows
        index = self.placed()
        outcomes = sorted(self.outcomes.values(), key=lambda outcome: outcome.clip_id)
        # The journal first: the index no longer tells of clips whose groups wait for their shard.
        old = self._folder.names(_JOURNAL)
        self._unsaved = [outcome for outcome in self._unsaved if outcome.row is None] + self.waiting()
        self.flush()
        tables = {
            "index.parquet": index_bytes(index),
            "outcomes.parquet": parquet_bytes((outcome.to_dict() for outcome in outcomes), OUTCOMES_SCHEMA),
            "dataset.json": json.dumps(self._about(index), indent=1).encode() + b"\n",
        }
        if not self._rows_saved:
            manifest = manifest_bytes(sorted(self.rows.values(), key=lambda row: (row.split, row.clip_id)))
            tables = {"manifest.parquet": manifest, **tables}
        self._sha256 |= {name: hashlib.sha256(data).hexdigest() for name, data in tables.items()}
        # A kill between two of the files leaves some as they were and some as this list says.
        self._folder.write(PENDING, checksum_lines(self._sha256))
        for name, data in tables.items():
            self._folder.write(name, data)
        self._rows_saved = True
        self._folder.write(CHECKSUMS, checksum_lines(self._sha256))
        for name in old:
            self._folder.delete(name)
        self.fresh.clear()
        self.changed = False

    def _about(self, index: Sequence[IndexRow]) -> dict[str, Any]:
        clips, frames = Counter(row.split for row in index), Counter[str]()
        for row in index:
            frames[row.split] += row.frames
        outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        for outcome in self.outcomes.values():
            outcomes[outcome.state][outcome.reason] += 1
        reasons = {state: dict(sorted(outcomes[state].items())) for state in ("rejected", "failed")}
        return {
            "format": FORMAT,
            "name": self._described["name"],
            "title": self._described.get("title", ""),
            "fingerprint": fingerprint(index),
            **{key: self._described[key] for key in ("recipe", "released_stride") if key in self._described},
            "clips": dict(sorted(clips.items())),
            "frames": dict(sorted(frames.items())),
            "bytes": sum(row.members[name].bytes for row in index for name in row.stored),
            "wanted": len(self.rows),
            "official": self.official,
            "outcomes": {"built": outcomes["built"].total(), **reasons},
            "versions": self._described.get("versions", {}),
            **({"earlier_fingerprints": self.earlier} if self.earlier else {}),
        }

    def _check_recipe(self, recipe: Recipe, about: Mapping[str, Any]) -> None:
        # A dataset that is older than a parameter was built with what is now its default.
        defaults = {name: field.default for name, field in type(recipe).model_fields.items()} | dict(recipe.before)
        before = {**defaults, "name": about["name"], **about["recipe"]}
        now = {"name": recipe.name, **recipe.model_dump(mode="json")}
        if before != now:
            changed = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
            mend = ", or gifbench repack" if changed == ["gifs"] else ""
            raise BuildError(
                f"{self._folder}: it was built with {_settings(before, changed)}, and now {_settings(now, changed)} is "
                f"asked for; build into another folder, or with --overwrite{mend}"
            )

    def _load(self, sha256: Mapping[str, str]) -> None:
        tables: dict[str, list[dict[str, Any]]] = {}
        read: dict[str, bytes] = {}
        for file in TABLES:
            if file == "outcomes.parquet" and not self._folder.exists(file):
                # The index tells of the clips that are built; the others are tried again.
                self.changed = True
                tables[file] = [{"clip_id": row.get("clip_id"), "state": "built"} for row in tables["index.parquet"]]
                continue
            try:
                data = read[file] = self._folder.read(file)
                tables[file] = table_rows(data, place=self._folder.place(file))
            except (NotFound, DatasetDamaged) as error:
                raise DatasetDamaged(f"{error}; gifbench verify --repair mends it, or says what does") from error
            self._sha256[file] = hashlib.sha256(data).hexdigest()
            if self._sha256[file] != sha256.get(file):
                self.changed = True  # killed between the tables and their checksums
        manifest, index, outcomes = (tables[file] for file in TABLES)
        # As any manifest from outside: who wrote this one is not known.
        self.rows = {row.clip_id: row for row in check_rows(manifest, name=self._folder.place(TABLES[0]))}
        with _damaged_unless_values(self._folder.place(TABLES[1]), "gifbench verify --repair rebuilds it"):
            placed = {row.clip_id: row for row in map(IndexRow.from_dict, index)}
        with _damaged_unless_values(
            self._folder.place(TABLES[2]), "delete it: the clips that are not built are tried again"
        ):
            for outcome in map(Outcome.from_dict, outcomes):
                self._restore(replace(outcome, row=placed.get(outcome.clip_id)))
        for file, data in read.items():
            check_written(self._folder, file, data)
        self._rows_saved = not self.changed
        for name in self._folder.names(_JOURNAL):
            self._segment = max(self._segment, int(name.rsplit("/", 1)[1].removesuffix(".json")) + 1)
            with _damaged_unless_values(self._folder.place(name), "delete it: the clips in it are made again"):
                lines = json.loads(self._folder.read(name, limit=_MAX_JOURNAL))
                journal = _journal(lines)
            for outcome in journal:
                # A journal older than the tables tells of groups that have moved into a shard since.
                if outcome.clip_id not in placed:
                    self._restore(outcome)
                    self.fresh.add(outcome.clip_id)

    def _restore(self, outcome: Outcome) -> None:
        if outcome.clip_id in self.rows and (outcome.state != "built" or outcome.row is not None):
            self.outcomes[outcome.clip_id] = outcome


def _journal(lines: object) -> list[Outcome]:
    """The outcomes of a journal file; raises `ValueError` for one that is not as a build wrote it.

    What gifbench 0.1 wrote has no checksums: it is believed where no line of the file has one.
    """
    if not isinstance(lines, list):
        raise ValueError(f"{type(lines).__name__} where a list belongs")
    checked, found = any(isinstance(line, dict) and has_checksum(line) for line in lines), []
    for number, line in enumerate(lines, start=1):
        try:
            outcome = Outcome.from_dict(line)
            if checked:
                without_checksum(line)
        except ValueError as error:
            raise ValueError(f"outcome {number}: {error}") from error
        found.append(outcome)
    return found


@contextmanager
def _damaged_unless_values(place: str, advice: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, RecursionError) as error:
        raise DatasetDamaged(f"{place}: it does not hold what a build writes ({error}); {advice}") from error


def _what(row: ManifestRow) -> str:
    about = row.model_dump(exclude_defaults=True, exclude={"clip_id", "licence", "note"})
    return ", ".join(f"{key}={value}" for key, value in about.items())


def _settings(values: Mapping[str, Any], names: Sequence[str]) -> str:
    def shown(value: object) -> str:
        text = value if isinstance(value, str) else reprlib.repr(value)  # a file may hold any length and depth
        return text[:100]

    return ", ".join(f"{name[:100]}={shown(values.get(name))}" for name in names)[:2000]
