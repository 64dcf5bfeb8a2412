"""The list of installed methods, read from their source: no method is imported to be listed, if it can be helped.

Importing them all takes seconds, because some import torch. What a class says of itself are constants of its body or of
its bases' bodies, so the source says it too. Where it does not (a computed constant, a base from another package, an
import that is not installed) the class is imported after all, and what is wrong with it is said.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path

from gifbench.errors import GifbenchError
from gifbench.methods.info import NAMES, Declared, declared
from gifbench.plugins import entries_class, entries_origin, installed


@dataclass(frozen=True, slots=True)
class ListedMethod:
    """A line of `gifbench methods`; `problem` says why the method cannot be loaded, None where it can."""

    name: str
    origin: str
    declared: Declared
    problem: str | None = None


def list_methods() -> list[ListedMethod]:
    """All installed methods, presets in place of the method that has them; one that cannot be loaded says why."""
    listed = []
    for name, entries in installed().items():
        origin = entries_origin(entries)
        said = _read(entries[0]) if len(entries) == 1 else None
        try:
            said = declared(entries_class(entries)) if said is None else said
        except GifbenchError as error:
            listed.append(ListedMethod(name, origin, Declared(), problem=str(error)))
            continue
        listed += [ListedMethod(each, origin, said) for each in (said.PRESETS or [name])]
    return sorted(listed, key=lambda method: method.name)


class _Unreadable(Exception):
    """The source does not say it; the class has to be imported."""


def _read(entry: EntryPoint) -> Declared | None:
    """What the entry's class says of itself, by its source; None where only importing it tells."""
    try:
        source = _source(entry.module)
        constants = _constants(source, entry.attr) if source else None
    except (_Unreadable, OSError, SyntaxError, ValueError, ImportError, RecursionError):
        return None
    return None if constants is None else declared(type("Read", (), constants))


def _source(module: str) -> Path | None:
    """The file of a module, found without importing its packages."""
    top, *rest = module.split(".")
    spec = find_spec(top)
    for i, _ in enumerate(rest, start=2):
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(".".join(module.split(".")[:i]), list(spec.submodule_search_locations))
    path = Path(spec.origin) if spec is not None and spec.origin else None
    return path if path is not None and path.suffix == ".py" else None


def _constants(path: Path, name: str) -> dict[str, object]:
    """The constants called as in `Declared` of a class and its bases."""
    tree = ast.parse(path.read_bytes())
    found = next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name), None)
    if found is None:
        raise _Unreadable
    for wanted in _imported(tree):
        if find_spec(wanted) is None:  # importing it says what is missing, and which extra brings it
            raise _Unreadable
    constants: dict[str, object] = {}
    for base in reversed(found.bases):
        constants |= _constants(*_base(base, tree, path))
    for node in found.body:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        names = {target.id for target in targets if isinstance(target, ast.Name)} & NAMES
        constants |= dict.fromkeys(names, ast.literal_eval(value) if names else None)  # ValueError for no constant
    return constants


def _imported(tree: ast.Module) -> Iterator[str]:
    """The top-level packages that a module imports as soon as it is imported."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def _base(base: ast.expr, tree: ast.Module, path: Path) -> tuple[Path, str]:
    """The file and the name of a base class: of the same file, or of one that a relative import names."""
    if not isinstance(base, ast.Name):
        raise _Unreadable
    if any(isinstance(node, ast.ClassDef) and node.name == base.id for node in tree.body):
        return path, base.id
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == base.id:
                    folder = path.parents[node.level - 1]
                    return folder.joinpath(*node.module.split(".")).with_suffix(".py"), alias.name
    raise _Unreadable
