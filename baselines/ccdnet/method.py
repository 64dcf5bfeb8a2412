"""CCDNet as a method: which network a file of weights is of, and how frames go through it.

The card of the weights names a kind from `KINDS` and gives that kind's options. A network of any kind restores frames
by `network(gif, palettes, steps=…, tile=…)`: GIF frames (N, 3, H, W) uint8 and palettes (N, K, 3) uint8, shorter ones
filled up with their first color, to frames (N, 3, H, W) in [-1, 1]. `steps`, None for as trained, unrolls a CCDNet;
other kinds refuse it. `tile` bounds the side of what is worked on at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import nn

from gifbench import MethodError, UsageError, Weights

from ..half_precision_and_winograd import Precision, Runner
from ..network_method_base import OneNetwork
from ..weights_lookup import NetworkOptions, described, find_weights
from .correction_guard import Guard
from .network import CCDNet, CCDNetArchitecture, stack_palettes, to_levels
from .palette_unet import PaletteUNet, PaletteUNetOptions
from .wide_gradients import WideGradients

KINDS: Mapping[str, tuple[type[NetworkOptions], Callable[[Any], nn.Module]]] = {
    "ccdnet": (CCDNetArchitecture, CCDNet),
    "palette-unet": (PaletteUNetOptions, PaletteUNet),
}
"""By the name that a card gives as `network`: the options that it gives, and how a network is made of them."""


def load_network(weights: Weights) -> nn.Module:
    """The network that the card of the weights describes, filled, in evaluation mode.

    Raises `MethodError` for weights of a kind that is not in `KINDS` or with options out of their bounds, and
    `WeightsError` where tensors and options do not fit.
    """
    name = weights.architecture.get("network")
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise MethodError(
            f"{weights.path}: no weights of a CCDNet; the card says {str(name)[:60]!r}, {', '.join(KINDS)} can be read"
        )
    return described(weights, *kind, what="CCDNet")


TILE = 512
"""Larger frames are worked on in squares of this side."""


class Restorer:
    """Frames through one network of `KINDS`, of any size, with palettes of any sizes.

    `guard` says how much of what the network changes is taken; `dithered` is what it is told of these GIFs. `gradients`
    smooths wide gradients of what it lets through. `alone` is that of a `Runner`.
    """

    def __init__(
        self,
        found: Weights,
        *,
        steps: int | None = None,
        tile: int = TILE,
        precision: Precision,
        guard: Guard | None = None,
        gradients: WideGradients | None = None,
        dithered: bool = False,
        alone: bool = False,
    ) -> None:
        if tile < 64:
            raise UsageError(f"tile must be 64 pixels or more, got {tile}")
        # Only ever called with what every kind takes.
        self.network: Any = load_network(found)
        if precision != "winograd":
            self.network.to(memory_format=torch.channels_last)
        self.parameters = sum(parameter.numel() for parameter in self.network.parameters())
        self.licence = str(found.about.get("licence") or "")
        self.steps, self._tile, self._runner = steps, tile, Runner(precision=precision, alone=alone)
        self._guard, self._gradients, self.dithered = guard, gradients, dithered
        self._guarding = Runner(precision="fp32", alone=alone)

    def restore(self, frames: torch.Tensor, palettes: Sequence[torch.Tensor]) -> torch.Tensor:
        """Frames (N, H, W, 3) uint8 and N palettes (K, 3) uint8 to frames (N, H, W, 3) float32 in [0, 255]."""
        device = next(self.network.parameters()).device
        gif, stacked = frames.to(device), stack_palettes(palettes).to(device)
        planes = gif.permute(0, 3, 1, 2).contiguous()

        def part_of(part: slice) -> torch.Tensor:
            return self._guarded(gif[part], stacked[part], self._changed(planes[part], stacked[part]))

        return self._runner.run(part_of, planes)

    def guarded(self, frames: torch.Tensor, palettes: Sequence[torch.Tensor], restored: torch.Tensor) -> torch.Tensor:
        """What the guard lets through of restored frames (N, H, W, 3) in [0, 255]; all of it, where there is none."""
        if self._guard is None:
            return restored
        gif, stacked = frames.to(restored.device), stack_palettes(palettes).to(restored.device)
        return self._guarding.run(
            lambda part: self._guarded(gif[part], stacked[part], restored[part]), gif.permute(0, 3, 1, 2)
        )

    def _guarded(self, gif: torch.Tensor, palettes: torch.Tensor, restored: torch.Tensor) -> torch.Tensor:
        """What the guard lets through, with wide gradients smoothed; all as it is, where there is none of either."""
        if self._guard is None:
            return restored
        with torch.autocast(restored.device.type, enabled=False):  # whatever the network computes in
            restored = self._guard.guarded(gif, palettes, restored, dithered=self.dithered)
            if self._gradients is None:
                return restored
            return self._gradients.smoother(gif, palettes, restored, dithered=self.dithered)

    @property
    def agrees(self) -> bool:
        """Whether what comes out agrees with what the GIF says of it."""
        return self._guard is not None and self._guard.agrees

    def agreed(self, frames: torch.Tensor, palettes: Sequence[torch.Tensor], restored: torch.Tensor) -> torch.Tensor:
        """Restored frames (N, H, W, 3) in [0, 255] moved to what the GIF says of them, where there is a guard."""
        if self._guard is None:
            return restored
        return self._guard.agreed(frames, stack_palettes(palettes), restored, dithered=self.dithered)

    def changed(self, frames: torch.Tensor, palettes: Sequence[torch.Tensor]) -> torch.Tensor:
        """What the network makes of them, without the guard."""
        device = next(self.network.parameters()).device
        gif, stacked = frames.permute(0, 3, 1, 2).contiguous().to(device), stack_palettes(palettes).to(device)

        return self._runner.run(lambda part: self._changed(gif[part], stacked[part]), gif)

    def _changed(self, gif: torch.Tensor, palettes: torch.Tensor) -> torch.Tensor:
        """Frames (N, 3, H, W) uint8 and palettes (N, K, 3) on the network's device to float32 (N, H, W, 3)."""
        made: torch.Tensor = self.network(gif, palettes, steps=self.steps, tile=self._tile)
        return to_levels(made).clamp(0, 255).permute(0, 2, 3, 1)


