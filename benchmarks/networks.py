"""The networks of Table 1 on a CPU: frames a second as the harness runs them, beside plain eager fp32 PyTorch.

    python benchmarks/networks.py [--threads 1] [--rows ccdnet-2 ccdnet-plain] [--precisions fp32 winograd]
    python benchmarks/networks.py --training [--rows ccdnet-1 ccdnet-plain]

Frames of 256×256 with palettes of 32 colors, a batch of four. `eager` is the plain loop: the same network as PyTorch
gives it, one frame after the other; `eager, batch` gives it the whole batch at once. `harness` is what a method of
gifbench does: channels-last, in parts that suit the device, in each of `--precisions`. The smallest time of `--rounds`
rounds in which all take turns; f_C is part of it.

`rms` and `largest` are differences from eager fp32 in levels of 255, and `cost` what that rms takes off a result of
34 dB, if it is error all of it. Weights that come with gifbench are used where there are some, or drawn at random.

`--training` prints the loader's frames a second alone, with GIFs as they are in the shards and with GIFs made on the
fly, and the steps a second of some trainings with what bounds them, on a dataset that it builds from moving gradients.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import get_args

import av
import numpy as np
import torch
from gifbench_baselines.ccdnet.method import Restorer
from gifbench_baselines.half_precision_and_winograd import Precision, Runner
from gifbench_baselines.pix2pix.network import Pix2PixArchitecture, UNet256
from gifbench_baselines.weights_lookup import WEIGHTS

from gifbench import Weights, load_recipe, open_dataset, read_weights
from gifbench.builder.build_loop import run_build
from gifbench.manifest.rows import from_folder
from gifbench.training.config import TrainingConfig, checked, read_config
from gifbench.training.frame_sampler import Samples
from gifbench.training.trainer_interface import load_trainer
from gifbench.training.training_loop import train

BASELINES = Path(__file__).parent.parent / "baselines"
SIDE, FRAMES, ERROR = 256, 4, 255.0**2 / 10**3.4  # the squared error of 34 dB
ROWS = ["ccdnet-1", "ccdnet-2", "ccdnet-3", "ccdnet-drrn", "ccdnet-glcic", "ccdnet-naf", "pix2pix", "ccdnet-plain"]
LEAST = {"trainer": "ccdnet", "name": "row", "training": {"steps": 1}}
Restore = Callable[[], torch.Tensor]


def config(row: str) -> Path:
    return next(BASELINES.glob(f"*/{row}.toml"))


def options(row: str, changes: list[str]) -> TrainingConfig:
    """A row's configuration, from nothing and as a whole."""
    found = read_config(config(row), changes)
    model = {key: value for key, value in found.model.items() if key not in ("start", "freeze_first")}
    return found.model_copy(update={"model": model})


def weights(row: str) -> Weights:
    """Those of the package, or as a file would give them with weights drawn at random."""
    if (path := WEIGHTS / f"{row}.safetensors").exists():
        return read_weights(path)
    found = options(row, [])
    trainer_class = load_trainer(found.trainer)
    trainer = trainer_class(checked(trainer_class.options_class, found.model, what=row))
    return Weights(Path(row), trainer.architecture(), {}, trainer.network.state_dict())


def pictures() -> tuple[torch.Tensor, list[torch.Tensor]]:
    """GIF frames (N, H, W, 3) of soft gradients and their palettes."""
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    palettes = [torch.randint(256, (32, 3), dtype=torch.uint8).sort(dim=0).values for _ in range(FRAMES)]
    indices = (x + 2 * y)[None] // 24 % 32
    return torch.stack([palette[indices[0]] for palette in palettes]), palettes


def peers(
    row: str, frames: torch.Tensor, palettes: list[torch.Tensor], precisions: list[str], *, compiled: bool
) -> dict[str, Restore]:
    gif, stacked = frames.permute(0, 3, 1, 2).contiguous(), torch.stack(palettes)
    if row == "pix2pix":
        plain = UNet256(Pix2PixArchitecture()).eval()
        last = UNet256(Pix2PixArchitecture()).eval()
        last.load_state_dict(plain.state_dict())
        last.to(memory_format=torch.channels_last)

        def call(network: torch.nn.Module, some: slice) -> torch.Tensor:
            return network(gif[some].float() / 127.5 - 1)

        def harness(precision: str) -> Restore:
            runner = Runner(precision=precision)  # type: ignore[arg-type]
            return lambda: runner.run(lambda part: call(last, part), gif)

    else:
        found = weights(row)
        plain = Restorer(found, precision="fp32").network
        plain.to(memory_format=torch.contiguous_format)

        def call(network: torch.nn.Module, some: slice) -> torch.Tensor:
            return network(gif[some], stacked[some])

        def harness(precision: str) -> Restore:
            restorer = Restorer(found, precision=precision)  # type: ignore[arg-type]
            return lambda: restorer.restore(frames, palettes).permute(0, 3, 1, 2) / 127.5 - 1

    tried: dict[str, Restore] = {
        "eager": lambda: torch.cat([call(plain, slice(i, i + 1)) for i in range(FRAMES)]),
        "eager, batch": lambda: call(plain, slice(None)),
        **{f"harness, {precision}": harness(precision) for precision in precisions},
    }
    if compiled:
        fused = torch.compile(plain)
        tried["eager, compiled"] = lambda: torch.cat([call(fused, slice(i, i + 1)) for i in range(FRAMES)])
    return tried


