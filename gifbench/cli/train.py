"""`gifbench train` and `gifbench convert-weights`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gifbench.cli.progress_bar import progress_bar
from gifbench.cli.shared_options import Device, Json
from gifbench.cli.terminal_text import note, say, say_json, table
from gifbench.devices import choose_device
from gifbench.errors import MissingExtra, UsageError


def train(
    config: Annotated[
        str | None, typer.Argument(help="What to train: a name of --list, such as ccdnet-1, or a TOML file.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="The dataset: a folder or an fsspec URL.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder of the run: checkpoint, log, pictures, weights. Default: runs/NAME.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List what can be trained by name.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the checkpoint in --out, if any.")] = False,
    device: Device = "auto",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change an option of the file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a network. Ctrl-C ends it after the step under way, with a checkpoint to resume from.

    ccdnet-small takes some minutes on a CPU and suits a few clips; the others are the paper's, and take days on a GPU.
    """
    if list_:
        _list(as_json=as_json)
        return
    if config is None or data is None:
        raise UsageError(
            "name what to train and the dataset, as in gifbench train ccdnet-small --data data/gif-faces; "
            "gifbench train --list names what there is"
        )
    _need_torch("gifbench train")
    from gifbench.dataset import open_dataset
    from gifbench.training.config import read_config
    from gifbench.training.presets import config_path
    from gifbench.training.training_loop import train as run

    device = choose_device(device, wanted_for="gifbench train")
    options = read_config(config_path(config), set_ or ())
    out = out or Path("runs") / Path(config).stem
    with progress_bar(f"train {options.name}") as step:
        trained = run(options, open_dataset(data), out, resume=resume, device=device, progress=step)
    if not trained.first:
        return
    if trained.batch_size < options.training.batch_size:
        wanted = options.training.batch_size
        note(f"There was no memory for batches of {wanted}; they were halved to {trained.batch_size}.")
    if as_json:
        measured = {"scores": trained.scores, "losses": trained.losses, "speed": trained.speed}
        say_json({"weights": str(trained.weights), "step": trained.step, **measured})
        return
    scores = ", ".join(f"{key} {value:.3f}" for key, value in trained.scores.items()) or "no validation clips"
    say(f"{trained.weights}: step {trained.step}, {scores}")
    if trained.speed:
        shares = {name: trained.speed[name] for name in ("loader", "device", "metrics")}
        parts = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        bound = max(shares, key=lambda name: shares[name])
        say(f"{trained.speed['steps_per_second']:.3g} steps a second, bound by the {bound} ({parts})")
    say(f"Score it: gifbench evaluate {shlex.quote(str(out))} --data {shlex.quote(data)}")


def _list(*, as_json: bool) -> None:
    from gifbench.training.presets import presets

    found = presets()
    if as_json:
        say_json([{**asdict(preset), "path": str(preset.path)} for preset in found])
        return
    rows = [(preset.name, preset.trainer, f"{preset.steps:,}", preset.summary) for preset in found]
    say(table(rows, header=("name", "trainer", "steps", "what it is")))


def convert_weights(
    source: Annotated[Path, typer.Argument(help="A .pt or .pth file: of the authors of GIF2Video, or CartoonGAN's.")],
    out: Annotated[Path, typer.Argument(help="The file to write, NAME.safetensors; its card is NAME.md.")],
    first: Annotated[
        Path | None, typer.Option(help="The first network's .pt file, where SOURCE is a second one (CCDNet-2 and 3).")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    as_json: Json = False,
) -> None:
    """Convert weights that are a pickle, as torch writes them, to safetensors; nothing in the pickle is run."""
    _need_torch("gifbench convert-weights")
    from gifbench.training.pickles_to_safetensors import convert_weights as convert
    from gifbench.training.weights_file import read_weights

    path = convert([source, *([first] if first else [])], out, overwrite=overwrite)
    if as_json:
        say_json({"weights": str(path), "architecture": dict(read_weights(path).architecture)})
        return
    say(f"{path}, and its card, {path.with_suffix('.md').name}")


def _need_torch(what: str) -> None:
    try:
        import torch  # noqa: F401 - whether it is there
    except ImportError as error:
        raise MissingExtra("torch", extra="torch", wanted_for=what) from error
