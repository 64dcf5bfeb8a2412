"""Finding a method: by name, in a file, or by whatever else it is given as."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import replace
from functools import partial
from pathlib import Path

from gifbench.argument_types import check_types
from gifbench.did_you_mean import known_names
from gifbench.errors import GifbenchError, MethodError, NoSuchMethod, NotFound, UsageError, storage_errors
from gifbench.methods.audit_hook import Watch
from gifbench.methods.loaded_method import LoadedMethod
from gifbench.methods.method_entry_points import Offer, installed, list_methods
from gifbench.methods.method_from_class import LONGEST_NAME, NAME, load_class, load_instance
from gifbench.methods.options import FILE, FILE_SPEC, Loader, parse_spec, read_options
from gifbench.text_redaction import is_there
from gifbench.user_code_import import file_class, import_file, one_line

_DEEPEST_RECORDED = 4
_LONGEST_HEADER = 16 << 20
_LABEL = re.compile(r"(?P<label>\w[\w.+-]{0,63})=(?P<spec>.+)", re.DOTALL)


__all__ = ["LoadedMethod", "find_method", "list_methods", "load_method", "load_method_file", "load_recorded_method"]


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


def load_recorded_method(text: str, *, depth: int = _DEEPEST_RECORDED) -> LoadedMethod:
    """Load a method that somebody's file names, as a results file does: an installed one with plain options only.

    A file may come from a stranger. So it names no code (`mine.py:Mine`), and no path or URL: options are numbers,
    choices of the method's own, and methods that are named in the same way, at most `depth` deep. Raises `MethodError`
    for anything else, and what `load_method` raises.
    """
    if not depth:
        raise MethodError(
            f"a file names methods within methods, more than {_DEEPEST_RECORDED} deep; it is not followed"
        )
    if not NAME.fullmatch(name := text.partition(":")[0].strip()):
        raise MethodError(
            f"{name[:80]!r} is not the name of an installed method, and nothing else is loaded because a file names "
            "it; give the method yourself"
        )
    return _installed(text, load=partial(load_recorded_method, depth=depth - 1), recorded=True)


def _installed(text: str, *, load: Loader, recorded: bool = False) -> LoadedMethod:
    spec = parse_spec(text)
    if (found := offered_method(spec.name)) is not None:
        offer, preset = found
        factory = offer.load()
        given = {**preset, **read_options(spec.name, factory, spec.options, load=load, recorded=recorded)}
        origin, source = offer.origin, ("installed", text)
        return load_class(offer.name, factory, spec.name, given, origin=origin, source=source, load=find_method)
    known = [listed.name for listed in list_methods()]
    raise NoSuchMethod(f'there is no method "{spec.name[:80]}": {known_names(spec.name, known)}')


def offered_method(name: str) -> tuple[Offer, Mapping[str, object]] | None:
    """What is installed under a name or the name of a preset, and the preset's options."""
    for own, offer in installed().items():
        if name == own:
            return offer, {}
        if name.startswith(f"{own}-") and (preset := offer.info.PRESETS.get(name)) is not None:
            return offer, preset
    return None


def load_method_file(text: str) -> LoadedMethod:
    """Load a method from a Python file: `mine.py:Mine`, `mine.py:Mine:sigma=2`, or `mine.py` if it holds one method.

    The file is trusted code and is run; the working folder is then what it was before. Raises `NotFound`,
    `NoSuchMethod`, `UsageError` or another `MethodError`.
    """
    found = FILE.fullmatch(text)
    if found is None:
        raise UsageError(f'"{text}" names no method file: write path/to/file.py:Class')
    path = Path(found["path"])
    watch = Watch()
    with chdir("."):
        with watch.looking(known=True):
            module = import_file(path)
        factory = file_class(module, path, found["name"])
        name = getattr(factory, "name", None)
        name = name if isinstance(name, str) else factory.__name__
        spec = parse_spec(f"{name}{found['options'] or ''}")
        given = read_options(spec.name, factory, spec.options, load=find_method)
        origin, source = f"{path.name}:{factory.__name__}", ("file", text)
        return load_class(name, factory, spec.name, given, origin=origin, source=source, load=find_method, watch=watch)


def find_method(text: str) -> LoadedMethod:
    """Load a method written in any way, with a name of your own before it if you like.

    `gaussian:sigma=0.7` or a composition of installed methods; `mine.py:Mine` for a class in a Python file; a file of
    weights (`runs/1/ccdnet-1.safetensors`) or the folder of a training (`runs/1`), whose card names the method;
    `LABEL=` and any of these, which is then called LABEL. Raises what `load_method` and `load_method_file` raise.
    """
    label, text = split_label(text)
    if label:
        return relabeled(find_method(text), label)
    if FILE_SPEC.match(text):
        return load_method_file(text)
    path = Path(text)
    by_name = text.partition(":")[0] in installed()  # whatever its options end with
    if not by_name and (path.suffix == ".safetensors" or (is_there(text) and path.is_dir())):
        return _trained(path)
    return load_method(text)


def split_label(text: str) -> tuple[str, str]:
    """The LABEL of `LABEL=` before a method, empty where there is none, and the method."""
    label = _LABEL.fullmatch(text)
    return ("", text) if label is None or is_there(text) else (label["label"], label["spec"])


def relabeled(method: LoadedMethod, name: str) -> LoadedMethod:
    """The same method under another name; raises `UsageError` for a name that cannot be one."""
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
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


def load_any_method(method: object) -> LoadedMethod:
    """A method given in any way: a name, a path, a loaded one, an object with `restore` or `restore_frames`, its class.

    Raises `UsageError` for anything else and for a class that needs options, `MethodError` for one that raises when it
    is made, and what `find_method` raises.
    """
    if isinstance(method, LoadedMethod):
        return method
    if isinstance(method, str | os.PathLike):
        return find_method(str(os.fspath(method)))
    if not inspect.isclass(method):
        return load_instance(method)
    try:
        return load_instance(method())
    except TypeError as error:
        raise UsageError(f"the class {method.__name__} cannot be made without options: {error}") from error
    except GifbenchError:
        raise
    except (Exception, SystemExit) as error:
        raise MethodError(f"the class {method.__name__} cannot be made: {one_line(error)}") from error
