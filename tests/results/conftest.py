"""Results are made of the dataset in memory that the tests of the evaluation use."""

from tests.evaluation.conftest import as_loaded, dataset, make_dataset

__all__ = ["as_loaded", "dataset", "make_dataset"]
