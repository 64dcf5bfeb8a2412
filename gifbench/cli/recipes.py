"""`gifbench recipes`: the recipes and their parameters."""

from __future__ import annotations

from typing import Annotated, Any

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
    from gifbench.builder.recipe import load_recipe
    from gifbench.entry_points import RECIPES, entry_names

    names = [recipe] if recipe else entry_names(RECIPES)
    listed: list[dict[str, Any]] = []
    for name in names:
        made = load_recipe(name)
        parameters = [
            {"name": key, "default": getattr(made, key), "meaning": field.description or ""}
            for key, field in type(made).model_fields.items()
        ]
        about = " ".join((type(made).__doc__ or "").partition("\n\n")[0].split())
        listed.append({"name": name, "title": made.title, "about": about, "parameters": parameters})
    if as_json:
        say_json(listed)
        return
    for each in listed:
        say(f"{each['name']}: {each['about']}\n")
        rows = [
            (one["name"], "none" if one["default"] is None else str(one["default"]), one["meaning"])
            for one in each["parameters"]
        ]
        say(table(rows, header=("parameter", "default", "meaning")))
        say("")
    say(f"Change one: gifbench build {names[0]} --source videos/ --out data/{names[0]} --set KEY=VALUE")
