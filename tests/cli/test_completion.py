"""What a shell asks with the TAB key is answered, and the script that asks is one that shells run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMPLETE = "_GIFBENCH_COMPLETE"


def asked(**variables: str) -> str:
    """What gifbench prints to a shell that asks by these environment variables."""
    environment = {**os.environ, **variables}
    code = "import sys; sys.argv[0] = 'gifbench'; from gifbench.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gifbench ev", ["evaluate"]),
        ("gifbench evaluate --prot", ["--protocol"]),
        ("gifbench build --over", ["--overwrite"]),
        ("gifbench nothing-starts-so", []),
    ],
)
def test_bash_is_answered(line: str, expected: list[str]) -> None:
    words = str(len(line.split()) - 1)
    assert asked(**{COMPLETE: "complete_bash"}, COMP_WORDS=line, COMP_CWORD=words).split() == expected


def test_zsh_and_fish_are_answered_with_what_a_command_does() -> None:
    zsh = asked(**{COMPLETE: "complete_zsh"}, _TYPER_COMPLETE_ARGS="gifbench ev")
    fish = asked(
        **{COMPLETE: "complete_fish"}, _TYPER_COMPLETE_ARGS="gifbench ev", _TYPER_COMPLETE_FISH_ACTION="get-args"
    )
    for answer in (zsh, fish):
        assert "evaluate" in answer
        assert "Score methods" in answer


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash is on the PATH")
def test_a_real_bash_completes_with_the_script_that_is_shown() -> None:
    script = asked(**{COMPLETE: "source_bash"})
    ask = "COMP_WORDS=(gifbench ev); COMP_CWORD=1; _gifbench_completion gifbench; echo ${COMPREPLY[@]}"
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{ask}"], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "evaluate"
