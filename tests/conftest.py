"""What every test shares: the real media, where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with `clips/` and `lists/`, from GIFBENCH_TEST_DATA.

    Where the variable is not set the test is skipped; where it is set, as in CI, missing files are a failure.
    """
    folder = os.environ.get("GIFBENCH_TEST_DATA")
    if not folder:
        pytest.skip("GIFBENCH_TEST_DATA is not set: the folder that holds clips/ and lists/")
    path = Path(folder).resolve()
    assert (path / "clips" / "SOURCES.csv").is_file(), f"GIFBENCH_TEST_DATA={folder} holds no clips/SOURCES.csv"
    return path


@pytest.fixture(scope="session")
def clips(test_data: Path) -> Path:
    """The folder of real videos and GIFs: `faces/`, `moments/`, `gifs/`."""
    return test_data / "clips"
