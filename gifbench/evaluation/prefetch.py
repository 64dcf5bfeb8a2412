"""An iterator that runs ahead in a thread of its own, by so many bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from threading import Condition, Thread
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """Takes items from `source` in a thread, while those that wait weigh at most `budget`; gives them in order.

    One item is always let in, however heavy. What the source raises is raised where its item would have come. `close`
    ends the thread after the item at hand.
    """

    def __init__(self, source: Iterator[T], *, budget: int, weigh: Callable[[T], int]) -> None:
        self._source, self._budget, self._weigh = source, budget, weigh
        self._waiting: deque[tuple[T, int]] = deque()
        self._weight = 0
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self._changed = Condition()
        self._thread = Thread(target=self._run, name="decode", daemon=True)
        self._thread.start()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        with self._changed:
            while not self._waiting and not self._ended:
                self._changed.wait()
            if self._waiting:
                item, weight = self._waiting.popleft()
                self._weight -= weight
                self._changed.notify_all()
                return item
            error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopIteration

    def close(self) -> None:
        """End the thread; what waits is dropped."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._source:
                if not self._put(item):
                    break
        except BaseException as raised:  # raised again in the thread that asks
            error = raised
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def _put(self, item: T) -> bool:
        weight = self._weigh(item)
        with self._changed:
            while self._waiting and self._weight + weight > self._budget and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            self._waiting.append((item, weight))
            self._weight += weight
            self._changed.notify_all()
            return True
