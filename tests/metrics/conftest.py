"""The small datasets and methods that tests of evaluation have, too."""

from tests.evaluation.conftest import as_loaded, dataset, gif, make_dataset

__all__ = ["as_loaded", "dataset", "gif", "make_dataset"]
