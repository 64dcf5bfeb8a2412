"""CCDNet as methods: `ccdnet-1`, `ccdnet-2`, `ccdnet-3` with weights of one's own, and `ccdnet`, which chooses."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, Literal

import torch
from pydantic import ValidationError

from gifbench import Gif, MethodError, UsageError, Weights, last_shown, read_weights

from .classifier import DitherClassifier
from .network import Architecture, CCDNet, scaled, stack_palettes

TILE = 1024
"""Larger frames are worked on in squares of this side."""


class CCDNetMethod:
    """Restores each frame by a trained CCDNet; `weights` is a file that `gifbench train` wrote.

    `steps` unrolls a network of two or more steps differently from how it was trained. `precision="bf16"` was two to
    three times as fast on a CPU, and differed by less than a level of 255 with weights drawn at random
    (`benchmarks/networks.py`).
    """

    version = "1"
    description = "CCDNet: U-Nets unrolled around the palette (GIF2Video, CVPR 2019)"
    backend = "torch"
    default_steps: ClassVar[int | None] = None
    row: ClassVar[str] = "ccdnet-1"

    def __init__(
        self, *, weights: str = "", steps: int = 0, tile: int = TILE, precision: Literal["fp32", "bf16"] = "fp32"
    ) -> None:
        if not weights:
            command = f"gifbench train baselines/ccdnet/{self.row}.toml --data DATASET --out runs/{self.row}"
            raise MethodError(
                f"method {self.row} has no weights here: train them by `{command}` and name them, "
                f"{self.row}:weights=runs/{self.row}/{self.row}.safetensors"
            )
        if tile < 64:
            raise UsageError(f"{self.row}: tile must be 64 pixels or more, not {tile}")
        self._network, self._tile = _network(read_weights(weights)), tile
        trained = self._network.architecture.steps
        self._steps = steps or self.default_steps or trained
        if self._steps < 1 or (self._steps > 1 and trained == 1):
            raise UsageError(f"{self.row}: {weights} were trained for 1 step and cannot take {self._steps}")
        if self.default_steps == 1 and trained > 1:
            raise UsageError(f"{self.row}: {weights} were trained for {trained} steps: use the method ccdnet-{trained}")
        self._bf16 = precision == "bf16"
        self.weights = weights
        self.parameters = sum(parameter.numel() for parameter in self._network.parameters())

    def to(self, device: str) -> None:
        """Move the network; called once, before the first clip."""
        self._network.to(device)

    def restore_frames(self, frames: torch.Tensor, palettes: Sequence[torch.Tensor]) -> torch.Tensor:
        """Frames (N, H, W, 3) uint8 to float32 in [0, 255]."""
        device = next(self._network.parameters()).device
        gif, stacked = frames.permute(0, 3, 1, 2).contiguous().to(device), stack_palettes(palettes).to(device)
        size = len(gif)
        while True:
            try:
                with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=self._bf16):
                    parts = [
                        self._network(gif[i : i + size], stacked[i : i + size], steps=self._steps, tile=self._tile)
                        for i in range(0, len(gif), size)
                    ]
                return ((torch.cat(parts).float() + 1) * 127.5).clamp(0, 255).permute(0, 2, 3, 1)
            except torch.cuda.OutOfMemoryError:
                if size == 1:
                    raise
                size = -(-size // 2)


class CCDNet1(CCDNetMethod):
    """One network, no unrolling."""

    default_steps = 1
    row = "ccdnet-1"


class CCDNet2(CCDNetMethod):
    """Two steps, the paper's best."""

    default_steps = 2
    row = "ccdnet-2"


class CCDNet3(CCDNetMethod):
    """Three steps."""

    default_steps = 3
    row = "ccdnet-3"


class Router:
    """Chooses between weights by the GIF itself: dithered or not, and the nearest palette size.

    `weights` is a folder that holds `classifier.safetensors` and networks named `plain-32.safetensors`,
    `dithered-32.safetensors`, and so on for other numbers of colours. A GIF is dithered if its first frame of each
    quarter is, by the mean of the classifier's logits; its palette size is the median over its frames.
    """

    version = "1"
    description = "CCDNet for this GIF: plain or dithered network, nearest palette size"
    backend = "torch"

    def __init__(self, *, weights: str = "", tile: int = TILE) -> None:
        if not weights:
            raise MethodError(
                "method ccdnet has no weights here: train them with baselines/ccdnet/small-plain.toml, "
                "small-dithered.toml and classifier.toml by `gifbench train`, put them into a folder as "
                "plain-32.safetensors, dithered-32.safetensors and classifier.safetensors, and name that folder, "
                "ccdnet:weights=FOLDER"
            )
        folder = Path(weights)
        self._classifier = _classifier(read_weights(folder / "classifier.safetensors"))
        self._networks: dict[tuple[bool, int], CCDNetMethod] = {}
        for path in sorted(folder.glob("*.safetensors")):
            if found := re.fullmatch(r"(plain|dithered)-(\d+)", path.stem):
                self._networks[found[1] == "dithered", int(found[2])] = CCDNetMethod(weights=str(path), tile=tile)
        for dithered, name in ((False, "plain"), (True, "dithered")):
            if not any(kind == dithered for kind, _ in self._networks):
                raise MethodError(f"{folder}: there is no {name}-32.safetensors, nor for another number of colours")
        self.parameters = sum(each.parameters for each in self._networks.values())
        self._device = "cpu"

    def to(self, device: str) -> None:
        """Move all networks."""
        self._device = device
        self._classifier.to(device)
        for network in self._networks.values():
            network.to(device)

    def choose(self, gif: Gif) -> tuple[bool, int]:
        """Whether the network for dithered GIFs is taken, and for how many colours."""
        some = sorted({len(gif) * quarter // 4 for quarter in range(4)})
        with torch.inference_mode():
            logits = [
                float(
                    self._classifier(
                        scaled(torch.from_numpy(gif.frame(i).copy()).to(self._device).permute(2, 0, 1)[None])
                    )
                )
                for i in some
            ]
        dithered = sum(logits) > 0
        sizes = sorted(len(palette) for palette in gif.palettes)
        colors = sizes[len(sizes) // 2]
        known = [size for kind, size in self._networks if kind == dithered]
        return dithered, min(known, key=lambda size: (abs(math.log(size / colors)), size))

    def restore(self, gif: Gif, times: Sequence[Fraction]) -> Iterator[torch.Tensor]:
        """The frames at `times`, one at a time, the last shown one held."""
        network = self._networks[self.choose(gif)]
        before, restored = -1, torch.empty(0)
        for i in last_shown(gif.times, times):
            if i != before:
                frame, palette = (torch.from_numpy(array.copy()) for array in (gif.frame(i), gif.palettes[i]))
                before, restored = i, network.restore_frames(frame[None], [palette])
            yield restored


def _network(weights: Weights) -> CCDNet:
    try:
        architecture = Architecture.model_validate(weights.architecture)
    except ValidationError as error:
        said = weights.architecture.get("network", "nothing")
        raise MethodError(f"{weights.path}: no weights of a CCDNet; the card says {str(said)[:60]!r}") from error
    network = CCDNet(architecture)
    weights.fill(network)
    network.eval()
    return network


def _classifier(weights: Weights) -> DitherClassifier:
    base = weights.architecture.get("base")
    if weights.architecture.get("network") != "dither-classifier" or not isinstance(base, int) or not 1 <= base <= 256:
        raise MethodError(f"{weights.path}: no weights of a dither classifier")
    network = DitherClassifier(base=base)
    weights.fill(network)
    network.eval()
    return network
