"""Finding a method by name or in a file, and giving it its options."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gifbench.argument_types import check_types
from gifbench.errors import GifbenchError, MethodError, MethodFailed, NoSuchMethod, NotFound, UsageError, storage_errors
from gifbench.methods.identity import Watch, content_sha256, full_option, state
from gifbench.methods.info import LoadedMethod, declared
from gifbench.methods.installed import ListedMethod, Offer, installed, list_methods, offers_class, offers_origin
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
from gifbench.plugins import file_class, import_file, known_names, one_line
from gifbench.provenance import displayed, source_code, source_file

_NAME = re.compile(r"\w[\w.+-]{0,63}")
_LONGEST_NAME = 300
_DEEPEST_RECORDED = 4
_LONGEST_HEADER = 16 << 20
_LABEL = re.compile(r"(?P<label>\w[\w.+-]{0,63})=(?P<spec>.+)", re.DOTALL)
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


@check_types
def load_method(text: str | os.PathLike[str]) -> LoadedMethod:
    """Load `gif`, `gaussian-0.5` or `gaussian:sigma=0.7` from the installed methods; from a path what lies there.

    That is a Python file with one method, a file of weights, or the folder of a training. Raises `NoSuchMethod` for an
    unknown name, `UsageError` for wrong options, `MissingExtra` or another `MethodError` where the method cannot be
    loaded.
    """
    if not isinstance(text, str):
        return find_method(os.fspath(text))
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
    if (found := _offered(spec.name)) is not None:
        name, offers, preset = found
        factory = offers_class(offers)
        given = read_options(spec.name, factory, spec.options, load=load, recorded=recorded)
        origin, source = offers_origin(offers), ("installed", text)
        return _set_up(name, factory, spec.name, {**preset, **given}, origin=origin, source=source)
    known = [listed.name for listed in list_methods()]
    raise NoSuchMethod(f'there is no method "{spec.name[:80]}": {known_names(spec.name, known)}')


def _offered(name: str) -> tuple[str, tuple[Offer, ...], Mapping[str, object]] | None:
    """What is installed under a name or the name of a preset: its own name, who offers it, the preset's options."""
    for own, offers in installed().items():
        if name == own:
            return own, offers, {}
        if name.startswith(f"{own}-") and (preset := _offered_presets(offers).get(name)) is not None:
            return own, offers, preset
    return None


def installed_class(text: str) -> type[Any] | None:
    """The class of an installed method, written with or without options; None where none is meant.

    Raises `MethodError` where it cannot be imported.
    """
    found = _offered(text.partition(":")[0].strip())
    return None if found is None else offers_class(found[1])


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
    watch = Watch()
    with watch.looking(known=True):
        module = import_file(path)
    factory = file_class(module, path, found["name"])
    name = getattr(factory, "name", None)
    name = name if isinstance(name, str) else factory.__name__
    spec = parse_spec(f"{name}{found['options'] or ''}")
    given = read_options(spec.name, factory, spec.options, load=find_method)
    origin = f"{path.name}:{factory.__name__}"
    return _set_up(name, factory, spec.name, given, origin=origin, source=("file", text), watch=watch)


def find_method(text: str) -> LoadedMethod:
    """Load a method written in any way, with a name of your own before it if you like.

    `gaussian:sigma=0.7` or a composition of installed methods; `mine.py:Mine` for a class in a Python file; a file of
    weights (`runs/1/ccdnet-1.safetensors`) or the folder of a training (`runs/1`), whose card names the method;
    `LABEL=` and any of these, which is then called LABEL. Raises what `load_method` and `load_method_file` raise.
    """
    label = _LABEL.fullmatch(text)
    if label is not None and not _exists(text):
        return relabeled(find_method(label["spec"]), label["label"])
    if FILE_SPEC.match(text):
        return load_method_file(text)
    path = Path(text)
    by_name = text.partition(":")[0] in installed()  # whatever its options end with
    if not by_name and (path.suffix == ".safetensors" or (_exists(text) and path.is_dir())):
        return _trained(path)
    return load_method(text)


