"""FaceForensics through the official download script, which everybody gets by e-mail after signing the terms.

gifbench neither has that script nor accepts its terms: the user's own copy is run on the user's terminal, and the
question that it asks is the user's to answer.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gifbench.errors import BuildError, NotFound, UsageError, storage_errors

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
