"""FaceForensics (2018), from a folder into which its owner's script has downloaded it."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from pathlib import Path

from gifbench.download import Fetched
from gifbench.errors import NotFound, Unmatched, storage_errors


class FaceForensicsFolder:
    """Videos named as in FaceForensics, `<target id>_<n>_<source id>_<n>.avi`, anywhere below `folder`.

    The official layout is `FaceForensics_compressed/{train,val,test}/{original,altered,mask}/`; what lies in a folder
    `altered` or `mask` is never taken for an original. Raises `NotFound` if there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise NotFound(f"{folder}: there is no such folder")
        self._folder = folder
        self._found: dict[str, list[Path]] = defaultdict(list)
        for path in sorted(folder.rglob("*.avi")):
            if not {"altered", "mask"} & set(path.relative_to(folder).parts[:-1]):
                self._found[path.name].append(path)

    def group(self, locator: str) -> str:  # all of it is one folder
        """The folder."""
        return "faceforensics"

    def fetch(self, locator: str, scratch: Path) -> Fetched:
        """Link the video, or copy it where the store is on another disk; raises `Unmatched` for none or several."""
        found = self._found.get(locator, [])
        if len(found) != 1:
            places = ", ".join(str(path.relative_to(self._folder)) for path in found) or "none"
            raise Unmatched(f"{locator}: one file of that name is wanted below {self._folder}, there is {places}")
        about = {"file": str(found[0].relative_to(self._folder))}
        return Fetched(linked(found[0], scratch / "video.avi"), about)

    def lacks(self, locator: str) -> bool:
        """Whether no video of that name is in the folder."""
        return locator not in self._found


def linked(source: Path, path: Path) -> Path:
    """`path`, made the same file as `source`, or a copy of it where that is on another disk."""
    with storage_errors(path):
        path.unlink(missing_ok=True)
        try:
            os.link(source, path)
        except OSError:
            shutil.copyfile(source, path)
    return path
