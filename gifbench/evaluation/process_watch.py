"""A worker ends when the process that started it has ended, even in the middle of a clip."""

from __future__ import annotations

import os
import signal
import time
from threading import Thread

_SECONDS = 0.5


def end_with(driver: int) -> None:
    """End this process, and its group, soon after the process `driver` is no longer its parent."""

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(_SECONDS)
        os.killpg(0, signal.SIGKILL)

    Thread(target=watch, daemon=True, name="watch").start()
