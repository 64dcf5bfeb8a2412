"""`gaussian:sigma=0.7`: the options of a method as text, held against the keyword parameters of its class.

An option may itself be a method, where the class wants a `LoadedMethod`: `gif2video:color=gaussian:sigma=0.7,time=dis`.
Square brackets keep together what holds commas: `color=[name:a=1,b=2],time=dis`. A class that wants one method only is
given it without its option's name, and all that follows belongs to it: `stable:gaussian:sigma=0.7`; brackets end it
earlier: `stable:[gaussian:sigma=0.7],weights=mine.safetensors`.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from gifbench.did_you_mean import known_names
from gifbench.errors import MethodError, UsageError
from gifbench.methods.loaded_method import LoadedMethod

FILE = re.compile(r"(?P<path>.+\.py)(?::(?P<name>[^:]*))?(?P<options>:.*)?", re.DOTALL)
"""A class in a Python file, with its options: `mine.py`, `mine.py:Mine` or `mine.py:Mine:sigma=2`."""

FILE_SPEC = re.compile(r"[^:=]+\.py(:|$)")
"""How a method begins that is a class in a Python file: `mine.py:Mine`."""

NESTED = ""
"""The key of a method that is written without the name of its option."""


Loader = Callable[[str], LoadedMethod]
"""How a method that is an option of another one is loaded."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A method as it is written on the command line: its name, and its options as text.

    A method that is given without an option's name stands under `NESTED`.
    """

    name: str
    options: Mapping[str, str]


def parse_spec(text: str) -> Spec:
    """Read `name` or `name:key=value,key=[value,with,commas]`; raises `UsageError` for anything else."""
    name, colon, rest = text.partition(":")
    name = name.strip()
    if not name:
        raise UsageError(f'"{text}" names no method: write NAME or NAME:option=value,option=value')
    parts = _split(rest, name) if colon else []
    options: dict[str, str] = {}
    if parts and _is_nested(parts[0]):
        bracketed = _bare(parts[0]) != parts[0].strip()
        if ":" in parts[0] and not bracketed:
            parts = [rest]
        options[NESTED] = _bare(parts.pop(0))
    for part in parts:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (key and equals):
            raise UsageError(
                f'method {name[:80]}: "{part[:80]}" is no option: write {name[:80]}:option=value,option=value'
            )
        if key in options:
            raise UsageError(f'method {name[:80]}: the option "{key[:80]}" is given twice')
        options[key] = _bare(value)
    return Spec(name, options)


def _bare(text: str) -> str:
    """A text without the brackets that keep it together."""
    text = text.strip()
    return text[1:-1].strip() if text[:1] == "[" and text[-1:] == "]" else text


def _is_nested(part: str) -> bool:
    """Whether the first part after a method's name is a method rather than option=value."""
    return part.strip()[:1] == "[" or ("=" not in part.partition(":")[0] and bool(part.strip()))


def _split(text: str, name: str) -> list[str]:
    """Split at the commas that stand in no brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if depth < 0:
            break
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    if depth:
        raise UsageError(f'method {name[:80]}: the square brackets of "{text[:80]}" do not match')
    return parts


def keyword_parameters(factory: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The options that a method's class takes: the named parameters of its constructor."""
    try:
        signature = inspect.signature(factory, eval_str=True)
    except NameError:  # an annotation that only a type checker can see: the defaults say enough
        signature = inspect.signature(factory)
    except (ValueError, TypeError) as error:
        raise MethodError(
            f"{getattr(factory, '__name__', factory)}: its constructor cannot be read ({error})"
        ) from error
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: found for name, found in signature.parameters.items() if found.kind in named}


def nested_option(factory: Callable[..., Any]) -> str | None:
    """The option of a method's class that is a method, if there is exactly one: it needs no name."""
    found = [name for name, each in keyword_parameters(factory).items() if each.annotation is LoadedMethod]
    return found[0] if len(found) == 1 else None


def read_options(
    name: str,
    factory: Callable[..., Any],
    texts: Mapping[str, str],
    *,
    kind: str = "method",
    load: Loader | None = None,
    recorded: bool = False,
) -> dict[str, object]:
    """Turn option texts into the values that the class's annotations (or defaults) ask for; `load` loads methods.

    Raises `UsageError` for an option that the class does not have, and for a text that is no value of its type. With
    `recorded` the texts are from somebody's file: free text, which may be a path or a URL, raises `MethodError`.
    """
    parameters = keyword_parameters(factory)
    values: dict[str, object] = {}
    for key, text in texts.items():
        option = key if key != NESTED else nested_option(factory)
        if option is None:
            raise UsageError(f'{kind} {name}: "{text[:80]}" is no option: write {name}:option=value,option=value')
        if option not in parameters:
            raise UsageError(f'{kind} {name} has no option "{option[:80]}": {known_names(option, parameters)}')
        if option in values:
            raise UsageError(f'{kind} {name}: the option "{option}" is given twice')
        values[option] = _read(text, parameters[option], f"{kind} {name}: option {option}", load)
        if recorded and isinstance(values[option], str) and not _is_harmless(text, parameters[option]):
            raise MethodError(
                f"{kind} {name}: the option {option} is free text, which may be a path or a URL, and is not taken from "
                f"a file; give the {kind} yourself"
            )
    return values


def _is_harmless(text: str, parameter: inspect.Parameter) -> bool:
    """Whether a text is one of an option's choices, or its default: something that the method's author wrote."""
    wanted = parameter.annotation
    kinds = get_args(wanted) if get_origin(wanted) in (Union, types.UnionType) else (wanted,)
    choices = [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    return text in choices or text == parameter.default


def complete_options(
    factory: Callable[..., Any], given: Mapping[str, object], *, load: Loader | None = None
) -> dict[str, object]:
    """The given options and the defaults of the others, in the order of the constructor.

    With `load` each text that names a method, where the class wants one, is replaced by the loaded method.
    """
    found = {}
    for name, parameter in keyword_parameters(factory).items():
        if name in given or parameter.default is not inspect.Parameter.empty:
            value = given.get(name, parameter.default)
            loads = load if parameter.annotation is LoadedMethod else None
            found[name] = loads(value) if loads is not None and isinstance(value, str) else value
    return found


def _read(text: str, parameter: inspect.Parameter, what: str, load: Loader | None) -> object:
    wanted: Any = parameter.annotation
    if wanted is inspect.Parameter.empty or isinstance(wanted, str):
        default = parameter.default
        wanted = str if default is inspect.Parameter.empty or default is None else type(default)
    if get_origin(wanted) in (Union, types.UnionType):
        if type(None) in get_args(wanted) and text.lower() == "none":
            return None
        wanted = next(kind for kind in get_args(wanted) if kind is not type(None))
    if get_origin(wanted) is Literal:
        for choice in get_args(wanted):
            if text == str(choice):
                return choice
        raise UsageError(f'{what} cannot be "{text[:80]}": {known_names(text, map(str, get_args(wanted)))}')
    if wanted is LoadedMethod:
        if load is None:
            raise UsageError(f'"{text[:80]}" is a method, and no method can be an option here')
        return load(text)
    if wanted is bool:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise UsageError(f'{what} wants true or false, not "{text[:80]}"')
    if wanted in (int, float):
        try:
            return wanted(text)
        except ValueError:
            kind = "a whole number" if wanted is int else "a number"
            raise UsageError(f'{what} wants {kind}, not "{text[:80]}"') from None
    return text
