"""Evaluate methods on a dataset: scoring protocols, one clip at a time, in worker processes, with a journal."""
