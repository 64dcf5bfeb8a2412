"""What trainers share: what is learned by name, weights to start from, losses, pools, PSNR, frames restored before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from gifbench import FrameMethod, LoadedMethod, TrainerOptions, TrainingBatch, Update, UsageError, load_method

from .ccdnet.network import eight_bit, scaled
from .weights_lookup import NetworkOptions, start_weights

Sample = TypeVar("Sample")

_ROUNDING = 0.5 / 127.5**2
"""Added to the squared error: what no picture of eight bits is known better than, so that flat crops do not rule."""


class NetworkTrainer:
    """One network, filled with the weights `start` where these are named, and `others` that only training needs.

    `architecture` are the network's options. A subclass gives `options_class`, `updates` and `scores`.
    """

    def __init__(
        self, network: nn.Module, architecture: NetworkOptions, *, start: str = "", **others: nn.Module
    ) -> None:
        if start:
            start_weights(start).fill(network)
        self.network = network
        self.others: Mapping[str, nn.Module] = others
        self.learned: Mapping[str, Sequence[nn.Parameter]] = {
            name: [parameter for parameter in each.parameters() if parameter.requires_grad]
            for name, each in {"network": network, **others}.items()
        }
        self._architecture = architecture

    def architecture(self) -> Mapping[str, Any]:
        """The network's options."""
        return self._architecture.model_dump(mode="json")

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing."""


def draw(count: int, generator: torch.Generator) -> int:
    """A number of 0 to `count` - 1, at random."""
    return int(torch.randint(count, (), generator=generator))


def keep(pool: list[Sample], sample: Sample, most: int, generator: torch.Generator) -> None:
    """Add a sample to a pool of at most so many; where that is full, in place of another one, drawn at random."""
    if len(pool) < most:
        pool.append(sample)
    else:
        pool[draw(most, generator)] = sample


def weighed(
    options: TrainerOptions, **losses: Callable[[], torch.Tensor]
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The sum of losses, each times the option of its name, and each by itself; those of weight 0 are not computed."""
    parts = {name: loss() for name, loss in losses.items() if getattr(options, name)}
    return sum(getattr(options, name) * part for name, part in parts.items()), parts


def update_of_psnr(restored: torch.Tensor, truth: torch.Tensor, before: torch.Tensor) -> Update:
    """The update down the logarithm of each crop's mean squared error: its PSNR, up to sign and scale.

    Of frames (N, 3, H, W) in [-1, 1]. The log shows the gain in dB over those `before`.
    """
    error = (restored - truth).square().mean(dim=(1, 2, 3)) + _ROUNDING
    error_before = (before - truth).square().mean(dim=(1, 2, 3)) + _ROUNDING
    loss = error.log().mean()
    return Update("network", loss, {"loss": loss, "gain": 10 * torch.log10(error_before / error.detach()).mean()})


def psnr(frames: torch.Tensor, truth: torch.Tensor, *, span: float = 255.0) -> float:
    """In dB, of values from one end of `span` to the other; 100 at the most."""
    error = float((frames.float() - truth.float()).square().mean())
    return min(100.0, float(10 * torch.log10(torch.tensor(span**2 / error)))) if error else 100.0


def load_frame_method(name: str, *, option: str) -> LoadedMethod:
    """A method that works frame by frame; raises `UsageError`, which names the `option`, for another one."""
    loaded = load_method(name)
    if not isinstance(loaded.method, FrameMethod):
        raise UsageError(
            f"{option}: {name} does not work frame by frame (restore_frames), so samples cannot be restored by it; "
            "name one that does, such as gaussian-0.5 or ccdnet-2"
        )
    return loaded


def colored(loaded: LoadedMethod, gif: torch.Tensor, palettes: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
    """GIF frames (N, 3, H, W) uint8 with palettes (N, 256, 3), of which `colors` (N) count, restored: float in [-1, 1].

    Nothing is learned through the method.
    """
    method: Any = loaded.method
    own = [palette[: int(count)] for palette, count in zip(palettes, colors, strict=True)]
    frames = gif.permute(0, 2, 3, 1).contiguous()
    with torch.no_grad():
        if loaded.declared.backend == "torch":
            if callable(move := getattr(method, "to", None)):
                move(str(gif.device))
            found = method.restore_frames(frames, own).to(gif.device)
        else:
            arrays = method.restore_frames(frames.cpu().numpy(), [palette.cpu().numpy() for palette in own])
            found = torch.from_numpy(np.ascontiguousarray(arrays)).to(gif.device)
    return scaled(found.permute(0, 3, 1, 2))


def frame_scores(restored: torch.Tensor, batch: TrainingBatch) -> tuple[dict[str, float], torch.Tensor]:
    """PSNR of frames (N, 3, H, W) in [-1, 1], rounded to 8 bits, and of the GIF's; and those 8-bit frames."""
    pictures = eight_bit(restored)
    return {"psnr": psnr(pictures, batch.truth), "gif_psnr": psnr(batch.gif, batch.truth)}, pictures


def in_all_processes(value: float, device: torch.device | None) -> float:
    """The mean over all processes that train together, which must open and close their gates together."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return value
    summed = torch.tensor(value, device=device)
    torch.distributed.all_reduce(summed)
    return float(summed / torch.distributed.get_world_size())
