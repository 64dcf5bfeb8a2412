"""Training CCDNet on a GPU: steps a second of each way to run it, the loader alone, and, for some minutes, weights.

    python benchmarks/gpu/ccdnet_training.py speed [--config baselines/ccdnet/ccdnet-2.toml]
    python benchmarks/gpu/ccdnet_training.py train --videos DIR --minutes 8 --out RUN [--config …] [--set model.base=32]

Needs torch, numpy, numba, OpenCV, safetensors and pydantic, and neither PyAV nor an installed gifbench: videos are
decoded by OpenCV once, to memory, or come as `--frames FILE.npz`, an array (T, H, W, 3) of RGB uint8 a clip. Without
either, the frames are soft gradients, which show the speed and teach nothing.

`speed` runs steps on one batch that stays on the device: fp32 eager, channels-last, bf16 channels-last, the same
compiled, each with the batches of `--batches`; then the loader alone with `--workers` processes. The slower of the two
bounds a training. `train` goes on from RUN/checkpoint.pt if it is there, keeps it every 30 seconds, and writes the
weights in half precision when the minutes are over. Clips named by `--held-out` are left out of it and scored.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from baselines.ccdnet.training import CCDNetTrainer  # noqa: E402
from gifbench.media.colors.quantize import DITHERS, quantize  # noqa: E402
from gifbench.training.checkpoint import FILE, load_checkpoint, save_checkpoint  # noqa: E402
from gifbench.training.config import DataOptions, TrainingConfig, checked, read_config  # noqa: E402
from gifbench.training.distributed import Processes  # noqa: E402
from gifbench.training.metric_meter import Meter  # noqa: E402
from gifbench.training.optimizer_and_learning_rate import Learner  # noqa: E402
from gifbench.training.trainer_interface import Trainer, TrainingBatch  # noqa: E402
from gifbench.training.weights_file import save_weights  # noqa: E402

Clips = Mapping[str, np.ndarray]
WAYS = {
    "fp32, eager": {},
    "fp32, channels-last": {"channels_last": True},
    "bf16, channels-last": {"channels_last": True, "precision": "bf16"},
    "bf16, channels-last, compiled": {"channels_last": True, "precision": "bf16", "compile": True},
}


def frames_of(path: Path, *, longest_side: int) -> Iterator[np.ndarray]:
    """The frames of a video (H, W, 3) RGB, large ones scaled down; none of a file that is none."""
    video = cv2.VideoCapture(str(path))
    while (read := video.read())[0]:
        frame = read[1]
        if max(frame.shape) > longest_side:
            scale = longest_side / max(frame.shape)
            frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        yield frame[..., ::-1]
    video.release()


def decoded(folder: Path, *, most: int = 60) -> Clips:
    """At most so many frames of each video, at equal distances."""
    clips = {}
    for path in sorted(folder.rglob("*")):
        if frames := list(frames_of(path, longest_side=960)):
            clips[path.stem] = np.stack(frames[:: max(1, len(frames) // most)][:most])
    return clips


def gradients(count: int = 8, side: int = 256) -> Clips:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / 40
    phases = rng.uniform(0, 6, (count, 16, 2, 3))
    return {
        f"gradient-{i}": np.stack(
            [np.clip(128 + 60 * (np.sin(x[..., None] + p) + np.cos(y[..., None] + q)), 0, 255) for p, q in clip]
        ).astype(np.uint8)
        for i, clip in enumerate(phases)
    }


class Made(Dataset):
    """Sample n of a seed: a frame, the GIF that is made of it, and a square of both."""

    def __init__(self, clips: Clips, options: DataOptions, *, length: int) -> None:
        self._clips = [clip for clip in clips.values() if min(clip.shape[1:3]) >= (options.crop or 1)]
        self._options, self._length = options, length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, number: int) -> TrainingBatch:
        options, draw = self._options, np.random.default_rng([7, number])
        clip = self._clips[draw.integers(len(self._clips))]
        truth = clip[draw.integers(len(clip))]
        dithered = bool(draw.integers(2)) if options.dithered == "both" else bool(options.dithered)
        indices, palette = quantize(np.ascontiguousarray(truth), colors=int(draw.choice(options.colors or (32,))))
        if dithered:
            indices = DITHERS[str(draw.choice(options.dithers))](np.ascontiguousarray(truth), palette)
        side = options.crop or min(truth.shape[:2])
        top, left = (int(draw.integers(length - side + 1)) for length in truth.shape[:2])
        square = slice(top, top + side), slice(left, left + side)
        pair = palette[indices[square]], truth[square]
        if options.flips and draw.integers(2):
            pair = pair[0][:, ::-1], pair[1][:, ::-1]
        gif, wanted = (torch.from_numpy(np.ascontiguousarray(part.transpose(2, 0, 1))) for part in pair)
        filled = torch.zeros(256, 3, dtype=torch.uint8)
        filled[: len(palette)] = torch.from_numpy(palette)
        return TrainingBatch(gif, filled, torch.tensor(len(palette)), wanted, torch.tensor(dithered), torch.tensor(0.0))


def loaded(samples: Made, batch: int, *, start: int, workers: int) -> DataLoader:
    numbers = range(start * batch, len(samples))
    return DataLoader(samples, batch, sampler=numbers, num_workers=workers, pin_memory=torch.cuda.is_available())


def on(device: torch.device, batch: TrainingBatch) -> TrainingBatch:
    return TrainingBatch(*(part.to(device, non_blocking=True) for part in batch))


def learner(config: TrainingConfig, device: str) -> tuple[CCDNetTrainer, Learner]:
    torch.manual_seed(config.training.seed)
    trainer = CCDNetTrainer(checked(CCDNetTrainer.options_class, config.model, what="[model]"))
    return trainer, Learner(trainer, config.training, Processes(device))


def speed(config: TrainingConfig, clips: Clips, given: argparse.Namespace) -> list[dict[str, object]]:
    device = torch.device(given.device)
    rows = []
    print(f"{'way':<32}{'batch':>6}{'steps/s':>9}{'frames/s':>10}{'GiB':>7}")
    for size in given.batches:
        samples = Made(clips, config.data, length=size)
        batch = on(device, next(iter(loaded(samples, size, start=0, workers=0))))
        for name, way in WAYS.items():
            changed = config.model_copy(update={"training": config.training.model_copy(update=way)})
            _, found = learner(changed, given.device)
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            for number in range(3):
                found.step(number, batch, Meter(device))
            meter = Meter(device)
            meter.speed()
            begin = time.perf_counter()
            for number in range(given.steps):
                found.step(number, batch, meter)
                meter.stepped()
            meter.speed()  # waits for the device
            steps = given.steps / (time.perf_counter() - begin)
            memory = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else 0.0
            print(f"{name:<32}{size:>6}{steps:>9.2f}{steps * size:>10.1f}{memory:>7.1f}", flush=True)
            rows.append({"way": name, "batch": size, "steps": steps, "frames": steps * size})
    size, count = given.batches[-1], 1024
    samples = Made(clips, config.data, length=count)
    begin = time.perf_counter()
    for _ in loaded(samples, size, start=0, workers=given.workers):
        pass
    frames = count / (time.perf_counter() - begin)
    print(f"the loader alone, {given.workers} processes, their start included: {frames:.0f} frames/s")
    return [*rows, {"loader": frames, "workers": given.workers}]


def validated(trainer: CCDNetTrainer, network: torch.nn.Module, clips: Clips, config: TrainingConfig) -> Iterator[str]:
    """PSNR over the GIF's on clips that were held out."""
    network.eval()
    options = config.data.model_copy(update={"crop": None, "flips": False, "colors": (32,)})
    for name, clip in clips.items():
        samples = Made({name: clip}, options, length=4)
        with torch.no_grad():
            device = next(network.parameters()).device
            scores = [trainer.scores(network, on(device, b))[0] for b in loaded(samples, 1, start=0, workers=0)]
        mean = {key: sum(score[key] for score in scores) / len(scores) for key in scores[0]}
        yield f"{name}: {mean['psnr']:.2f} dB, {mean['psnr'] - mean['gif_psnr']:+.2f} over the GIF"


