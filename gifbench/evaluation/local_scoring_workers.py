"""Clips scored in this process, or shared among others: faster with several cores or GPUs, and ended where one takes
too long.

A worker loads the method by itself, scores one clip at a time and sends its record; who is free gets the next clip. All
of it is plain processes and pipes, because one that hangs has to be killed alone, with all that it started.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from gifbench.child_processes import end_with_parent
from gifbench.errors import GifbenchError, MethodFailed
from gifbench.evaluation.clip_prefetch import ScoredClip, open_clips
from gifbench.evaluation.clip_scorer import ClipScorer
from gifbench.evaluation.score_identity import ScoringJob
from gifbench.evaluation.score_journal import ScoredClipRecord

_START_SECONDS = 60.0
"""What a worker has at least to load its method, whatever the limit of a clip."""

_GRACE_SECONDS = 3.0


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    pipe: Connection
    device: str
    clip: int | None = None
    deadline: float = float("inf")


def scored_clips(scorer: ClipScorer, clips: Iterable[ScoredClip]) -> Iterator[ScoredClipRecord]:
    """Score clips in their order in this process; the next one is decoded meanwhile."""
    told: set[str] = set()
    with one_thread():
        begun = time.perf_counter()
        with closing(open_clips(clips, scorer.task, scorer.plan)) as opened:
            for clip in opened:
                scores = scorer.score(clip)
                notes = tuple(note for note in scorer.batching.notes if note not in told)
                told.update(notes)
                now = time.perf_counter()
                yield ScoredClipRecord(clip.clip_id, scores, now - begun, notes)
                begun = now


@contextmanager
def one_thread() -> Iterator[None]:
    """OpenCV and torch keep to one thread on the CPU: both give other bits with another number of them."""
    import cv2  # before a method comes to it

    setters: list[tuple[Callable[[int], object], int]] = [(cv2.setNumThreads, cv2.getNumThreads())]
    if torch := sys.modules.get("torch"):
        setters.append((torch.set_num_threads, torch.get_num_threads()))
    for setter, _ in setters:
        setter(1)
    try:
        yield
    finally:
        for setter, before in setters:
            setter(before)


def worked_clips(
    job: ScoringJob,
    clips: Sequence[ScoredClip],
    pending: Sequence[int],
    *,
    workers: int,
    time_limit: float | None,
    devices: list[str],
) -> Iterator[ScoredClipRecord]:
    """Score the clips numbered `pending` in `workers` processes; records come as they are ready.

    `devices` is filled with what the workers run on. Raises what scoring raises, and `MethodFailed` where a clip takes
    more than `time_limit` seconds or its process ends by itself.
    """
    _ = job.source  # before any process is started
    asked = job.device.split(",")
    count = min(max(workers, len(asked)), max(1, len(pending)))
    waiting = deque(pending)
    begun = time.perf_counter()
    crew: list[_Worker] = []
    try:
        for i in range(count):
            crew.append(_start(job.on(asked[i % len(asked)]), clips, time_limit))
        while crew:
            for pipe in _heard(crew, clips, job, time_limit):
                worker = next(each for each in crew if each.pipe is pipe)
                kind, content = _receive(worker, clips, job)
                if kind == "ready":
                    devices.append(content)
                else:
                    yield timed_record(content, begun)
                    begun = time.perf_counter()
                if waiting:
                    worker.clip = waiting.popleft()
                    worker.deadline = time.monotonic() + time_limit if time_limit else float("inf")
                    with contextlib.suppress(BrokenPipeError):  # it has died: heard of in the next round
                        worker.pipe.send(worker.clip)
                else:
                    crew.remove(worker)
                    _end(worker)
    finally:
        for worker in crew:
            _end(worker, at_once=True)


def timed_record(record: ScoredClipRecord, begun: float) -> ScoredClipRecord:
    """With the seconds since the record before, of whichever worker: they add up to what passed."""
    return ScoredClipRecord(record.clip_id, record.scores, time.perf_counter() - begun, record.notes)


def error_of(kind: type[GifbenchError], message: str) -> GifbenchError:
    """The error that another process ended with; some are made from other things than their message."""
    error: GifbenchError = kind.__new__(kind)
    Exception.__init__(error, message)
    return error


def _start(job: ScoringJob, clips: Sequence[ScoredClip], time_limit: float | None) -> _Worker:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "gifbench.evaluation.local_scoring_workers", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # one group, so that what it starts ends with it
        )
    pipe = Connection(ours.detach())
    limit = max(time_limit, _START_SECONDS) if time_limit else float("inf")
    worker = _Worker(process, pipe, job.device, deadline=time.monotonic() + limit)
    with contextlib.suppress(BrokenPipeError):
        pipe.send((job, list(clips), os.getpid()))
    return worker


def _heard(
    crew: Sequence[_Worker], clips: Sequence[ScoredClip], job: ScoringJob, time_limit: float | None
) -> list[Any]:
    """The pipes on which something came; raises `MethodFailed` for a worker whose time is over."""
    while True:
        left = min(worker.deadline for worker in crew) - time.monotonic()
        pipes = wait([worker.pipe for worker in crew], timeout=None if left == float("inf") else max(0.0, left))
        if pipes:
            return pipes
        for worker in crew:
            if worker.deadline <= time.monotonic():
                at = "to be set up" if worker.clip is None else f"on clip {clips[worker.clip].clip_id}"
                seconds = max(time_limit or 0.0, _START_SECONDS) if worker.clip is None else time_limit
                what = f"it took longer than the limit of {seconds:g} seconds {at}, and was ended"
                raise MethodFailed(f"method {job.method_name[:80]}: {what}")


def _receive(worker: _Worker, clips: Sequence[ScoredClip], job: ScoringJob) -> tuple[str, Any]:
    try:
        kind, content = worker.pipe.recv()
    except (EOFError, OSError, pickle.UnpicklingError):
        code = worker.process.wait()
        how = f"with the exit code {code}" if code >= 0 else f"by signal {-code}"
        at = "as it was set up" if worker.clip is None else f"on clip {clips[worker.clip].clip_id}"
        raise MethodFailed(f"method {job.method_name[:80]}: its process was ended {how} {at}") from None
    if kind == "error":
        raise error_of(*content)
    if kind == "fault":
        raise RuntimeError(f"a worker failed:\n{content}")
    return kind, content


def _end(worker: _Worker, *, at_once: bool = False) -> None:
    """End a worker with all that it started: it is asked first, so that programs it runs are ended by it."""
    worker.pipe.close()
    if at_once and worker.process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            worker.process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        worker.process.wait(_GRACE_SECONDS if at_once else None)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.process.pid, signal.SIGKILL)
    worker.process.wait()


def _work(pipe: Connection) -> None:
    """The life of a worker: set up once, then a clip at a time until the pipe closes."""
    job, clips, driver = pipe.recv()
    end_with_parent(driver)
    process = os.getpid()
    try:
        scorer = job.scorer()
        pipe.send(("ready", scorer.device))
        while True:
            number = pipe.recv()
            for record in scored_clips(scorer, [clips[number]]):
                if os.getpid() != process:
                    os._exit(1)  # a fork of the method's that came back
                pipe.send(("clip", record))
    except EOFError:
        return
    except GifbenchError as error:
        pipe.send(("error", (type(error), str(error))))
    except Exception:
        pipe.send(("fault", traceback.format_exc()))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        _work(Connection(int(sys.argv[1])))
