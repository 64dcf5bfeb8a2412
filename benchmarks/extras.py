"""What the core and each extra take: installed megabytes with all that it pulls in, and the time to import it.

    python benchmarks/extras.py

Sizes are those of the files that pip noted for each package of the closure, without those that Python compiles, in the
environment that runs this; extras whose packages are not installed there are named and left out. Times are
processor time, which other programs hardly change, of fresh processes, the least of seven, and for imports less that of
a process that imports nothing.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

IMPORTS = {
    "core": "import gifbench.evaluation.evaluate, gifbench.builder.build_loop",
    "faces": "import dlib",
    "youtube": "import yt_dlp",
    "torch": "import torch",
    "train": "import accelerate",
    "spandrel": "import spandrel",
    "raft": "import torchvision",
    "cluster": "import distributed",
    "s3": "import s3fs",
    "demo": "",  # its package is read, not imported
    "face-recognition": "import face_recognition",
}


COMMANDS = {
    "import gifbench": ("-c", "import gifbench"),
    "gifbench --version": ("-m", "gifbench", "--version"),
    "gifbench --help": ("-m", "gifbench", "--help"),
    "gifbench methods": ("-m", "gifbench", "methods"),
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


def seconds(*arguments: str) -> float:
    """Processor time, the least of seven fresh processes."""
    times = []
    for _ in range(7):
        before = getrusage(RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        after = getrusage(RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


def import_seconds(code: str) -> str:
    """What the code takes beside a process that does nothing."""
    try:
        return f"{seconds('-c', code) - seconds('-c', 'pass'):.2f}"
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
        print(f"| {extra} | +{len(own)} | +{megabytes(own):.0f} | {import_seconds(code) if code else '–'} |")
    print("\n| of the core | MB |")
    print("|---|---|")
    for name, package in sorted(core.items(), key=lambda item: -megabytes(dict([item])))[:8]:
        print(f"| {name} | {megabytes({name: package}):.0f} |")
    print("\n| command | s |")
    print("|---|---|")
    print(f"| (Python itself) | {seconds('-c', 'pass'):.2f} |")
    for name, arguments in COMMANDS.items():
        print(f"| {name} | {seconds(*arguments):.2f} |")


if __name__ == "__main__":
    main()
