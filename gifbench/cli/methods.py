"""`gifbench methods`: the list, and `new` and `check` for authors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gifbench.cli.exit_codes_and_error_messages import FAILED
from gifbench.cli.shared_options import Device, Json
from gifbench.cli.terminal_text import note, say, say_json, table
from gifbench.progress import count_text

if TYPE_CHECKING:
    from gifbench.methods.method_entry_points import ListedMethod


def methods(context: typer.Context, as_json: Json = False) -> None:
    """List the methods: what each restores, whether it is ready to run or has to be trained first, and what it does."""
    if context.invoked_subcommand is not None:
        return
    from gifbench.benchmark_tasks import TASKS
    from gifbench.methods.method_entry_points import list_methods

    listed = sorted(list_methods(), key=lambda method: (bool(method.problem), not method.ready))
    if as_json:
        about = [
            {
                "name": method.name,
                "origin": method.origin,
                "description": method.declared.description,
                "restores": method.restores,
                "ready": method.ready,
                "tasks": list(method.declared.tasks or TASKS),
                "parameters": method.declared.parameters,
                "weights": method.declared.weights,
                "licence": method.declared.licence,
                "problem": method.problem,
            }
            for method in listed
        ]
        say_json(about)
        return
    packages = {method.origin for method in listed}
    rows = [
        (
            method.name,
            method.restores,
            _weights(method),
            method.declared.description + (f" ({method.origin})" if len(packages) > 1 else ""),
        )
        for method in listed
    ]
    say(table(rows, header=("method", "restores", "weights", "what it is")))
    say("\nA method of yours: FILE.py:CLASS in place of a name; gifbench methods new NAME writes one to begin with.")
    for method in listed:
        if method.problem:
            note(f"{method.name}: {method.problem}")


def _weights(method: ListedMethod) -> str:
    """Whether it can run, and how large it is."""
    if method.problem:
        return "missing"
    if not method.declared.parameters:
        return "none needed" if method.ready else "a file of yours"
    return f"{'ready' if method.ready else 'to train'}, {count_text(method.declared.parameters)}"


def new(
    name: Annotated[str, typer.Argument(help="The name of the method, as in my-method.")],
    folder: Annotated[Path, typer.Option(help="The folder for the two files.")] = Path(),
    as_json: Json = False,
) -> None:
    """Start a method of your own: write a small one that works, and its test."""
    from gifbench.methods.template import new_method

    method, test = new_method(name, folder)
    if as_json:
        say_json({"method": str(method), "test": str(test)})
        return
    say(f"{method} works as it is; {test} holds it to the contract")
    say(f"gifbench methods check {method}, then gifbench evaluate {method} --data …")


def check(
    method: Annotated[str, typer.Argument(help="A method: a name from gifbench methods, or FILE.py:CLASS.")],
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Check that a method gives what gifbench expects: frame counts, sizes, times, batches, repeatable output."""
    from gifbench.methods.conformance import check_method

    checks = check_method(method, device=device)
    if as_json:
        say_json([{"check": each.name, "kept": each.kept, "detail": each.detail} for each in checks])
    else:
        shown = {True: "passed", False: "FAILED", None: "not checked"}
        say(table([(each.name, shown[each.kept], each.detail) for each in checks], header=("check", "", "")))
    if broken := sum(each.kept is False for each in checks):
        note(f"Error: {method} fails {broken} of {len(checks)} checks")
        raise typer.Exit(FAILED)
