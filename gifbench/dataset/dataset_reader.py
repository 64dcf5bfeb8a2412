"""Opening a dataset: its description, its index, and its clips by number or by name."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, overload

from gifbench import notebook
from gifbench.argument_types import check_types
from gifbench.dataset.columns import SPLITS
from gifbench.dataset.dataframe import Outcomes, clips_frame, clips_table
from gifbench.dataset.dataset_clip import DatasetClip
from gifbench.dataset.dataset_json import MAX_ABOUT, parse_about
from gifbench.dataset.fingerprint import fingerprint
from gifbench.dataset.index_rows import IndexRow, table_rows
from gifbench.dataset.row_outcomes import Outcome
from gifbench.dataset.shard_format import FORMAT, STAGING
from gifbench.dataset.table_checksums import CHECKSUMS, check_written, is_written
from gifbench.entry_points import installed_recipe
from gifbench.errors import DatasetDamaged, DatasetError, NoSuchClip, NotFound
from gifbench.storage import Folder

if TYPE_CHECKING:
    import pandas as pd


class Clips(Sequence[DatasetClip]):
    """Clips in the order of their names, made when they are looked at."""

    def __init__(self, folder: Folder, rows: Sequence[IndexRow]) -> None:
        self.folder = folder
        """The folder of the dataset."""
        self.rows = rows
        """The clips' rows of the index."""

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, item: int) -> DatasetClip: ...
    @overload
    def __getitem__(self, item: slice) -> Clips: ...
    def __getitem__(self, item: int | slice) -> DatasetClip | Clips:
        if isinstance(item, slice):
            return Clips(self.folder, self.rows[item])
        return DatasetClip(self.folder, self.rows[item])

    def __repr__(self) -> str:
        return f"Clips({len(self)} clips, {sum(row.frames for row in self.rows)} frames)"

    def to_pandas(self) -> pd.DataFrame:
        """A `pandas.DataFrame` with a row a clip, in the order of the clips.

        Columns are `clip_id`, `split`, `frames`, `height` and `width` in pixels, `fps` (frames a second), `seconds`,
        `source`, `locator`, `start_seconds` and `end_seconds` in the source, `licence`, `truth_bytes`, `plain_bytes`,
        `dithered_bytes` (of a GIF that is made when it is read, what it then has) and `shard`.
        """
        return clips_frame(self.rows)

    def _repr_html_(self) -> str:
        return clips_table(self.rows)


class Dataset(Clips):
    """A built dataset: a sequence of all its clips, and a mapping by clip id."""

    def __init__(self, folder: Folder, about: Mapping[str, Any], rows: Sequence[IndexRow]) -> None:
        super().__init__(folder, rows)
        self.about: dict[str, Any] = dict(about)
        self._by_id = {row.clip_id: row for row in rows}

    @property
    def url(self) -> str:
        """Where the dataset is."""
        return self.folder.url

    @property
    def name(self) -> str:
        """The recipe's name, such as `gif-faces`."""
        return str(self.about["name"])

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that stand for all that methods see and are scored against."""
        return str(self.about["fingerprint"])

    @property
    def official(self) -> dict[str, int]:
        """How many clips the official list has in each split; empty for a dataset of one's own."""
        return dict(self.about.get("official", {}))

    @property
    def released_stride(self) -> int | None:
        """Which frames the paper's released code scores, as `Recipe.released_stride` says; None: all of them.

        An installed recipe of that name is asked first: a file from elsewhere must not choose what is scored.
        """
        recipe = installed_recipe(self.name)
        stride: int | None = self.about.get("released_stride") if recipe is None else recipe.released_stride
        return stride

    @property
    def outcomes(self) -> Outcomes:
        """What became of each row that the dataset was asked for, by clip id; `.to_pandas()` gives a table.

        Read from `outcomes.parquet` at each call. Raises `NotFound` where that is missing, `DatasetDamaged` where it
        cannot be read or is not as a build wrote it.
        """
        place = self.folder.place("outcomes.parquet")
        data = self.folder.read("outcomes.parquet")
        try:
            outcomes = Outcomes(Outcome.from_dict(row) for row in table_rows(data, place=place))
        except ValueError as error:
            raise DatasetDamaged(f"{place}: a column is missing or wrong ({error})") from error
        check_written(self.folder, "outcomes.parquet", data)
        return outcomes

    @check_types
    def split(self, name: str) -> Clips:
        """The clips of a split; raises `DatasetError` if the dataset has none of that name."""
        rows = [row for row in self.rows if row.split == name]
        if not rows:
            splits = sorted({row.split for row in self.rows})
            advice = f". gifbench build with --split {name} makes one, of other videos" if name in SPLITS else ""
            raise DatasetError(
                f"{self.url}: no clip is in the split {name!r}; its splits: {', '.join(splits) or 'none'}{advice}"
            )
        return Clips(self.folder, rows)

    @overload
    def __getitem__(self, item: int | str) -> DatasetClip: ...
    @overload
    def __getitem__(self, item: slice) -> Clips: ...
    def __getitem__(self, item: int | str | slice) -> DatasetClip | Clips:
        if isinstance(item, str):
            if item not in self._by_id:
                raise no_such_clip(self.url, item, self._by_id)
            return DatasetClip(self.folder, self._by_id[item])
        return super().__getitem__(item)

    def __contains__(self, item: object) -> bool:
        return item in self._by_id if isinstance(item, str) else super().__contains__(item)

    def __repr__(self) -> str:
        return f"Dataset({self.name!r} at {self.url}, {len(self)} clips, {self.fingerprint})"

    def _repr_html_(self) -> str:
        """What the dataset holds, and its first clips."""
        outcomes = self.about["outcomes"]
        left_out = ", ".join(f"{sum(outcomes[kind].values())} {kind}" for kind in ("rejected", "failed"))
        known = {
            "dataset": f"{self.name} at {self.url}",
            "fingerprint": self.fingerprint,
            "clips": ", ".join(f"{split} {count}" for split, count in self.about["clips"].items()) or "none",
            "frames": ", ".join(f"{split} {count}" for split, count in self.about["frames"].items()) or "none",
            "left out": left_out,
        }
        return notebook.facts(known) + super()._repr_html_()


