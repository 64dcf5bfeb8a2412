"""Download the source videos: one small interface, a module for each kind of place, a store of files."""

from gifbench.download.source import Fetched, MemorySource, Source

__all__ = ["Fetched", "MemorySource", "Source"]
