"""A folder a dataset: where its videos come from, how they are cropped and filtered, its recipe and its commands."""