def parted(clips: Clips, held_out: Sequence[str]) -> tuple[Clips, Clips]:
    """The clips to learn from, and those of these names."""
    held = {name: clip for name, clip in clips.items() if name in held_out}
    return {name: clip for name, clip in clips.items() if name not in held}, held


def trained(found: Learner, config: TrainingConfig, samples: Dataset, given: argparse.Namespace) -> int:
    """Train until the steps or the minutes are over, on from a checkpoint in OUT; how many steps there were in all."""
    device, options = torch.device(given.device), config.training
    begun, step, out = time.monotonic(), 0, Path(given.out)
    out.mkdir(parents=True, exist_ok=True)
    if (out / FILE).exists():
        state = load_checkpoint(out)
        found.load_state_dict(state)
        step = state["step"]

    def keep() -> None:
        save_checkpoint(out, {"step": step, "config": config.model_dump(mode="json"), **found.state_dict()})

    meter, kept = Meter(device), time.monotonic()
    batches = iter(loaded(samples, options.batch_size, start=step, workers=given.workers))
    while step < options.steps and time.monotonic() - begun < 60 * given.minutes:
        with meter.waiting_for("loader"):
            batch = on(device, next(batches))
        found.step(step, batch, meter)
        step += 1
        meter.stepped()
        if step % options.log_every == 0:
            if not meter.finite:
                raise SystemExit(f"a loss is not finite by step {step}; {out / FILE} is the last good checkpoint")
            means, times = meter.means(), meter.speed()
            print(json.dumps({"step": step, **means, **times}), flush=True)
            meter = Meter(device)
            if time.monotonic() - kept > 30:
                keep()
                kept = time.monotonic()
    keep()
    return step


