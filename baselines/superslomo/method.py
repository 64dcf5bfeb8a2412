"""SuperSlomo as a method: an interpolator that finds motion first, in the GIF's own frames, and then draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import torch
from torch.nn import functional

from gifbench import Frames, Pixels, UsageError, is_out_of_memory

from ..ccdnet.network import scaled, to_levels
from ..interpolation.fill_frame_gaps import Interpolator
from ..network_method_base import OneNetwork
from ..weights_lookup import described, find_weights
from .network import MOST_FLOW, FlowPair, SuperSlomo, SuperSlomoArchitecture, Variant, fuse

MOST_PIXELS = 1 << 20
"""Motion in larger frames is looked for in smaller copies of them; only what it moves is as large as the frame."""

_AT_ONCE_ON_CPU, _AT_ONCE = 1 << 18, 1 << 22
"""Pixels that go through a network at once: on the CPU, and on an accelerator."""


class SuperSlomoMethod(OneNetwork, Interpolator):
    """Draws the frames between two GIF frames by a trained SuperSlomo.

    `weights` is a file that `gifbench train` wrote, a URL with `#sha256=…`, or the name of one that comes with
    gifbench: those are of the variant `dis`, whose motion is OpenCV's DIS flow. `precision="bf16"` is faster on a CPU
    that has it. Where the scene changes, the frame before is held. The result is float and not rounded.
    """

    version = "1"
    needs_palettes = False
    row: ClassVar[str] = "superslomo"
    """The name of the method, of its configuration and of its weights."""
    variants: ClassVar[tuple[Variant, ...]] = ("adapted", "dis")

    def __init__(self, *, weights: str = "", precision: Literal["fp32", "bf16"] = "fp32") -> None:
        found = find_weights(self.row, weights, config=f"baselines/superslomo/{self.row}.toml")
        self._hold(described(found, SuperSlomoArchitecture, SuperSlomo, what="SuperSlomo"), found)
        trained = self._network.architecture.variant
        if trained not in self.variants:
            name = "superslomo-original" if trained == "original" else "superslomo"
            raise UsageError(f"{self.row}: {found.path} are weights of the {trained} network: use the method {name}")
        self._half = precision == "bf16"

    def restore_between(
        self, pair: tuple[Any, Any], seen: tuple[Pixels, Pixels], shares: Sequence[float]
    ) -> Iterator[Frames]:
        """The frames of one gap; many at once are faster (`find_motion`, `draw`)."""
        return self.draw([pair], self.find_motion([seen]), [shares])

    def find_motion(self, seen: Sequence[tuple[Pixels, Pixels]]) -> FlowPair:
        """The flow network on each pair, both ways: (N, 2, h, w) each, of the small copies where frames are large."""

        def some(start: int, stop: int) -> FlowPair:
            first, second = (_small(self._stacked([pair[end] for pair in seen[start:stop]])) for end in (0, 1))
            with self._running():
                found: FlowPair = self._network.find_motion(first, second)
            return found

        parts = list(self._in_parts(len(seen), seen[0][0], some))
        return FlowPair(*(torch.cat(each).nan_to_num(0.0) for each in zip(*parts, strict=True)))

    def draw(
        self, pairs: Sequence[tuple[Any, Any]], motion: FlowPair, shares: Sequence[Sequence[float]]
    ) -> Iterator[Frames]:
        """Batches of float32 arrays (N, H, W, 3)."""
        jobs = [(place, share) for place, asked in enumerate(shares) for share in asked]

        def some(start: int, stop: int) -> torch.Tensor:
            places = [place for place, _ in jobs[start:stop]]
            first = places[0]
            each = torch.tensor([place - first for place in places], device=self._device)
            taken = range(first, places[-1] + 1)
            pair = tuple(self._stacked([pairs[place][end] for place in taken])[each] for end in (0, 1))
            moved = FlowPair(*(part[first : places[-1] + 1][each] for part in motion))
            asked = torch.tensor([share for _, share in jobs[start:stop]], device=self._device)
            with self._running():
                return self._drawn((pair[0], pair[1]), moved, asked)

        for batch in self._in_parts(len(jobs), pairs[0][0], some):
            yield batch.permute(0, 2, 3, 1).cpu().numpy()

    def _drawn(self, pair: tuple[torch.Tensor, torch.Tensor], motion: FlowPair, shares: torch.Tensor) -> torch.Tensor:
        """Frames (N, 3, H, W) float32 in [0, 255]; where flow is no way within the frame, the blend of both."""
        first, second = pair
        small = _small(first), _small(second)
        found = self._network.draw(small, motion, shares)
        frames, flows, t = found.frames, found.refined, shares.view(-1, 1, 1, 1)
        if small[0].shape != first.shape:
            flows = _enlarged_flow(flows[0], first), _enlarged_flow(flows[1], first)
            frames = fuse(pair, flows, _enlarged(found.visible, first), t)
        sane = torch.isfinite(frames).all(dim=1, keepdim=True) & _short(flows[0]) & _short(flows[1])
        frames = torch.where(sane, frames, first + t * (second - first))
        return to_levels(frames).clamp(0, 255)

    def _stacked(self, frames: Sequence[Any]) -> torch.Tensor:
        """Frames (H, W, 3), arrays or tensors of values 0 to 255, as (N, 3, H, W) float32 in [-1, 1]."""
        tensors = [torch.as_tensor(frame).to(self._device) for frame in frames]
        return scaled(torch.stack(tensors).permute(0, 3, 1, 2))

    @contextmanager
    def _running(self) -> Iterator[None]:
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16, enabled=self._half):
            yield

    def _in_parts(self, count: int, frame: Any, work: Callable[[int, int], Any]) -> Iterator[Any]:  # noqa: ANN401
        """What `work` gives for parts of `count` things, in order; parts are halved where the GPU's memory ends."""
        most = _AT_ONCE_ON_CPU if self._device.type == "cpu" else _AT_ONCE
        size = max(1, most // (frame.shape[0] * frame.shape[1]))
        start = 0
        while start < count:
            stop = min(count, start + size)
            try:
                found = work(start, stop)
            except RuntimeError as error:
                if size == 1 or not is_out_of_memory(error):
                    raise
                size = -(-size // 2)
                continue
            yield found
            start = stop


class SuperSlomoOriginal(SuperSlomoMethod):
    """The network as Jiang et al. published it: both flows at once, corrections of guessed flows."""

    row, variants = "superslomo-original", ("original",)


def _small(frames: torch.Tensor) -> torch.Tensor:
    """Frames (N, 3, H, W), or copies of them of `MOST_PIXELS` where they are larger."""
    height, width = frames.shape[2:]
    scale = (MOST_PIXELS / (height * width)) ** 0.5
    if scale >= 1:
        return frames
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return functional.interpolate(frames, size=size, mode="area")


def _short(flow: torch.Tensor) -> torch.Tensor:
    """Where a flow (N, 2, H, W) is a number, and no longer than the frame's diagonal: (N, 1, H, W)."""
    height, width = flow.shape[2:]
    return (MOST_FLOW * flow).square().sum(dim=1, keepdim=True) <= height**2 + width**2  # NaN is not


def _enlarged(maps: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(maps, size=like.shape[2:], mode="bilinear", align_corners=False)


def _enlarged_flow(flow: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Flow of a small copy for the large frame, whose pixels are as much smaller."""
    scale = [large / small for large, small in zip(like.shape[:1:-1], flow.shape[:1:-1], strict=True)]
    return _enlarged(flow, like) * flow.new_tensor(scale).view(1, 2, 1, 1)
