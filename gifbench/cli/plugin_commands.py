"""Commands that installed packages add, by entry points of the group `gifbench.commands`.

    [project.entry-points."gifbench.commands"]
    "manifest.import-video2gif" = "gifbench_pipelines.gif_moments.commands:import_video2gif"

An entry point is called as the command is, with a dot behind the name of its group, and names a function that typer
understands. Its module is loaded with every `gifbench`, so it must load nothing heavy itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from importlib.metadata import EntryPoint, entry_points

import typer

from gifbench.cli.exit_codes_and_error_messages import command
from gifbench.cli.missing_parameters import CommandNamingAllMissing
from gifbench.cli.output import EXAMPLE
from gifbench.errors import UsageError
from gifbench.user_code_import import one_line

GROUP = "gifbench.commands"


def add_commands(app: typer.Typer, groups: Mapping[str, typer.Typer]) -> None:
    """Add what packages offer to the app or to one of its groups; what gifbench calls so itself stays its own.

    A command that cannot be loaded is listed all the same, and says why when it is called.
    """
    known = dict(groups)
    taken = {*_names(app), *(group.name or "" for group in app.registered_groups)}
    taken |= {f"{name}.{one}" for name, group in groups.items() for one in _names(group)}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        if point.name in taken:
            continue
        taken.add(point.name)
        group, _, name = point.name.rpartition(".")
        if group and group not in known:
            known[group] = typer.Typer(no_args_is_help=True, help=f"Commands of {_origin(point)}.")
            app.add_typer(known[group], name=group)
        function, settings = _loaded(point)
        add_command(known[group] if group else app, function, getattr(function, EXAMPLE, ""), name=name, **settings)


def add_command(
    group: typer.Typer, function: Callable[..., None], line: str, *, name: str | None = None, **settings: bool
) -> None:
    """Add a command to the app or a group, with the `line` that its help shows as an example."""
    epilog = f"Example: [bold]{line}[/bold]" if line else None
    group.command(name, cls=CommandNamingAllMissing, epilog=epilog, context_settings=settings)(command(function))


def _loaded(point: EntryPoint) -> tuple[Callable[..., None], dict[str, bool]]:
    """The function of a command; one that says what is wrong, whatever it is asked, if it cannot be loaded."""
    try:
        with redirect_stdout(sys.stderr):  # what it prints is no result
            function: Callable[..., None] = point.load()
        return function, {}
    except (Exception, SystemExit) as error:
        why = f"{point.name.replace('.', ' ')}: {point.value} of {_origin(point)} cannot be loaded: {one_line(error)}"

    def broken() -> None:
        raise UsageError(f"{why}. Update or uninstall that package")

    broken.__doc__ = "Cannot be loaded; call it to see why."
    return broken, {"ignore_unknown_options": True, "allow_extra_args": True}


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _names(group: typer.Typer) -> list[str]:
    return [one.name or getattr(one.callback, "__name__", "").replace("_", "-") for one in group.registered_commands]
