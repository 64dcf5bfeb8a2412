"""What scoring asks of a dataset and its clips, and the clips of a run decoded ahead of the scoring, within bounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Protocol, TypeVar

from gifbench.benchmark_tasks import Task
from gifbench.errors import DatasetDamaged, MediaError
from gifbench.evaluation.scoring_protocols import Segment
from gifbench.gif_maker_registry import generated_gif, load_maker
from gifbench.media.clip import Clip, Pixels
from gifbench.media.gif import Gif

AHEAD_BYTES = 64 << 20
"""Decoded frames that wait to be scored; a GIF of more bytes is not read before its turn."""

HELD_BYTES = 192 << 20
"""Truth that is kept while the passes over a clip go on; of larger clips it is decoded once a pass."""


T = TypeVar("T")


class ScoredClip(Protocol):
    """What scoring asks of a clip; those of `gifbench.open_dataset` have it.

    One that has `iter_truth(frames)` besides, an iterator over the frames of these numbers, is never held whole.
    """

    @property
    def clip_id(self) -> str:
        """Its name."""

    @property
    def num_frames(self) -> int:
        """How many frames the truth and the GIF have."""

    @property
    def truth(self) -> Clip:
        """The frames before they became a GIF."""

    def gif(self, *, dithered: bool = False, every: int = 1) -> Gif:
        """The GIF, plain or dithered, with the truth's times."""


class ScoredDataset(Protocol):
    """What scoring asks of a dataset; the one that `gifbench.open_dataset` gives has it."""

    @property
    def name(self) -> str:
        """The recipe's name."""

    @property
    def fingerprint(self) -> str:
        """Stands for all that methods see and are scored against."""

    @property
    def official(self) -> dict[str, int]:
        """Clips in the official list of each split."""

    def split(self, name: str, /) -> Sequence[ScoredClip]:
        """The clips of a split."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One way through a clip: the segments that the protocols `asked_by` have restored, in order, none overlapping."""

    segments: tuple[Segment, ...]
    asked_by: tuple[str, ...]

    @property
    def frames(self) -> list[int]:
        """The numbers of all frames that are scored, increasing."""
        return [number for segment in self.segments for number in segment.frames]


@dataclass(frozen=True, slots=True, eq=False)
class OpenClip:
    """A clip at its turn: its GIF, the passes over it, and the truth's frames of these, pass after pass."""

    clip_id: str
    gif: Gif
    passes: Sequence[Pass]
    truth: Iterator[Pixels]


@dataclass(frozen=True, slots=True, eq=False)
class _Begins:
    clip: ScoredClip
    gif: Gif | None
    passes: Sequence[Pass]

    @property
    def nbytes(self) -> int:
        return 0 if self.gif is None else self.gif.indices.nbytes


def open_clips(
    clips: Iterable[ScoredClip], task: Task, plan: Callable[[int], Sequence[Pass]]
) -> Generator[OpenClip, None, None]:
    """Each clip with its GIF and its truth as a stream, decoded in a thread of its own ahead of the scoring.

    `plan` gives the passes over a clip of so many frames. Whoever takes the next clip must be done with the one before.
    Held are the GIF at hand (a byte a pixel), 64 MB of frames ahead, and of small clips their truth. Raises
    `DatasetDamaged` where truth and GIF do not fit together.
    """
    with closing(Prefetch(_decoded(clips, task, plan), budget=AHEAD_BYTES, weigh=lambda item: item.nbytes)) as items:
        for item in items:
            assert isinstance(item, _Begins)  # noqa: S101  # frames are taken by the clip before
            with _damage(item.clip):
                gif = task_gif(item.clip, task) if item.gif is None else item.gif
            if len(gif) != item.clip.num_frames:
                raise DatasetDamaged(
                    f"clip {item.clip.clip_id}: the GIF has {len(gif)} frames, the truth {item.clip.num_frames}"
                )
            count = sum(len(each.frames) for each in item.passes)
            taken = _checked(items, item.clip, gif, count)
            yield OpenClip(item.clip.clip_id, gif, item.passes, taken)
            for _ in taken:  # of a clip that was not scored to its end
                pass


def _checked(items: Iterator[_Begins | Pixels], clip: ScoredClip, gif: Gif, count: int) -> Iterator[Pixels]:
    for _ in range(count):
        frame = next(items)
        assert not isinstance(frame, _Begins)  # noqa: S101
        if gif.indices.shape[1:] != frame.shape[:2]:
            sizes = [f"{width}×{height}" for height, width in (gif.indices.shape[1:], frame.shape[:2])]
            raise DatasetDamaged(f"clip {clip.clip_id}: the GIF has {sizes[0]} pixels, the truth {sizes[1]}")
        yield frame


def _decoded(
    clips: Iterable[ScoredClip], task: Task, plan: Callable[[int], Sequence[Pass]]
) -> Iterator[_Begins | Pixels]:
    for clip in clips:
        passes = plan(clip.num_frames)
        pixels = clip.num_frames * getattr(clip, "height", 0) * getattr(clip, "width", 0)
        with _damage(clip):
            yield _Begins(clip, None if pixels > AHEAD_BYTES else task_gif(clip, task), passes)
            yield from _truth(clip, passes, hold=len(passes) > 1 and 3 * pixels <= HELD_BYTES)


def task_gif(clip: ScoredClip, task: Task) -> Gif:
    """The GIF of a task with all frames of the clip: its own plain or dithered one, or what the task's maker makes.

    For a maker the clip's `truth` is read, or `iter_truth()`, `times` and `duration` where it has them.
    """
    if task.maker is None:
        return clip.gif(dithered=bool(task.dithered))
    times, duration = getattr(clip, "times", None), getattr(clip, "duration", None)
    stream = getattr(clip, "iter_truth", None)
    if times is None or duration is None or stream is None:
        truth = clip.truth
        times, duration = truth.times, truth.duration
        stream = lambda: iter(truth.frames)  # noqa: E731
    return generated_gif(load_maker(task.maker), stream, times, duration)


def _truth(clip: ScoredClip, passes: Sequence[Pass], *, hold: bool) -> Iterator[Pixels]:
    held: dict[int, Pixels] = {}
    for one in passes:
        wanted = one.frames
        fresh = _read(clip, [number for number in wanted if number not in held])
        for number in wanted:
            frame = held[number] if number in held else next(fresh)
            if hold:
                held[number] = frame
            yield frame


def _read(clip: ScoredClip, numbers: Sequence[int]) -> Iterator[Pixels]:
    if (stream := getattr(clip, "iter_truth", None)) is not None:
        yield from stream(numbers)
    else:
        frames = clip.truth.frames
        yield from (frames[number] for number in numbers)


@contextmanager
def _damage(clip: ScoredClip) -> Iterator[None]:
    """What cannot be decoded is the dataset's fault, and named with its clip."""
    try:
        yield
    except MediaError as error:
        raise DatasetDamaged(f"clip {clip.clip_id}: {error}; gifbench verify says what else is damaged") from error


class Prefetch(Iterator[T]):
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
        raise error or StopIteration

    def close(self) -> None:
        """End the thread; what waits is dropped."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        try:
            for item in self._source:
                weight = self._weigh(item)
                with self._changed:
                    while self._waiting and self._weight + weight > self._budget and not self._closed:
                        self._changed.wait()
                    if self._closed:
                        break
                    self._waiting.append((item, weight))
                    self._weight += weight
                    self._changed.notify_all()
        except BaseException as error:  # raised again in the thread that asks
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()
