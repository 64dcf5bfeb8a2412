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
from collections.abc import Iterable, Iterator, Sequence
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
    clip: ScoredClip | None = None
    deadline: float = float("inf")


def scored_clips(scorer: ClipScorer, clips: Iterable[ScoredClip]) -> Iterator[ScoredClipRecord]:
    """Score clips in their order in this process; the next one is decoded meanwhile."""
    told: set[str] = set()
    with one_thread(), closing(open_clips(clips, scorer.task, scorer.plan)) as opened:
        for clip in opened:
            scores = scorer.score(clip)
            notes = tuple(note for note in scorer.batching.notes if note not in told)
            told.update(notes)
            yield ScoredClipRecord(clip.clip_id, scores, notes=notes)


@contextmanager
def one_thread() -> Iterator[None]:
    """OpenCV and torch keep to one thread on the CPU: both give other bits with another number of them."""
    import cv2  # before a method comes to it

    with contextlib.ExitStack() as stack:
        stack.callback(cv2.setNumThreads, cv2.getNumThreads())
        cv2.setNumThreads(1)
        if torch := sys.modules.get("torch"):
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(1)
        yield


def worked_clips(
    job: ScoringJob, clips: Sequence[ScoredClip], *, workers: int, time_limit: float | None, devices: list[str]
) -> Iterator[ScoredClipRecord]:
    """Score clips in `workers` processes; records come as they are ready.

    `devices` is filled with what the workers run on. Raises what scoring raises, and `MethodFailed` where a clip takes
    more than `time_limit` seconds or its process ends by itself.
    """
    _ = job.source  # before any process is started
    asked = job.device.split(",")
    count = min(max(workers, len(asked)), max(1, len(clips)))
    waiting = deque(clips)
    crew: list[_Worker] = []
    try:
        for i in range(count):
            crew.append(_start(job.on(asked[i % len(asked)]), time_limit))
        while crew:
            for worker in _heard(crew, job, time_limit):
                kind, content = _receive(worker, job)
                if kind == "ready":
                    devices.append(content)
                else:
                    yield content
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


def failure(error: BaseException) -> Exception:
    """The error that is being handled as one that can be sent: not every one can."""
    return error if isinstance(error, GifbenchError) else RuntimeError(f"a worker failed:\n{traceback.format_exc()}")


def _start(job: ScoringJob, time_limit: float | None) -> _Worker:
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
    worker = _Worker(process, pipe, deadline=time.monotonic() + limit)
    with contextlib.suppress(BrokenPipeError):
        pipe.send((job, os.getpid()))
    return worker


def _heard(crew: Sequence[_Worker], job: ScoringJob, time_limit: float | None) -> list[_Worker]:
    """The workers of which something came; raises `MethodFailed` for a worker whose time is over."""
    while True:
        left = min(worker.deadline for worker in crew) - time.monotonic()
        pipes = wait([worker.pipe for worker in crew], timeout=None if left == float("inf") else max(0.0, left))
        if pipes:
            return [worker for worker in crew if worker.pipe in pipes]
        for worker in crew:
            if worker.deadline <= time.monotonic():
                at = "to be set up" if worker.clip is None else f"on clip {worker.clip.clip_id}"
                seconds = max(time_limit or 0.0, _START_SECONDS) if worker.clip is None else time_limit
                what = f"it took longer than the limit of {seconds:g} seconds {at}, and was ended"
                raise MethodFailed(f"method {job.method_name[:80]}: {what}")


def _receive(worker: _Worker, job: ScoringJob) -> tuple[str, Any]:
    try:
        kind, content = worker.pipe.recv()
    except (EOFError, OSError, pickle.UnpicklingError):
        code = worker.process.wait()
        how = f"with the exit code {code}" if code >= 0 else f"by signal {-code}"
        at = "as it was set up" if worker.clip is None else f"on clip {worker.clip.clip_id}"
        raise MethodFailed(f"method {job.method_name[:80]}: its process was ended {how} {at}") from None
    if kind == "failed":
        raise content
    return kind, content


def _end(worker: _Worker, *, at_once: bool = False) -> None:
    """End a worker with all that it started: it is asked first, so that programs it runs are ended by it.

    One that has no clip yet may still be importing, and would print a traceback.
    """
    worker.pipe.close()
    if at_once and worker.process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            worker.process.send_signal(signal.SIGTERM if worker.clip is None else signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        worker.process.wait(_GRACE_SECONDS if at_once else None)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.process.pid, signal.SIGKILL)
    worker.process.wait()


def _work(pipe: Connection) -> None:
    """The life of a worker: set up once, then a clip at a time until the pipe closes."""
    job, driver = pipe.recv()
    end_with_parent(driver)
    process = os.getpid()
    try:
        scorer = job.scorer()
        pipe.send(("ready", scorer.device))
        while True:
            for record in scored_clips(scorer, [pipe.recv()]):
                if os.getpid() != process:
                    os._exit(1)  # a fork of the method's that came back
                pipe.send(("clip", record))
    except EOFError:
        return
    except (Exception, SystemExit) as error:
        pipe.send(("failed", failure(error)))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        _work(Connection(int(sys.argv[1])))
