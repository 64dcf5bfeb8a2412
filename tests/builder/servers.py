"""Real servers on loopback for the tests of builds: an object store that speaks S3, and a Dask cluster."""

from __future__ import annotations

import contextlib
import functools
import logging
import multiprocessing
import os
import secrets
import signal
from collections.abc import Iterator
from unittest import mock

ACCESS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_DEFAULT_REGION": "us-east-1"}


@contextlib.contextmanager
def s3() -> Iterator[str]:
    """An S3 server with one empty bucket, as `s3://…`; processes that are started meanwhile find it, too."""
    import s3fs
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    try:
        with mock.patch.dict(os.environ, {**ACCESS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}):
            s3fs.S3FileSystem.clear_instance_cache()
            bucket = f"bucket-{secrets.token_hex(4)}"  # all servers of a process share what they hold
            s3fs.S3FileSystem().mkdir(bucket)
            yield f"s3://{bucket}"
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        server.stop()


@functools.cache
def start_fork_server() -> None:
    """Start the process that `multiprocessing` forks others from, which has scored a clip, and wait for it."""
    multiprocessing.set_forkserver_preload(["distributed", "distributed.nanny", "tests.warm"])
    first = multiprocessing.get_context("forkserver").Process(target=int)
    first.start()
    first.join()


@contextlib.contextmanager
def dask_cluster(workers: int = 2) -> Iterator[str]:
    """A Dask cluster of processes with one thread each; its address. Dead workers are started anew.

    It gives up sooner than others do, and its workers are forks of a process that has imported what they need, so that
    tests are fast.
    """
    import dask.config
    from distributed import LocalCluster

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    settings = {
        "distributed.scheduler.allowed-failures": 0,
        "distributed.comm.timeouts.connect": "2s",
        "distributed.worker.multiprocessing-method": "forkserver",
    }
    start_fork_server()
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
    ):
        yield cluster.scheduler_address


def kill_a_worker(address: str) -> None:
    """Kill a worker of the cluster with this address."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)


def shut_down(address: str) -> None:
    """Within `dask_cluster`, shut its scheduler down; nobody tries long to reach it."""
    import dask.config
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.shutdown()
    dask.config.set({"distributed.comm.timeouts.connect": "0.1s"})
