"""Where numba keeps compiled loops, so that they are compiled once on a machine and not once a process."""

from __future__ import annotations

import os
from pathlib import Path

_VARIABLE = "NUMBA_CACHE_DIR"


def keep_compiled() -> None:
    """Give numba a folder of our own below the temporary files, where it would find none that can be written.

    That is so for a user without a home folder who runs what an administrator installed; numba raises then.
    """
    if _VARIABLE not in os.environ and not _writable(os.path.dirname(__file__)) and not _writable(_user_cache()):  # noqa: PTH120  # pathlib costs more than all the rest
        home = _own_temporary()
        if home is not None:
            os.environ[_VARIABLE] = str(home)


def compiled_home() -> Path | None:
    """The folder that is used, or None where there is none; `keep_compiled` has run."""
    if _VARIABLE in os.environ:
        return Path(os.environ[_VARIABLE]) if _writable(os.environ[_VARIABLE]) else None
    for place in (str(Path(__file__).parent), _user_cache()):
        if _writable(place):
            return Path(place)
    return None


def _user_cache() -> str:
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "numba")  # noqa: PTH111, PTH118


def _writable(place: str) -> bool:
    """Whether files can be made in a folder, or it can be made."""
    while not os.path.exists(place) and os.path.dirname(place) != place:  # noqa: PTH110, PTH120
        place = os.path.dirname(place)  # noqa: PTH120
    return os.access(place, os.W_OK | os.X_OK)


def _own_temporary() -> Path | None:
    """A folder that is this user's alone, since code is loaded from it."""
    import tempfile

    try:
        home = Path(tempfile.gettempdir()) / f"gifbench-compiled-{os.getuid()}"
        home.mkdir(mode=0o700, exist_ok=True)
        about = home.lstat()
    except (AttributeError, OSError):
        return None
    return home if about.st_uid == os.getuid() and about.st_mode & 0o170077 == 0o040000 else None
