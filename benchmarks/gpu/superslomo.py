"""SuperSlomo on a GPU: frames a second beside the plain loop, colors beside motion, and, for some minutes, weights.

    python benchmarks/gpu/superslomo.py speed
    python benchmarks/gpu/superslomo.py train --videos DIR --minutes 8 --out RUN [--config …] [--set model.base=16]

Needs torch, numpy, numba, OpenCV, safetensors and pydantic, and neither PyAV nor an installed gifbench: videos are
decoded by OpenCV once, to memory, or come as `--frames FILE.npz`, an array (T, H, W, 3) of RGB uint8 a clip.

`speed` draws the frames between those of a GIF at factor 4: the plain eager loop in fp32, a gap and a moment at a time;
many gaps at once; the same in bf16; then with CCDNet-2 before it, one after the other and on two streams. `train` goes
on from RUN/checkpoint.pt if it is there, and writes the weights in half precision when the minutes are over; clips
named by `--held-out` are left out of it and scored beside the linear blend.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from baselines import weights_lookup  # noqa: E402
from baselines.ccdnet.network import CCDNet, CCDNetArchitecture, scaled, to_levels  # noqa: E402
from baselines.color_then_interpolation import Gif2Video  # noqa: E402
from baselines.superslomo.method import SuperSlomoMethod  # noqa: E402
from baselines.superslomo.network import SuperSlomo, SuperSlomoArchitecture  # noqa: E402
from baselines.superslomo.training import SuperSlomoTrainer  # noqa: E402
from benchmarks.gpu.ccdnet_training import (  # noqa: E402
    Clips,
    arguments,
    check_device,
    clips_of,
    frames_of,
    loaded,
    on,
    parted,
    trained,
    written,
)
from gifbench.media.colors.quantize import DITHERS, quantize  # noqa: E402
from gifbench.media.gif import Gif  # noqa: E402
from gifbench.methods.loaded_method import MethodInfo  # noqa: E402
from gifbench.methods.registry import LoadedMethod  # noqa: E402
from gifbench.training.config import DataOptions, TrainingConfig, checked, read_config  # noqa: E402
from gifbench.training.distributed import Processes  # noqa: E402
from gifbench.training.optimizer_and_learning_rate import Learner  # noqa: E402
from gifbench.training.trainer_interface import TrainingBatch  # noqa: E402
from gifbench.training.weights_file import save_weights  # noqa: E402
from gifbench.training.window_sampler import as_window, chosen_places, varied  # noqa: E402


def decoded(folder: Path) -> Clips:
    """The first 300 frames of each video, in a row."""
    clips = {}
    for path in sorted(folder.rglob("*")):
        frames = list(islice(frames_of(path, longest_side=640), 300))
        if len(frames) >= 9:
            clips[path.stem] = np.stack(frames)
    return clips


class MadeWindows(Dataset):
    """Window n of a seed: some frames in a row, the GIFs that are made of them, and a square of both."""

    def __init__(self, clips: Clips, options: DataOptions, *, length: int) -> None:
        self._options, self._length = options, length
        least = max(options.windows)
        self._clips = [c for c in clips.values() if len(c) >= least and min(c.shape[1:3]) >= (options.crop or 1)]

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, number: int) -> TrainingBatch:
        options, draw = self._options, np.random.default_rng([7, number])
        clip = self._clips[draw.integers(len(self._clips))]
        steps = int(draw.choice(options.windows)) - 1
        first = int(draw.integers(len(clip) - steps))
        places = chosen_places(draw, steps, options.between)
        truth = np.ascontiguousarray(clip[[first + place for place in places]])
        dithered = bool(draw.integers(2)) if options.dithered == "both" else bool(options.dithered)
        shown = []
        for frame in truth:
            indices, palette = quantize(frame, colors=int(draw.choice(options.colors or (32,))))
            if dithered:
                indices = DITHERS[str(draw.choice(options.dithers))](frame, palette)
            shown.append((palette[indices], palette))
        window = as_window(shown, truth, [place / steps for place in places], dithered=dithered)
        return varied(window, options, draw)


def timed(what: str, work: Callable[[], int], *, rounds: int = 3) -> float:
    work()
    rates = []
    for _ in range(rounds):
        begin = time.perf_counter()
        count = work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        rates.append(count / (time.perf_counter() - begin))
    print(f"{what:<58}{max(rates):>9.1f} frames/s", flush=True)
    return max(rates)


def loaded_method(method: object) -> LoadedMethod:
    declared = MethodInfo(backend=getattr(method, "backend", "numpy"))
    return LoadedMethod(type(method).__name__, "benchmark", method, {}, declared, None, None)  # type: ignore[arg-type]


class Colors:
    """CCDNet-2 with weights drawn at random, as a frame method."""

    backend = "torch"

    def __init__(self, device: str, *, base: int) -> None:
        architecture = CCDNetArchitecture(steps=2, base=base)
        self._network = CCDNet(architecture).to(device, memory_format=torch.channels_last).eval()

    def restore_frames(self, frames: torch.Tensor, palettes: list[torch.Tensor]) -> torch.Tensor:
        """Frames (N, H, W, 3) uint8 to float in [0, 255]."""
        with torch.inference_mode(), torch.autocast(frames.device.type, torch.bfloat16):
            made = self._network(frames.permute(0, 3, 1, 2).contiguous(), torch.stack(palettes))
        return to_levels(made).clamp(0, 255).permute(0, 2, 3, 1)


def speed(given: argparse.Namespace) -> dict[str, float]:
    torch.manual_seed(0)
    side, gaps = given.side, given.gaps
    frames = np.random.default_rng(0).integers(0, 32, (1, side, side), dtype=np.uint8).repeat(gaps + 1, 0)
    palettes = tuple((np.arange(96, dtype=np.uint8).reshape(32, 3) * 2) for _ in frames)
    gif = Gif(frames, palettes, tuple(Fraction(i, 10) for i in range(gaps + 1)), Fraction(gaps + 1, 10))
    times = [Fraction(i, 40) for i in range(4 * gaps + 1)]
    network = SuperSlomo(SuperSlomoArchitecture(base=given.base)).to(given.device).eval()
    folder = Path(given.out)
    save_weights(
        folder / "drawn.safetensors", network, architecture=network.architecture.model_dump(), about={"licence": ""}
    )
    weights_lookup.WEIGHTS = folder

    def plain() -> int:
        with torch.inference_mode():
            for i in range(gaps):
                ends = [
                    scaled(torch.tensor(gif.frame(n), device=given.device).permute(2, 0, 1)[None]) for n in (i, i + 1)
                ]
                for share in (0.25, 0.5, 0.75):
                    motion = network.find_motion(*ends)
                    made = network.draw((ends[0], ends[1]), motion, torch.tensor([share], device=given.device))
                    made.frames.cpu()
        return 4 * gaps + 1

    def through(method: object) -> Callable[[], int]:
        def work() -> int:
            return sum(len(batch) for batch in method.restore(gif, times))  # type: ignore[attr-defined]

        return work

    rates = {"plain eager loop, fp32": timed("plain eager loop, fp32", plain)}
    for precision in ("fp32", "bf16"):
        method = SuperSlomoMethod(weights="drawn", precision=precision)  # type: ignore[arg-type]
        method.to(given.device)
        rates[f"superslomo, {precision}"] = timed(f"superslomo, many gaps at once, {precision}", through(method))
    for what, streams in (("one after the other", False), ("on two streams", True)):
        both = Gif2Video(color=loaded_method(Colors(given.device, base=given.base)), time=loaded_method(method))
        both.to(given.device)
        if not streams:
            both._together = lambda first, second: (first(), second())
        rates[what] = timed(f"CCDNet-2 and superslomo, bf16, {what}", through(both))
    return rates


def run(config: TrainingConfig, clips: Clips, given: argparse.Namespace) -> None:
    learnt, held = parted(clips, given.held_out)
    torch.manual_seed(config.training.seed)
    trainer = SuperSlomoTrainer(checked(SuperSlomoTrainer.options_class, config.model, what="[model]"))
    found = Learner(trainer, config.training, Processes(given.device))
    samples = MadeWindows(learnt, config.data, length=config.training.steps * config.training.batch_size)
    step, device = trained(found, config, samples, given), torch.device(given.device)
    whole = config.data.model_copy(update={"crop": None, "flips": False, "time_flips": False, "between": None})
    for name, clip in held.items():
        for window in sorted(set(config.data.windows)):
            only = whole.model_copy(update={"windows": (window,)})
            with torch.no_grad():
                windows = loaded(MadeWindows({name: clip}, only, length=4), 1, start=0, workers=0)
                scores = [trainer.scores(found.final.eval(), on(device, batch))[0] for batch in windows]
            psnr, blend = (np.mean([score[key] for score in scores]) for key in ("psnr", "blend_psnr"))
            print(f"{name}, windows of {window}: {psnr:.2f} dB, {psnr - blend:+.2f} over the blend", flush=True)
    print(written(trainer, found.final, config, given.out, step=step, clips=sorted(learnt)))


def main() -> None:
    parser = arguments(__doc__, config="superslomo/small.toml", out="results/superslomo")
    parser.add_argument("--base", type=int, default=32, help="of `speed`: 32 is the paper's width")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--gaps", type=int, default=64)
    given = parser.parse_args()
    check_device(given.device)
    given.out.mkdir(parents=True, exist_ok=True)
    if given.what == "speed":
        (given.out / "speed.json").write_text(json.dumps(speed(given), indent=1))
        return
    run(read_config(given.config, given.changes), clips_of(given, decoded), given)


if __name__ == "__main__":
    main()
