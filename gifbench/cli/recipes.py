"""`gifbench recipes`: the recipes and their parameters."""

from __future__ import annotations

from typing import Annotated

import typer

from gifbench.cli.shared_options import Json
from gifbench.cli.terminal_text import say, say_json, table


def recipes(
    recipe: Annotated[
        str | None, typer.Argument(help="A recipe, by name or as a file: only this one, with all its parameters.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the recipes, and what each parameter means and is by default; build --set KEY=VALUE changes one."""
    from gifbench.builder.recipe import load_recipe, recipe_names

    names = [recipe] if recipe else recipe_names()
    found = {name: load_recipe(name) for name in names}
    parameters = {
        name: [
            {"name": key, "default": getattr(made, key), "meaning": field.description or ""}
            for key, field in type(made).model_fields.items()
        ]
        for name, made in found.items()
    }
    if as_json:
        say_json(
            [
                {"name": name, "title": made.title, "about": _about(made), "parameters": parameters[name]}
                for name, made in found.items()
            ]
        )
        return
    for name, made in found.items():
        say(f"{name}: {_about(made)}\n")
        rows = [(each["name"], _shown(each["default"]), each["meaning"]) for each in parameters[name]]
        say(table(rows, header=("parameter", "default", "meaning")))
        say("")
    say(f"Change one: gifbench build {names[0]} --source videos/ --out data/{names[0]} --set KEY=VALUE")


def _about(recipe: object) -> str:
    return " ".join((type(recipe).__doc__ or "").partition("\n\n")[0].split())


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
