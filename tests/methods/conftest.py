"""The GIFs and methods that the tests of the evaluation use."""

from tests.evaluation.conftest import as_loaded, dataset, gif, make_dataset

__all__ = ["as_loaded", "dataset", "gif", "make_dataset"]
