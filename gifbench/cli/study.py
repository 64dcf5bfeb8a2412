"""`gifbench study`: making a blind study, and counting it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gifbench.cli.progress_bar import progress_bar
from gifbench.cli.shared_options import DatasetPlace, Device, Json, OneTask, Split
from gifbench.cli.terminal_text import note, say, say_json, table


class StudyGroup(TyperGroup):
    """`gifbench study DATASET METHOD METHOD` is `gifbench study make …`: what is no command's name is a dataset's."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401  # click's own types
        """Take the first word for a dataset unless it names a command."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["make", *args])


def make(
    dataset: DatasetPlace,
    method: Annotated[
        list[str],
        typer.Argument(help="Two or more methods: names from gifbench methods, or FILE.py:CLASS.", metavar="METHOD..."),
    ],
    out: Annotated[Path, typer.Option(help="The folder for the study.")],
    task: OneTask = "plain-1",
    split: Split = "test",
    pairs: Annotated[int, typer.Option(min=1, help="The most pairs of films that a person is shown.")] = 20,
    seed: Annotated[
        int, typer.Option(help="The random seed: it decides which clips are shown, in what order and on which side.")
    ] = 0,
    question: Annotated[str, typer.Option(help="The question that people answer.")] = "Which one looks better?",
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier study in that folder.")] = False,
    as_json: Json = False,
) -> None:
    """Make a page on which people choose between two films without knowing which is which, and a key for you alone."""
    from gifbench.blind_study.study_pages import KEY, PAGE, make_study
    from gifbench.dataset import open_dataset
    from gifbench.methods.registry import find_method

    with progress_bar("Restoring") as step:
        key = make_study(
            [find_method(name) for name in method],
            open_dataset(dataset),
            task,
            out,
            split=split,
            pairs=pairs,
            seed=seed,
            question=question,
            device=device,
            overwrite=overwrite,
            progress=step,
        )
    if as_json:
        say_json({"study": key.study, "pairs": len(key.pairs), "page": str(out / PAGE), "key": str(out / KEY)})
        return
    shown = "1 pair" if len(key.pairs) == 1 else f"{len(key.pairs)} pairs"
    say(f"{out / PAGE}: {shown}; give this folder to people, they open its index.html")
    say(f"{out / KEY}: which film is which method; keep it to yourself")
    say(f"When their files of choices are back: gifbench study report {out} CHOICES...")


def report(
    study: Annotated[Path, typer.Argument(help="The folder that gifbench study wrote, with key.json.")],
    choices: Annotated[
        list[Path], typer.Argument(help="The files that people sent you (choices-….json), or folders of them.")
    ],
    as_json: Json = False,
) -> None:
    """Count the answers: how many preferred which method, with 95% intervals and a sign test for each two methods."""
    from gifbench.blind_study.vote_counting import preferences, read_choices, read_key
    from gifbench.errors import ResultsError
    from gifbench.leaderboard.safe_names import visible

    key = read_key(study)
    people, refused = read_choices(key, choices)
    for error in refused:
        note(f"Left out: {error}")
    if not people:
        raise refused[0] if refused else ResultsError("there are no choices to count yet")
    found = preferences(key, people)
    if as_json:
        about = {"study": key.study, "task": key.task, "people": len(people), "refused": [str(one) for one in refused]}
        say_json({**about, "preferences": [asdict(each) for each in found]})
        return
    rows = [
        (
            *each.methods,
            f"{each.preferred[0]} : {each.undecided} : {each.preferred[1]}",
            f"{100 * each.share:.0f}% [{100 * each.ci95[0]:.0f}, {100 * each.ci95[1]:.0f}]",
            f"{each.p_value:.4f}" if each.p_value >= 0.0001 else "< 0.0001",
            each.people,
            each.clips,
        )
        for each in found
    ]
    say(visible(key.question))
    say(table(rows, header=("A", "B", "A : none : B", "A preferred", "p (Holm)", "people", "clips")))
    say("Half of the undecided counts for each. The interval is the wider of Wilson's and that of resampled people;")
    say("the sign test takes choices as independent, so with few people trust the interval first.")