def fastest(tried: Mapping[str, Restore], rounds: int) -> dict[str, float]:
    best = dict.fromkeys(tried, float("inf"))
    for _ in range(rounds):
        for name, restore in tried.items():
            start = time.perf_counter()
            restore()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def inference(rows: list[str], precisions: list[str], *, rounds: int, compiled: bool) -> None:
    print(f"{'row':<15}{'':<18}{'frames/s':>9}{'ratio':>7}{'rms':>8}{'largest':>9}{'cost, dB':>10}")
    frames, palettes = pictures()
    for row in rows:
        with torch.inference_mode():
            tried = peers(row, frames, palettes, precisions, compiled=compiled)
            results = {name: restore().float() for name, restore in tried.items()}
            best = fastest(tried, rounds)
        for name, seconds in best.items():
            apart = (results[name].clamp(-1, 1) - results["eager"].clamp(-1, 1)) * 127.5
            squared = float(apart.square().mean())
            cost = 10 * math.log10(1 + squared / ERROR)
            ratio = best["eager"] / seconds
            print(
                f"{row:<15}{name:<18}{FRAMES / seconds:>9.2f}{ratio:>7.2f}{math.sqrt(squared):>8.3f}"
                f"{float(apart.abs().max()):>9.3f}{cost:>10.4f}"
            )


def moving(path: Path, seed: int, *, frames: int = 64) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] / 40
    phases, speeds = rng.uniform(0, 6, (2, 3)), rng.uniform(0.02, 0.1, 3)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "bgr0"
        for t in range(frames):
            waves = [np.sin(x + p + v * t) + np.cos(y * 1.3 + q) for p, q, v in zip(*phases, speeds, strict=True)]
            pixels = np.clip(128 + 55 * np.stack(waves, -1) + rng.normal(0, 2, (SIDE, SIDE, 1)), 0, 255)
            picture = av.VideoFrame.from_ndarray(pixels.astype(np.uint8), format="rgb24").reformat(format="bgr0")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


RECIPE = '''
from gifbench.builder import Geometry, Recipe, SourceVideo


class Whole(Recipe):
    """Videos as they are."""

    name = "whole"
    title = "Whole"

    def geometry(self, video: SourceVideo) -> Geometry:
        return Geometry(crop=None, width=video.info.width, height=video.info.height, filter="area")
'''


def training(rows: list[str], *, samples: int = 256, steps: int = 20) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "videos").mkdir()
        for seed in range(4):
            moving(place / "videos" / f"{seed}.mkv", seed)
        (place / "whole.py").write_text(RECIPE)
        run_build(
            load_recipe(str(place / "whole.py")),
            from_folder(place / "videos", split="train"),
            str(place / "data"),
            sources=place / "videos",
            workers=1,
        )
        dataset = open_dataset(str(place / "data"))
        print(f"\n{'loader alone, one process':<44}{'frames/s':>9}")
        for name, data in (
            ("plain GIFs of the shards", {}),
            ("plain or dithered GIFs of the shards", {"dithered": "both"}),
            ("plain GIFs of 16 to 256 colors, made", {"colors": [16, 32, 64, 256]}),
            ("dithered ones", {"colors": [16, 32, 64, 256], "dithered": True}),
        ):
            wanted = checked(TrainingConfig, {**LEAST, "data": {"crop": SIDE, **data}}, what=name).data
            found = Samples(list(dataset.split("train")), wanted, seed=0, length=samples)
            for number in range(16):
                found[number]
            start = time.perf_counter()
            for number in range(samples):
                found[number]
            print(f"{name:<44}{samples / (time.perf_counter() - start):>9.0f}")
        print(f"\n{'training, batch 8, 128×128':<24}{'':<18}{'steps/s':>9}{'loader':>8}{'device':>8}{'metrics':>9}")
        for row in rows:
            for name, changes in (("fp32", []), ("bf16, channels-last", ["precision=bf16", "channels_last=true"])):
                set_ = [
                    f"training.{each}" for each in (f"steps={steps}", "batch_size=8", "validate_every=10", *changes)
                ]
                speed = train(options(row, [*set_, "data.crop=128"]), dataset, place / f"{row} {name}").speed
                shares = "".join(f"{speed[key]:>8.0%}" for key in ("loader", "device", "metrics"))
                print(f"{row:<24}{name:<18}{speed['steps_per_second']:>9.2f}{shares}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--precisions", nargs="+", default=["fp32", "winograd", "bf16"], choices=get_args(Precision))
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--training", action="store_true")
    parser.add_argument("--rows", nargs="+")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    if given.training:
        training(given.rows or ["ccdnet-1", "ccdnet-plain"])
    else:
        inference(given.rows or ROWS, given.precisions, rounds=given.rounds, compiled=given.compile)


if __name__ == "__main__":
    main()
