"""FaceForensics (2018): videos from a folder, and the official download script that fills it.

Everybody gets that script by e-mail after signing the terms. gifbench neither has it nor accepts its terms: the user's
own copy is run on the user's terminal, and the question that it asks is the user's to answer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from gifbench.download import Fetched
from gifbench.errors import BuildError, NotFound, Unmatched, UsageError, storage_errors


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


ARGUMENTS = ("-d", "compressed", "--not_altered", "--not_mask")
"""Only the originals, in the lossless compression that GIF-Faces was made of."""


def run_script(script: Path, folder: Path) -> None:
    """Run the user's copy of the script, which downloads into `folder` what is not there yet.

    What it prints goes to stderr. Raises `NotFound`, `UsageError` where nobody is there to answer it, `BuildError` if
    it ends with an error: what it has downloaded is kept.
    """
    if not script.is_file():
        raise NotFound(f"{script}: there is no such file; the script comes by e-mail, from the form of FaceForensics")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"{script} asks you to accept the terms of FaceForensics, and there is no terminal on which you could; run "
            "this command in a terminal, or run the script yourself and give its folder with --faceforensics"
        )
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(script), *ARGUMENTS, str(folder)]
    # stdin is the user's terminal, as it is for this process.
    ended = subprocess.run(command, stdout=sys.stderr, check=False)
    if ended.returncode:
        raise BuildError(
            f"{script} ended with code {ended.returncode}; what it has downloaded is in {folder}, and the same command "
            "goes on"
        )
