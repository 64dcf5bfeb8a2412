"""The configurations that come with installed trainers, by name: `ccdnet-1` instead of a path to a TOML file."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from gifbench.did_you_mean import known_names
from gifbench.entry_points import entry_points
from gifbench.errors import NotFound

GROUP = "gifbench.trainers"
"""The entry points by which a package offers trainers."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A configuration: its name, the file, the trainer, and what it is for in one line."""

    name: str
    path: Path
    trainer: str
    summary: str
    steps: int


def presets() -> list[Preset]:
    """All of them, sorted by name: the TOML files that lie beside an installed trainer.

    A file is called as its stem says; where two folders have files of one name, and for `small.toml`, the folder comes
    first, as in `ccdnet-small`.
    """
    folders = {spec_folder(point.module) for point in entry_points(group=GROUP)}
    files = sorted(file for folder in folders if folder is not None for file in folder.glob("*.toml"))
    same = Counter(file.stem for file in files)
    found = []
    for file in files:
        text = file.read_text(encoding="utf-8")
        document = tomllib.loads(text)
        name = f"{file.parent.name}-{file.stem}" if same[file.stem] > 1 or file.stem == "small" else file.stem
        comment = [line.lstrip("# ") for line in text.split("\n\n")[0].splitlines() if line.startswith("#")]
        summary = " ".join(comment).partition(". ")[0].rstrip(".")
        steps = int(document.get("training", {}).get("steps", 0))
        found.append(Preset(name, file, str(document.get("trainer", "")), summary, steps))
    return sorted(found, key=lambda preset: preset.name)


def config_path(name: str) -> Path:
    """The file of a preset, or `name` itself where it is a TOML file; raises `NotFound` with what was perhaps meant."""
    path = Path(name)
    if path.suffix == ".toml" or path.is_file():
        return path
    found = {preset.name: preset.path for preset in presets()}
    if name not in found:
        known = known_names(name, found)
        raise NotFound(
            f'there is no training "{name}"; {known}{"" if known.endswith("?") else "."} '
            "gifbench train --list describes them; a TOML file of your own is given by its path"
        )
    return found[name]


def spec_folder(module: str) -> Path | None:
    """The folder that a module lies in; its package is imported, the module itself is not."""
    spec = find_spec(module.rpartition(".")[0])
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    return Path(places[0]) if places else None
