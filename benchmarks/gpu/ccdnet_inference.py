"""CCDNet's networks on a GPU: milliseconds a frame beside plain eager fp32, and the share of the matrix peak.

    python benchmarks/gpu/ccdnet_inference.py [--rows ccdnet-2] [--batches 1 8 32 128] [--no-compile]

Frames of 256×256, palettes of 32 colors, weights drawn at random; f_C is part of the time, copies to and from the
device are not. `eager` is the plain loop, fp32, one frame after the other. The peak is what a matrix product of
8192×8192 in bf16 reaches in the same run, and the share counts the convolutions' multiplications alone. Differences are
from eager fp32, in levels of 255. Wanted: at least twice the eager loop.

In the end the paper's test set is estimated: how long 51,368 frames take through CCDNet-2 as fast as above, copied from
and to pinned memory, and scored by PSNR and SSIM of the protocol `standard` in `--workers` processes meanwhile; the
slower of the two bounds it (wanted: under 60 s).

Needs torch, numpy, numba, safetensors and pydantic, and neither PyAV nor an installed gifbench.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from baselines.ccdnet.network import CCDNet, CCDNetArchitecture  # noqa: E402
from gifbench.devices import device_model, synchronize  # noqa: E402
from gifbench.metrics.psnr import squared_error  # noqa: E402
from gifbench.metrics.ssim import gaussian_ssim  # noqa: E402
from gifbench.training.config import read_config  # noqa: E402

SIDE, TEST_FRAMES = 256, 51_368
ROWS = ["ccdnet-1", "ccdnet-2", "ccdnet-3", "ccdnet-drrn", "ccdnet-glcic", "ccdnet-naf"]


def seconds(call: Callable[[], object], device: str, *, repeats: int = 10) -> float:
    call()
    best = float("inf")
    for _ in range(repeats):
        synchronize(device)
        begin = time.perf_counter()
        call()
        synchronize(device)
        best = min(best, time.perf_counter() - begin)
    return best


def peak(device: str) -> float:
    """Multiplications a second of a large product in bf16; on a CPU, where the script is only tried, of a small one."""
    side = 256 if device == "cpu" else 8192
    one = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    return side**3 / seconds(lambda: one @ one, device)


def network(row: str, device: str) -> CCDNet:
    model = read_config(next(ROOT.glob(f"baselines/*/{row}.toml"))).model
    torch.manual_seed(0)
    known = CCDNetArchitecture.model_fields
    return CCDNet(CCDNetArchitecture(**{k: v for k, v in model.items() if k in known})).eval().to(device)


def given_frames(count: int, side: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    gif = torch.randint(256, (count, 3, side // 8, side // 8), dtype=torch.uint8, device=device)
    soft = torch.nn.functional.interpolate(gif.float(), (side, side), mode="bilinear").round().to(torch.uint8)
    return soft, torch.randint(256, (count, 32, 3), dtype=torch.uint8, device=device)


def rows_of(
    row: str, batches: list[int], *, side: int, device: str, compiled: bool, most: float
) -> list[dict[str, object]]:
    plain = network(row, device)
    frames, palettes = given_frames(max(batches), side, device)
    with FlopCounterMode(display=False) as count:
        plain(frames[:1], palettes[:1])
    work = count.get_total_flops() / 2
    few = slice(0, min(8, len(frames)))
    wanted = plain(frames[few], palettes[few])

    def loop() -> None:
        for i in range(8):
            plain(frames[i % len(frames)][None], palettes[i % len(frames)][None])

    eager = seconds(loop, device, repeats=3) / 8
    found: list[dict[str, object]] = []

    def note(way: str, size: int, took: float, apart: float) -> None:
        share = work / took / most
        print(
            f"{row:<14}{way:<28}{size:>6}{took * 1e3:>10.3f}{eager / took:>7.2f}{share:>8.1%}{apart:>8.3f}", flush=True
        )
        found.append({"row": row, "way": way, "batch": size, "ms": took * 1e3, "ratio": eager / took, "share": share})

    note("eager", 1, eager, 0.0)
    last = network(row, device)
    last.load_state_dict(plain.state_dict())
    last.to(memory_format=torch.channels_last)
    calls = {"channels-last": last}
    if compiled:
        calls["channels-last, compiled"] = torch.compile(last)
    for layout, called in calls.items():
        for precision in (None, torch.bfloat16, *((torch.float16,) if device != "cpu" else ())):
            name = f"{layout}, {str(precision).removeprefix('torch.') if precision else 'fp32'}"
            with torch.autocast(torch.device(device).type, precision, enabled=precision is not None):
                apart = float((called(frames[few], palettes[few]).float() - wanted).abs().max()) * 127.5
                for size in batches:
                    try:
                        took = seconds(partial(called, frames[:size], palettes[:size]), device) / size
                    except torch.OutOfMemoryError:
                        print(f"{row:<14}{name:<28}{size:>6}  no memory")
                        break
                    note(name, size, took, apart)
    return found


def score(count: int) -> float:
    """Seconds a frame of PSNR and SSIM in this process."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    restored = np.clip(truth + rng.normal(0, 5, truth.shape), 0, 255).astype(np.uint8)
    squared_error(restored, truth), gaussian_ssim(restored, truth)
    begin = time.perf_counter()
    for _ in range(count):
        squared_error(restored, truth), gaussian_ssim(restored, truth)
    return (time.perf_counter() - begin) / count


def test_set(best: dict[str, object], *, side: int, device: str, workers: int) -> dict[str, float]:
    """GIF-Faces' test frames: the network at its fastest with copies, and scoring beside it."""
    size = int(str(best["batch"]))
    soft, _ = given_frames(size, side, device)
    there = soft.cpu() if device == "cpu" else soft.cpu().pin_memory()
    copied = seconds(lambda: there.to(device, non_blocking=True).cpu(), device) / size
    with get_context("spawn").Pool(workers) as pool:
        scored = sum(pool.map(score, [200 if device != "cpu" else 2] * workers)) / workers / workers
    restoring, scoring = (float(str(best["ms"])) / 1e3 + copied) * TEST_FRAMES, scored * TEST_FRAMES
    bound = "the network" if restoring > scoring else "scoring"
    print(
        f"\n{TEST_FRAMES:,} frames, CCDNet-2: {restoring:.1f} s on the device with copies, {scoring:.1f} s of scoring "
        f"in {workers} processes: {bound} bounds it"
    )
    return {"restoring": restoring, "scoring": scoring}


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", default=ROWS)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--workers", type=int, default=14)
    parser.add_argument("--out", type=Path, default=Path("results/ccdnet_inference.json"))
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("this needs a CUDA device, and torch finds none; --device cpu tries the script")
    most = peak(given.device)
    print(f"{device_model(given.device)}, torch {torch.__version__}: {2 * most / 1e12:.0f} TFLOP/s in bf16")
    print(f"{'row':<14}{'':<28}{'batch':>6}{'ms/frame':>10}{'ratio':>7}{'peak':>8}{'levels':>8}")
    found: list[dict[str, object]] = []
    for row in given.rows:
        found += rows_of(
            row, given.batches, side=given.side, device=given.device, compiled=not given.no_compile, most=most
        )
    fast = [each for each in found if each["row"] == "ccdnet-2"]
    best = min(fast, key=lambda each: float(str(each["ms"])), default={})
    whole = test_set(best, side=given.side, device=given.device, workers=given.workers) if fast else {}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps({"rows": found, "test set": whole}, indent=1))


if __name__ == "__main__":
    main()