def written(trainer: Trainer, network: torch.nn.Module, config: TrainingConfig, out: Path, **about: object) -> Path:
    """The file of weights, in half precision."""
    card = {"name": config.name, **about, "data": config.data.model_dump(mode="json")}
    path = out / f"{config.name}.safetensors"
    return save_weights(path, network, architecture=trainer.architecture(), about=card, half=True)


def run(config: TrainingConfig, clips: Clips, given: argparse.Namespace) -> None:
    learnt, held = parted(clips, given.held_out)
    trainer, found = learner(config, given.device)
    samples = Made(learnt, config.data, length=config.training.steps * config.training.batch_size)
    step = trained(found, config, samples, given)
    for line in validated(trainer, found.final, held, config):
        print(line)
    print(written(trainer, found.final, config, given.out, step=step, clips=sorted(learnt)))


def arguments(description: str, *, config: str, out: str) -> argparse.ArgumentParser:
    """What this script and `superslomo.py` are both asked for."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "train"])
    parser.add_argument("--config", type=Path, default=ROOT / "baselines" / config)
    parser.add_argument("--set", dest="changes", nargs="*", default=[])
    parser.add_argument("--videos", type=Path)
    parser.add_argument("--frames", type=Path)
    parser.add_argument("--held-out", nargs="*", default=[])
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--workers", type=int, default=14)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=Path(out))
    return parser


def check_device(device: str) -> None:
    """Say what this runs on; ends the program where that is not here."""
    if device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("this needs a CUDA device, and torch finds none; --device cpu tries the script")
    print(torch.cuda.get_device_name() if device == "cuda" else "CPU", torch.__version__)


def clips_of(given: argparse.Namespace, read: Callable[[Path], Clips]) -> Clips:
    """The clips that are named by --frames or --videos, or gradients."""
    clips = read(given.videos) if given.videos else gradients()
    if given.frames:
        clips = dict(np.load(given.frames))
    print(f"{len(clips)} clips, {sum(map(len, clips.values()))} frames")
    return clips


def main() -> None:
    parser = arguments(__doc__, config="ccdnet/ccdnet-1.toml", out="results/ccdnet_training")
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 32, 128])
    parser.add_argument("--steps", type=int, default=30)
    given = parser.parse_args()
    check_device(given.device)
    config = read_config(given.config, [*given.changes, 'model.start=""', "model.freeze_first=false"])
    clips = clips_of(given, decoded)
    if given.what == "train":
        run(config, clips, given)
        return
    rows = speed(config, clips, given)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "speed.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
