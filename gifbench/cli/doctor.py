"""`gifbench doctor`: what works on this machine."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from gifbench.cli.exit_codes_and_error_messages import FAILED
from gifbench.cli.shared_options import Json
from gifbench.cli.terminal_text import say, say_json, table


def doctor(
    network: Annotated[
        bool, typer.Option("--network", help="Also ask whether YouTube and PyPI can be reached from here.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the installation and suggest fixes. Exit code 0 if building and scoring work."""
    from gifbench.doctor_checks import examine

    findings = list(examine(network=network))
    works = all(finding.state != "broken" for finding in findings)
    if as_json:
        say_json({"works": works, "findings": [asdict(finding) for finding in findings]})
    else:
        rows = [(finding.what, finding.state, finding.found) for finding in findings]
        say(table(rows, header=("what", "state", "found")))
        say("")
        for finding in findings:
            if finding.way_out:
                say(f"{finding.what}: {finding.way_out}")
        say("Building and scoring work here." if works else "Building and scoring do not work here yet.")
    if not works:
        raise typer.Exit(FAILED)
