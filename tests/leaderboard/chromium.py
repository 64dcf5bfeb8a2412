"""A headless Chromium for tests, spoken to over its debugging pipe: no port, no driver, nothing else to install."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]


def find_chromium() -> str:
    """Its path; the test is skipped where there is none, and fails if GIFBENCH_REQUIRE_CHROMIUM is set."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if found is None:
        if os.environ.get("GIFBENCH_REQUIRE_CHROMIUM"):
            pytest.fail("GIFBENCH_REQUIRE_CHROMIUM is set, and no chromium is on the PATH")
        pytest.skip("no chromium is on the PATH")
    return found


class Chromium:
    """One page in one browser; `events` collects what the browser says by itself (console, log, exceptions)."""

    def __init__(self, profile: Path) -> None:
        program = find_chromium()
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()

        def three_and_four() -> None:  # the descriptors at which the browser reads and writes
            high = [os.dup(fd) for fd in (to_browser, from_browser)]
            for target in (3, 4):
                os.dup2(high[target - 3], target)
                os.set_inheritable(target, True)

        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=three_and_four,  # noqa: PLW1509  (nothing but two system calls)
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._in, selectors.EVENT_READ)
        self._buffer, self._last_id, self._session = b"", 0, None
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Page", "Network"):
            self.send(f"{domain}.enable")

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *_: object) -> None:
        self._session = None
        try:
            self.send("Browser.close")
        except (AssertionError, OSError):
            self._process.kill()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:  # a busy machine; what was looked at has been seen
            self._process.kill()
            self._process.wait()
        self._ready.close()
        os.close(self._out)
        os.close(self._in)

    def send(self, method: str, /, **params: object) -> dict[str, Any]:
        """Send a command of the DevTools protocol and wait for its result."""
        self._last_id += 1
        message: dict[str, Any] = {"id": self._last_id, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._last_id:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def _receive(self, timeout: float = 60) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert self._ready.select(timeout), "chromium does not answer"
            data = os.read(self._in, 1 << 20)
            assert data, "chromium has ended"
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        answer = json.loads(message)
        if "id" not in answer:
            self.events.append(answer)
        return answer

    def open(self, url: str) -> None:
        """Load a page and wait until it is there, pictures in view included."""
        self.send("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete'")

    def js(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, expression: str, *, seconds: float = 30) -> None:
        """Wait until an expression holds; the page may lead to another one meanwhile."""

        def holds() -> bool:
            try:
                return bool(self.js(expression))
            except AssertionError as error:
                if "Inspected target navigated" not in str(error):
                    raise
                return False

        began, pause = time.monotonic(), 0.002
        while not holds():
            assert time.monotonic() < began + seconds, f"it never held: {expression}"
            time.sleep(pause)
            pause = min(1.5 * pause, 0.05)

    def look(self, *, width: int, height: int = 900, dark: bool = False, calm: bool = False, scale: float = 1) -> None:
        """Set the window's size in CSS pixels, and what the page is told of its reader's wishes."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if calm else "no-preference"},
        ]
        self.send("Emulation.setEmulatedMedia", features=features)

    @property
    def complaints(self) -> list[str]:
        """What the console, the browser's log and uncaught exceptions said."""
        return [
            json.dumps(event["params"])
            for event in self.events
            if event["method"] in ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
        ]

    @property
    def requested(self) -> list[str]:
        """Every address that the page asked for."""
        return [e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"]
