"""What tests of fetching share: a server, a video, rows of a manifest, and time that passes only where it is waited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gifbench.manifest.rows import ManifestRow
from tests.download.http_server import Site, serve


class FastClock:
    """Time that passes only where somebody waits."""

    def __init__(self, began: float = 1e9) -> None:
        self.time, self.waits = began, []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serve() as site:
        yield site


@pytest.fixture
def video(tiny_videos: Path) -> bytes:
    return (tiny_videos / "ant.mp4").read_bytes()


def rows(*locators: str, source: str = "http") -> list[ManifestRow]:
    common = {"split": "test", "source": source}
    return [ManifestRow(clip_id=f"c{i}", locator=locator, **common) for i, locator in enumerate(locators)]
