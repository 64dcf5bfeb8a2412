"""Restored frames against the truth: what each protocol and each chosen metric says of a segment, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gifbench.errors import GifbenchError, MetricError
from gifbench.evaluation.scoring_protocols import ScoringProtocol, SegmentScores
from gifbench.media.clip import Pixels
from gifbench.methods.protocols import Frames
from gifbench.metrics.metric import BatchMetric, FrameBatch, FramePair, GifFrame
from gifbench.metrics.registry import LoadedMetric
from gifbench.metrics.ssim import gaussian_ssim
from gifbench.plugins import one_line
from gifbench.tasks import Task


class SegmentMeasures:
    """The running scores of one segment under several protocols, and of the chosen metrics; no frame but one is kept.

    `scored_on` is `cpu`, `torch` (on the CPU) or the GPU on which torch measures batches; metrics without a batch form
    stay on the CPU. `clip` is what messages call the clip.
    """

    def __init__(
        self,
        protocols: Sequence[ScoringProtocol],
        metrics: Sequence[LoadedMetric],
        *,
        task: Task,
        clip: str,
        scored_on: str = "cpu",
    ) -> None:
        self._protocols, self._metrics, self._clip, self._scored_on = protocols, metrics, clip, scored_on
        self.scores: Mapping[str, SegmentScores] = {each.name: each.start(task) for each in protocols}
        self._values: dict[str, list[float]] = {each.name: [] for each in metrics}
        self._last: FramePair | None = None

    def add(self, restored: Frames, truth: Sequence[Pixels], shown: Sequence[GifFrame | None]) -> None:
        """Measure the next frames: `restored` (N, H, W, 3), uint8 or float, against as many frames of the truth."""
        rounded = restored if restored.dtype == np.uint8 else np.rint(restored).astype(np.uint8)
        if self._scored_on == "cpu":
            for frame, eight_bit, true in zip(restored, rounded, truth, strict=True):
                for protocol in self._protocols:
                    self.scores[protocol.name].add(eight_bit if protocol.rounded else frame, true)
            self._measure(self._metrics, rounded, truth, shown)
            return
        self._add_batch(restored, rounded, truth, shown)

    def metric_mean(self, name: str) -> float | None:
        """A metric's mean over the frames that have a value; None where none has."""
        values = self._values[name]
        return math.fsum(values) / len(values) if values else None

    def _measure(
        self,
        metrics: Sequence[LoadedMetric],
        rounded: Pixels,
        truth: Sequence[Pixels],
        shown: Sequence[GifFrame | None],
    ) -> None:
        if not metrics:
            return
        for frame, true, there in zip(rounded, truth, shown, strict=True):
            pair = FramePair(frame, true, there) if self._last is None else self._last.followed_by(frame, true, there)
            self._last = pair
            for each in metrics:
                with _named(each, self._clip):
                    self._take(each, each.metric.measure(pair))

    def _add_batch(
        self,
        restored: NDArray[Any],
        rounded: Pixels,
        truth: Sequence[Pixels],
        shown: Sequence[GifFrame | None],
    ) -> None:
        from gifbench.metrics.ssim_torch import gaussian_ssims, squared_errors, uniform_ssims

        device = "cpu" if self._scored_on == "torch" else self._scored_on
        true, eight_bit = _tensor(np.stack(truth), device), _tensor(rounded, device)
        exact = eight_bit if restored is rounded else _tensor(restored, device)
        for protocol in self._protocols:
            frames = eight_bit if protocol.rounded else exact
            ssims = gaussian_ssims if protocol.ssim is gaussian_ssim else uniform_ssims
            self.scores[protocol.name].extend(squared_errors(frames, true), ssims(frames, true), size=truth[0].size)
        batch = FrameBatch(eight_bit, true, shown)
        alone = []
        for each in self._metrics:
            if not isinstance(each.metric, BatchMetric):
                alone.append(each)
                continue
            with _named(each, self._clip):
                for value in each.metric.measure_batch(batch):
                    self._take(each, value)
        self._measure(alone, rounded, truth, shown)

    def _take(self, metric: LoadedMetric, value: object) -> None:
        if value is None:
            return
        if not isinstance(value, int | float | np.number) or not math.isfinite(value):
            shown = f"{value}"[:80] if isinstance(value, int | float | np.number) else type(value).__name__
            raise MetricError(f"it gave {shown}, one finite number or None is wanted")
        self._values[metric.name].append(float(value))


class _named:  # noqa: N801  # a context manager, without the cost of a generator for each frame
    """Whatever a metric raises becomes one line with its name and the clip's."""

    def __init__(self, metric: LoadedMetric, clip: str) -> None:
        self._what = f"metric {metric.name} on {clip}"

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, GifbenchError):
            raise type(error)(f"{self._what}: {error}") from error
        if isinstance(error, Exception):
            raise MetricError(f"{self._what}: it raised {one_line(error)}") from error


def _tensor(frames: NDArray[Any], device: str) -> Any:  # noqa: ANN401  # a torch tensor (N, 3, H, W)
    import torch

    return torch.from_numpy(np.ascontiguousarray(frames)).to(device).permute(0, 3, 1, 2).contiguous()
