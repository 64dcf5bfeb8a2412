"""The beginning of a new method: a file that works, and its test."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gifbench.errors import AlreadyExists, UsageError, storage_errors
from gifbench.storage import atomic_write

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")

_METHOD = '''"""{title}: a method for gifbench. Change `restore_frames`, then run the test beside this file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gifbench import Frames, Pixels


class {title}:
    """Moves each color towards the mean of its four neighbors, where those are near: a place to begin."""

    name = "{name}"
    version = "1"
    licence = "MIT"
    description = "four neighbors, averaged where they are near"

    def __init__(self, *, strength: float = 0.5, near: float = 24.0) -> None:
        self.strength, self.near = strength, near

    def restore_frames(self, frames: Pixels, palettes: Sequence[Pixels]) -> Frames:
        """Restore `frames`, (N, H, W, 3) uint8; as many come back, uint8 or floats in 0 to 255."""
        pixels = frames.astype(np.float32)
        padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
        neighbors = (padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:])
        moves = [np.where(np.abs(each - pixels) <= self.near, each - pixels, 0) for each in neighbors]
        return (pixels + self.strength * np.mean(moves, axis=0)).clip(0, 255)
'''

_TEST = '''"""{title} keeps gifbench's contract. Run with pytest."""

from __future__ import annotations

from pathlib import Path

import gifbench
import pytest

METHOD = f"{{Path(__file__).with_name('{module}.py')}}:{title}"


@pytest.mark.parametrize("check", gifbench.check_method(METHOD), ids=lambda check: check.name)
def test_the_contract_is_kept(check: gifbench.Check) -> None:
    assert check.kept is not False, check.detail
'''


def new_method(name: str, folder: str | Path = ".") -> tuple[Path, Path]:
    """Write a method called `name` that works, and its test, to `folder`: the two paths.

    `my-method` becomes the class `MyMethod` in `my_method.py`. Each file appears whole; one that is there and says the
    very same stays. Raises `UsageError` for a name that cannot be one, and `AlreadyExists`, before anything is written,
    where one of the files is another.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name[:80]!r} cannot name a method: a letter, then up to 39 letters, digits, - and _")
    module = re.sub(r"-+", "_", name).lower()
    title = "".join(part[:1].upper() + part[1:] for part in re.split(r"[-_]+", name))
    place = Path(folder)
    contents = {
        place / file: text.format(title=title, name=name, module=module).encode()
        for file, text in ((f"{module}.py", _METHOD), (f"test_{module}.py", _TEST))
    }
    with storage_errors(place):
        missing = [path for path in contents if not os.path.lexists(path)]
        for path in contents.keys() - missing:
            if not path.is_file() or path.read_bytes() != contents[path]:
                raise AlreadyExists(f"{path}: it is there already; choose another name or folder")
        place.mkdir(parents=True, exist_ok=True)
    for path in missing:
        with atomic_write(path, overwrite=False) as file:
            file.write(contents[path])
    method, test = contents
    return method, test
