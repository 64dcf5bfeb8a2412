"""`gifbench verify`: a dataset or a store of sources checked, and repaired."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gifbench.cli.build import AllowDuplicates, RecipeFile, TrustManifest
from gifbench.cli.info import Place
from gifbench.cli.progress_bar import progress_bar
from gifbench.cli.shared_options import Json
from gifbench.cli.terminal_text import note, say, say_json
from gifbench.errors import DatasetDamaged

if TYPE_CHECKING:
    from gifbench.builder.recipe import Recipe
    from gifbench.download.store import Store


def verify(
    place: Place,
    repair: Annotated[bool, typer.Option("--repair", help="Rebuild what is damaged from its sources.")] = False,
    source: Annotated[Path | None, typer.Option(help="With --repair: the folder that it was built from.")] = None,
    store: Annotated[str | None, typer.Option(help="With --repair: the store that it was built from.")] = None,
    recipe: RecipeFile = None,
    trust_manifest: TrustManifest = False,
    allow_duplicates: AllowDuplicates = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one a core if not given.")] = None,
    as_json: Json = False,
) -> None:
    """Check every checksum, that every member decodes, and that truth pixels match their hashes; or a whole store."""
    from gifbench.builder.repair import clear_leftovers, repair_dataset
    from gifbench.dataset import open_dataset, verify_dataset
    from gifbench.dataset.duplicates import find_duplicates
    from gifbench.dataset.verify import KNOWN_FROM_A_COPY
    from gifbench.download.store import Store

    if Store(place).is_there():
        _verify_store(Store(place), repair=repair, workers=workers, as_json=as_json)
        return
    dataset = place

    def look() -> list[tuple[str, str]]:
        with progress_bar("Verifying") as step:
            return list(verify_dataset(dataset, workers=workers, progress=step))

    damage = look()
    if repair and damage:
        for name, what in damage:
            note(f"{name}: {what}")
        with progress_bar("Repairing") as step:
            repair_dataset(
                dataset,
                {name for name, _ in damage},
                sources=source.absolute() if source else None,
                store=Store(store) if store else None,
                recipe=_recipe(dataset, recipe),
                trusted=trust_manifest,
                workers=workers,
                progress=step,
            )
        damage = look()
    if repair and not damage:
        clear_leftovers(dataset)
    same = None if damage else find_duplicates(open_dataset(dataset))
    if as_json:
        lines = [{"place": name, "what": what} for name, what in damage]
        say_json({"dataset": dataset, "damage": lines, "duplicates": same.to_json() if same else None})
    for name, what in () if as_json else damage:
        say(f"{name}: {what}")
    if damage:
        places = {name for name, _ in damage}
        if needed := sorted(places & KNOWN_FROM_A_COPY.keys()):
            raise DatasetDamaged(f"{dataset}: {len(places)} damaged; --repair needs {' and '.join(needed)} from a copy")
        raise DatasetDamaged(f"{dataset}: {len(places)} damaged; --repair rebuilds it")
    if same is not None:
        same.tell(note, dataset, allow=allow_duplicates)
    if not as_json:
        say(f"{dataset}: whole")


def _recipe(dataset: str, file: Path | None) -> Recipe | None:
    """The recipe in a file that the user gave, with the parameters of the dataset."""
    from gifbench.builder.recipe import recorded_recipe
    from gifbench.dataset.dataset_reader import read_about
    from gifbench.storage import Folder

    if file is None:
        return None
    about = read_about(Folder(dataset))
    return recorded_recipe(about["name"], about["recipe"], file=file, place=dataset)


def _verify_store(store: Store, *, repair: bool, workers: int | None, as_json: bool) -> None:
    """Read every byte of a store; with `repair` take away what is damaged, so that it is fetched again."""
    from gifbench.download.store_verify import take_away
    from gifbench.download.store_verify import verify_store as check

    with progress_bar("Verifying") as step:
        damage = list(check(store, workers=workers, progress=step))
    if as_json:
        lines = [{"place": found.place, "what": found.what} for found in damage]
        say_json({"store": store.folder.url, "damage": lines, "repaired": repair})
    for found in damage:
        (note if as_json else say)(f"{found.place}: {found.what}")
    if damage and not repair:
        raise DatasetDamaged(
            f"{store.folder.url}: {len(damage)} damaged; --repair takes it away, and gifbench fetch brings it again"
        )
    take_away(store, damage)
    if not as_json:
        gone = f"{len(damage)} damaged were taken away; run gifbench fetch to have them again"
        say(f"{store.folder.url}: {gone if damage else 'whole'}")
