"""A fetch that never waits long, in a process of its own, which a test kills."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from gifbench.download.fetch_queue_and_pauses import fetch_sources
from gifbench.download.resumable_http_source import HttpSource
from gifbench.download.retry_wait_times import RetryPolicy
from gifbench.download.store import Store
from tests.builder.servers import start_fork_server
from tests.download.conftest import rows


def start_fetch(store: Path, urls: Sequence[str]) -> tuple[BaseProcess, Connection]:
    """The process, and where it sends how many videos it stored once it is done."""
    start_fork_server()
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("forkserver").Process(target=_fetch, args=(store, urls, theirs))
    process.start()
    theirs.close()
    return process, ours


def _fetch(store: Path, urls: Sequence[str], done: Connection) -> None:
    policy = RetryPolicy(attempts=40, first_wait=0.01, longest_wait=0.05, pause=0.01, pauses=40, unreachable=40)
    source = HttpSource(trusted=True, timeout=0.5)
    real = source._transfer

    def unhurried(url, path):
        try:
            return real(url, path)
        except Exception as error:
            error.retry_after = None
            raise

    source._transfer = unhurried
    done.send(fetch_sources(rows(*urls), Store(store), {"http": source}, policy=policy).stored)
