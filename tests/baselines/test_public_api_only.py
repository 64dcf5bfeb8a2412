"""The baselines are written as an outsider's method would be: against what `gifbench` exports and nothing behind it."""

from __future__ import annotations

import ast
from pathlib import Path

import gifbench_baselines
import pytest

import gifbench

FILES = sorted(Path(gifbench_baselines.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_baseline_uses_public_names_only(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not [alias.name for alias in node.names if alias.name.startswith("gifbench.")]
        if isinstance(node, ast.ImportFrom) and not node.level and node.module.startswith("gifbench"):
            assert node.module == "gifbench", f"{node.module} is not public"
            assert {alias.name for alias in node.names} <= set(gifbench.__all__)
