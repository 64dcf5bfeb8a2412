"""Telling a server that is away from a network that is missing, by who answers and who does not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

GROUPS = 4
"""So many times the sources of one server that make it unreachable, in servers one after the other, make no network."""


class Reach:
    """Which groups have answered, and which sources could not be reached since."""

    def __init__(self, limit: int) -> None:
        """`limit` sources of a group in a row without a connection, and its server is taken for unreachable."""
        self._limit = limit
        self._answered: set[str] = set()
        self._silent: dict[str, set[object]] = defaultdict(set)  # since the last answer from anywhere
        self._away: dict[str, set[object]] = defaultdict(set)  # since the last answer of the group itself
        self._heard_elsewhere: set[str] = set()

    def answered(self, group: str) -> None:
        """A server has answered, whatever it said."""
        self._answered.add(group)
        self._silent.clear()
        self._away.pop(group, None)
        self._heard_elsewhere = {name for name in self._away if name != group} | (self._heard_elsewhere - {group})

    def unreachable(self, group: str, source: object) -> None:
        """There was no connection to a server."""
        self._silent[group].add(source)
        self._away[group].add(source)

    def no_network(self, working: Collection[str]) -> bool:
        """Whether nothing can be reached any more; `working` are the groups that have something left to fetch."""
        if len(self._silent) >= GROUPS * self._limit:
            return True
        tries = sum(map(len, self._silent.values()))
        return tries >= self._limit and set(working) <= self._silent.keys() and not self._answered - set(working)

    def away(self, group: str, working: Collection[str]) -> bool:
        """Whether a server cannot be reached while others can, or could."""
        others = group in self._heard_elsewhere or bool(self._answered - set(working))
        return len(self._away.get(group, ())) >= self._limit and others
