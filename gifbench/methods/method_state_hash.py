"""What a method's frames depend on, by content: its options in full, files and folders, and the state of an object.

Where content is not enough (a program is started, the network is asked, files are read in the middle of a clip) the
identity is unknown. That is said, and nothing of such a method is ever reused.
"""

from __future__ import annotations

import ast
import contextlib
import glob
import hashlib
import inspect
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gifbench.errors import storage_errors
from gifbench.installed_packages import is_installed
from gifbench.method_source_hash import source_code, source_file
from gifbench.methods.reused_buffers import is_array
from gifbench.storage import file_sha256
from gifbench.text_redaction import is_there, redact

_MOST_BYTES = 256 << 30
_MOST_FILES = 100_000
_DEEPEST = 12
_LONGEST_TEXT = 4096


def content_sha256(path: str | os.PathLike[str]) -> str | None:
    """The sha256 of a file, or of a folder: of the names and contents of all files in it.

    None for what is no file or folder (a pipe, a device), and for a folder of over 100,000 files or 256 GiB. Links
    are followed, folders too. Raises `StorageError`s.
    """
    place = Path(path)
    with storage_errors(place):
        if place.is_file():
            return file_sha256(place)
        if not place.is_dir():
            return None
        digest, size = hashlib.sha256(b"folder\0"), 0
        files = _files_below(place)
        if files is None:
            return None
        for each in files:
            if not each.is_file():
                return None
            size += each.stat().st_size
            if size > _MOST_BYTES:
                return None
            digest.update(os.fsencode(each.relative_to(place)) + b"\0" + bytes.fromhex(file_sha256(each)))
        return digest.hexdigest()


def _files_below(folder: Path) -> list[Path] | None:
    """All files, sorted; None where there are too many, or a folder cannot be read. A link back up is not followed."""
    files: list[Path] = []
    unreadable: list[OSError] = []
    for place, folders, names in os.walk(folder, followlinks=True, onerror=unreadable.append):
        real = Path(place).resolve()
        folders[:] = [name for name in folders if not real.is_relative_to((real / name).resolve())]
        files += [Path(place, name) for name in names]
        if unreadable or len(files) > _MOST_FILES:
            return None
    return sorted(files)


def full_option(  # noqa: PLR0911  # a kind of value each
    value: object, *, beside: Path | None = None
) -> tuple[object, str | None]:
    """An option as an identity has it, and why it is not known where it is not: a path is what lies there.

    So is a path with variables of the environment, one of several in a text, a pattern, what a name of several files
    begins with (`run/model` of `run/model.index`), and a file `beside` the method's own.
    """
    if isinstance(value, bool | int | float | None):
        return value, None
    if not isinstance(value, str | Path):
        return state(value)
    text = str(value)
    # What a URL brings is known by the weights that the method then declares.
    if "://" not in text and is_there(text):
        digest = content_sha256(Path(text).expanduser())
        if digest is None:
            return text, f"{Path(text).name} is no file or folder that can be read whole"
        return {"sha256": digest}, None
    shown = text if redact(text) == text else {"text": hashlib.sha256(text.encode()).hexdigest()}
    places = [] if "://" in text else _named_places(text, beside)
    if not places:
        return shown, None
    digests = [content_sha256(place) for place in places]
    if None in digests:
        return shown, f"{places[digests.index(None)].name} is no file or folder that can be read whole"
    return {"text": shown, "files": digests}, None


def _named_places(text: str, beside: Path | None) -> list[Path]:
    """What a text names that is no path itself, in an order that does not change."""
    if "\0" in text or len(text) > _LONGEST_TEXT:
        return []
    whole = os.path.expandvars(Path(text).expanduser() if text.startswith("~") else text)
    parts = [whole, *(part.strip() for part in re.split(r"[,;|:\s]+", whole))]
    found: list[Path] = []
    for part in dict.fromkeys(part for part in parts if re.search(r"[/.*?\[]", part) and part.strip("./*?[]")):
        near = [Path(part), *([beside / part] if beside is not None else [])]
        for place in near:
            with contextlib.suppress(OSError, ValueError):
                if place.exists():
                    found.append(place)
                else:
                    any_file = os.path.isdir(place.parent) and ("/" in part or beside is not None)  # noqa: PTH112
                    starts = f"{glob.escape(str(place))}.*" if any_file else ""
                    found += map(Path, sorted(glob.glob(str(place)) or (glob.glob(starts) if starts else [])))  # noqa: PTH207
                    if len(found) > _MOST_FILES:
                        return found[:_MOST_FILES]
    return list(dict.fromkeys(found))


def state(value: object, depth: int = 0) -> tuple[object, str | None]:  # noqa: PLR0911, PLR0912  # a kind of value each
    """A value of somebody's object as JSON that stands for its content, and why it is not known where it is not."""
    if isinstance(value, bool | int | str | None):
        return value, None
    if isinstance(value, float):
        return value.hex(), None
    if isinstance(value, Path):
        return full_option(value)
    if isinstance(value, bytes | bytearray):
        return {"bytes": hashlib.sha256(value).hexdigest()}, None
    if isinstance(value, np.ma.MaskedArray):
        return state([value.data, np.ma.getmaskarray(value)], depth)
    if (array := _array(value)) is not None:
        if array.dtype.hasobject:
            return None, "it holds an array of objects"
        about = f"{array.dtype.str} {array.shape} ".encode()
        return {"array": hashlib.sha256(about + np.ascontiguousarray(array).tobytes()).hexdigest()}, None
    if is_array(value):
        return None, "it holds a tensor that cannot be read as an array"
    if depth > _DEEPEST:
        return None, "its state is nested too deep"
    if isinstance(value, Mapping):
        return _mapping(value, depth)
    if isinstance(value, list | tuple):
        found, why = _states({str(i): each for i, each in enumerate(value)}, depth)
        return [type(value).__name__, found], why
    if inspect.isclass(value) or inspect.isfunction(value):
        return _code(value, f"{value.__module__}.{value.__qualname__}")
    if inspect.ismodule(value) or (callable(value) and not hasattr(value, "__dict__")):
        return None, f"it holds a {type(value).__name__}"
    return _object(value, depth)


