"""The recipes of the datasets."""
