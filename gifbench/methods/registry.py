"""Finding a method by name or in a file, and giving it its options."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gifbench.did_you_mean import known_names
from gifbench.errors import GifbenchError, MethodError, MethodFailed, NoSuchMethod, NotFound, UsageError, storage_errors
from gifbench.methods.info import LoadedMethod, declared
from gifbench.methods.installed import Offer, installed, offers_class, offers_origin
from gifbench.methods.listing import ListedMethod, list_methods
from gifbench.methods.options import (
    FILE_SPEC,
    Loader,
    complete_options,
    keyword_parameters,
    load_parts,
    nested_option,
    parse_spec,
    read_options,
)
from gifbench.methods.protocols import FrameMethod, Method
from gifbench.plugins import file_class, import_file, one_line
from gifbench.provenance import source_sha256

_NAME = re.compile(r"\w[\w.+-]{0,63}")
_LONGEST_NAME = 300
_DEEPEST_RECORDED = 4
_FILE = re.compile(r"(?P<path>.+\.py)(?::(?P<name>[^:]*))?(?P<options>:.*)?", re.DOTALL)


__all__ = [
    "ListedMethod",
    "LoadedMethod",
    "find_method",
    "list_methods",
    "load_method",
    "load_method_file",
    "load_recorded_method",
]


def load_method(text: str) -> LoadedMethod:
    """Load `gif`, `gaussian-0.5` or `gaussian:sigma=0.7` from the installed methods.

    Raises `NoSuchMethod` for an unknown name, `UsageError` for wrong options, `MissingExtra` or another `MethodError`
    where the method cannot be loaded.
    """
    return _installed(text, load=find_method)


def load_recorded_method(text: str) -> LoadedMethod:
    """Load a method that somebody's file names, as a results file does: an installed one with plain options only.

    A file may come from a stranger. So it names no code (`mine.py:Mine`), and no path or URL: options are numbers,
    choices of the method's own, and methods that are named in the same way, at most four deep. Raises `MethodError`
    for anything else, and what `load_method` raises.
    """
    return _recorded(text, depth=_DEEPEST_RECORDED)


def _recorded(text: str, *, depth: int) -> LoadedMethod:
    if not depth:
        raise MethodError(
            f"a file names methods within methods, more than {_DEEPEST_RECORDED} deep; it is not followed"
        )
    if not _NAME.fullmatch(name := text.partition(":")[0].strip()):
        raise MethodError(
            f"{name[:80]!r} is not the name of an installed method, and nothing else is loaded because a file names "
            "it; give the method yourself"
        )
    return _installed(text, load=lambda part: _recorded(part, depth=depth - 1), recorded=True)


def _installed(text: str, *, load: Loader, recorded: bool = False) -> LoadedMethod:
    spec = parse_spec(text)
    for name, offers in installed().items():
        if spec.name == name or spec.name.startswith(f"{name}-"):
            preset = {} if spec.name == name else _offered_presets(offers).get(spec.name)
            if preset is not None:
                factory = offers_class(offers)
                given = read_options(spec.name, factory, spec.options, load=load, recorded=recorded)
                origin, source = offers_origin(offers), ("installed", text)
                return _set_up(name, factory, spec.name, {**preset, **given}, origin=origin, source=source)
    known = [listed.name for listed in list_methods()]
    raise NoSuchMethod(f'there is no method "{spec.name[:80]}": {known_names(spec.name, known)}')


def load_method_file(text: str) -> LoadedMethod:
    """Load a method from a Python file: `mine.py:Mine`, `mine.py:Mine:sigma=2`, or `mine.py` if it holds one method.

    The file is trusted code and is run. Raises `NotFound`, `NoSuchMethod`, `UsageError` or another `MethodError`.
    """
    found = _FILE.fullmatch(text)
    if found is None:
        raise UsageError(f'"{text}" names no method file: write path/to/file.py:Class')
    path = Path(found["path"])
    if not path.is_file():
        raise NotFound(f"{path}: there is no such method file")
    module = import_file(path)
    factory = file_class(module, path, found["name"])
    name = getattr(factory, "name", None)
    name = name if isinstance(name, str) else factory.__name__
    spec = parse_spec(f"{name}{found['options'] or ''}")
    given = read_options(spec.name, factory, spec.options, load=find_method)
    return _set_up(name, factory, spec.name, given, origin=f"{path.name}:{factory.__name__}", source=("file", text))


def find_method(text: str) -> LoadedMethod:
    """Load a method written either way: `gaussian:sigma=0.7`, or `mine.py:Mine` for one in a file."""
    return load_method_file(text) if FILE_SPEC.match(text) else load_method(text)


def _set_up(
    name: str,
    factory: Callable[..., Any],
    written: str,
    given: Mapping[str, object],
    *,
    origin: str,
    source: tuple[str, str],
) -> LoadedMethod:
    if not _NAME.fullmatch(name):
        raise MethodError(f"{origin}: {name[:80]!r} cannot name a method: up to 64 letters, digits and . _ + -")
    options = load_parts(factory, complete_options(factory, given), load=find_method)
    parts = {key: value for key, value in options.items() if isinstance(value, LoadedMethod)}
    for key in keyword_parameters(factory):
        if key not in options:
            raise UsageError(f"method {written} needs the option {key}: write {written}:{key}=…")
    method = _instance(written, factory, {**given, **parts})
    said = declared(method)
    canonical = _canonical(name, factory, options)
    if len(canonical) > _LONGEST_NAME:
        raise UsageError(
            f"method {canonical[:80]}…: with its options the name is longer than {_LONGEST_NAME} characters"
        )
    return LoadedMethod(
        name=canonical,
        origin=origin,
        method=method,
        options={key: _shown(value) for key, value in options.items()},
        declared=said,
        code_sha256=_joint_sha256(
            source_sha256(inspect.getsourcefile(factory)), *(part.code_sha256 for part in parts.values())
        ),
        weights_sha256=_joint_sha256(_file_sha256(said.weights), *(part.weights_sha256 for part in parts.values())),
        parts=tuple(parts.values()),
        source=source,
    )


def _instance(name: str, factory: Callable[..., Any], options: Mapping[str, object]) -> Method | FrameMethod:
    try:
        method = factory(**options)
    except GifbenchError:
        raise
    except (TypeError, ValueError) as error:
        raise UsageError(f"method {name}: {error}") from error
    except Exception as error:
        raise MethodFailed(f"method {name} cannot be set up: {one_line(error)}") from error
    if not isinstance(method, Method | FrameMethod):
        raise MethodError(
            f"method {name}: the class {type(method).__name__} has neither restore(gif, times) "
            "nor restore_frames(frames, palettes)"
        )
    return method


def _canonical(name: str, factory: Callable[..., Any], options: Mapping[str, object]) -> str:
    for preset, preset_options in _presets(factory).items():
        if load_parts(factory, complete_options(factory, preset_options), load=find_method) == options:
            return preset
    defaults = complete_options(factory, {})
    changed = {key: value for key, value in options.items() if not _is_default(value, defaults.get(key, ...))}
    nested = changed.pop(nested_option(factory) or "", None)
    written = [f"{key}={_written(value)}" for key, value in changed.items()]
    if nested is not None:
        text = str(_shown(nested))
        written.insert(0, f"[{text}]" if written and ":" in text else text)
    return f"{name}:{','.join(written)}" if written else name


def _is_default(value: object, default: object) -> bool:
    """Whether an option is its default; of a method, whether it is the installed one that the default names."""
    if isinstance(value, LoadedMethod) and isinstance(default, str):
        offers = installed().get(default)
        return offers is not None and (value.name, value.origin) == (default, offers_origin(offers))
    return value == default


def _written(value: object) -> str:
    """An option as it stands in a name, where a comma would end it."""
    text = str(_shown(value))
    return f"[{text}]" if "," in text else text


def _shown(value: object) -> object:
    """An option as results record it: of a path the last part only, because where files lie is nobody's business."""
    if isinstance(value, LoadedMethod):
        return value.name
    if isinstance(value, Path) or (isinstance(value, str) and re.search(r"[/\\]", value)):
        return re.split(r"[/\\]", str(value).rstrip("/\\"))[-1]
    return value if isinstance(value, str | int | float | None) else str(value)


def _offered_presets(offers: tuple[Offer, ...]) -> Mapping[str, Mapping[str, object]]:
    """What a table says of its methods is known without importing them."""
    entry = offers[0].entry
    return _presets(offers_class(offers)) if len(offers) > 1 or entry is None else entry.presets


def _presets(factory: Callable[..., Any]) -> Mapping[str, Mapping[str, object]]:
    return declared(factory).PRESETS


def _joint_sha256(*hashes: str | None) -> str | None:
    found = [each for each in hashes if each]
    return hashlib.sha256("".join(found).encode()).hexdigest() if len(found) > 1 else next(iter(found), None)


def _file_sha256(path: str | None) -> str | None:
    if path is None:
        return None
    with storage_errors(path):
        if Path(path).is_dir():  # of weights: all that lie in it
            return _joint_sha256(*(_file_sha256(str(each)) for each in sorted(Path(path).glob("*.safetensors"))))
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
