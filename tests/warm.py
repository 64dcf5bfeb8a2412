"""Imported by the process that others are forked from: it builds and scores a clip, so that they need not compile it.

What numba has compiled is read from its cache in each process anew, which takes longer than a small dataset is scored.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import load_recipe
from gifbench.evaluation.evaluate import evaluate
from gifbench.manifest.rows import from_folder
from tests.conftest import TINY_RECIPE, moving_picture, taken_for_synced, write_video

os.fsync = taken_for_synced

with TemporaryDirectory() as _folder:
    _place = Path(_folder)
    (_place / "tiny.py").write_text(TINY_RECIPE)
    (_place / "videos").mkdir()
    write_video(_place / "videos" / "ant.mp4", moving_picture(6, 48, 64))
    _recipe, _rows = load_recipe(str(_place / "tiny.py")), from_folder(_place / "videos")
    _built = run_build(_recipe, _rows, str(_place / "tiny"), sources=_place / "videos", workers=1)
    evaluate("gif", _built, "plain-1", metrics=["flat", "gradient"])
