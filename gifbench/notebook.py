"""What values show of themselves in a notebook: small pieces of HTML, in which all text is escaped."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from gifbench.errors import MissingExtra

MOST_BYTES = 16 << 20
"""A picture of more bytes is left out: a notebook keeps what it shows."""


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table with a header; each cell is shown as its text."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def facts(values: Mapping[str, object]) -> str:
    """A table of names and values, a row each."""
    rows = "".join(
        f'<tr><th style="text-align:left">{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>'
        for name, value in values.items()
    )
    return f"<table><tbody>{rows}</tbody></table>"


def picture(data: bytes, kind: str, *, caption: str) -> str:
    """A picture or animation, the bytes of a file of the `kind` gif, webp or png, with a line of text below.

    One of more than `MOST_BYTES` is left out, and that is said.
    """
    text = html.escape(caption, quote=True)
    if len(data) > MOST_BYTES:
        return f"<p>{text}; its {len(data) / 1e6:.0f} MB are too many to show here</p>"
    encoded = base64.b64encode(data).decode()
    return (
        f'<figure style="margin:0"><img alt="{text}" src="data:image/{kind};base64,{encoded}" style="max-width:100%">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def figure(*, height: float, wanted_for: str) -> Any:  # noqa: ANN401  # a matplotlib Figure
    """A `matplotlib` figure, 7 × `height` inches, that shows itself as a picture where nobody has imported pyplot.

    Raises `MissingExtra` without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", extra="plot", wanted_for=wanted_for) from error
    made: Any = Figure(figsize=(7, height), layout="constrained")
    made._repr_png_ = partial(_png, made)
    return made


def _png(figure: Any) -> bytes:  # noqa: ANN401  # a matplotlib Figure
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()
