"""Download the source videos: one small interface, a module for each kind of place, a store of files."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gifbench.download.source_interface import Fetched, FetchLimits, MemorySource, Source, SourceKind

if TYPE_CHECKING:
    from gifbench.download.resumable_http_source import HttpSource

__all__ = ["FetchLimits", "Fetched", "HttpSource", "MemorySource", "Source", "SourceKind"]


def __getattr__(name: str) -> Any:  # noqa: ANN401  # loaded when it is first used, since most processes only read stores
    if name != "HttpSource":
        raise AttributeError(f"module 'gifbench.download' has no attribute {name!r}")
    return importlib.import_module("gifbench.download.resumable_http_source").HttpSource
