"""The baselines are written as an outsider's method would be: against what `gifbench` exports and nothing behind it."""

from __future__ import annotations

import ast
from pathlib import Path

import gifbench_baselines

import gifbench

ROOT = Path(gifbench_baselines.__file__).parent


def test_baselines_use_public_names_only():
    offenders = []
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = set()
            if isinstance(node, ast.Import):
                names = {alias.name for alias in node.names if alias.name.startswith("gifbench.")}
            if isinstance(node, ast.ImportFrom) and not node.level and node.module.startswith("gifbench"):
                names = {f"{node.module}.{alias.name}" for alias in node.names}
            public = {f"gifbench.{name}" for name in gifbench.__all__}
            offenders += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(names - public)]
    assert not offenders
