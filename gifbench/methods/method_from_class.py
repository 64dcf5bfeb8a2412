"""A class with its options, or an object, as a loaded method, which is named by its options and known by content."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gifbench.errors import GifbenchError, MethodError, MethodFailed, NotFound, UsageError, storage_errors
from gifbench.method_source_hash import source_code, source_file
from gifbench.methods.audit_hook import Watch, heard_import
from gifbench.methods.loaded_method import LoadedMethod, declared
from gifbench.methods.method_entry_points import installed
from gifbench.methods.method_interface import FrameMethod, Method
from gifbench.methods.method_state_hash import content_sha256, full_option, set_after_import, state
from gifbench.methods.options import Loader, complete_options, keyword_parameters, nested_option
from gifbench.text_redaction import displayed
from gifbench.user_code_import import one_line

NAME = re.compile(r"\w[\w.+-]{0,63}")
"""What a method may be called."""

LONGEST_NAME = 300
"""Of a name with its options."""


def load_class(
    name: str,
    factory: Callable[..., Any],
    written: str,
    given: Mapping[str, object],
    *,
    origin: str,
    source: tuple[str, str],
    load: Loader,
    watch: Watch | None = None,
) -> LoadedMethod:
    """Set up the class `factory`, called `written` by the user, with its options; `load` loads methods among them."""
    if not NAME.fullmatch(name):
        raise MethodError(f"{origin}: {name[:80]!r} cannot name a method: up to 64 letters, digits and . _ + -")
    options = complete_options(factory, given, load=load)
    parts = {key: value for key, value in options.items() if isinstance(value, LoadedMethod)}
    for key in keyword_parameters(factory):
        if key not in options:
            raise UsageError(f"method {written} needs the option {key}: write {written}:{key}=…")
    watch = watch or Watch()
    with watch.looking(known=True):
        method = _instance(written, factory, {**given, **parts})
    info = declared(method)
    canonical = _canonical(name, factory, options, load)
    if len(canonical) > LONGEST_NAME:
        raise UsageError(
            f"method {canonical[:80]}…: with its options the name is longer than {LONGEST_NAME} characters"
        )
    code = source_code(source_file(factory), name=getattr(factory, "__name__", None))
    watch.also_read(code.files)
    beside = Path(source_file(factory) or "").parent if source[0] == "file" else None
    full = {key: full_option(value, beside=beside) for key, value in options.items() if key not in parts}
    weights = _weights_sha256(info.weights)
    unknown = [*code.unknown, *(why for _, why in full.values() if why), *watch.reasons]
    unknown += [why for part in parts.values() for why in part.unknown]
    by_content = info.weights or any(isinstance(value, dict) for value, _ in full.values())
    unknown += [] if by_content else code.unseen
    unknown += (
        [] if source[0] != "file" or info.weights else [what for file, what in code.at_import if not heard_import(file)]
    )
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
        code_sha256=joint_sha256(code.sha256, *(part.code_sha256 for part in parts.values())),
        weights_sha256=joint_sha256(weights, *(part.weights_sha256 for part in parts.values())),
        parts=tuple(parts.values()),
        source=source,
        full_options={key: value for key, (value, _) in full.items()},
        packages=tuple(sorted({*code.packages, *(each for part in parts.values() for each in part.packages)})),
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
    if not NAME.fullmatch(name):
        raise MethodError(f"{name[:80]!r} cannot name a method: up to 64 letters, digits and . _ + -")
    info = declared(method)
    code = source_code(source_file(kind), name=kind.__qualname__.partition(".")[0])
    attributes: dict[str, object] = getattr(method, "__dict__", {})
    plain = bool | int | float | str | None
    held, why = state(attributes)
    since = set_after_import(code.files)
    unknown = [*code.unknown, *([why] if why else []), *([] if info.weights else (what for _, what in code.at_import))]
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
        full_options={
            "state": held,
            **({"set after import": since} if (since := set_after_import(code.files)) else {}),
        },
        packages=code.packages,
        unknown=tuple(dict.fromkeys(unknown)),
        watch=Watch(),
    )


def _instance(name: str, factory: Callable[..., Any], options: Mapping[str, object]) -> Method | FrameMethod:
    try:
        method = factory(**options)
    except GifbenchError:
        raise
    except (TypeError, ValueError) as error:
        raise UsageError(f"method {name}: {error}") from error
    except (Exception, SystemExit) as error:
        raise MethodFailed(f"method {name} cannot be set up: {one_line(error)}") from error
    if not isinstance(method, Method | FrameMethod):
        raise MethodError(
            f"method {name}: the class {type(method).__name__} has neither restore(gif, times) "
            "nor restore_frames(frames, palettes)"
        )
    return method


def _canonical(name: str, factory: Callable[..., Any], options: Mapping[str, object], load: Loader) -> str:
    for preset, preset_options in declared(factory).PRESETS.items():
        if complete_options(factory, preset_options, load=load) == options:
            return preset
    defaults = complete_options(factory, {})
    changed = {key: value for key, value in options.items() if not _is_default(value, defaults.get(key, ...))}
    nested = changed.pop(nested_option(factory) or "", None)
    texts = {key: str(_shown(value)) for key, value in changed.items()}
    written = [f"{key}=[{text}]" if "," in text else f"{key}={text}" for key, text in texts.items()]
    if nested is not None:
        text = str(_shown(nested))
        written.insert(0, f"[{text}]" if written and ":" in text else text)
    return f"{name}:{','.join(written)}" if written else name


def _is_default(value: object, default: object) -> bool:
    """Whether an option is its default; of a method, whether it is the installed one that the default names."""
    if isinstance(value, LoadedMethod) and isinstance(default, str):
        offer = installed().get(default)
        return offer is not None and (value.name, value.origin) == (default, offer.origin)
    return value == default


def _shown(value: object) -> object:
    """An option as results record it."""
    return value.name if isinstance(value, LoadedMethod) else displayed(value)


def joint_sha256(*hashes: str | None) -> str | None:
    """The one of these that there is, or where there are several the sha256 of them; None without any."""
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
