"""Arguments of a wrong type end in one clear `UsageError`, before anything is done with them."""

from __future__ import annotations

import collections.abc
import functools
import inspect
import os
import types
from collections.abc import Callable
from fractions import Fraction
from numbers import Integral, Real
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    BinaryIO,
    Literal,
    ParamSpec,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from gifbench.errors import UsageError

if TYPE_CHECKING:
    from pydantic import ValidationError

P = ParamSpec("P")
R = TypeVar("R")

_SHOWN = 40
"""Characters of a wrong value that a message shows."""

_READ = (collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)
_LISTS = (*_READ, collections.abc.Container, list, tuple, set, frozenset)


def check_types(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function raise `UsageError` for an argument that is not what its annotation says.

    Numbers of numpy are numbers, anything that `os.fspath` takes is a path, and True is no number. Elements of lists
    and tuples are looked at, those of other iterables are not; annotations of other kinds pass. Annotations are read at
    the first call.
    """
    signature = inspect.signature(function)

    @functools.cache
    def annotations() -> dict[str, Any]:
        def only_parameters() -> None:  # what is given back may be a type that is not imported before it is needed
            """Hold the annotations."""

        only_parameters.__annotations__ = {k: v for k, v in function.__annotations__.items() if k != "return"}
        return get_type_hints(only_parameters, globalns=function.__globals__, include_extras=True)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        kinds = annotations()
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            parameter = signature.parameters[name]
            if name in kinds and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                check_type(name, value, kinds[name])
        return function(*args, **kwargs)

    return checked


def check_type(name: str, value: object, kind: object) -> None:
    """Raise `UsageError` unless the argument `name` is of the annotated `kind`."""
    if not _is(value, kind):
        raise UsageError(f"{name} must be {_described(kind)}, got {_shown(value, kind)}")


def _is(value: object, kind: Any) -> bool:  # noqa: ANN401, PLR0911  # any annotation; a line for each sort of it
    origin = get_origin(kind)
    if origin is Annotated:
        return _is(value, get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return any(_is(value, one) for one in get_args(kind))
    if origin is Literal:
        return isinstance(value, str | int | bool) and value in get_args(kind)
    if origin in _LISTS:
        return _is_list(value, origin, get_args(kind))
    if kind is BinaryIO:
        return hasattr(value, "read")
    if kind is bool:
        return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")  # numpy's, before and since 2.0
    if kind in (int, float, Fraction):
        return isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
    if kind is None or kind is type(None):
        return value is None
    if (origin or kind) is collections.abc.Callable:
        return callable(value)
    try:
        return isinstance(value, origin or kind)
    except TypeError:  # Any, a type variable, a protocol that is not to be looked into
        return True


def _is_list(value: object, origin: Any, inner: tuple[Any, ...]) -> bool:  # noqa: ANN401  # list, tuple, an ABC of them
    if isinstance(value, str | bytes) or not isinstance(value, list | tuple if origin is tuple else origin):
        # An array, a Series: what has places and a length is a sequence, whatever it calls itself.
        places = hasattr(value, "__array__") and hasattr(value, "__len__") and hasattr(value, "__getitem__")
        return places and origin in _READ
    if origin is tuple and Ellipsis not in inner:
        return isinstance(value, list | tuple) and len(value) == len(inner) and all(map(_is, value, inner))
    return not isinstance(value, list | tuple) or all(_is(each, inner[0]) for each in value)


_WORDS: dict[Any, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    Fraction: "a number",
    bool: "True or False",
    bytes: "bytes",
    None: "None",
    type(None): "None",
    os.PathLike: "a path",
    BinaryIO: "a binary file",
    type: "a class",
    collections.abc.Callable: "a function",
}


def _described(kind: Any) -> str:  # noqa: ANN401, PLR0911  # any annotation
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _described(inner[0])
    if origin is Literal:
        return _any_of([repr(one) for one in inner])
    if origin in (Union, types.UnionType):
        words = list(dict.fromkeys(_described(one) for one in inner))
        if "a path" in words and "a text" in words:
            words.remove("a text")  # which every path may be
        return _any_of(words)
    if origin is tuple and Ellipsis not in inner:
        return f"({', '.join(_described(one) for one in inner)})"
    if origin in _LISTS:
        return f"a list of {_several(_described(inner[0]))}"
    if origin in (collections.abc.Mapping, dict):
        return "a mapping"
    known = origin or kind
    if known in _WORDS:
        return _WORDS[known]
    name = getattr(known, "__name__", str(known)).replace("ndarray", "array")
    return f"{'an' if name[:1] in 'AEIOaeio' else 'a'} {name}"


def _several(words: str) -> str:
    first = words.split(" or ", maxsplit=1)[0].split(", ", maxsplit=1)[0].removeprefix("a ").removeprefix("an ")
    return f"{first}s" if first.replace(" ", "").isalpha() else words


def _any_of(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _shown(value: object, kind: object) -> str:
    """A short value of a plain type as it is, of another the name of its type."""
    if isinstance(value, list | tuple) and "list of" in _described(kind):
        wrong = next((each for each in value if not _is(value=[each], kind=kind)), None)
        return f"{_shown(wrong, None)} in it" if wrong is not None else f"a {type(value).__name__} of {len(value)}"
    if value is None or isinstance(value, bool | int | float):
        return f"{value!r:.{_SHOWN}}"
    if isinstance(value, str):
        return f"the text {value[:_SHOWN]!r}"
    return f"a value of the type {type(value).__name__}"


def validation_fault(error: ValidationError) -> str:
    """The first thing that pydantic found wrong in values from outside: where, and what."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))[:80]
    return f"{place}: {first['msg']}" if place else first["msg"]
