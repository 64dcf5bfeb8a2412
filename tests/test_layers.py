"""The house reads like its picture: a wing imports only wings above it, and the core stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import gifbench

ROOT = Path(__file__).parent.parent


def wings(names: str) -> set[str]:
    return set(names.split())


# docs/design.md, "Folders": what each wing may import, beside itself.
EVERYWHERE = wings("errors argument_types did_you_mean notebook progress")
BELOW_DATASET = wings("storage parquet entry_points user_code_import media")
BELOW_RESULTS = EVERYWHERE | BELOW_DATASET | wings("text_redaction")
BELOW_METHODS = BELOW_RESULTS | wings(
    "gif_maker_registry devices results gifbench_version method_source_hash child_processes benchmark_tasks metrics"
)
BELOW_EVALUATION = BELOW_METHODS | wings("methods dataset checksummed_journal")
BELOW_DOWNLOAD = BELOW_DATASET | wings("errors did_you_mean progress dataset")
MAY_IMPORT = {
    "text_redaction": set(),
    "errors": wings("text_redaction"),
    "progress": set(),
    "storage": wings("errors"),
    "parquet": wings("parquet_memory_limit"),
    "parquet_memory_limit": set(),
    "numba_cache": set(),
    "argument_types": wings("errors"),
    "notebook": wings("errors"),
    "toml_file": wings("errors"),
    "did_you_mean": set(),
    "entry_points": wings("errors user_code_import did_you_mean"),
    "user_code_import": wings("errors did_you_mean"),
    "dask_cluster": wings("errors storage"),
    "devices": wings("errors argument_types"),
    "media": EVERYWHERE | wings("storage"),
    "gif_maker_registry": wings("errors did_you_mean entry_points user_code_import media"),
    "benchmark_tasks": wings("errors did_you_mean entry_points user_code_import gif_maker_registry"),
    "dataset": BELOW_RESULTS | wings("gif_maker_registry child_processes"),
    "manifest": BELOW_DOWNLOAD,
    "download": BELOW_DOWNLOAD - {"did_you_mean"}
    | wings("text_redaction manifest checksummed_journal child_processes"),
    "builder": EVERYWHERE
    | BELOW_DATASET
    | wings("text_redaction toml_file dataset manifest download child_processes dask_cluster checksummed_journal"),
    "metrics": BELOW_RESULTS | wings("methods gifbench_version method_source_hash"),
    "results": BELOW_RESULTS | wings("benchmark_tasks"),
    "checksummed_journal": wings("errors storage"),
    "child_processes": set(),
    "gifbench_version": wings("results"),
    "installed_packages": set(),
    "method_source_hash": wings("installed_packages user_code_import"),
    "methods": BELOW_METHODS | wings("installed_packages"),
    "file_restoration": BELOW_METHODS | wings("methods"),
    "evaluation": BELOW_EVALUATION | wings("dask_cluster installed_packages"),
    "training": BELOW_EVALUATION | wings("evaluation manifest download toml_file"),
    "leaderboard": BELOW_EVALUATION | wings("evaluation file_restoration"),
    "blind_study": BELOW_EVALUATION | wings("evaluation leaderboard"),
    "demo": BELOW_EVALUATION | wings("evaluation manifest builder leaderboard"),
    "doctor_checks": wings("numba_cache devices installed_packages media"),
    "cli": BELOW_EVALUATION
    | wings("evaluation manifest download builder file_restoration training")
    | wings("leaderboard blind_study demo doctor_checks"),
}


def imported(path: Path) -> set[str]:
    """The full names of what a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def loaded(path: Path) -> set[str]:
    """The modules of gifbench that a file imports when it is loaded."""
    names = set()
    waiting: list[ast.stmt] = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while waiting:
        node = waiting.pop()
        for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if isinstance(node, ast.ImportFrom):
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif not (isinstance(node, ast.FunctionDef) or for_types):
            waiting += [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.stmt)]
    return names


def files() -> list[Path]:
    skipped = {ROOT / "gifbench" / "__init__.py", ROOT / "gifbench" / "__main__.py"}
    return [path for path in sorted((ROOT / "gifbench").rglob("*.py")) if path not in skipped]


def test_a_wing_imports_only_wings_above_it() -> None:
    offenders = []
    for path in files():
        place = path.relative_to(ROOT).as_posix()
        wing = path.relative_to(ROOT / "gifbench").parts[0].removesuffix(".py")
        names = imported(path)
        wings = {name.split(".")[1] for name in names if name.startswith("gifbench.")}
        offenders += [f"{place} imports gifbench.{below}" for below in sorted(wings - {wing} - MAY_IMPORT[wing])]
        plugins = sorted(name for name in names if name.startswith(("gifbench_", "baselines", "pipelines")))
        offenders += [f"{place} imports {name}" for name in plugins]
    assert not offenders


def test_no_modules_import_each_other_in_a_circle() -> None:
    """As they are loaded; a function may import what needs its own module."""
    modules = {path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): path for path in files()}
    wants = {name: loaded(path) & modules.keys() for name, path in modules.items()}
    while free := [name for name, wanted in wants.items() if not wanted]:
        for name in free:
            del wants[name]
        wants = {name: wanted.difference(free) for name, wanted in wants.items()}
    assert wants == {}


def test_only_the_video_modules_know_pyav() -> None:
    knows = [path for path in files() if any(name.split(".")[0] == "av" for name in imported(path))]
    assert {path.parent.relative_to(ROOT).as_posix() for path in knows} == {"gifbench/media/video"}


def public_modules() -> set[str]:
    """The modules whose names a baseline, a pipeline or anybody else's package may import."""
    names = ("builder", "cli.output", "download", "errors", "manifest", "progress", "storage")
    return {"gifbench", *(f"gifbench.{name}" for name in names)}


def test_plugins_use_the_public_api_alone() -> None:
    offenders = []
    for folder in ("baselines", "pipelines"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            modules = {name.rsplit(".", 1)[0] for name in imported(path) if name.startswith("gifbench")}
            offenders += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(modules - public_modules())]
    assert not offenders


def test_every_public_name_is_there_and_listed_once() -> None:
    assert sorted(gifbench.__all__, key=str.lower) == sorted(set(gifbench.__all__), key=str.lower)
    tree = ast.parse((ROOT / "gifbench" / "__init__.py").read_text(encoding="utf-8"))
    (for_types,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in for_types.body if isinstance(node, ast.ImportFrom)]
    assert {alias.asname: node.module for node in imports for alias in node.names} == gifbench._MODULE_OF
    for name in gifbench.__all__:
        assert not isinstance(getattr(gifbench, name), ModuleType), f"{name} is also a module"
    assert set(gifbench.__all__) <= set(dir(gifbench))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gifbench.nothing


HEAVY = {"torch", "cv2", "numba", "av", "pandas", "numpy", "dlib"}
HELP = "from gifbench.cli import main; import sys; sys.argv[1:] = ['--help']; main()"


@pytest.mark.parametrize("command", ["import gifbench", HELP])
def test_the_core_and_the_help_load_nothing_heavy(command: str) -> None:
    tell = f"atexit.register(lambda: print('LOADED', sorted(sys.modules.keys() & {HEAVY!r})))"
    code = f"import atexit, sys\n{tell}\n{command}\n"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.endswith("LOADED []\n")
