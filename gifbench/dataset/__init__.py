"""A built dataset on disk: its format, writing, reading and checking it."""

from gifbench.dataset.dataset_clip import DatasetClip
from gifbench.dataset.dataset_reader import Clips, Dataset, open_dataset
from gifbench.dataset.export import export_clip
from gifbench.dataset.verify import verify_dataset

__all__ = ["Clips", "Dataset", "DatasetClip", "export_clip", "open_dataset", "verify_dataset"]
