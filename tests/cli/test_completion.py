"""What a shell asks with the TAB key is answered, and the script that asks is one that shells run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMPLETE = "_GIFBENCH_COMPLETE"
ASKED = {
    "gifbench ev": ["evaluate"],
    "gifbench evaluate --prot": ["--protocol"],
    "gifbench build --over": ["--overwrite"],
    "gifbench nothing-starts-so": [],
}
"""What is typed, and how bash is to go on."""
LOOP = """
import contextlib, io, json, os, sys
sys.argv[1:], asked = [], json.loads(sys.argv[1])
sys.argv[0] = "gifbench"
from gifbench.cli import main
for variables in asked:
    os.environ.update(variables)
    with contextlib.redirect_stdout(io.StringIO()) as told, contextlib.suppress(SystemExit):
        main()
    for name in variables:
        del os.environ[name]
    print(json.dumps(told.getvalue()))
"""


@pytest.fixture(scope="module")
def answers() -> dict[str, str]:
    """What gifbench prints to shells that ask by environment variables, as in a process each."""
    questions = {
        line: {COMPLETE: "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
        for line in ASKED
    }
    typed = {"_TYPER_COMPLETE_ARGS": "gifbench ev"}
    questions["zsh"] = {COMPLETE: "complete_zsh", **typed}
    questions["fish"] = {COMPLETE: "complete_fish", **typed, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    questions["script"] = {COMPLETE: "source_bash"}
    command = [sys.executable, "-c", LOOP, json.dumps(list(questions.values()))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not done.stderr
    return dict(zip(questions, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize(("line", "expected"), ASKED.items())
def test_bash_is_answered(line: str, expected: list[str], answers: dict[str, str]) -> None:
    assert answers[line].split() == expected


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_zsh_and_fish_are_answered_with_what_a_command_does(shell: str, answers: dict[str, str]) -> None:
    assert "evaluate" in answers[shell]
    assert "Score methods" in answers[shell]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash is on the PATH")
def test_a_real_bash_completes_with_the_script_that_is_shown(answers: dict[str, str]) -> None:
    ask = "COMP_WORDS=(gifbench ev); COMP_CWORD=1; _gifbench_completion gifbench; echo ${COMPREPLY[@]}"
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f"{answers['script']}\n{ask}"], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "evaluate"
