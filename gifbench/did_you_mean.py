"""The end of a message about a name that is not known: what was perhaps meant, or the names there are."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def known_names(wrong: str, known: Iterable[str]) -> str:
    """The end of an error message: 'did you mean "plain-1"?' where one is close to what was written, or the list."""
    names = list(known)
    if near := get_close_matches(wrong.lower(), {name.lower(): name for name in names}, n=1):
        return f'did you mean "{next(name for name in names if name.lower() == near[0])}"?'
    return f"choose from: {', '.join(names)}" if names else "there are none"
