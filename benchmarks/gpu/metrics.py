"""The metrics of whole batches on a torch device, beside torchmetrics on the same tensors and gifbench's own CPU forms.

    python benchmarks/gpu/metrics.py [--device cuda] [--size 256x256] [--frames 64] [--repeats 20]

SSIM is Wang's, an 11×11 gaussian window of sigma 1.5 on [0, 255], over frames of 8 bits; torchmetrics gets float32
tensors ready made, and its mean is taken over the windows that lie wholly inside, as ours. Times are of the device,
synchronized, median of the repeats; on the CPU with one thread. Wanted on a GPU: at least 5 times torchmetrics, at
values equal to 1e-4. torchmetrics and pytorch-msssim are peers only, and installed by hand; a row without its peer has
no ratio.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from gifbench.media.colors.quantize import minimum_variance, nearest
from gifbench.metrics.metric import FrameBatch, FramePair, GifFrame
from gifbench.metrics.registry import load_metric
from gifbench.metrics.ssim import gaussian_ssim, uniform_ssim
from gifbench.metrics.ssim_torch import gaussian_ssims, squared_errors, uniform_ssims

Values = Sequence[float]


def pairs(frames: int, height: int, width: int) -> list[FramePair]:
    """Soft slopes with noise, and the GIFs of 32 colors that they become."""
    y, x = np.mgrid[0:height, 0:width]
    made = []
    for i in range(frames):
        noise = np.random.default_rng(i).normal(0, 5, (height, width, 3))
        slopes = np.stack([x * 200 / width + i % 50, y * 200 / height, (x + y) * 220 / (height + width)], -1)
        truth = np.clip(slopes + noise, 0, 255).astype(np.uint8)
        palette = minimum_variance(truth, 32)
        shown = GifFrame(nearest(truth, palette), palette)
        made.append(FramePair(shown.pixels, truth, shown))
    return made


def on(device: str, made: Sequence[FramePair]) -> FrameBatch:
    restored, truth = (
        torch.from_numpy(np.stack(frames)).to(device).permute(0, 3, 1, 2).contiguous()
        for frames in ([pair.restored for pair in made], [pair.truth for pair in made])
    )
    return FrameBatch(restored, truth, [pair.shown for pair in made])


def timed(work: Callable[[], Values], device: str, repeats: int) -> tuple[float, Values]:
    """Median seconds, and the values."""
    values = work()
    times = []
    for _ in range(repeats):
        if device != "cpu":
            torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times), values


def peers(batch: FrameBatch) -> dict[str, Callable[[], Values]]:
    """What others compute on the same tensors, where they are installed."""
    x, y = batch.restored.float(), batch.truth.float()
    found: dict[str, Callable[[], Values]] = {}
    try:
        from torchmetrics.functional.image import structural_similarity_index_measure

        def theirs() -> Values:
            _, full = structural_similarity_index_measure(
                x, y, sigma=1.5, data_range=255.0, reduction="none", return_full_image=True
            )
            return full[..., 5:-5, 5:-5].mean((1, 2, 3)).tolist()

        found["ssim (standard)"] = theirs
    except ImportError:
        pass
    try:
        from pytorch_msssim import ms_ssim

        found["ms-ssim"] = lambda: ms_ssim(x, y, data_range=255, size_average=False).tolist()
    except ImportError:
        pass
    return found


def cpu_values(name: str, made: Sequence[FramePair]) -> Values:
    if name == "ssim (standard)":
        return [gaussian_ssim(pair.restored, pair.truth) for pair in made]
    if name == "ssim (gif2video)":
        return [uniform_ssim(pair.restored, pair.truth) for pair in made]
    return [load_metric(name).metric.measure(pair) or 0.0 for pair in made]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--size", default="256x256")
    arguments.add_argument("--frames", type=int, default=64)
    arguments.add_argument("--repeats", type=int, default=20)
    options = arguments.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    if options.device == "cpu":
        torch.set_num_threads(1)
    made = pairs(options.frames, height, width)
    batch = on(options.device, made)
    ours: dict[str, Callable[[], Values]] = {
        "ssim (standard)": lambda: gaussian_ssims(batch.restored, batch.truth),
        "ssim (gif2video)": lambda: uniform_ssims(batch.restored, batch.truth),
    }
    for name in ("ms-ssim", "gradient", "requantized", "delta-e", "flat"):
        ours[name] = partial(load_metric(name).metric.measure_batch, batch)
    theirs = peers(batch)
    device = torch.cuda.get_device_name() if options.device != "cpu" else "cpu"
    seconds, _ = timed(lambda: squared_errors(batch.restored, batch.truth), options.device, options.repeats)
    print(f"{options.frames} frames of {width}×{height} on {device}, torch {torch.__version__}")
    print("| metric | frames/s | peer's | ratio | from the peer | from our CPU | our CPU frames/s |")
    print("|---|---|---|---|---|---|---|")
    print(f"| psnr | {options.frames / seconds:.0f} | | | | | |")
    for name, work in ours.items():
        seconds, values = timed(work, options.device, options.repeats)
        start = time.perf_counter()
        expected = cpu_values(name, made)
        on_cpu = options.frames / (time.perf_counter() - start)
        row = f"| {name} | {options.frames / seconds:.0f} "
        if name in theirs:
            peer, peer_values = timed(theirs[name], options.device, options.repeats)
            apart = max(abs(a - b) for a, b in zip(values, peer_values, strict=True))
            row += f"| {options.frames / peer:.0f} | {peer / seconds:.1f} | {apart:.0e} "
        else:
            row += "| | | "
        own = max(abs(a - b) for a, b in zip(values, expected, strict=True))
        print(f"{row}| {own:.0e} | {on_cpu:.0f} |")


if __name__ == "__main__":
    main()
