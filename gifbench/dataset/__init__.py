"""A built dataset on disk: its format, writing, reading and checking it."""
