"""CCDNet's networks on a CPU: frames a second at 256×256 beside plain eager fp32 PyTorch, and how far the results are.

    python benchmarks/networks.py [--threads 1] [--rounds 3] [--compile] [--rows ccdnet-2 small-plain]

The smallest of `--rounds` rounds in which all variants take turns, on a batch of two frames, with weights drawn at
random. `difference` is the largest one from eager fp32 in levels of 255; f_C is part of the time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from gifbench_baselines.ccdnet.network import Architecture, CCDNet

from gifbench.train.config import read_config

CONFIGS = Path(__file__).parent.parent / "baselines" / "ccdnet"
FRAMES = 2
Restore = Callable[[], torch.Tensor]


def variants(network: CCDNet, gif: torch.Tensor, palettes: torch.Tensor, *, compiled: bool) -> dict[str, Restore]:
    last = CCDNet(network.architecture).eval()
    last.load_state_dict(network.state_dict())
    last.to(memory_format=torch.channels_last)

    def bf16(which: torch.nn.Module) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return which(gif, palettes)

    found: dict[str, Restore] = {
        "eager fp32": lambda: network(gif, palettes),
        "channels-last": lambda: last(gif, palettes),
        "channels-last, bf16": lambda: bf16(last),
    }
    if compiled:
        faster = torch.compile(last)
        found["channels-last, compiled"] = lambda: faster(gif, palettes)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--rows", nargs="+", default=["ccdnet-1", "ccdnet-2", "ccdnet-glcic", "small-plain"])
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    gif = torch.randint(256, (FRAMES, 3, 256, 256), dtype=torch.uint8)
    palettes = torch.randint(256, (FRAMES, 32, 3), dtype=torch.uint8)
    print(f"{'row':<14}{'variant':<26}{'frames/s':>9}{'ratio':>7}{'difference':>12}")
    for row in given.rows:
        model = read_config(CONFIGS / f"{row}.toml").model
        known = {key: value for key, value in model.items() if key in Architecture.model_fields}
        network = CCDNet(Architecture(**known)).eval()
        with torch.inference_mode():
            tried = variants(network, gif, palettes, compiled=given.compile)
            results = {name: restore().float() for name, restore in tried.items()}
            best = dict.fromkeys(tried, float("inf"))
            for _ in range(given.rounds):
                for name, restore in tried.items():
                    start = time.perf_counter()
                    restore()
                    best[name] = min(best[name], time.perf_counter() - start)
        plain = results["eager fp32"]
        for name, seconds in best.items():
            difference = float((results[name] - plain).abs().max()) * 127.5
            ratio = best["eager fp32"] / seconds
            print(f"{row:<14}{name:<26}{FRAMES / seconds:>9.2f}{ratio:>7.2f}{difference:>12.3g}")


if __name__ == "__main__":
    main()
