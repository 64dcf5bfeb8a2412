"""All that a command still wants in one message, where typer names one thing after the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ParamSpec

import typer
from typer.core import TyperCommand

from gifbench.cli.exit_codes_and_error_messages import WRONG_USAGE

P = ParamSpec("P")

_ONE_OF = "gifbench_one_of"


def marked(attribute: str, value: object) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Give a command's function an attribute, in which its `--help` or its errors find something."""

    def mark(function: Callable[P, None]) -> Callable[P, None]:
        setattr(function, attribute, value)
        return function

    return mark


def one_of(*names: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Mark a command's function as one that wants one of these parameters, none of which is required by itself."""
    return marked(_ONE_OF, names)


class CommandNamingAllMissing(TyperCommand):
    """A command that, where something required is not given, names all of it with what it is, and shows an example."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  # click's own types
        """As click does; the error for what is missing is of everything."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            if type(error).__name__ != "MissingParameter":
                raise
            lines = self._missing(ctx, given)
            if not lines:
                raise
        example = re.sub(r"\[/?bold\]", "", self.epilog or "")
        wants = f"{ctx.command_path} wants:\n" + "\n".join(f"  {line}" for line in lines)
        ctx.fail(f"{wants}\n{example}" if example else wants)
        raise typer.Exit(WRONG_USAGE)  # `fail` never returns

    def _missing(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        """A line for each parameter that is required and not given."""
        given, _, _ = self.make_parser(ctx).parse_args(list(args))
        parameters = {parameter.name: parameter for parameter in self.get_params(ctx)}
        choice: tuple[str, ...] = getattr(self.callback, _ONE_OF, ())
        wanted = [[name] for name, parameter in parameters.items() if parameter.required]
        wanted.append([name for name in choice if name in parameters])
        return [
            " or ".join(_about(parameters[name]) for name in names if not getattr(parameters[name], "hidden", False))
            for names in wanted
            if names and not any(given.get(name) for name in names)
        ]


def _about(parameter: Any) -> str:  # noqa: ANN401
    if parameter.param_type_name == "argument":
        name = parameter.metavar or str(parameter.name).upper()
    else:
        name = max(parameter.opts, key=len)
    about = (getattr(parameter, "help", "") or "").rstrip(".")
    return f"{name} ({about})" if about else str(name)