class ByRestorer(OneNetwork):
    """What the methods of one network are: frame by frame, by a `Restorer`."""

    _restorer: Restorer

    def restore_frames(self, frames: torch.Tensor, palettes: Sequence[torch.Tensor]) -> torch.Tensor:
        """Frames (N, H, W, 3) uint8 to float32 in [0, 255]."""
        return self._restorer.restore(frames, palettes)


class SmallNetwork(ByRestorer):
    """restores each frame by one of the networks that the method `ccdnet` chooses between.

    `weights` is a file that `gifbench train` wrote, or a URL with `#sha256=…`; without it, what comes with gifbench.
    They work frame by frame, so what learns on top of restored frames can name them, too.
    """

    version = "1"
    row: ClassVar[str] = "ccdnet-plain"
    """The name of the method, of its configuration and of its weights."""

    def __init__(self, *, weights: str = "", tile: int = TILE, precision: Precision = "fp32") -> None:
        found = find_weights(self.row, weights, config=f"baselines/ccdnet/{self.row}.toml")
        self._restorer = Restorer(found, tile=tile, precision=precision)
        if isinstance(self._restorer.network, CCDNet):
            raise UsageError(f"{self.row}: {found.path} are weights of a CCDNet, for a method such as ccdnet-2")
        self._hold(self._restorer.network, found)


class CCDNetMethod(ByRestorer):
    """Restores each frame by a trained CCDNet.

    `weights` is a file that `gifbench train` wrote, a URL with `#sha256=…`, or the name of one that comes with
    gifbench. `steps` unrolls a network of two or more steps differently from how it was trained. `precision="bf16"`
    was two to three times as fast on a CPU that has it, and differed by less than a level of 255
    (`benchmarks/networks.py`).
    """

    version = "1"
    row: ClassVar[str] = "ccdnet-1"
    """The name of the method, of its configuration and of its weights."""
    default_steps: ClassVar[int] = 1
    backbone: ClassVar[str | None] = None

    def __init__(self, *, weights: str = "", steps: int = 0, tile: int = TILE, precision: Precision = "fp32") -> None:
        found = find_weights(self.row, weights, config=f"baselines/ccdnet/{self.row}.toml")
        taken = steps or self.default_steps
        self._restorer = Restorer(found, steps=taken, tile=tile, precision=precision)
        network = self._restorer.network
        if not isinstance(network, CCDNet):
            raise UsageError(f"{self.row}: {found.path} are weights of another network, for the method ccdnet")
        trained = network.architecture
        if self.backbone not in (None, trained.backbone):
            raise UsageError(f"{self.row}: {found.path} are weights of the backbone {trained.backbone}")
        if taken < 1 or (taken > 1 and trained.steps == 1):
            raise UsageError(f"{self.row}: {found.path} were trained for 1 step and cannot take {taken}")
        if self.default_steps == 1 and trained.steps > 1:
            raise UsageError(
                f"{self.row}: {found.path} were trained for {trained.steps} steps: "
                f"use the method ccdnet-{trained.steps}"
            )
        self._hold(self._restorer.network, found)