def _exists(text: str) -> bool:
    """Whether this is the path of something; False for what cannot be a path."""
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False


def relabeled(method: LoadedMethod, name: str) -> LoadedMethod:
    """The same method under another name; raises `UsageError` for a name that cannot be one."""
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise UsageError(f"{name[:80]!r} cannot name a method: up to 64 letters, digits and . _ + -")
    return method if method.name == name else replace(method, name=name)


def _trained(path: Path) -> LoadedMethod:
    """The method that a file of weights, or the folder of a training, is of."""
    files = [path]
    if path.is_dir():
        with storage_errors(path):
            files = sorted(path.glob("*.safetensors"))
        if len(files) != 1:
            found = f"{len(files)} of them" if files else "none"
            raise UsageError(f"{path}: a training's folder must have one .safetensors file, got {found}; name the file")
    (file,) = files
    if not file.is_file():
        raise NotFound(f"{file}: there is no such file of weights")
    names = [name for name in (_card_name(file), file.stem, path.name) if name in installed()]
    if not names:
        raise UsageError(f"{file}: its card names no installed method; write NAME:weights={file}")
    if "," in str(file) or "[" in str(file):
        raise UsageError(f"{file}: a path with a comma or bracket cannot be an option; move the file")
    return load_method(f"{names[0]}:weights={file}")