def no_such_clip(url: str, clip_id: str, known: Collection[str]) -> NoSuchClip:
    """The error for a clip that is not among the `known` ones, with the one that was perhaps meant."""
    near = get_close_matches(clip_id, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it holds {len(known)} clip{'s' if len(known) != 1 else ''}"
    return NoSuchClip(f"{url}: no clip is called {clip_id[:100]!r}; {hint}")


@check_types
def open_dataset(url: str | os.PathLike[str]) -> Dataset:
    """Open a built dataset at a path or an fsspec URL.

    Raises `DatasetError` if there is none, `DatasetDamaged` if its index cannot be read or is not the one that the
    fingerprint stands for. Another change of index or description since a build wrote them is a warning of the logger
    `gifbench`.
    """
    folder = Folder(url)
    if not folder.exists("dataset.json") and (folder.exists("index.parquet") or folder.exists("manifest.parquet")):
        raise DatasetDamaged(f"{folder.place('dataset.json')}: it is missing; {only_a_copy('recipe')}")
    about, data = _about(folder)
    files = {"dataset.json": data}
    try:
        files["index.parquet"] = folder.read("index.parquet")
        rows = _index_rows(files["index.parquet"], place=folder.place("index.parquet"))
    except (DatasetDamaged, NotFound) as error:
        raise DatasetDamaged(f"{error}; gifbench verify --repair rebuilds it from the shards") from error
    if (found := fingerprint(rows)) != about["fingerprint"]:
        if not folder.exists(STAGING):
            raise DatasetDamaged(
                f"{folder.place('index.parquet')}: its clips have the fingerprint {found}, dataset.json says "
                f"{about['fingerprint'][:100]}; gifbench verify {folder.url} says which of the two is damaged"
            )
        about = {**about, "fingerprint": found}  # a build is at work, or was killed between the two files
    changed = [name for name, data in files.items() if not is_written(folder, name, data)]
    if changed and not folder.exists(STAGING):
        logging.getLogger("gifbench").warning(
            "%s: %s was changed since it was built, by its sha256 in %s; gifbench verify %s says what is damaged",
            folder.url,
            " and ".join(changed),
            CHECKSUMS,
            folder.url,
        )
    return Dataset(folder, about, rows)


def read_index(folder: Folder) -> list[IndexRow]:
    """The rows of `index.parquet`; raises `NotFound` without it, `DatasetDamaged` if it cannot be read."""
    return _index_rows(folder.read("index.parquet"), place=folder.place("index.parquet"))


def _index_rows(data: bytes, *, place: str) -> list[IndexRow]:
    found: dict[str, IndexRow] = {}
    for values in table_rows(data, place=place):
        try:
            row = IndexRow.from_dict(values)
        except ValueError as error:
            raise DatasetDamaged(f"{place}: a column is missing or wrong ({error})") from error
        if not row.shard or found.setdefault(row.clip_id, row) is not row:
            raise DatasetDamaged(f"{place}: clip {row.clip_id} is in it twice, or in no shard")
    return list(found.values())


def only_a_copy(known: str) -> str:
    """What to do where a file is lost that nothing else tells of; `known` is what stood in it."""
    return f"nothing else here knows the {known}: take the file from a copy, or build with the same {known} elsewhere"


def read_about(folder: Folder) -> dict[str, Any]:
    """What `dataset.json` says; raises `DatasetDamaged` if it is none of ours, `DatasetError` if a later gifbench's."""
    return _about(folder)[0]


def _about(folder: Folder) -> tuple[dict[str, Any], bytes]:
    """What `dataset.json` says, and its bytes."""
    place = folder.place("dataset.json")
    try:
        data = folder.read("dataset.json", limit=MAX_ABOUT)
        about = parse_about(data)
    except NotFound as error:
        raise DatasetError(f"{folder.url}: no dataset is here (no dataset.json); gifbench build makes one") from error
    except ValueError as error:
        raise DatasetDamaged(
            f"{place}: not the description of a gifbench dataset ({error}); {only_a_copy('recipe')}"
        ) from error
    if about["format"] > FORMAT:
        raise DatasetError(f"{place}: format {about['format']} is of a later gifbench, this one reads up to {FORMAT}")
    return about, data
