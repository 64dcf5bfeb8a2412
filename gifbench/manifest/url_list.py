"""What `gifbench fetch` takes beside a manifest: a plain list of URLs, or a table without names and splits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gifbench.entry_points import SOURCES, entry_names, official_list, source_kind
from gifbench.errors import GifbenchError, ManifestError, NotFound, storage_errors
from gifbench.manifest.io import READERS, raw_rows
from gifbench.manifest.rows import MAX_BYTES, ManifestRow, check_rows, read_manifest


def read_source_list(path: str | Path) -> list[ManifestRow]:
    """The rows of a manifest, or of a list of sources, in the file's order.

    A table (.parquet, .csv, .jsonl) may lack `clip_id` and `split`, and `source` where `locator` is a URL; any other
    file has a URL a line, `#` begins a comment. A name is then made of the locator, the split is `test`. Raises
    `NotFound`, or `ManifestError` that names the first bad row.
    """
    path = Path(path)
    if not path.is_file() and (path.suffix in READERS or official_list(path.stem) is not None):
        return read_manifest(path)
    if not path.is_file():
        raise NotFound(f"{path}: there is no such list, nor an official list of that name")
    if path.stat().st_size > MAX_BYTES:
        raise ManifestError(f"{path}: {path.stat().st_size} bytes, lists of up to {MAX_BYTES} are read")
    with storage_errors(path):
        data = path.read_bytes()
    if path.suffix.lower() in READERS:
        rows = [_completed(row) for row in raw_rows(data, name=str(path))]
    else:  # several URLs may be of one video
        rows = list({row["clip_id"]: row for row in map(_completed, _lines(data, path))}.values())
    checked = check_rows(rows, name=str(path))
    if not checked:
        raise ManifestError(f"{path}: no row is in it")
    return checked


def _lines(data: bytes, path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: a list of URLs must be UTF-8 text ({error})") from error
    for number, line in enumerate(text.split("\n"), start=1):
        url = line.split(" #", 1)[0].strip()
        if not url or url.startswith("#"):
            continue
        if "://" not in url:
            raise ManifestError(
                f"{path}: line {number} must be a URL, got {url[:100]!r}. A table ends in .csv or .jsonl"
            )
        yield {"locator": url}


def _completed(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with what it may lack."""
    given = {key: value for key, value in row.items() if value is not None}
    locator = given.get("locator")
    if not isinstance(locator, str):
        return given
    if "source" not in given and "://" in locator:
        given["source"], given["locator"] = _kind_of(locator)
    given.setdefault("split", "test")
    if "clip_id" not in given:
        key = f"{given.get('source')}\n{given['locator']}"
        span = [str(given.get(name)) for name in ("start", "end", "start_frame", "end_frame") if given.get(name)]
        digits = hashlib.sha256("\n".join([key, *span]).encode(errors="surrogatepass")).hexdigest()[:12]
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", re.split(r"[?#]", given["locator"])[0].rstrip("/").rsplit("/", 1)[-1])
        given["clip_id"] = f"{stem[:60].strip('_-') or 'source'}-{digits}"
    return given


def _kind_of(url: str) -> tuple[str, str]:
    """The kind of source that a URL is of, and its locator there: a special one's before that of any http(s) server."""
    for name in sorted(entry_names(SOURCES), key=lambda name: name == "http"):
        try:
            locator = source_kind(name).from_url(url)
        except (GifbenchError, ValueError):
            continue
        if locator is not None:
            return name, str(locator)
    return "http", url