def _card_name(file: Path) -> str | None:
    """The name in the card of a file of weights, None where there is none."""
    with storage_errors(file), file.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        header = stream.read(size) if size < _LONGEST_HEADER else b""
    try:
        name = json.loads(json.loads(header)["__metadata__"]["gifbench"])["about"]["name"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return name if isinstance(name, str) else None


def _set_up(
    name: str,
    factory: Callable[..., Any],
    written: str,
    given: Mapping[str, object],
    *,
    origin: str,
    source: tuple[str, str],
    watch: Watch | None = None,
) -> LoadedMethod:
    if not _NAME.fullmatch(name):
        raise MethodError(f"{origin}: {name[:80]!r} cannot name a method: up to 64 letters, digits and . _ + -")
    options = load_parts(factory, complete_options(factory, given), load=find_method)
    parts: dict[str, object] = {key: value for key, value in options.items() if isinstance(value, LoadedMethod)}
    for key in keyword_parameters(factory):
        if key not in options:
            raise UsageError(f"method {written} needs the option {key}: write {written}:{key}=…")
    watch = watch or Watch()
    with watch.looking(known=True):
        method = _instance(written, factory, {**given, **parts})
    info = declared(method)
    canonical = _canonical(name, factory, options)
    if len(canonical) > _LONGEST_NAME:
        raise UsageError(
            f"method {canonical[:80]}…: with its options the name is longer than {_LONGEST_NAME} characters"
        )
    loaded_parts = tuple(part for part in parts.values() if isinstance(part, LoadedMethod))
    code = source_code(source_file(factory), name=getattr(factory, "__name__", None))
    beside = Path(source_file(factory) or "").parent if source[0] == "file" else None
    full = {key: full_option(value, beside=beside) for key, value in options.items() if key not in parts}
    weights = _weights_sha256(info.weights)
    unknown = [*code.unknown, *(why for _, why in full.values() if why), *watch.reasons]
    unknown += [why for part in loaded_parts for why in part.unknown]
    by_content = info.weights or any(isinstance(value, dict) for value, _ in full.values())
    unknown += [] if by_content else code.unseen
    if info.weights and weights is None:
        unknown.append(f"its weights {Path(info.weights).name} cannot be read whole")
    if any("://" in str(value) for value in options.values()) and not info.weights:
        unknown.append("what a URL brings is not known")
    return LoadedMethod(
        name=canonical,
        origin=origin,
        method=method,
        options={key: _shown(value) for key, value in options.items()},
        declared=info,
        code_sha256=_joint_sha256(code.sha256, *(part.code_sha256 for part in loaded_parts)),
        weights_sha256=_joint_sha256(weights, *(part.weights_sha256 for part in loaded_parts)),
        parts=loaded_parts,
        source=source,
        full_options={key: value for key, (value, _) in full.items()},
        packages=tuple(sorted({*code.packages, *(each for part in loaded_parts for each in part.packages)})),
        unknown=tuple(dict.fromkeys(unknown)),
        watch=watch,
    )


def load_instance(method: object) -> LoadedMethod:
    """An object with `restore` or `restore_frames`, made in this process, as a loaded method.

    Its name is its attribute `name`, or that of its class. What it holds becomes part of its identity, as far as that
    can be told. Raises `UsageError` for anything else.
    """
    kind = type(method)
    if inspect.isclass(method) or not isinstance(method, Method | FrameMethod):
        what = method.__name__ if inspect.isclass(method) else kind.__name__
        raise UsageError(
            f"a method must be a name, a loaded one, or a class or object with restore or restore_frames, got {what}"
        )
    name = getattr(method, "name", None)
    name = name if isinstance(name, str) else kind.__name__
    if not _NAME.fullmatch(name):
        raise MethodError(f"{name[:80]!r} cannot name a method: up to 64 letters, digits and . _ + -")
    info = declared(method)
    code = source_code(source_file(kind), name=kind.__qualname__.partition(".")[0])
    attributes: dict[str, object] = getattr(method, "__dict__", {})
    plain = bool | int | float | str | None
    held, why = state(attributes)
    unknown = [*code.unknown, *([why] if why else [])]
    if "<locals>" in kind.__qualname__:
        unknown.append("its class is made in a function, and may depend on more than its source")
    return LoadedMethod(
        name=name,
        origin=f"{Path(source_file(kind) or 'this process').name}:{kind.__name__}",
        method=method,
        options={key: _shown(value) for key, value in attributes.items() if isinstance(value, plain)},
        declared=info,
        code_sha256=code.sha256,
        weights_sha256=_weights_sha256(info.weights),
        full_options={"state": held},
        packages=code.packages,
        unknown=tuple(dict.fromkeys(unknown)),
        watch=Watch(),
    )


def load_any_method(method: object) -> LoadedMethod:
    """A method given in any way: a name, a path, a loaded one, an object with `restore` or `restore_frames`, its class.

    Raises `UsageError` for anything else and for a class that needs options, `MethodError` for one that raises when it
    is made, and what `find_method` raises.
    """
    if isinstance(method, LoadedMethod):
        return method
    if isinstance(method, str):
        return find_method(method)
    if isinstance(method, os.PathLike):
        return find_method(str(os.fspath(method)))
    if not inspect.isclass(method):
        return load_instance(method)
    try:
        return load_instance(method())
    except TypeError as error:
        raise UsageError(f"the class {method.__name__} cannot be made without options: {error}") from error
    except GifbenchError:
        raise
    except Exception as error:
        raise MethodError(f"the class {method.__name__} cannot be made: {one_line(error)}") from error


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
    """An option as results record it."""
    return value.name if isinstance(value, LoadedMethod) else displayed(value)


def _offered_presets(offers: tuple[Offer, ...]) -> Mapping[str, Mapping[str, object]]:
    """What a table says of its methods is known without importing them."""
    entry = offers[0].entry
    return _presets(offers_class(offers)) if len(offers) > 1 or entry is None else entry.presets


def _presets(factory: Callable[..., Any]) -> Mapping[str, Mapping[str, object]]:
    return declared(factory).PRESETS


def _joint_sha256(*hashes: str | None) -> str | None:
    found = [each for each in hashes if each]
    return hashlib.sha256("".join(found).encode()).hexdigest() if len(found) > 1 else next(iter(found), None)


def _weights_sha256(path: str | None) -> str | None:
    """Of a file, or of a folder with all that lies in it."""
    if path is None:
        return None
    with storage_errors(path):
        if not Path(path).exists():
            raise NotFound(f"{path}: the weights that the method declares are not there")
    return content_sha256(path)
