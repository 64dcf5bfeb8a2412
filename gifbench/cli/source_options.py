"""The options that each installed kind of source adds to `gifbench fetch`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, get_type_hints

from gifbench.entry_points import SOURCES, entry_names, source_kind
from gifbench.errors import GifbenchError

if TYPE_CHECKING:
    from gifbench.download import FetchLimits, Source, SourceKind
    from gifbench.manifest import ManifestRow


class SourceOptions:
    """Options of a command, each of a field of a kind's `options`.

    An option whose name is taken, by the command or by another kind, gets the kind's name before its own.
    """

    def __init__(self) -> None:
        self._names: dict[str, dict[str, str]] = {}  # of the options, by kind and field

    def spell_out(self, function: Callable[..., None]) -> Callable[..., None]:
        """The same function, whose `**options` are spelled out in its signature, as typer wants them."""
        signature = inspect.signature(function, eval_str=True)
        listed = {
            name: one for name, one in signature.parameters.items() if one.kind is not inspect.Parameter.VAR_KEYWORD
        }
        for name, kind in _installed().items():
            hints = get_type_hints(kind.options, include_extras=True)
            for field in fields(kind.options):
                option = field.name if field.name not in listed else f"{name.replace('-', '_')}_{field.name}"
                self._names.setdefault(name, {})[field.name] = option
                listed[option] = inspect.Parameter(
                    option, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
                )
        keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in listed.values()]
        function.__signature__ = signature.replace(parameters=keywords)  # type: ignore[attr-defined]
        return function

    def open(
        self, rows: Sequence[ManifestRow], given: Mapping[str, object], limits: FetchLimits
    ) -> tuple[dict[str, Source], dict[str, int]]:
        """The source of each kind that `rows` need, and the most fetches an hour by group; `given` are the options.

        Raises what a kind raises, a `UsageError` where nothing was said of where its videos are.
        """
        sources: dict[str, Source] = {}
        per_hour: dict[str, int] = {}
        for name in dict.fromkeys(row.source for row in rows if row.source != "file"):
            kind: SourceKind = source_kind(name)
            names = self._names.get(name, {})
            options = kind.options(**{field: given[option] for field, option in names.items()})
            sources[name] = kind.open([row for row in rows if row.source == name], options, limits)
            per_hour |= kind.per_hour(options)
        return sources, per_hour


def _installed() -> dict[str, SourceKind]:
    """The kinds that can be loaded; what is wrong with another one is said when a row needs it."""
    kinds: dict[str, SourceKind] = {}
    for name in entry_names(SOURCES):
        try:
            kinds[name] = source_kind(name)
        except GifbenchError:
            continue
    return kinds
