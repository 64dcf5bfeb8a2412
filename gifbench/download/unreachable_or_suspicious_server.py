"""What answers say of a service and not of a source: it cannot be reached, or it answers everything alike."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Collection

from gifbench.download.fetch_ledger import SourceKey

GROUPS = 4
"""So many times the sources of one server that make it unreachable, in servers one after the other, make no network."""


class Reach:
    """Which groups have answered, and which sources could not be reached since."""

    def __init__(self, limit: int) -> None:
        """`limit` sources of a group in a row without a connection, and its server is taken for unreachable."""
        self._limit = limit
        self._answered: set[str] = set()
        self._silent: dict[str, set[SourceKey]] = defaultdict(set)  # since the last answer from anywhere
        self._away: dict[str, set[SourceKey]] = defaultdict(set)  # since the last answer of the group itself
        self._heard_elsewhere: set[str] = set()

    def answered(self, group: str) -> None:
        """A server has answered, whatever it said."""
        self._answered.add(group)
        self._silent.clear()
        self._away.pop(group, None)
        self._heard_elsewhere = {name for name in self._away if name != group} | (self._heard_elsewhere - {group})

    def unreachable(self, group: str, source: SourceKey) -> None:
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


MOST = 0.9
"""The share of a service's last answers that makes one answer suspicious."""


class Brake:
    """The last answers of one service, and whether too many of them are the same that no second try can change.

    A block of an address, an app or a region can look like thousands of deleted videos. So an answer that most of the
    last `length` sources got is believed only when a source answers that is known to be there.
    """

    def __init__(self, length: int) -> None:
        """`length` answers are looked at; 0: every answer is believed."""
        self._last: deque[tuple[str, SourceKey]] = deque(maxlen=length)

    def answered(self, reason: str, source: SourceKey) -> None:
        """A source ended with a reason; "" for any other end than a reason that is for good."""
        self._last.append((reason, source))

    def suspicious(self) -> str:
        """The reason that most of the last answers were, or ""."""
        if not self._last or len(self._last) != self._last.maxlen:
            return ""
        ((reason, count),) = Counter(reason for reason, _ in self._last).most_common(1)
        return reason if reason and count >= MOST * len(self._last) else ""

    def sources(self, reason: str) -> list[SourceKey]:
        """The sources that got this answer, the oldest first."""
        return [source for each, source in self._last if each == reason]

    def believe(self) -> None:
        """What was answered so far is believed."""
        self._last.clear()
