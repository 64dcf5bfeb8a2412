"""Names from results files, made safe to show and to name files by.

A results file may come from anyone: a method may be called `<script>`, `../../x` or 300 characters of anything.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

SHOWN_CHARACTERS = 64
"""A longer name is cut in the middle; up to `WHOLE_CHARACTERS` of it stand in the row's title and in the CSV."""

WHOLE_CHARACTERS = 400

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def visible(text: str, *, limit: int = WHOLE_CHARACTERS) -> str:
    """`text` on one line, without characters that are not seen (controls, bidirectional overrides), cut to `limit`.

    A cut name keeps its beginning and its end, because versions and options stand at the end.
    """
    seen = "".join(" " if c in "\t\n\r" else "�" if unicodedata.category(c) in _UNSEEN else c for c in text)
    seen = re.sub(r"\s+", " ", seen).strip() or "(no name)"
    if len(seen) <= limit:
        return seen
    tail = limit // 3
    return f"{seen[: limit - tail - 1]}…{seen[-tail:]}"


def slug(text: str, *, key: str | None = None) -> str:
    """A name for files and anchors made of `a-z0-9-` only, at most 49 characters, different for different `key`s.

    `key` is what the name must tell apart, `text` itself by default; a hash of it is the end of the slug.
    """
    ascii_text = unicodedata.normalize("NFKD", text[:WHOLE_CHARACTERS]).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")[:40].strip("-")
    digest = hashlib.sha256((text if key is None else key).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{words}-{digest}" if words else f"x-{digest}"
