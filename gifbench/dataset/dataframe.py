"""A dataset's clips, and what became of the rows that were asked for, as tables for pandas and for a notebook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, overload

from gifbench import notebook
from gifbench.dataset.index_rows import IndexRow
from gifbench.dataset.row_outcomes import Outcome

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 10
"""So many rows are shown in a notebook."""

_CLIP_COLUMNS = {
    "clip_id": "str",
    "split": "str",
    "frames": "int64",
    "height": "int64",
    "width": "int64",
    "fps": "float64",
    "seconds": "float64",
    "source": "str",
    "locator": "str",
    "start_seconds": "float64",
    "end_seconds": "float64",
    "licence": "str",
    "truth_bytes": "int64",
    "plain_bytes": "int64",
    "dithered_bytes": "int64",
    "shard": "str",
}

_OUTCOME_COLUMNS = {
    "clip_id": "str",
    "state": "str",
    "reason": "str",
    "detail": "str",
    "attempts": "int64",
    "seconds": "float64",
}


class Outcomes(Sequence[Outcome]):
    """What became of each row that a dataset was asked for, by clip id: a sequence of `Outcome`s.

    `to_pandas()` gives them as a table; in a notebook the value shows how many there are of each kind.
    """

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        self._outcomes = tuple(outcomes)

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> Outcomes: ...
    def __getitem__(self, index: int | slice) -> Outcome | Outcomes:
        return Outcomes(self._outcomes[index]) if isinstance(index, slice) else self._outcomes[index]

    def __len__(self) -> int:
        return len(self._outcomes)

    def __repr__(self) -> str:
        counts = Counter(each.state for each in self)
        return f"Outcomes({len(self)}: {', '.join(f'{n} {state}' for state, n in counts.items()) or 'none'})"

    def to_pandas(self) -> pd.DataFrame:
        """A `pandas.DataFrame` with a row a manifest row.

        Columns are `clip_id`, `state` (`built`, `rejected` or `failed`), `reason` (empty for a built clip), `detail`
        (what a rule saw, or the error's own text), `attempts`, and `seconds` that the last try took.
        """
        return _frame((each.to_dict() for each in self), _OUTCOME_COLUMNS)

    def _repr_html_(self) -> str:
        counts = Counter((each.state, each.reason) for each in self)
        return notebook.table(("state", "reason", "clips"), [(*kind, n) for kind, n in counts.most_common()])


def clips_frame(rows: Iterable[IndexRow]) -> pd.DataFrame:
    """A row a clip, as `Clips.to_pandas` describes it."""
    return _frame(map(_clip_values, rows), _CLIP_COLUMNS)


def clips_table(rows: Sequence[IndexRow]) -> str:
    """The first clips as HTML."""
    names = ("clip_id", "split", "frames", "width", "height", "fps", "seconds")
    shown = []
    for row in rows[:SHOWN]:
        values = _clip_values(row)
        shown.append([f"{values[name]:.6g}" if isinstance(values[name], float) else values[name] for name in names])
    more = f"<p>and {len(rows) - SHOWN} more clips</p>" if len(rows) > SHOWN else ""
    return notebook.table(names, shown) + more


def _clip_values(row: IndexRow) -> dict[str, Any]:
    """The columns of the index, those of a table among them."""
    return {**row.to_dict(), "fps": float(Fraction(row.fps)), "seconds": float(row.duration)}


def _frame(rows: Iterable[dict[str, Any]], columns: dict[str, str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(columns)).astype(columns)
