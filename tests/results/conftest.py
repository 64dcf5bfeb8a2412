"""Results are made of the dataset in memory that the tests of the evaluation use."""

from pathlib import Path

import pytest

from gifbench.evaluation.evaluate import evaluate
from tests.evaluation.conftest import as_loaded, dataset, make_dataset

__all__ = ["as_loaded", "dataset", "make_dataset"]


@pytest.fixture
def written(dataset, tmp_path) -> Path:
    """The file of a result."""
    (result,) = evaluate("gif", dataset, "plain-1", protocols=["standard"], out=tmp_path / "results")
    return Path(result.path)
