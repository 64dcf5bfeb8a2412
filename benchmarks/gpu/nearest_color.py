"""Nearest color on a GPU: pixels and bytes a second beside the device's own copy bandwidth, and equality with the CPU.

    python benchmarks/gpu/nearest_color.py [--out results/nearest_color_gpu.json]
    python benchmarks/gpu/nearest_color.py --device cpu       # tries the script, on less

A batch of 64 frames of 256×256 and one of 32 frames of 636×360 (soft random pictures), 32 and 256 colors, a palette a
frame. The least traffic is 4 bytes a pixel (3 read, 1 written); the table gives that traffic a second as a share of the
measured copy bandwidth. Under a third of it with 32 colors, a fused kernel is worth writing.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from benchmarks.gpu.ccdnet_inference import seconds
from gifbench.devices import device_model
from gifbench.media.colors.nearest_torch import nearest_torch, pad_palettes
from gifbench.media.colors.quantize import nearest


def pictures(num_frames: int, height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width] / 40
    phases = rng.uniform(0, 6, (num_frames, 3, 2, 1, 1))
    waves = np.sin(x + phases[:, :, 0]) + np.cos(y * 1.3 + phases[:, :, 1]) + rng.normal(0, 0.1, (height, width))
    return np.clip(128 + 50 * waves, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("results/nearest_color_gpu.json"))
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    on, tried = options.device, options.device == "cpu"
    if on == "cuda" and not torch.cuda.is_available():
        raise SystemExit("this needs a CUDA device, and torch finds none; --device cpu tries the script")
    source = torch.empty(1 << (20 if tried else 30), dtype=torch.uint8, device=on)
    target = torch.empty_like(source)
    bandwidth = 2 * len(source) / seconds(lambda: target.copy_(source), on)
    device = device_model(on)
    print(f"{device}: copy bandwidth {bandwidth / 1e9:.0f} GB/s")
    rows = []
    for num_frames, height, width in ((2, 32, 48),) if tried else ((64, 256, 256), (32, 360, 636)):
        frames = pictures(num_frames, height, width)
        batch = torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous().to(on)
        for colors in (32, 256):
            palettes = [frame.reshape(-1, 3)[:: frame.size // 3 // colors][:colors].copy() for frame in frames]
            padded = torch.from_numpy(pad_palettes(palettes)).to(on)
            expected = np.stack([nearest(frame, palette) for frame, palette in zip(frames, palettes, strict=True)])
            equal = bool((nearest_torch(batch, padded).cpu().numpy() == expected).all())
            for max_pixels in (1 << 20, 1 << 22, 1 << 24):
                spent = seconds(lambda p=padded, m=max_pixels, b=batch: nearest_torch(b, p, max_pixels=m), on)
                rate = num_frames * height * width / spent
                share = 4 * rate / bandwidth
                rows.append(
                    {
                        "size": [width, height],
                        "colors": colors,
                        "max_pixels": max_pixels,
                        "pixels_per_second": rate,
                        "share_of_copy_bandwidth": share,
                        "equal_to_cpu": equal,
                    }
                )
                print(
                    f"{width}×{height} {colors:3} colors, {max_pixels:9} pixels at once: {rate / 1e9:7.2f} Gpixel/s, "
                    f"{share:6.1%} of the copy bandwidth, equal: {equal}"
                )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"device": device, "copy_bytes_per_second": bandwidth, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
