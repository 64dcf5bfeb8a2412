"""Whether every torch method and metric gives on an accelerator what it gives on the CPU, and what is copied for it.

    python benchmarks/gpu/equality.py --device cuda --out results/equality.json
    python benchmarks/gpu/equality.py --device pretend      # without an accelerator: the device of the tests

A line a method: the largest difference in levels of 255, of a plain and a dithered GIF. Then the nearest color, and the
metrics in batches. Needs torch, numba, OpenCV and safetensors; neither PyAV nor an installed gifbench.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

import baselines  # noqa: E402

sys.modules.setdefault("gifbench_baselines", baselines)

import torch  # noqa: E402

from gifbench.devices import device_model  # noqa: E402
from gifbench.media.colors.nearest import nearest_indices  # noqa: E402
from gifbench.media.colors.nearest_torch import nearest_torch  # noqa: E402
from gifbench.methods.conformance import small_gif  # noqa: E402
from gifbench.methods.inference import on_device, run_method  # noqa: E402
from gifbench.methods.registry import load_method  # noqa: E402

METHODS = (
    "ccdnet",
    "ccdnet-plain",
    "ccdnet-dithered",
    "ccdnet:precision=bf16",
    "superslomo",
    "gif2video",
    "gif2video:flow=restored",
    "gif2video:time=dis",
    "stable:[ccdnet]",
)
"""All that come with trained weights; untrained networks say nothing that these do not."""


def restored_on(name: str, device: str, *, every: int = 2) -> Any:
    """A small GIF restored by a method on a device, with the frames between: (N, H, W, 3)."""
    gif = small_gif(6, 96, 128)
    loaded = load_method(name)
    times = [Fraction(i, 25 * every) for i in range((len(gif.times) - 1) * every + 1)]
    chosen = on_device(loaded, device)
    return np.concatenate(list(run_method(loaded, gif, times, clip="a small GIF", device=chosen)))


def method_line(name: str, device: str) -> dict[str, object]:
    """The largest difference of one method, and the seconds that each side took."""
    begun = time.perf_counter()
    there = restored_on(name, device)
    between = time.perf_counter()
    here = restored_on(name, "cpu")
    ended = time.perf_counter()
    apart = float(np.abs(there.astype(np.float64) - here).max())
    return {"method": name, "largest_difference": apart, "seconds": between - begun, "cpu_seconds": ended - between}


def nearest_line(device: str) -> dict[str, object]:
    """How many of the indices differ: none should."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (8, 64, 80, 3), dtype=np.uint8)
    palettes = [rng.integers(0, 256, (32, 3), dtype=np.uint8) for _ in frames]
    there = nearest_torch(
        torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous().to(device),
        torch.from_numpy(np.stack(palettes)).to(device),
    )
    here = np.stack([nearest_indices(frame, palette) for frame, palette in zip(frames, palettes, strict=True)])
    return {"method": "nearest color", "indices_that_differ": int((there.cpu().numpy() != here).sum())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--out", type=Path, default=Path("results/equality.json"))
    given = parser.parse_args()
    lines: list[dict[str, object]] = []
    with contextlib.ExitStack() as stack:
        pretend = None
        if given.device == "pretend":
            from tests.pretend_device import pretend_device

            pretend = stack.enter_context(pretend_device())
        print(f"{device_model(given.device)}, torch {torch.__version__}")
        for name in (*given.methods, "nearest color"):
            if pretend is not None:
                pretend.reset()
            try:
                line = nearest_line(given.device) if name == "nearest color" else method_line(name, given.device)
            except Exception as error:  # the others go on; this one is a line of the table
                line = {"method": name, "error": f"{type(error).__name__}: {error}"[:300]}
            if pretend is not None:
                line |= {"copies_to_device": pretend.to_device, "copies_to_host": pretend.to_host}
            lines.append(line)
            print(
                "  ".join(
                    f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}"
                    for key, value in line.items()
                )
            )
            given.out.parent.mkdir(parents=True, exist_ok=True)
            given.out.write_text(json.dumps(lines, indent=1))


if __name__ == "__main__":
    main()