def _states(values: Mapping[str, object], depth: int) -> tuple[object, str | None]:
    found = {key: state(each, depth + 1) for key, each in values.items()}
    return {key: each for key, (each, _) in found.items()}, next((why for _, why in found.values() if why), None)


def _mapping(value: Mapping[Any, object], depth: int) -> tuple[object, str | None]:
    """A mapping with its keys, of which 1 and "1" are two, and their order, which a method may go by."""
    keys = {key: state(key, depth + 1) for key in value}
    names = {
        key: key if isinstance(key, str) and not key.startswith("\0") else f"\0{json.dumps(found, sort_keys=True)}"
        for key, (found, _) in keys.items()
    }
    if len(set(names.values())) < len(names):
        return None, f"it holds a {type(value).__name__} with keys that cannot be told apart"
    found, why = _states({names[key]: each for key, each in value.items()}, depth)
    why = why or next((each for _, each in keys.values() if each), None)
    if attributes := getattr(value, "__dict__", {}):
        why = why or f"it holds a {type(value).__name__} with {len(attributes)} attributes"
    return [found, list(names.values())] if len(names) > 1 else found, why


def _code(value: Any, name: str) -> tuple[object, str | None]:  # noqa: ANN401  # a class or function
    try:
        file = inspect.getsourcefile(value)
    except TypeError:
        return name, None if value.__module__ == "builtins" else f"{name} has no source"
    source = source_code(file, name=value.__qualname__.partition(".")[0])
    known: list[object] = [name, source.sha256, *([since] if (since := set_after_import(source.files)) else [])]
    if "<locals>" in name or "<lambda>" in name:
        return known, next(iter(source.unknown), f"{name} may depend on more than its source")
    return known, next(iter(source.unknown), None)


def _object(value: object, depth: int) -> tuple[object, str | None]:
    kind = type(value)
    held = dict(getattr(value, "__dict__", {}))
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        held |= {
            each: getattr(value, each)
            for each in ([slots] if isinstance(slots, str) else slots)
            if hasattr(value, each)
        }
    # What a class made in C holds (a random generator, a set) is in no attribute.
    made_in_c = any(each.__module__ != "__main__" and source_file(each) is None for each in kind.__mro__[:-1])
    if made_in_c or (not held and not hasattr(value, "__dict__")):
        return None, f"it holds a {kind.__name__}, whose content is not known"
    code, why = _code(kind, f"{kind.__module__}.{kind.__qualname__}")
    if callable(tensors := getattr(value, "state_dict", None)):
        held = {"state_dict": dict(tensors()), "training": getattr(value, "training", None)}
    found, inner = _states(held, depth)
    return [code, found], why or inner


def _array(value: object) -> np.ndarray[Any, Any] | None:
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_meta:
        tensor = value.detach().cpu()
        with contextlib.suppress(TypeError, RuntimeError, NotImplementedError):  # quantized, float8, a lazy conjugate
            return np.asarray((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy())
    return None


def set_after_import(files: Iterable[Path]) -> dict[str, object]:
    """Plain values of the modules in these files, and of their classes, that are not those of the source, by name.

    A sweep sets them: `mine.SIGMA = 2`, `Mine.sigma = 2`. What is computed, or begins empty as a cache does, is left
    out: nobody can tell what it was.
    """
    modules = {str(held.get("__file__")): held for held in map(_attributes, list(sys.modules.values()))}
    found: dict[str, object] = {}
    for file in files:
        if (held := modules.get(str(file))) is None or is_installed(file):  # packages are known by their versions
            continue
        try:
            body = ast.parse(file.read_bytes()).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # changed after its import, which is said
            continue
        found |= _differing(held["__name__"], held, _literals(body))
        for node in body:
            if isinstance(node, ast.ClassDef) and inspect.isclass(kind := held.get(node.name)):
                written = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
                added = {name: ... for name in _attributes(kind) if name not in written and not name.startswith("_")}
                found |= _differing(f"{held['__name__']}.{node.name}", _attributes(kind), added | _literals(node.body))
    return found


def _attributes(value: object) -> Mapping[str, Any]:
    return getattr(value, "__dict__", {})


def _literals(body: Iterable[ast.stmt]) -> dict[str, object]:
    found: dict[str, object] = {}
    for node in body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            with contextlib.suppress(ValueError, TypeError):
                value = ast.literal_eval(node.value)
                found |= {target.id: value for target in targets if isinstance(target, ast.Name) and _is_plain(value)}
    return found


def _differing(place: str, held: Mapping[str, Any], written: Mapping[str, object]) -> dict[str, object]:
    now = {name: held[name] for name in written if name in held and _is_plain(held[name])}
    return {f"{place}.{name}": state(each)[0] for name, each in now.items() if repr(each) != repr(written[name])}


def _is_plain(value: object) -> bool:
    """Whether it is a number, a text, None, or some of these."""
    if isinstance(value, list | tuple | dict):
        return len(value) > 0 and all(map(_is_plain, [*value, *value.values()] if isinstance(value, dict) else value))
    return type(value) in (bool, int, float, str, type(None))
