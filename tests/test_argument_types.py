"""A wrong type is one clear line before anything is done, and what only looks unusual passes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from gifbench.argument_types import check_types
from gifbench.errors import UsageError


@check_types
def take(
    path: str | os.PathLike[str] = "x",
    *names: str,
    count: int | None = None,
    share: float = 0.0,
    several: Sequence[str] = (),
    one_or_more: str | Sequence[str] = "",
    told: Callable[[int], None] | None = None,
    color: tuple[int, int, int] = (1, 2, 3),
    kind: Literal["a", "b"] = "a",
    options: Mapping[str, Any] | None = None,
    on: bool = False,
    frames: np.ndarray[Any, Any] | None = None,
    times: Sequence[Fraction] = (),
) -> str:
    """What was taken."""
    return os.fspath(path)


@pytest.mark.parametrize(
    "given",
    [
        {"path": Path("y")},
        {"count": np.int64(3)},
        {"share": 1},
        {"share": Fraction(1, 3)},
        {"share": np.float32(0.5)},
        {"several": ["a"]},
        {"several": ("a", "b")},
        {"several": np.array(["a"])},
        {"one_or_more": ["a"]},
        {"told": print},
        {"color": [1, 2, 3]},
        {"kind": "b"},
        {"options": {"a": 1}},
        {"on": np.bool_(True)},
        {"frames": np.zeros(3)},
        {"times": [0, 0.5, Fraction(2, 3)]},
    ],
    ids=str,
)
def test_what_fits_passes(given) -> None:
    assert take(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"path": 5}, "path must be a path, got 5"),
        ({"path": b"x"}, "path must be a path, got a value of the type bytes"),
        ({"count": "3"}, "count must be a whole number or None, got the text '3'"),
        ({"count": True}, "count must be a whole number or None, got True"),
        ({"count": 1.5}, "count must be a whole number or None, got 1.5"),
        ({"share": "half"}, "share must be a number, got the text 'half'"),
        ({"several": "abc"}, "several must be a list of texts, got the text 'abc'"),
        ({"several": ["a", 1]}, "several must be a list of texts, got 1 in it"),
        ({"one_or_more": 5}, "one_or_more must be a text or a list of texts, got 5"),
        ({"told": 3}, "told must be a function or None, got 3"),
        ({"color": (1, 2)}, r"color must be \(a whole number, a whole number, a whole number\), got a value"),
        ({"kind": "c"}, "kind must be 'a' or 'b', got the text 'c'"),
        ({"kind": ["a"]}, "kind must be 'a' or 'b', got a value of the type list"),
        ({"options": []}, "options must be a mapping or None, got a value of the type list"),
        ({"on": 1}, "on must be True or False, got 1"),
        ({"frames": [[1]]}, "frames must be an array or None, got a value of the type list"),
    ],
    ids=str,
)
def test_what_does_not_is_said(given, message) -> None:
    with pytest.raises(UsageError, match=f"^{message}"):
        take(**given)


def test_the_function_stays_itself() -> None:
    assert take.__name__ == "take"
    assert take.__doc__ == "What was taken."
    with pytest.raises(TypeError, match="unexpected keyword"):
        take(nothing=1)
