"""What each extra takes: installed megabytes with all that it pulls in, and the time to import it.

    .venv/bin/python benchmarks/extras.py

Sizes are those of the files that pip noted for each package of the closure, in the environment that runs this; extras
whose packages are not installed there are named and left out. Import times are of fresh processes, the least of three.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

IMPORTS = {
    "core": "import gifbench.score.evaluate, gifbench.build.run",
    "faces": "import dlib",
    "youtube": "import yt_dlp",
    "torch": "import torch",
    "train": "import accelerate",
    "raft": "import torchvision",
    "cluster": "import distributed",
    "s3": "import s3fs",
    "demo": "",  # its package is read, not imported
    "face-recognition": "import face_recognition",
}


class NotInstalled(Exception):
    """A package of an extra is not here."""


def closure(requirements: Iterator[Requirement], seen: dict[str, Distribution]) -> dict[str, Distribution]:
    """All packages that requirements pull in, by their canonical name; `seen` are left out."""
    for requirement in requirements:
        name = canonicalize_name(requirement.name)
        if name == "gifbench":
            closure(wanted("gifbench", requirement.extras), seen)
        elif name not in seen:
            try:
                seen[name] = distribution(name)
            except PackageNotFoundError:
                raise NotInstalled(name) from None
            closure(wanted(name, requirement.extras), seen)
    return seen


def wanted(package: str, extras: set[str]) -> Iterator[Requirement]:
    """What a package asks for on this machine, with these of its extras, or its core alone."""
    for line in distribution(package).requires or ():
        requirement = Requirement(line)
        environments = [{"extra": extra} for extra in extras or {""}]
        if requirement.marker is None or any(requirement.marker.evaluate(each) for each in environments):
            yield requirement


def megabytes(packages: dict[str, Distribution]) -> float:
    """The size of the files that pip noted."""
    paths = [Path(str(file.locate())) for each in packages.values() for file in each.files or ()]
    return sum(path.stat().st_size for path in paths if path.is_file() and path.suffix != ".pyc") / 1e6


def import_seconds(code: str) -> str:
    """The least of three fresh processes, beside that of a process that imports nothing."""

    def least(code: str) -> float:
        times = []
        for _ in range(3):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
            times.append(time.perf_counter() - started)
        return min(times)

    try:
        return f"{least(code) - least('pass'):.2f}"
    except subprocess.CalledProcessError:
        return "does not load here"


def main() -> None:
    core = closure(wanted("gifbench", set()), {})
    print("| extra | packages | MB | import, s |")
    print("|---|---|---|---|")
    print(f"| core | {len(core)} | {megabytes(core):.0f} | {import_seconds(IMPORTS['core'])} |")
    for extra, code in IMPORTS.items():
        if extra == "core":
            continue
        try:
            added = closure(wanted("gifbench", {extra}), dict(core))
        except NotInstalled as error:
            print(f"| {extra} | not installed here: {error} | | |")
            continue
        own = {name: each for name, each in added.items() if name not in core}
        seconds = import_seconds(code) if code else "–"
        print(f"| {extra} | +{len(own)} | +{megabytes(own):.0f} | {seconds} |")


if __name__ == "__main__":
    main()
