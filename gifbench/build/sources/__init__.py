"""Where videos come from: one small interface, a module for each kind of place."""

from gifbench.build.sources.interface import Fetched, MemorySource, Source

__all__ = ["Fetched", "MemorySource", "Source"]
